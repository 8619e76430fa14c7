"""The texts of a model over time: what `terms`, `history` and `diff` look at. Joins registry and core."""

from __future__ import annotations

from typing import Any, NamedTuple

from modelreg.cli._book import Book
from modelreg.core.changes import Change, compare_terms
from modelreg.core.effective import TERMS, effective
from modelreg.core.license import License
from modelreg.core.model import Model, Period


class Held(NamedTuple):
    """The texts of one period."""

    period: Period
    record: License | None  # None where the registry has no record of it
    beside: tuple[License, ...]
    policies: tuple[License, ...]
    note: Any

    @property
    def terms(self) -> dict[str, Any]:
        """What they give together; see `core.effective`."""
        return effective([*self.beside, *([self.record] if self.record else [])], self.policies)

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "from": self.period.start,
            "to": self.period.end or None,
            "license": self.period.license,
            "title": self.record.title if self.record else None,
            "with": [r.id for r in self.beside],
            "policies": [r.id for r in self.policies],
            "source": self.record.source() if self.record else None,
            "note": self.note,
        }


def held_periods(book: Book, model: Model) -> list[Held]:
    """All periods of a model, in order of time."""
    entries = model.entry.get("weight_license")
    notes = [p.get("note") for p in entries] if isinstance(entries, list) else []
    return [_held(book, period, note) for period, note in zip(model.periods, notes, strict=True)]


def _held(book: Book, period: Period, note: Any) -> Held:
    record = book.license(period.license)
    beside = tuple(r for r in map(book.license, period.beside) if r is not None)
    policies = []
    for text in (*beside, *([record] if record else [])):
        named = text.value("use_policy", "license")
        policy = book.license(named) if isinstance(named, str) and named != "silent" else None
        if policy is not None and policy not in policies:
            policies.append(policy)
    return Held(period, record, beside, tuple(policies), note)


def between(was: Held, now: Held) -> list[Change]:
    """What changed from one period's terms to another's."""
    return compare_terms(was.terms, now.terms, TERMS)
