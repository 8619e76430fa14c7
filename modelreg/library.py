"""For other programs: the registry joined with the decisions, in one call (docs/library.md).

>>> from modelreg import registry
>>> from modelreg.library import decide
>>> decide(registry.open(), "chatglm-6b", {"commercial": True}, as_of="2024-01-01").verdict
'requires-agreement'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelreg.book import Book
from modelreg.core.facts import is_date, parse_facts
from modelreg.core.verdict import Decision
from modelreg.decision import engine
from modelreg.registry.catalog import Catalog

__all__ = ["Decision", "decide"]


def decide(
    registry: Catalog,
    model: str,
    facts: Mapping[str, Any] | None = None,
    *,
    as_of: str = "",
    revision: str = "",
) -> Decision:
    """May this model be used so, under which conditions, by which clause?

    Args:
        registry: from `modelreg.registry.open`.
        model: a name as people write it; one that is unknown or ambiguous makes the answer undetermined.
        facts: of the use, as `modelreg explain facts` lists them: {"commercial": True, "mau": 60_000_000}.
        as_of: ISO date for which the answer is wanted; today (UTC) if empty.
        revision: commit of the text that is held.
    Raises: InputError for a fact that is unknown or wrong; ValueError for a date that is none.
    """
    if as_of and not is_date(as_of):
        raise ValueError(f"not a date (YYYY-MM-DD): {as_of!r}")
    if not as_of:
        import time

        as_of = time.strftime("%Y-%m-%d", time.gmtime())
    book = Book(registry.data)
    return engine.decide(book.subject(model, revision or None), parse_facts(facts), as_of, book)
