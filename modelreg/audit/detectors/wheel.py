"""Wheels in the tree: the name of the file says whether it carries a model."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.audit.detectors.requirements import SPACY
from modelreg.audit.source import Lexicon, Source
from modelreg.core.finding import CERTAIN, TEST, USE, Reference, Unresolved


def detect(source: Source, lexicon: Lexicon) -> Iterator[Reference | Unresolved]:  # noqa: ARG001  (one shape for all)
    """The model that a wheel carries."""
    file = source.path.rpartition("/")[2]
    match = SPACY.match(file)
    if match:
        name = f"spacy/{match[1].replace('-', '_')}"
        level = TEST if source.test else USE
        yield Reference(
            source.path, 1, 1, 1, file, name, "huggingface", "weights", "weights", level, CERTAIN, match[2] or ""
        )
