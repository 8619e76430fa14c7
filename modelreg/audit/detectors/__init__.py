"""One kind of file a module: `detect(source, lexicon)` yields what it names.

A detector is a pure function of one file's text; it never opens files itself and never raises for what it reads:
what cannot be parsed falls back to lines of text.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module

from modelreg.audit.source import Detector, Lexicon, Source
from modelreg.core.finding import Reference, Skipped, Unresolved


@lru_cache(maxsize=64)
def detector(kind: str) -> Detector:
    """The detector for a kind of file (`kinds.kind_of`), loaded when it is first needed."""
    found: Detector = import_module(f"modelreg.audit.detectors.{kind}").detect
    return found


def detect(kind: str, source: Source, lexicon: Lexicon) -> Iterator[Reference | Unresolved | Skipped]:
    """What one file names. A defect of a detector is no end of an audit: the file is read as plain text then, and named.

    Returns: references and unresolved places in the order of the file.
    """
    try:
        yield from list(detector(kind)(source, lexicon))
    except (
        RecursionError,
        MemoryError,
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
    ) as error:
        yield Skipped(source.path, "detector-failed", type(error).__name__)
        yield from detector("text")(source, lexicon)
