"""A server for all tests that leave it as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from server_support import Server, start, stop


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave it as it was."""
    running = start(tmp_path_factory.mktemp("server"), "--log", os.devnull)
    yield running
    stop(running)
