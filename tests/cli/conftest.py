"""Fixtures of the command tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer ChatGLM3 with a tokenizer of its own (test/tiny-chatglm)."""
    pytest.importorskip("torch")
    import tiny_models

    return tiny_models.make(tmp_path_factory.mktemp("tiny"))
