"""Packed copies that `run --quant` makes for itself, kept for the next time.

One folder a copy, named after the hashes of the source's files and the recipe, so another revision or scheme is another
copy. A copy is opened through the gate like any other folder, and only where this account sealed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelreg.core.canonical import sha256_of
from modelreg.inference.packed.make import LAYOUT
from modelreg.inference.packed.places import folder
from modelreg.inference.packed.recipes import Recipe
from modelreg.ledger.packed import FORMAT

_DIGITS = 32


def place(model: str, hashes: Mapping[str, str], recipe: Recipe, environ: Mapping[str, str] | None = None) -> Path:
    """The folder of one copy, there or not.

    Args:
        hashes: sha256 of the source's files.
    """
    key = sha256_of([LAYOUT, FORMAT, dict(hashes), list(recipe)])
    return folder(environ) / f"{model.rpartition('/')[2]}-{recipe.label}-{key[:_DIGITS]}"
