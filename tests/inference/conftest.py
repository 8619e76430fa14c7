"""Where the reference material lies: outside the repository, so tests that need it skip when it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with goldens/ and research/: $MODELREG_SHARED, else beside the checkout."""
    named = os.environ.get("MODELREG_SHARED")
    places = [Path(named)] if named else [REPO.parent / "shared", REPO.parents[1] / "shared"]
    for place in places:
        if (place / "goldens" / "index.json").is_file():
            return place
    pytest.skip("no reference material: set MODELREG_SHARED to the folder that holds goldens/")
