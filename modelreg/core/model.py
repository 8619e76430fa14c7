"""A model entry: names, lineage, and which text governs its weights at which time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

# Forms of descent under which the weights of the base are inside (or needed), so that its terms follow.
# `distilled` follows only where the base's licence says so; `same-architecture` never does.
WEIGHT_FORMS = frozenset({"fine-tune", "delta", "adapter", "quantised", "merge", "continued-training"})


class Base(NamedTuple):
    """One parent of a model."""

    model: str
    form: str
    source: Mapping[str, Any] | None = None


class Period(NamedTuple):
    """A stretch of time in which one licence version (and the statements beside it) governed the weights."""

    start: str
    end: str  # first day on which it no longer holds; "" while it is in force
    license: str
    beside: tuple[str, ...] = ()

    def holds(self, date: str) -> bool:
        """Whether the period covers an ISO date."""
        return self.start <= date and (not self.end or date < self.end)


class Model:
    """The validated mapping of one entry, variants already expanded."""

    __slots__ = ("_bases", "_periods", "entry")

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.entry = entry
        self._periods: tuple[Period, ...] | None = None
        self._bases: tuple[Base, ...] | None = None

    def __repr__(self) -> str:
        return f"Model({self.id!r})"

    @property
    def id(self) -> str:
        return str(self.entry["id"])

    @property
    def name(self) -> str:
        return str(self.entry["name"])

    @property
    def family(self) -> str:
        return str(self.entry["family"])

    @property
    def publisher(self) -> str:
        return str(self.entry["publisher"])

    @property
    def modalities(self) -> Sequence[str]:
        modalities: Sequence[str] = self.entry.get("modalities") or ("text",)
        return modalities

    @property
    def periods(self) -> tuple[Period, ...]:
        """The history of the weight licence in order of time; empty where no terms could be seen."""
        if self._periods is None:
            value = self.entry.get("weight_license")
            found = value if isinstance(value, list) else []
            self._periods = tuple(
                Period(p["from"], p.get("to") or "", p["license"], tuple(p.get("with") or ())) for p in found
            )
        return self._periods

    @property
    def bases(self) -> tuple[Base, ...]:
        if self._bases is None:
            found = self.entry.get("base_models") or ()
            self._bases = tuple(Base(b["model"], b["form"], b.get("source")) for b in found)
        return self._bases

    @property
    def code_license(self) -> str | None:
        """Licence id of the code, or None where it is not stated or was not seen."""
        value = self.entry.get("code_license")
        return str(value["license"]) if isinstance(value, Mapping) else None

    @property
    def conflicts(self) -> Iterable[Mapping[str, Any]]:
        conflicts: Iterable[Mapping[str, Any]] = self.entry.get("conflicts") or ()
        return conflicts

    def period_at(self, date: str) -> Period | None:
        """The period that covers an ISO date, or None (before the first text, or nothing seen)."""
        for period in self.periods:
            if period.holds(date):
                return period
        return None
