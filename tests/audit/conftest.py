"""Fixtures of the audit's tests."""

from __future__ import annotations

from pathlib import Path

import audit_support
import pytest

from modelreg.audit import scan


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty tree whose files are read by the plain detector of `audit_support`."""
    monkeypatch.setattr(scan, "detector", lambda kind: audit_support.detect if kind == "text" else None)
    root = tmp_path / "tree"
    root.mkdir()
    return root
