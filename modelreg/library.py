"""For other programs: the registry joined with the decisions, in one call (docs/library.md).

>>> from modelreg import registry
>>> from modelreg.library import decide
>>> decide(registry.open(), "chatglm-6b", {"commercial": True}, as_of="2024-01-01").verdict
'requires-agreement'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelreg.core.facts import is_date, parse_facts
from modelreg.core.license import License
from modelreg.core.model import Model
from modelreg.core.verdict import Decision
from modelreg.decision import engine
from modelreg.registry.catalog import Catalog
from modelreg.registry.names import Ambiguous, Found

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
    found = registry.resolve(model)
    if isinstance(found, Found):
        subject = engine.Subject(model, registry.model(found.id), revision=revision or found.revision)
    elif isinstance(found, Ambiguous):
        subject = engine.Subject(model, candidates=found.candidates)
    else:
        subject = engine.Subject(model, suggestions=found.suggestions)
    return engine.decide(subject, parse_facts(facts), as_of, _Lookup(registry))


class _Lookup:
    """A catalog as the engine asks it: None instead of KeyError (decision.case.Lookup)."""

    def __init__(self, registry: Catalog) -> None:
        self._registry = registry

    def license(self, license_id: str) -> License | None:
        return self._registry.license(license_id) if self._registry.has_license(license_id) else None

    def model(self, model_id: str) -> Model | None:
        return self._registry.model(model_id) if self._registry.has_model(model_id) else None

    def find(self, name: str) -> Model | None:
        return self._registry.find(name)
