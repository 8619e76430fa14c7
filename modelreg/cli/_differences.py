"""Differences between two licence records, two models or two registries, as plain data for any format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from modelreg.cli._book import Book
from modelreg.cli._periods import held_periods
from modelreg.core.changes import Change, compare_keys, compare_terms
from modelreg.core.effective import TERMS
from modelreg.core.model import Model
from modelreg.registry.folders import Contents

_LICENSE_BESIDE = ("terms", "clauses", "fingerprints", "origin", "id", "texts", "conflicts", "notes", "summary")
_MODEL_BESIDE = ("origin", "id", "conflicts", "remarks", "notes")


class ClauseChange(NamedTuple):
    """A clause that one of two records has, that says something else, or whose words differ."""

    clause: str
    kind: str  # added, removed, changed, words
    was: Any  # our summary, {en, zh}
    now: Any

    def to_data(self) -> dict[str, Any]:
        return self._asdict()


class RecordDifference(NamedTuple):
    """How two licence records differ."""

    about: list[Change]
    terms: list[Change]
    clauses: list[ClauseChange]

    def __bool__(self) -> bool:
        return bool(self.about or self.terms or self.clauses)

    def to_data(self) -> dict[str, Any]:
        return {
            "about": [c.to_data() for c in self.about],
            "terms": [c.to_data() for c in self.terms],
            "clauses": [c.to_data() for c in self.clauses],
        }


class ModelDifference(NamedTuple):
    """How two models differ: in their entries, and in what governs their weights at a date."""

    about: list[Change]
    terms: list[Change]

    def __bool__(self) -> bool:
        return bool(self.about or self.terms)

    def to_data(self) -> dict[str, Any]:
        return {"about": [c.to_data() for c in self.about], "terms": [c.to_data() for c in self.terms]}


def compare_records(was: Mapping[str, Any], now: Mapping[str, Any]) -> RecordDifference:
    """Two licence records in the uniform shape."""
    about = compare_keys(was, now, _LICENSE_BESIDE)
    return RecordDifference(about, compare_terms(was["terms"], now["terms"], TERMS), _clauses(was, now))


def _clauses(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[ClauseChange]:
    left: Mapping[str, Any] = was.get("clauses") or {}
    right: Mapping[str, Any] = now.get("clauses") or {}
    prints = [(r.get("fingerprints") or {}).get("clauses") or {} for r in (was, now)]
    out: list[ClauseChange] = []
    for clause in dict.fromkeys([*left, *right]):
        old, new = left.get(clause), right.get(clause)
        if old is None or new is None:
            kind = "added" if old is None else "removed"
            out.append(ClauseChange(clause, kind, _summary(old), _summary(new)))
        elif old["summary"] != new["summary"]:
            out.append(ClauseChange(clause, "changed", _summary(old), _summary(new)))
        elif clause in prints[0] and clause in prints[1] and _digests(prints[0][clause]) != _digests(prints[1][clause]):
            out.append(ClauseChange(clause, "words", _summary(old), _summary(new)))
    return out


def _summary(entry: Mapping[str, Any] | None) -> Any:
    return None if entry is None else entry["summary"]


def _digests(passages: list[Mapping[str, Any]]) -> list[str]:
    return sorted(str(p["sha256"]) for p in passages)


def compare_models(book: Book, was: Model, now: Model, date: str) -> ModelDifference:
    """Two models of one registry, with the terms that hold at a date."""
    about = compare_keys(was.entry, now.entry, (*_MODEL_BESIDE, "name", "names", "variants", "parent"))
    terms = []
    held = [next((h for h in held_periods(book, m) if h.period.holds(date)), None) for m in (was, now)]
    sides = [h.terms if h is not None else dict.fromkeys(TERMS, "not-seen") for h in held]
    terms = compare_terms(sides[0], sides[1], TERMS)
    return ModelDifference(about, terms)


class RegistryDifference(NamedTuple):
    """How two registries differ, by kind of entry: ids that are new, gone, and changed (with how)."""

    added: Mapping[str, list[str]]
    removed: Mapping[str, list[str]]
    changed: Mapping[str, Mapping[str, RecordDifference | ModelDifference]]
    same: Mapping[str, int]

    def __bool__(self) -> bool:
        return any(any(part.values()) for part in (self.added, self.removed, self.changed))

    def to_data(self) -> dict[str, Any]:
        return {
            kind: {
                "added": self.added[kind],
                "removed": self.removed[kind],
                "changed": {id_: d.to_data() for id_, d in self.changed[kind].items()},
                "same": self.same[kind],
            }
            for kind in self.added
        }


KINDS = ("models", "licenses", "publishers", "ambiguous")


def compare_registries(was: Contents, now: Contents) -> RegistryDifference:
    """Two registries, entry by entry."""
    added, removed, same = {}, {}, {}
    changed: dict[str, dict[str, RecordDifference | ModelDifference]] = {}
    for kind in KINDS:
        left: Mapping[str, Mapping[str, Any]] = getattr(was, kind)
        right: Mapping[str, Mapping[str, Any]] = getattr(now, kind)
        added[kind] = [i for i in right if i not in left]
        removed[kind] = [i for i in left if i not in right]
        both = [i for i in right if i in left]
        differing: dict[str, RecordDifference | ModelDifference] = {}
        for id_ in both:
            difference = _entries(kind, left[id_], right[id_])
            if difference:
                differing[id_] = difference
        changed[kind] = differing
        same[kind] = len(both) - len(differing)
    return RegistryDifference(added, removed, changed, same)


def _entries(kind: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> RecordDifference | ModelDifference:
    if kind == "licenses":
        found = compare_records(was, now)
        beside = compare_keys(was, now, tuple(k for k in {**was, **now} if k not in ("summary", "conflicts", "notes")))
        texts = _texts_changes(was, now)
        return found._replace(about=[*found.about, *beside, *texts])
    return ModelDifference(compare_keys(was, now, ("origin",)), [])


def _texts_changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    return compare_keys(was, now, tuple(k for k in {**was, **now} if k != "texts"))
