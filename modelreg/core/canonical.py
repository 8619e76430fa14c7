"""Canonical JSON: the same value gives the same bytes everywhere."""

from __future__ import annotations

import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no insignificant space, for hashing and signing.

    Raises:
        ValueError: the value holds NaN or infinity, which JSON has not.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")


def sha256_of(value: Any) -> str:
    """Hex SHA-256 of the canonical JSON of a value."""
    import hashlib

    return hashlib.sha256(canonical_json(value)).hexdigest()
