"""Write export.schema.json from the schemas of the data files, so that the two cannot drift apart.

usage: python scripts/make_export_schema.py [--check]    --check writes nothing and exits 1 where it is not current

What differs from the files: variants are models of their own; each `clause` is a list; a release date that is not known
is `silent`; `origin`, `purl` and `parent` are new.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "modelreg" / "registry" / "schema"
OUT = FOLDER / "export.schema.json"
ORIGIN = {
    "enum": ["built-in", "overlay"],
    "description": "overlay: added or changed by a layer above the built-in data",
}
MODEL_MORE = ("names", "released", "data_license", "runtime", "conflicts", "remarks", "notes", "provenance", "variants")


def schema() -> dict[str, Any]:
    licenses = json.loads((FOLDER / "license.schema.json").read_text(encoding="utf-8"))
    registry = json.loads((FOLDER / "registry.schema.json").read_text(encoding="utf-8"))
    defs: dict[str, Any] = {}
    for source in (licenses, registry):
        for name, value in source["$defs"].items():
            if defs.setdefault(name, value) != value:
                raise SystemExit(f"#/$defs/{name} is not the same in the two schemas: rename one")
    defs = copy.deepcopy(defs)
    defs["clause"] = next(b for b in defs["clause"]["oneOf"] if b["type"] == "array")
    defs.pop("variant", None)
    defs["license"] = {k: v for k, v in licenses.items() if not k.startswith("$")}
    defs["license"]["properties"]["origin"] = ORIGIN
    defs["license"]["required"] = [*licenses["required"], "notes", "origin"]
    defs["model"] = _model(defs["model"])
    publishers = registry["properties"]["publishers"]
    ambiguous = registry["properties"]["ambiguous"]
    head = {
        "schema": {"const": "https://modelreg.dev/schema/export.schema.json"},
        "schema_version": {"const": "1"},
        "generator": {"type": "string"},
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "sha256 of the whole registry"},
        "asked": {
            "type": "array",
            "items": {"type": "string"},
            "description": "the models that were asked for, where that is not everything; the others are ancestors",
        },
    }
    defs["line"] = {
        "description": "one line of --format jsonl",
        "oneOf": [
            _line("registry", {"type": "object", "properties": head, "required": list(head)}),
            _line("publisher", publishers["items"]),
            _line("ambiguous", ambiguous["items"]),
            _line("license", defs["license"]),
            _line("model", defs["model"]),
        ],
    }
    body = {
        **head,
        "publishers": publishers,
        "ambiguous": ambiguous,
        "licenses": {"type": "array", "items": {"$ref": "#/$defs/license"}},
        "models": {"type": "array", "items": {"$ref": "#/$defs/model"}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://modelreg.dev/schema/export.schema.json",
        "title": "modelreg export --format json",
        "description": "Made by scripts/make_export_schema.py. Licence ids are SPDX identifiers or LicenseRef- names.",
        "type": "object",
        "properties": body,
        "required": list(body),
        "additionalProperties": False,
        "$defs": dict(sorted(defs.items())),
    }


def _model(model: dict[str, Any]) -> dict[str, Any]:
    model = copy.deepcopy(model)
    text = {"type": "string", "minLength": 1}
    silent = {"enum": ["silent", "not-seen"]}
    properties = model["properties"]
    properties["released"] = {"anyOf": [properties["released"], silent]}
    properties["variants"] = {"type": "array", "items": text, "description": "ids of variants, which are models too"}
    properties["parent"] = {**text, "description": "of a variant: the model whose entry it shares"}
    properties["form"] = text
    properties["purl"] = {"type": "string", "pattern": "^pkg:huggingface/"}
    properties["origin"] = ORIGIN
    model["required"] = list(dict.fromkeys([*model["required"], *MODEL_MORE, "origin"]))
    return model


def _line(kind: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        **{k: v for k, v in entry.items() if k not in ("title", "description")},
        "properties": {"type": {"const": kind}, **entry["properties"]},
        "required": ["type", *entry["required"]],
        "additionalProperties": False,
    }


def main() -> int:
    text = json.dumps(schema(), ensure_ascii=False, indent=1) + "\n"
    current = OUT.exists() and OUT.read_text(encoding="utf-8") == text
    if "--check" in sys.argv:
        print("export.schema.json is current" if current else "not current: export.schema.json")
        return 0 if current else 1
    OUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
