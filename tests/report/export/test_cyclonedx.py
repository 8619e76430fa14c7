"""CycloneDX 1.6, by the strict validator of the standard's own library."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from export_support import DATE, catalog, everything, sample

from modelreg.report.export import cyclonedx


def properties(component: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in component["properties"]:
        found.setdefault(one["name"].removeprefix("modelreg:"), []).append(one["value"])
    return found


@pytest.fixture(scope="module")
def components() -> dict[str, dict[str, Any]]:
    return {c["bom-ref"]: c for c in cyclonedx.document(everything(), DATE)["components"]}


def test_strictly_valid() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(cyclonedx.text(sample(), DATE)) is None


def test_a_licence_outside_the_spdx_list_is_a_name(components: dict[str, dict[str, Any]]) -> None:
    license_ = components["THUDM/chatglm-6b"]["licenses"][0]["license"]
    assert license_["name"] == "LicenseRef-ChatGLM-6B-2023-07-08"
    assert "id" not in license_
    apache = next(c for c in components.values() if c["licenses"][0]["license"].get("id") == "Apache-2.0")
    assert "name" not in apache["licenses"][0]["license"]


def test_code_and_weights_are_apart(components: dict[str, dict[str, Any]]) -> None:
    found = components["THUDM/chatglm-6b"]
    assert len(found["licenses"]) == 1
    assert properties(found)["code-license"] == ["Apache-2.0"]
    assert properties(found)["weight-license"] == ["LicenseRef-ChatGLM-6B-2023-07-08"]
    assert properties(found)["license-statement"] == ["LicenseRef-ChatGLM-6B-README-2023-07-19"]
    assert properties(found)["commercial-use"] == ["free-with-registration"]


def test_what_was_not_seen_never_gets_the_licence_of_the_code(components: dict[str, dict[str, Any]]) -> None:
    unseen = [m for m in everything().models.values() if not m.periods]
    assert unseen
    for model in unseen:
        assert components[model.id]["licenses"] == [{"license": {"name": "NOASSERTION", "acknowledgement": "declared"}}]


def test_ancestors_carry_their_terms(components: dict[str, dict[str, Any]]) -> None:
    found = components["lmsys/vicuna-7b-v1.5"]
    assert found["pedigree"]["ancestors"][0]["name"] == "Llama-2-7b-hf"
    assert properties(found)["upstream-license"] == ["LicenseRef-Llama-2 (meta-llama/Llama-2-7b-hf)"]


def test_the_date_decides() -> None:
    part = catalog().holdings(["THUDM/chatglm-6b"])
    old = cyclonedx.document(part, "2023-04-01")
    assert old["components"][0]["licenses"][0]["license"]["name"] == "LicenseRef-ChatGLM-6B-2023-03-14"
    assert old["serialNumber"] != cyclonedx.document(part, DATE)["serialNumber"]
    assert cyclonedx.text(part, DATE) == cyclonedx.text(catalog().holdings(["THUDM/chatglm-6b"]), DATE)
    assert cyclonedx.document(part, "2020-01-01")["components"][0]["licenses"][0]["license"]["name"] == "NOASSERTION"


def test_a_revision_is_a_version() -> None:
    part = catalog().holdings([next(i for i in everything().models if "@" in i)])
    found = json.loads(cyclonedx.text(part, DATE))["components"][0]
    assert found["purl"].endswith("@" + found["version"])
