"""What a JSON Schema cannot see: references between entries, dates, names that two models claim, circles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from modelreg.registry import schemas
from modelreg.registry.problems import Problem, Severity
from modelreg.registry.raw import Entry, Raw
from modelreg.registry.yaml_strict import Path_

_HAN = re.compile("[\u3400-\u9fff]")
KINDS = {"publishers": "publishers", "ambiguous": "ambiguous", "licenses": "license"}


def check(raw: Raw) -> list[Problem]:
    """All problems, those of reading first; what came out of the cache has met its schema before."""
    return _Checker(raw).run()


class _Checker:
    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.problems = list(raw.problems)
        self.model_entries: dict[str, tuple[Entry, str]] = {}  # id -> entry, id of parent or ""
        self.folded: dict[str, str] = {}
        self.sound: set[int] = set()
        self.cited: set[str] = set()
        self.early: dict[str, tuple[Entry, Path_, str, str]] = {}

    def run(self) -> list[Problem]:
        for id_, entry in self.raw.models.items():
            self._claim_id(id_, entry, "")
            for variant_id, variant in entry.variants.items():
                self._claim_id(variant_id, variant, id_)
        self._schemas()
        for id_, entry in self.raw.licenses.items():
            if id(entry) in self.sound:
                self._license(id_, entry)
        for id_, (entry, parent) in self.model_entries.items():
            if id(entry) in self.sound:
                self._model(id_, entry, parent)
        self._names()
        self._circles()
        for name, entry in self.raw.ambiguous.items():
            if id(entry) in self.sound:
                self._ambiguous(name, entry)
        self._too_early()
        self._unused()
        return self.problems

    def _say(self, code: str, message: str, where: str, hint: str, severity: Severity = "error") -> None:
        self.problems.append(Problem(severity, code, message, where, hint))

    def _claim_id(self, id_: str, entry: Entry, parent: str) -> None:
        known = self.folded.setdefault(id_.casefold(), id_)
        if known in self.model_entries:
            at = self.model_entries[known][0].where(("id",))
            self._say(
                "repeated-id",
                f"model {id_!r} is given twice; it stands at {at} already",
                entry.where(("id",)),
                "remove one of the two, or join them",
            )
            return
        self.model_entries[id_] = (entry, parent)

    def _schemas(self) -> None:
        todo = [("model" if not parent else "variant", e) for e, parent in self.model_entries.values()]
        todo += [(kind, e) for name, kind in KINDS.items() for e in self.raw.kind(name).values()]
        for kind, entry in todo:
            found = schemas.check(kind, entry) if entry.touched else []
            self.problems += found
            if not found:
                self.sound.add(id(entry))

    # Licences.

    def _license(self, id_: str, entry: Entry) -> None:
        value = entry.value
        if entry.stem and entry.stem != id_:
            self._say(
                "file-name",
                f"the file is named {entry.stem}, its record {id_}",
                entry.where(("id",)),
                f"rename it to {id_}.yaml, or correct the id",
            )
        defined = value["clauses"]
        for top in ("terms", "licensor", "prevailing_language"):
            for path, clause in _clauses(value.get(top), (top,)):
                if clause not in defined:
                    self._unknown_clause(f"{'.'.join(map(str, path))} cites", id_, clause, entry.where(path))
        for key, clause in defined.items():
            for number, span in enumerate(clause["at"]):
                self._span(entry, ("clauses", key, "at", number), span, value["texts"])
        terms = value["terms"]
        self._known_license(value.get("supersedes"), entry, ("supersedes",))
        policy = terms.get("use_policy")
        if isinstance(policy, dict) and policy["license"] not in ("silent", "not-seen"):
            self._known_license(policy["license"], entry, ("terms", "use_policy", "license"))
        upstream = terms.get("upstream")
        for number, item in enumerate(upstream if isinstance(upstream, list) else ()):
            self._known_license(item["license"], entry, ("terms", "upstream", number, "license"))
        self._conflicts(entry, id_)
        self._both(value, entry, ())
        self._date(entry, ("released",))

    def _span(self, entry: Entry, path: Path_, span: str, texts: dict[str, Any]) -> None:
        text, _, lines = span.partition(":")
        first, _, last = lines.partition("-")
        if text not in texts:
            self._say(
                "unknown-text",
                f"{span!r} names the text {text!r}; texts are {', '.join(texts) or 'none'}",
                entry.where(path),
                "add it to texts, or correct the name",
            )
        if not 1 <= int(first) <= int(last):
            self._say(
                "line-range",
                f"{span!r} is not a range of lines",
                entry.where(path),
                "first line, '-', last line",
            )

    def _unknown_clause(self, what: str, license_: str, clause: str, where: str) -> None:
        known = self.raw.licenses[license_].value["clauses"]
        listed = ", ".join(known) if len(known) <= 12 else ", ".join([*known][:12]) + ", …"
        self._say(
            "unknown-clause",
            f"{what} clause {clause!r}; {license_} defines {listed or 'none'}",
            where,
            f"correct it, or define the clause: modelreg license show {license_}",
        )

    def _known_license(self, id_: Any, entry: Entry, path: Path_) -> bool:
        if id_ is None:
            return False
        self.cited.add(id_)
        if id_ in self.raw.licenses:
            return True
        self._say(
            "unknown-license",
            f"licence {id_!r} is not in the registry",
            entry.where(path),
            f"correct the id, or add licenses/{id_}.yaml",
        )
        return False

    def _cited(self, holder: dict[str, Any], entry: Entry, path: Path_) -> None:
        """A mapping with `license` and perhaps `clause`: both must exist."""
        id_ = holder.get("license")
        if not self._known_license(id_, entry, (*path, "license")) or id_ is None:
            return
        license_ = self.raw.licenses[id_]
        if id(license_) in self.sound:
            for inner, clause in _clauses(holder.get("clause"), (*path, "clause"), cited=True):
                if clause not in license_.value["clauses"]:
                    self._unknown_clause(f"{'.'.join(map(str, path))} cites", id_, clause, entry.where(inner))

    def _conflicts(self, entry: Entry, own: str = "") -> None:
        for number, conflict in enumerate(entry.value.get("conflicts", ())):
            for place, statement in enumerate(conflict["statements"]):
                path: Path_ = ("conflicts", number, "statements", place)
                holder = dict(statement)
                if own and "clause" in statement:
                    holder.setdefault("license", own)
                self._cited(holder, entry, path)

    # Models.

    def _model(self, id_: str, entry: Entry, parent: str) -> None:
        value = entry.value
        for path, source in _sources(value, ()):
            self._cited(source, entry, path)
        code = value.get("code_license")
        if isinstance(code, dict):
            self._known_license(code["license"], entry, ("code_license", "license"))
        if isinstance(value.get("weight_license"), list):
            self._periods(entry, value["weight_license"])
        for number, base in enumerate(value.get("base_models", ())):
            if base["model"] not in self.model_entries:
                self._say(
                    "unknown-model",
                    f"{id_} descends from {base['model']!r}, which is not in the registry",
                    entry.where(("base_models", number, "model")),
                    "correct the id, or add the model",
                )
        if not parent and value["publisher"] not in self.raw.publishers:
            self._say(
                "unknown-publisher",
                f"publisher {value['publisher']!r} is not listed",
                entry.where(("publisher",)),
                "add it to publishers",
            )
        self._conflicts(entry)
        self._both(value, entry, ())
        self._date(entry, ("released",))

    def _periods(self, entry: Entry, periods: list[dict[str, Any]]) -> None:
        for number, period in enumerate(periods):
            path: Path_ = ("weight_license", number)
            sound = [self._date(entry, (*path, key)) for key in ("from", "to")]
            if all(sound) and "to" in period and period["to"] <= period["from"]:
                self._say(
                    "period-order",
                    f"the period ends on {period['to']}, before or on its first day",
                    entry.where((*path, "to")),
                    "`to` is the first day on which it no longer holds",
                )
            for key, ids in (("license", [period["license"]]), ("with", period.get("with", []))):
                for place, license_ in enumerate(ids):
                    spot: Path_ = (*path, key) if key == "license" else (*path, key, place)
                    if self._known_license(license_, entry, spot):
                        self._in_force(entry, spot, period, license_)
            if number:
                self._follows(entry, path, periods[number - 1], period)

    def _follows(self, entry: Entry, path: Path_, before: dict[str, Any], period: dict[str, Any]) -> None:
        where = entry.where((*path, "from"))
        if period["from"] < before["from"]:
            self._say(
                "period-order",
                f"the period from {period['from']} stands after the one from {before['from']}",
                where,
                "put the periods in order of time",
            )
        elif "to" not in before:
            self._say(
                "period-overlap",
                f"the period before, from {before['from']}, has no end",
                where,
                f'give it to: "{period["from"]}"',
            )
        elif before["to"] > period["from"]:
            self._say(
                "period-overlap",
                f"the period before ends on {before['to']} only",
                where,
                f'give that one to: "{period["from"]}"',
            )

    def _in_force(self, entry: Entry, spot: Path_, period: dict[str, Any], license_: str) -> None:
        released = self.raw.licenses[license_].value.get("released")
        if isinstance(released, str) and period["from"] < released[: len(period["from"])]:
            first = self.early.setdefault(license_, (entry, spot, period["from"], released))
            if period["from"] < first[2]:
                self.early[license_] = (entry, spot, period["from"], released)

    def _too_early(self) -> None:
        """Periods that begin before the text in force was there; the earliest of each text."""
        for license_, (entry, spot, begin, released) in self.early.items():
            self._say(
                "period-before-text",
                f"the period begins on {begin}; {license_} is of {released}",
                entry.where(spot),
                "see which of the two dates is right",
                "warning",
            )

    def _circles(self) -> None:
        below = {
            id_: [str(b.get("model")) for b in e.value.get("base_models", ()) if isinstance(b, dict)]
            + ([parent] if parent and e.value.get("form") else [])
            for id_, (e, parent) in self.model_entries.items()
            if isinstance(e.value.get("base_models", ()), (list, tuple))
        }
        for circle in _circles(below):
            entry = self.model_entries[circle[0]][0]
            self._say(
                "circular-lineage",
                "models descend from each other: " + " -> ".join([*circle, circle[0]]),
                entry.where(("base_models",)),
                "take one of the links out",
            )

    def _names(self) -> None:
        for platform in ("huggingface", "modelscope"):
            taken: dict[str, str] = {}
            for id_, (entry, _) in self.model_entries.items():
                names = entry.value.get("names")
                listed = names.get(platform, []) if isinstance(names, dict) and id(entry) in self.sound else []
                for number, name in enumerate(listed):
                    other = taken.setdefault(name.casefold(), id_)
                    if other != id_:
                        self._say(
                            "repeated-name",
                            f"{platform} name {name!r} is claimed by {other} and {id_}",
                            entry.where(("names", platform, number)),
                            "one repository is one model: remove one claim",
                        )

    def _ambiguous(self, name: str, entry: Entry) -> None:
        for number, candidate in enumerate(entry.value["candidates"]):
            if candidate not in self.model_entries:
                self._say(
                    "unknown-model",
                    f"candidate {candidate!r} of {name!r} is not in the registry",
                    entry.where(("candidates", number)),
                    "correct the id, or add the model",
                )

    # What is lawful but looks wrong.

    def _date(self, entry: Entry, path: Path_) -> bool:
        value: Any = entry.value
        for step in path:
            value = value.get(step) if isinstance(value, dict) else value[step]
        if not isinstance(value, str):
            return True
        try:
            date.fromisoformat((value + "-01-01")[:10])
        except ValueError:
            self._say("no-such-date", f"{value!r} is not a day of the calendar", entry.where(path), "correct it")
            return False
        return True

    def _both(self, value: Any, entry: Entry, path: Path_) -> None:
        if isinstance(value, dict):
            if set(value) == {"en", "zh"} and isinstance(value["zh"], str):
                # Titles may be names, and a badge or tag is quoted as it stands.
                if not _HAN.search(value["zh"]) and path[-1] not in ("title", "says"):
                    self._say(
                        "no-chinese",
                        f"{'.'.join(map(str, path))}.zh has no Chinese characters",
                        entry.where((*path, "zh")),
                        "say it in Chinese",
                        "warning",
                    )
                return
            for key, inner in value.items():
                self._both(inner, entry, (*path, key))
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                self._both(inner, entry, (*path, number))

    def _unused(self) -> None:
        if not self.raw.models:
            return
        for id_, entry in self.raw.licenses.items():
            if id_ not in self.cited and entry.touched:
                self._say(
                    "unused-license",
                    f"no model and no licence refers to {id_}",
                    entry.where(("id",)),
                    "refer to it, or leave it for overlays",
                    "warning",
                )


def _clauses(value: Any, path: Path_, *, cited: bool = False) -> Iterator[tuple[Path_, str]]:
    """Each clause id that a value cites, with its path."""
    if cited and isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _clauses(inner, (*path, key), cited=key == "clause")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _clauses(inner, (*path, number), cited=cited)


def _sources(value: Any, path: Path_) -> Iterator[tuple[Path_, dict[str, Any]]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "source" and isinstance(inner, dict):
                yield (*path, key), inner
            elif key != "conflicts":
                yield from _sources(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _sources(inner, (*path, number))


def _circles(below: dict[str, list[str]]) -> list[list[str]]:
    """Circles of a graph, each once, by a walk that does not recurse."""
    found: list[list[str]] = []
    state: dict[str, int] = {}
    for start in below:
        if start in state:
            continue
        trail = [(start, iter(below[start]))]
        state[start] = 1
        while trail:
            node, rest = trail[-1]
            following = next(rest, None)
            if following is None:
                state[node] = 2
                trail.pop()
            elif state.get(following) == 1:
                names = [name for name, _ in trail]
                found.append(names[names.index(following) :])
            elif following in below and following not in state:
                state[following] = 1
                trail.append((following, iter(below[following])))
    return found
