"""Packed copies that `run --quant` makes for itself, kept for the next time.

One folder a copy, named after the hashes of the source's files and the recipe, so another revision or scheme is another
copy. A copy is opened through the gate like any other folder, and only where this account sealed it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from modelreg.core.canonical import sha256_of
from modelreg.inference.packed.copies import LAYOUT
from modelreg.inference.packed.make import LAYOUT as LAYOUT_OF_BYTES
from modelreg.inference.packed.recipes import Recipe
from modelreg.ledger import packed as manifests
from modelreg.ledger.packed import FORMAT

PLACE = "MODELREG_CACHE_DIR"
_DIGITS = 32


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


def place(model: str, hashes: Mapping[str, str], recipe: Recipe, environ: Mapping[str, str] | None = None) -> Path:
    """The folder of one copy, there or not.

    Args:
        hashes: sha256 of the source's files.
    """
    key = sha256_of([LAYOUT, LAYOUT_OF_BYTES, FORMAT, dict(hashes), list(recipe)])
    return folder(environ) / f"{model.rpartition('/')[2]}-{recipe.label}-{key[:_DIGITS]}"


def listing(environ: Mapping[str, str] | None = None) -> list[Kept]:
    """All copies, by name."""
    root = folder(environ)
    if not root.is_dir():
        return []
    found = [p for p in sorted(root.iterdir()) if (p / manifests.MANIFEST).is_file()]
    return [Kept(p, sum(f.stat().st_size for f in p.iterdir() if f.is_file())) for p in found]


def remove(copy: Path, environ: Mapping[str, str] | None = None) -> None:
    """Throw one copy away. Raises: ValueError for what is not in the cache."""
    if copy.parent != folder(environ):
        raise ValueError(f"{copy} is not in the cache")
    shutil.rmtree(copy, ignore_errors=True)
