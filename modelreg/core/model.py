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


HIGH, MEDIUM, LOW = "high", "medium", "low"


class Descent(NamedTuple):
    """Where a copy that the registry does not list comes from, as its name and files tell (registry.lineage).

    Attributes:
        bases: ids of the known models whose weights are inside; several for a merge.
        form: as in `base_models`; confidence: high, medium or low; why: codes of the rules, see i18n.
        plain: the base's own name with marks of a quantisation or file format behind it, nothing else.
        owner: who publishes the copy; "" where the name does not say.
    """

    bases: tuple[str, ...]
    form: str
    confidence: str
    why: tuple[str, ...]
    plain: bool
    owner: str

    def confirmed(self, named: Iterable[str]) -> Descent:
        """The same after someone named the bases: a plain copy of a model that is named is one for sure."""
        named = set(named)
        if not named or (self.confidence == HIGH and named <= set(self.bases)):
            return self
        if self.plain and named == set(self.bases):
            return self._replace(confidence=HIGH, why=(*self.why, "base-named"))
        return self if named <= set(self.bases) else self._replace(confidence=LOW)

    def to_data(self) -> dict[str, Any]:
        return {"bases": list(self.bases), "form": self.form, "confidence": self.confidence, "why": list(self.why)}


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
