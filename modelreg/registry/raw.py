"""YAML files -> raw entries by id, each with the places where its parts were written; overlays merged in.

An overlay entry whose id is known changes that entry: mappings are merged key by key, `names` and `variants`
grow,
all other values take the place of the old. Every change is recorded in the entry's origin.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

from modelreg.errors import InputError
from modelreg.registry.problems import Problem, from_error
from modelreg.registry.sources import PROJECT_FILE, data_files
from modelreg.registry.yaml_strict import Document, Path_, read_yaml

LISTS = ("models", "licenses", "publishers", "ambiguous")
BUILT_IN = "built-in"


class Entry:
    """One raw entry.

    Attributes:
        value: as written, without `variants`; variants: by id.
        origin: {source, at, overrides: [{path, at, was}]}, plain data for answers.
        layers: (document, path of the entry in it), oldest first; empty for what came out of the cache.
        stem: name of the file, where the file holds this entry alone.
        touched: written or changed since the data that are known to be sound.
    """

    __slots__ = ("layers", "origin", "stem", "touched", "value", "variants")

    def __init__(self, value: dict[str, Any], origin: dict[str, Any], layers: list[tuple[Document, Path_]]) -> None:
        self.variants: dict[str, Entry] = {}
        self.value = value
        self.origin = origin
        self.layers = layers
        self.stem = ""
        self.touched = True

    def where(self, path: Path_ = (), *, key: bool = False) -> str:
        """file:line:column of a part of the entry, in the newest file that has it."""
        for length in range(len(path), -1, -1):
            for document, base in reversed(self.layers):
                if base + path[:length] in document.positions:
                    return document.where(base + path[:length], key=key and length == len(path))
        return str(self.origin["at"])


class Raw:
    """All raw entries by kind and id, in the order in which they were met, and what was wrong with them."""

    def __init__(self) -> None:
        self.models: dict[str, Entry] = {}
        self.licenses: dict[str, Entry] = {}
        self.publishers: dict[str, Entry] = {}
        self.ambiguous: dict[str, Entry] = {}
        self.problems: list[Problem] = []

    def kind(self, name: str) -> dict[str, Entry]:
        found: dict[str, Entry] = getattr(self, name)
        return found

    def find_model(self, id_: str) -> Entry | None:
        """The entry of a model or of a variant."""
        if id_ in self.models:
            return self.models[id_]
        return next((e.variants[id_] for e in self.models.values() if id_ in e.variants), None)

    def problem(self, code: str, message: str, where: str, hint: str) -> None:
        self.problems.append(Problem("error", code, message, where, hint))

    def dump(self) -> dict[str, Any]:
        """Plain data for the cache; positions are left out."""
        return {name: [_dump(entry) for entry in self.kind(name).values()] for name in LISTS}


def _dump(entry: Entry) -> dict[str, Any]:
    return {
        "value": entry.value,
        "origin": entry.origin,
        "variants": [_dump(v) for v in entry.variants.values()],
    }


def _undump(data: dict[str, Any]) -> Entry:
    entry = Entry(data["value"], data["origin"], [])
    entry.touched = False
    entry.variants = {v["value"]["id"]: _undump(v) for v in data["variants"]}
    return entry


def undump(data: dict[str, Any]) -> Raw:
    """The inverse of `Raw.dump`; entries count as sound."""
    raw = Raw()
    for name in LISTS:
        for item in data[name]:
            entry = _undump(item)
            raw.kind(name)[entry.value["name" if name == "ambiguous" else "id"]] = entry
    return raw


def read_folder(raw: Raw, folder: str, *, source: str = BUILT_IN, show: str = "") -> None:
    """Add the data of a folder (`registry.yaml`, `registry.d/*.yaml`, `licenses/*.yaml`).

    Args:
        source: `built-in`, or `overlay`; show: prefix of file names in errors and origins.
    """
    for name, _, _ in data_files(folder):
        read_file(
            raw,
            os.path.join(folder, name),
            source=source,
            name=show + name,
            is_license=name.startswith("licenses/"),
        )


def read_file(raw: Raw, path: str, *, source: str, name: str, is_license: bool = False) -> None:
    """Add the entries of one file: a licence record, a registry, or a project's `modelreg.yaml`."""
    try:
        document = read_yaml(path, name=name)
    except InputError as error:
        raw.problems.append(from_error(error))
        return
    value: Any = document.value
    base: Path_ = ()
    if os.path.basename(path) == PROJECT_FILE:
        if not isinstance(value, dict) or "registry" not in value:
            return
        value, base = value["registry"], ("registry",)
    if not isinstance(value, dict):
        raw.problem("schema", "a mapping is needed here", document.where(base), "write keys with values: models: […]")
    elif is_license or ("terms" in value and "models" not in value):
        _add(raw, "licenses", document, base, value, source)
    else:
        _read_lists(raw, document, base, value, source)


def _read_lists(raw: Raw, document: Document, base: Path_, value: dict[str, Any], source: str) -> None:
    for name, items in value.items():
        if name not in LISTS:
            where = document.where((*base, name), key=True)
            raw.problem("schema", f"unknown key {name!r}", where, f"one of {', '.join(LISTS)}")
        elif not isinstance(items, list):
            raw.problem("schema", f"{name} is not a list", document.where((*base, name)), "begin each entry with '- '")
        else:
            for number, item in enumerate(items):
                _add(raw, name, document, (*base, name, number), item, source)


def _add(raw: Raw, kind: str, document: Document, path: Path_, item: Any, source: str) -> None:
    label = "name" if kind == "ambiguous" else "id"
    if not isinstance(item, dict) or not isinstance(item.get(label), str):
        raw.problem(
            "schema",
            f"an entry of {kind} has no {label}",
            document.where(path),
            f"give it {label}: …, as text",
        )
        return
    id_: str = item[label]
    entry = _entry(raw, document, path, item, source)
    if kind == "licenses" and not path:
        entry.stem = Path(document.file).stem
    table = raw.kind(kind)
    known = raw.find_model(id_) if kind == "models" else table.get(id_)
    if known is None:
        table[id_] = entry
    elif source == BUILT_IN or any(layer is document for layer, _ in known.layers):
        message = f"{kind}: {id_!r} is given twice; it stands at {known.where()} already"
        raw.problem("repeated-id", message, document.where((*path, label)), "remove one of the two, or join them")
    else:
        _override(known, entry)


def _entry(raw: Raw, document: Document, path: Path_, item: dict[str, Any], source: str) -> Entry:
    value = {key: inner for key, inner in item.items() if key != "variants"}
    entry = Entry(value, {"source": source, "at": document.where(path), "overrides": []}, [(document, path)])
    variants = item.get("variants", [])
    if not isinstance(variants, list):
        raw.problem("schema", "variants is not a list", document.where((*path, "variants")), "begin each with '- '")
        return entry
    for number, variant in enumerate(variants):
        inner = (*path, "variants", number)
        if not isinstance(variant, dict) or not isinstance(variant.get("id"), str):
            raw.problem("schema", "a variant has no id", document.where(inner), "give it id: …, as text")
        elif variant["id"] in entry.variants:
            where = document.where((*inner, "id"))
            raw.problem("repeated-id", f"variant {variant['id']!r} is given twice", where, "remove one of the two")
        else:
            entry.variants[variant["id"]] = _entry(raw, document, inner, variant, source)
    return entry


def _override(known: Entry, change: Entry) -> None:
    document, path = change.layers[0]
    record: list[dict[str, Any]] = known.origin["overrides"]
    _merge(known.value, change.value, (), document, path, record)
    known.layers.append((document, path))
    known.touched = True
    for id_, variant in change.variants.items():
        if id_ in known.variants:
            _override(known.variants[id_], variant)
        else:
            known.variants[id_] = variant


def _merge(
    old: dict[str, Any],
    new: dict[str, Any],
    inside: Path_,
    document: Document,
    base: Path_,
    record: list[dict[str, Any]],
) -> None:
    for key, value in new.items():
        path = (*inside, key)
        before = old.get(key)
        if before == value and type(before) is type(value):
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value, path, document, base, record)
            continue
        if inside == ("names",) and isinstance(before, list) and isinstance(value, list):
            value = before + [name for name in value if name not in before]  # a name is never taken away
        note: dict[str, Any] = {"path": ".".join(map(str, path)), "at": document.where(base + path)}
        if key in old:
            note["was"] = before
        record.append(note)
        old[key] = copy.deepcopy(value)
