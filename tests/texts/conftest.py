"""Fixtures: the official texts where this machine has them, and an invented licence."""

from __future__ import annotations

import pytest
from texts_support import INVENTED, shared_folder

from modelreg.texts.fingerprint import Fingerprint, fingerprint


@pytest.fixture(scope="session")
def official() -> dict[str, bytes]:
    """The official texts by slug."""
    folder = shared_folder()
    if folder is None:
        pytest.skip("no reference texts: set MODELREG_SHARED to the folder that holds license-texts")
    return {p.stem: p.read_bytes() for p in sorted((folder / "license-texts").glob("*.txt"))}


@pytest.fixture(scope="session")
def known(official: dict[str, bytes]) -> dict[str, Fingerprint]:
    """Their fingerprints, as read back from data."""
    return {k: Fingerprint.from_data(fingerprint(v).to_data()) for k, v in official.items()}


@pytest.fixture
def invented() -> str:
    """A bilingual licence that exists nowhere else."""
    return INVENTED
