"""Models -> the index of their names that `names.resolve` reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from modelreg.registry.names import PLATFORMS
from modelreg.registry.spelling import key, tag_key


def build_index(
    models: Iterable[Mapping[str, Any]],
    publishers: Iterable[Mapping[str, Any]] = (),
    ambiguous: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Make the index of names: a plain dict that JSON can hold.

    Args:
        models: expanded entries (`id`, `name`, `names`, `publisher`), in the order in which
        candidates are listed.
        publishers: `id`, `owners`, `copies` (they only convert what others publish);
        ambiguous: `name` and `candidates`.
    Raises: ValueError if an ambiguous name has a candidate that is not a model.
    """
    pubs = list(publishers)
    pub_number = {p["id"]: number for number, p in enumerate(pubs)}
    owners: dict[str, list[int]] = {}
    for number, publisher in enumerate(pubs):
        for owner in publisher["owners"]:
            owners.setdefault(key(owner), []).append(number)
    tables = _Tables()
    ids: list[str] = []
    of: list[int] = []
    for number, model in enumerate(models):
        ids.append(model["id"])
        of.append(pub_number.get(model.get("publisher", ""), -1))
        _add_model(tables, number, model)
    known = {id_: number for number, id_ in enumerate(ids)}
    listed: dict[str, list[int]] = {}
    for entry in ambiguous:
        for candidate in entry["candidates"]:
            if candidate not in known:
                raise ValueError(f"ambiguous name {entry['name']!r}: {candidate!r} is not a model")
        listed[key(entry["name"])] = [known[c] for c in entry["candidates"]]
    return {
        "ids": ids,
        "publisher": of,
        "owners": owners,
        "copiers": sorted({key(owner) for p in pubs if p.get("copies") for owner in p["owners"]}),
        "exact": known,
        "ambiguous": listed,
        **tables.done(),
    }


def _add_model(tables: _Tables, number: int, model: Mapping[str, Any]) -> None:
    names: Mapping[str, Any] = model.get("names", {})
    tables.add("other", model["name"], number)
    for platform in PLATFORMS:
        written = list(names.get(platform, ()))
        if platform == "huggingface":
            written.append(model["id"])
        for name in written:
            owner, _, last = name.rpartition("/")
            tables.add(platform, name, number, f"{key(owner)}/{key(last)}" if owner else key(last))
            tables.add("github_bare" if platform == "github" else "bare", last, number)
    for name in names.get("ollama", ()):
        tables.add("ollama", name, number, tag_key(name))
    for name in names.get("other", ()):
        owner, _, last = name.rpartition("/")
        tables.add("other", name, number, f"{key(owner)}/{key(last)}" if owner else key(last))


class _Tables:
    """Loose spelling -> models, per kind of name, and the exact spellings where loose ones collide."""

    KINDS = (*PLATFORMS, "ollama", "other", "bare", "github_bare")

    def __init__(self) -> None:
        self.loose: dict[str, dict[str, list[int]]] = {kind: {} for kind in self.KINDS}
        self.written: dict[str, dict[str, dict[str, list[int]]]] = {kind: {} for kind in self.KINDS}

    def add(self, kind: str, written: str, number: int, wanted: str = "") -> None:
        wanted = wanted or key(written)
        hits = self.loose[kind].setdefault(wanted, [])
        if number not in hits:
            hits.append(number)
        exact = self.written[kind].setdefault(wanted, {}).setdefault(written.casefold(), [])
        if number not in exact:
            exact.append(number)

    def done(self) -> dict[str, Any]:
        collisions: dict[str, int | list[int]] = {}
        for kind in self.KINDS:
            for wanted, hits in self.loose[kind].items():
                if len(hits) > 1:
                    for written, numbers in self.written[kind][wanted].items():
                        collisions[f"{kind}:{written}"] = numbers[0] if len(numbers) == 1 else numbers
        flat: dict[str, Any] = {
            kind: {wanted: hits[0] if len(hits) == 1 else hits for wanted, hits in table.items()}
            for kind, table in self.loose.items()
        }
        flat["collisions"] = collisions
        return flat
