"""Where packed copies are kept. No torch here."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from modelreg.ledger.packed import MANIFEST

PLACE = "MODELREG_CACHE_DIR"


class Kept(NamedTuple):
    """A copy in the cache; nbytes of its files."""

    folder: Path
    nbytes: int


def folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where packed copies are kept: MODELREG_CACHE_DIR/packed, else the platform's place for caches."""
    env = os.environ if environ is None else environ
    given = env.get(PLACE, "")
    if given:
        return Path(given).absolute() / "packed"
    home = Path.home()
    if sys.platform == "win32":
        return Path(env.get("LOCALAPPDATA") or home / "AppData" / "Local") / "modelreg" / "Cache" / "packed"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "modelreg" / "packed"
    base = env.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else home / ".cache") / "modelreg" / "packed"


def listing(root: Path) -> list[Kept]:
    """All copies of a cache, by name."""
    if not root.is_dir():
        return []
    found = [p for p in sorted(root.iterdir()) if (p / MANIFEST).is_file()]
    return [Kept(p, sum(f.stat().st_size for f in p.iterdir() if f.is_file())) for p in found]
