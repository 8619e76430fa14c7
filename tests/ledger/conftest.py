"""The world of a test: its own folder, ledger, data folder and cache."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from world import World, overlay


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("toys") / "toys.yaml"
    path.write_text(overlay(), encoding="utf-8")
    return path


@pytest.fixture
def world(tmp_path: Path, common: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for name in ("MODELREG_LEDGER", "MODELREG_REGISTRY", "MODELREG_ORGANISATION", "MODELREG_ALLOWED_SIGNERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("MODELREG_LANG", "en")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "work" / ".git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    return World(tmp_path, common)
