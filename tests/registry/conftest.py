"""Fixtures: the data of three models, loaded with a cache of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from registry_support import write_data

from modelreg.registry.load import Registry, load_registry


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no overlays from the environment."""
    monkeypatch.setenv("MODELREG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("MODELREG_REGISTRY", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


@pytest.fixture
def load(data: Path) -> Callable[..., Registry]:
    """load_registry on the three models."""

    def call(*overlays: Path, **options: Any) -> Registry:
        return load_registry(overlays, data=data, **options)

    return call
