"""CycloneDX 1.6 and 1.7 by the strict validator, SPDX 3.0.1 by the bindings of the standard."""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

import audit_report_support as support
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from modelreg.core.finding import TEST
from modelreg.errors import UsageError
from modelreg.report.audit import render
from modelreg.report.audit.parts import Context

VERSIONS = {"1.6": SchemaVersion.V1_6, "1.7": SchemaVersion.V1_7}


def cyclonedx(report: Any = None, **more: Any) -> dict[str, Any]:
    context = Context(holdings=support.holdings(), **more)
    found: dict[str, Any] = json.loads(render("cyclonedx", report or support.report(), "en", context))
    return found


def component(name: str, report: Any = None) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in cyclonedx(report)["components"] if c["bom-ref"] == f"model:{name}")
    return found


def spdx(report: Any = None, holdings: Any = None) -> list[dict[str, Any]]:
    context = Context(holdings=holdings or support.holdings())
    found: list[dict[str, Any]] = json.loads(render("spdx", report or support.report(), "en", context))["@graph"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "known"), [("report", True), ("report", False), ("hostile", True), ("empty", False), ("huge", True)]
)
def test_cyclonedx_is_strictly_valid(version: str, name: str, known: bool) -> None:
    context = Context(holdings=support.holdings() if known else None, spec_version=version)
    text = render("cyclonedx", getattr(support, name)(), "zh", context)
    fault = JsonStrictValidator(VERSIONS[version]).validate_str(text)
    assert fault is None, str(fault)[:500]
    assert json.loads(text)["specVersion"] == version


def test_the_validator_would_see_a_licence_name_in_an_id() -> None:
    text = render("cyclonedx", support.report()).replace('"name": "LicenseRef-', '"id": "LicenseRef-')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is not None


def test_an_unknown_version() -> None:
    with pytest.raises(UsageError, match=r"1\.5"):
        render("cyclonedx", support.report(), "en", Context(spec_version="1.5"))


def licenses(found: dict[str, Any], acknowledgement: str) -> list[tuple[str, str]]:
    entries = [x["license"] for x in found["licenses"] if x["license"]["acknowledgement"] == acknowledgement]
    return [("id", x["id"]) if "id" in x else ("name", x["name"]) for x in entries]


def test_declared_and_concluded() -> None:
    assert licenses(component("THUDM/chatglm2-6b"), "declared") == [("name", "LicenseRef-ChatGLM2-6B-2023-07-14")]
    assert licenses(component("Qwen/Qwen2.5-7B-Instruct"), "declared") == [("id", "Apache-2.0")]
    copy = component("TheBloke/Yi-34B-GGUF")
    assert licenses(copy, "declared") == [("name", "NOASSERTION")]
    assert licenses(copy, "concluded") == [("id", "Apache-2.0")]
    unknown = component("acme/secret-model")
    assert licenses(unknown, "declared") == licenses(unknown, "concluded") == [("name", "NOASSERTION")]


def test_an_overlay_cannot_bring_a_name_into_the_id() -> None:
    from modelreg.core.license import License

    part = support.holdings()
    record = {**part.licenses["Apache-2.0"].record, "id": "Acme-1.0", "origin": {"source": "overlay.yaml"}}
    part = part._replace(licenses={**part.licenses, "Acme-1.0": License(record)})
    decision = dict(support.decision("Qwen/Qwen2.5-7B-Instruct"))
    decision["licenses"] = [{**x, "license": "Acme-1.0"} for x in decision["licenses"] if x["license"] == "Apache-2.0"]
    report = support.report()
    models = tuple({**m, "decision": decision} if m["model"].startswith("Qwen") else m for m in report.models)
    text = render("cyclonedx", report._replace(models=models), "en", Context(holdings=part))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert '"name": "Acme-1.0"' in text
    assert "LicenseRef-Acme-1.0" in render("spdx", report._replace(models=models), "en", Context(holdings=part))


def test_places_commit_card_and_bases() -> None:
    found = component("THUDM/chatglm2-6b")
    places = {(o["location"], o["line"]) for o in found["evidence"]["occurrences"]}
    assert places == {("app/settings.py", 3), ("app/load.py", 41), ("README.md", 12), ("README.md", 88)}
    assert found["type"] == "machine-learning-model"
    assert found["modelCard"]["modelParameters"]["architectureFamily"] == "chatglm2"
    pinned = component("meta-llama/Llama-3.1-8B-Instruct")
    assert pinned["purl"] == f"pkg:huggingface/meta-llama/Llama-3.1-8B-Instruct@{support.COMMIT}"
    assert pinned["version"] == support.COMMIT
    assert (pinned["scope"], found["scope"]) == ("optional", "required")
    vicuna = component("lmsys/vicuna-7b-v1.5")["pedigree"]["ancestors"]
    assert [(a["group"], a["name"]) for a in vicuna] == [("meta-llama", "Llama-2-7b-hf")]
    assert vicuna[0]["licenses"][0]["license"]["name"] == "LicenseRef-Llama-2"
    copy = component("TheBloke/Yi-34B-GGUF")["pedigree"]["ancestors"]
    assert [(a["group"], a["name"]) for a in copy] == [("01-ai", "Yi-34B")]


def test_two_revisions_are_no_revision() -> None:
    name = "meta-llama/Llama-3.1-8B-Instruct"
    places = [support.finding(name, "a.py", 1, revision=r) for r in (support.COMMIT, "f" * 40)]
    report = support.make(places)
    models = tuple({**m, "purl": f"pkg:huggingface/{name}"} for m in report.models)
    found = component(name, report._replace(models=models))
    assert "version" not in found
    assert found["purl"] == f"pkg:huggingface/{name}"


def test_only_what_is_used_stands_in_it() -> None:
    report = support.make([support.finding("THUDM/chatglm2-6b", "README.md", 1, level="mention")])
    assert cyclonedx(report)["components"] == []
    tested = support.make([support.finding("THUDM/chatglm2-6b", "tests/a.py", 1, level="test")])
    assert [c["scope"] for c in cyclonedx(tested, levels=(TEST,))["components"]] == ["excluded"]


def test_the_serial_number_follows_the_content() -> None:
    one, same = cyclonedx()["serialNumber"], cyclonedx()["serialNumber"]
    other = cyclonedx(support.report()._replace(as_of="2026-11-02"))["serialNumber"]
    assert one == same != other


@pytest.mark.parametrize(("name", "known"), [("report", True), ("report", False), ("hostile", True), ("empty", False)])
def test_the_bindings_read_the_spdx_document(name: str, known: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from spdx_python_model import v3_0_1 as model
    context = Context(holdings=support.holdings() if known else None)
    objects = model.SHACLObjectSet()
    text = render("spdx", getattr(support, name)(), "en", context)
    model.JSONLDDeserializer().read(io.BytesIO(text.encode()), objects)
    assert not objects.link()  # no reference points nowhere
    packages = list(objects.foreach_type(model.ai_AIPackage))
    relations = list(objects.foreach_type(model.Relationship))
    for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
        named = [r for r in relations if r.relationshipType == getattr(model.RelationshipType, kind)]
        assert sorted(r.from_._id for r in named) == sorted(p._id for p in packages)
        assert all(len(r.to) == 1 for r in named)


def test_spdx_says_what_it_does_not_know() -> None:
    graph = spdx()
    names = {e["spdxId"]: e["name"] for e in graph if e["type"] == "ai_AIPackage"}
    expressions = {e["spdxId"]: e.get("simplelicensing_licenseExpression") for e in graph if "spdxId" in e}
    told = {
        (names[e["from"]], e["relationshipType"]): expressions.get(e["to"][0], e["to"][0])
        for e in graph
        if "License" in e.get("relationshipType", "")
    }
    none = "expandedlicensing_NoAssertionLicense"
    assert told["acme/secret-model", "hasDeclaredLicense"] == told["acme/secret-model", "hasConcludedLicense"] == none
    assert told["TheBloke/Yi-34B-GGUF", "hasDeclaredLicense"] == none
    assert told["TheBloke/Yi-34B-GGUF", "hasConcludedLicense"] == "Apache-2.0"
    assert told["THUDM/chatglm2-6b", "hasDeclaredLicense"] == "LicenseRef-ChatGLM2-6B-2023-07-14"
    descends = {
        names[e["from"]]: [names[t] for t in e["to"]] for e in graph if e.get("relationshipType") == "descendantOf"
    }
    assert descends["lmsys/vicuna-7b-v1.5"] == ["meta-llama/Llama-2-7b-hf"]
    assert "app/settings.py:3:34" in "".join(e["statement"] for e in graph if e["type"] == "Annotation")
    document = next(e for e in graph if e["type"] == "SpdxDocument")
    assert "ai" not in document["profileConformance"]  # some of these have no release time or version


def test_the_ai_profile_is_claimed_where_it_is_kept() -> None:
    part = support.holdings()
    full = next(
        m.id for m in part.models.values() if len(str(m.entry.get("released") or "")) == 10 and not m.bases
        and m.publisher in part.publishers and m.entry["names"].get("huggingface")
    )  # fmt: skip
    graph = spdx(support.make([support.finding(full, "a.py", 1, revision=support.COMMIT)]))
    assert "ai" in next(e for e in graph if e["type"] == "SpdxDocument")["profileConformance"]
