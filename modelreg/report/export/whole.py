"""Everything recorded, as JSON under modelreg/registry/schema/export.schema.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from modelreg._version import __version__
from modelreg.core.holdings import Holdings, purl
from modelreg.core.license import License
from modelreg.core.model import Model

SCHEMA_VERSION = "1"
SCHEMA_ID = "https://modelreg.dev/schema/export.schema.json"


def data(part: Holdings, *, fingerprints: bool = False) -> dict[str, Any]:
    """The whole export; what is not known is left out, what a text does not say is `silent`.

    Args:
        part: what to export; fingerprints: with the digests by which texts and clauses are recognised.
    """
    return {
        **_head(part),
        "publishers": list(_publishers(part)),
        "ambiguous": list(_ambiguous(part)),
        "licenses": [license_data(r, fingerprints=fingerprints) for r in part.licenses.values()],
        "models": [model_data(m) for m in part.models.values()],
    }


def json_text(part: Holdings, *, fingerprints: bool = False) -> str:
    """`data` with sorted keys and a final newline."""
    return json.dumps(data(part, fingerprints=fingerprints), ensure_ascii=False, sort_keys=True, indent=2) + "\n"


def jsonl_text(part: Holdings, *, fingerprints: bool = False) -> str:
    """One line an entry, each with its `type`: first the registry, then publishers, licences and models."""
    return "".join(
        json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines(part, fingerprints=fingerprints)
    )


def lines(part: Holdings, *, fingerprints: bool = False) -> Iterator[dict[str, Any]]:
    """The entries of `data`, one at a time."""
    yield {"type": "registry", **_head(part)}
    for publisher in _publishers(part):
        yield {"type": "publisher", **publisher}
    for name in _ambiguous(part):
        yield {"type": "ambiguous", **name}
    for record in part.licenses.values():
        yield {"type": "license", **license_data(record, fingerprints=fingerprints)}
    for model in part.models.values():
        yield {"type": "model", **model_data(model)}


def license_data(record: License, *, fingerprints: bool = False) -> dict[str, Any]:
    """One licence record."""
    kept = {k: v for k, v in record.record.items() if k not in ("origin", "fingerprints")}
    if fingerprints and record.record.get("fingerprints"):
        kept["fingerprints"] = record.record["fingerprints"]
    return {**_without_nulls(kept), "origin": _origin(record.record)}


def model_data(model: Model) -> dict[str, Any]:
    """One model or variant, with all that a variant inherits."""
    kept = _without_nulls({k: v for k, v in model.entry.items() if k != "origin"})
    address = purl(model)
    return {**kept, **({"purl": address} if address else {}), "origin": _origin(model.entry)}


def _head(part: Holdings) -> dict[str, Any]:
    return {
        "schema": SCHEMA_ID,
        "schema_version": SCHEMA_VERSION,
        "generator": f"modelreg {__version__}",
        "digest": part.digest,
        "asked": [] if part.whole else list(part.asked),
    }


def _publishers(part: Holdings) -> Iterator[dict[str, Any]]:
    for publisher in part.publishers.values():
        yield {k: publisher[k] for k in ("id", "name", "owners")}


def _ambiguous(part: Holdings) -> Iterator[dict[str, Any]]:
    for name, candidates in part.ambiguous.items():
        yield {"name": name, "candidates": list(candidates)}


def _origin(entry: Mapping[str, Any]) -> str:
    return str(entry["origin"]["source"])


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value
