"""JSON and JSON Lines: the published contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import audit_report_support as support
import jsonschema
import pytest

from modelreg.core.finding import AuditReport, Finding
from modelreg.report.audit import render

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "schema" / "audit-report.schema.json"
REPORTS = {
    "report": support.report,
    "hostile": support.hostile,
    "empty": support.empty,
    "huge": support.huge,
}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", ["report", "hostile", "empty"])
def test_the_schema_holds(name: str, validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(json.loads(render("json", REPORTS[name]())))


def test_the_schema_refuses_what_is_no_report(validator: jsonschema.Draft202012Validator) -> None:
    body = json.loads(render("json", support.report()))
    for change in ({"findings": [{**body["findings"][0], "fingerprint": "xyz"}]}, {"schema_version": "2"}):
        assert not validator.is_valid({**body, **change})
    del body["findings"][0]["line"]
    assert not validator.is_valid(body)


def test_every_field_of_the_contract() -> None:
    body = json.loads(render("json", support.report()))
    one = next(f for f in body["findings"] if f["file"] == "app/settings.py")
    assert (one["line"], one["column"], one["text"]) == (3, 34, "THUDM/chatglm2-6b")
    assert one["model"] == "THUDM/chatglm2-6b"
    assert one["purl"] == "pkg:huggingface/THUDM/chatglm2-6b"
    assert (one["kind"], one["level"], one["rule_id"]) == ("hub-id", "use", "requires-agreement")
    assert one["verdict"] == "requires-agreement"
    assert "registration-form" in one["conditions"]
    assert one["unmet"] == ["registration-form"]
    assert one["fails"] is True
    assert body["passes"] is False
    assert body["summary"]["counted"] == {"errors": 4, "warnings": 0, "notes": 6, "suppressed": 1, "baseline": 1}
    assert len(body["findings"]) == len(support.report().findings)


def test_a_suppressed_or_known_finding_does_not_fail() -> None:
    body = json.loads(render("json", support.report()))
    quiet = [f for f in body["findings"] if f["suppression"] and f["suppression"]["status"] == "accepted"]
    assert quiet
    assert not any(f["fails"] for f in [*quiet, *(f for f in body["findings"] if f["baseline"])])
    expired = next(f for f in body["findings"] if f["suppression"] and f["suppression"]["status"] == "expired")
    assert expired["fails"]


def test_one_finding_a_line() -> None:
    lines = render("json", support.report()).splitlines()
    assert sum('"fingerprint"' in line for line in lines) == len(support.report().findings)
    assert all(line.count('"fingerprint"') <= 1 for line in lines)


def test_one_tree_a_line() -> None:
    for make in REPORTS.values():
        text = render("jsonl", make())
        # str.splitlines knows more line ends than JSON does; none of them may stand in a string as it is.
        assert len(text.splitlines()) == 1
        assert json.loads(text) == json.loads(render("json", make()))


def test_the_order_of_findings_and_models_does_not_matter() -> None:
    one = support.report()
    other = one._replace(
        findings=tuple(reversed(one.findings)),
        models=tuple(reversed(one.models)),
        unresolved=tuple(reversed(one.unresolved)),
        skipped=tuple(reversed(one.skipped)),
    )
    assert render("json", one) == render("json", other)


def test_messages_are_in_the_language_and_keys_are_not() -> None:
    left, right = (json.loads(render("json", support.report(), lang)) for lang in ("en", "zh"))
    assert left["findings"][0]["message"] != right["findings"][0]["message"]

    def keys(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: keys(v) for k, v in value.items()}
        return [keys(v) for v in value] if isinstance(value, list) else None

    assert keys(left) == keys(right)


def test_a_finding_without_a_model_of_the_report_is_not_lost() -> None:
    one: Finding = support.finding("acme/other", "x.py", 1)
    report: AuditReport = support.make([one], models=())
    assert [f["name"] for f in json.loads(render("json", report))["findings"]] == ["acme/other"]
    assert "acme/other" in render("table", report)
    assert "acme/other" in render("html", report)
