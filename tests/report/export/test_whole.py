"""The JSON export meets its published schema, and says all that the registry says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from export_support import catalog, everything, sample
from jsonschema import Draft202012Validator

import modelreg.registry.catalog as module
from modelreg.core.holdings import Holdings
from modelreg.report.export import whole

SCHEMA = Path(module.__file__).parent / "schema" / "export.schema.json"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(loaded)
    return loaded


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    found = Draft202012Validator(schema).iter_errors(value)
    return [f"{list(e.absolute_path)}: {e.message[:200]}" for e in found][:5]


@pytest.mark.parametrize("part", [everything(), sample()], ids=["everything", "sample"])
def test_json_meets_the_schema(schema: dict[str, Any], part: Holdings) -> None:
    assert faults(schema, json.loads(whole.json_text(part))) == []
    assert faults(schema, json.loads(whole.json_text(part, fingerprints=True))) == []


def test_jsonl_meets_the_schema(schema: dict[str, Any]) -> None:
    line = {"$ref": "#/$defs/line", "$defs": schema["$defs"]}
    lines = [json.loads(text) for text in whole.jsonl_text(sample()).splitlines()]
    assert {one["type"] for one in lines} == {"registry", "publisher", "license", "model"}
    assert lines[0]["digest"] == catalog().digest
    for one in lines:
        assert faults(line, one) == []


def test_the_schema_finds_faults(schema: dict[str, Any]) -> None:
    value = json.loads(whole.json_text(sample()))
    value["licenses"][0]["terms"]["commercial"] = {"value": "perhaps"}
    del value["models"][0]["weight_license"]
    assert len(faults(schema, value)) >= 2


def test_everything_is_there_and_the_bytes_are_stable() -> None:
    data = whole.data(everything())
    assert [m["id"] for m in data["models"]] == catalog().data.model_ids()
    assert {r["id"] for r in data["licenses"]} == set(catalog().data.license_ids())
    assert data["asked"] == []
    assert whole.data(sample())["asked"] == list(sample().asked)
    again = type(catalog())(catalog().data).holdings(sample().asked)
    assert whole.json_text(again) == whole.json_text(sample())
    assert "registry.d/" not in whole.json_text(everything())  # where an entry is written is no fact


def test_licences_are_named_the_spdx_way() -> None:
    from cyclonedx.spdx import is_supported_id

    for id_ in everything().licenses:
        assert id_.startswith("LicenseRef-") or is_supported_id(id_), id_


def test_fingerprints_only_if_wanted() -> None:
    assert all("fingerprints" not in r for r in whole.data(everything())["licenses"])
