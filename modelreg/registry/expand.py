"""Raw entries -> the uniform shape that the rest of modelreg reads.

Every optional key is there, every `clause` is a list, periods are in order of time, and each variant is a
model of its own
that inherits from its parent all but its own names.
"""

from __future__ import annotations

import copy
from typing import Any

from modelreg.registry.raw import Entry, Raw

PLATFORMS = ("huggingface", "modelscope", "github", "ollama", "other")
OWN = ("id", "name", "names", "form")  # what a variant never inherits


def expand_license(entry: Entry) -> dict[str, Any]:
    """A licence record in the uniform shape, with `origin`."""
    value = _clauses_as_lists(copy.deepcopy(entry.value))
    for key in ("supersedes", "family", "upstream_label"):
        value.setdefault(key, None)
    value.setdefault("notes", [])
    value.setdefault("fingerprints", {})
    value["origin"] = entry.origin
    return dict(value)


def expand_models(raw: Raw) -> list[dict[str, Any]]:
    """All models and variants in the uniform shape, each parent before its variants, as the files go."""
    done: list[dict[str, Any]] = []
    for entry in raw.models.values():
        parent = _model(entry)
        parent["variants"] = list(entry.variants)
        done.append(parent)
        done += [_variant(parent, variant) for variant in entry.variants.values()]
    return done


def _model(entry: Entry) -> dict[str, Any]:
    value: dict[str, Any] = _clauses_as_lists(copy.deepcopy(entry.value))
    value["origin"] = entry.origin
    return _fill(value)


def _variant(parent: dict[str, Any], entry: Entry) -> dict[str, Any]:
    own: dict[str, Any] = _clauses_as_lists(copy.deepcopy(entry.value))
    value = {key: copy.deepcopy(inner) for key, inner in parent.items() if key not in OWN}
    form = own.pop("form", None)
    for key in ("conflicts", "remarks", "notes", "provenance"):
        own[key] = value[key] + own.get(key, [])  # what is said of the parent holds for the variant
    bases = own.pop("base_models", None)
    if bases is None:
        bases = value["base_models"]
    if form:
        bases = [b for b in bases if b["model"] != parent["id"]]
        bases = [{"model": parent["id"], "form": form}, *bases]
    value.update(own)
    value["base_models"] = bases
    value["form"] = form
    value["parent"] = parent["id"]
    value["variants"] = []
    origin = dict(entry.origin)
    inherited = [
        note for note in parent["origin"]["overrides"] if note["path"].split(".")[0] not in (*OWN, *entry.value)
    ]
    origin["overrides"] = [*origin["overrides"], *inherited]
    value["origin"] = origin
    return _fill(value)


def _fill(value: dict[str, Any]) -> dict[str, Any]:
    names = value.get("names", {})
    value["names"] = {platform: list(names.get(platform, [])) for platform in PLATFORMS}
    value.setdefault("released", "silent")
    value.setdefault("data_license", "silent")
    value.setdefault("runtime", "silent")
    for key in ("conflicts", "remarks", "notes", "provenance", "variants", "base_models"):
        value.setdefault(key, [])
    value.setdefault("parent", None)
    value.setdefault("form", None)
    for base in value["base_models"]:
        base.setdefault("source", None)
        base.setdefault("note", None)
    if isinstance(value["weight_license"], list):
        for period in value["weight_license"]:
            period.setdefault("to", None)
            period.setdefault("with", [])
            period.setdefault("source", None)
            period.setdefault("note", None)
        value["weight_license"].sort(key=lambda period: str(period["from"]))
    return value


def _clauses_as_lists(value: Any) -> Any:
    """`clause: "2"` -> `clause: ["2"]` at every depth."""
    if isinstance(value, dict):
        return {
            key: [inner] if key == "clause" and isinstance(inner, str) else _clauses_as_lists(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_clauses_as_lists(item) for item in value]
    return value
