"""SARIF 2.1.0 for code scanning: rules with help, places, stable fingerprints, suppressions, baseline.

What needs nobody's attention (severity `note`) is left out unless `Context.notes` asks for it: a page of alerts is to
be acted on. Columns count Unicode code points, as Python does. GitHub rejects more than 25,000 results a run; the
least severe are left out then, and a notification says how many.
Source: OASIS SARIF 2.1.0; docs.github.com, "SARIF support for code scanning" (limits).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from modelreg._version import __version__
from modelreg.core.finding import AuditReport, Finding
from modelreg.i18n.audit import AuditWords
from modelreg.report.audit.parts import (
    ERROR,
    NOTE,
    NOTHING,
    SEVERITIES,
    SITE,
    WARNING,
    Context,
    cut,
    in_order,
    key_of,
    listed,
    next_steps,
    rule_url,
    suppressed,
    visible,
)

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
ROOT = "%SRCROOT%"
RESULTS = 25_000
NOTIFICATIONS = 500
_TEXT = 2000  # characters of a message
_LEVEL = {ERROR: "error", WARNING: "warning", NOTE: "note"}


def render(report: AuditReport, language: str = "en", context: Context = NOTHING) -> str:
    """The log, with sorted keys and a final newline."""
    log = document(report, language, context)
    return json.dumps(log, ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def document(report: AuditReport, language: str, context: Context) -> dict[str, Any]:
    words = AuditWords(language)
    found = listed(report, notes=context.notes)
    dropped = max(0, len(found) - RESULTS)
    if dropped:
        by_weight = sorted(found, key=lambda f: (suppressed(f), f.baseline, _weight(f)))
        found = in_order(by_weight[:RESULTS])
    rules = list(dict.fromkeys(sorted(f.rule_id for f in found)))
    index = {rule: number for number, rule in enumerate(rules)}
    steps = next_steps(report)
    baseline = any(f.baseline for f in report.findings) or bool(report.summary.get("baseline"))
    run = {
        "tool": {
            "driver": {
                "name": "modelreg",
                "fullName": f"modelreg {__version__} audit",
                "version": __version__,
                "informationUri": SITE,
                "language": "zh-CN" if words.lang == "zh" else "en-US",
                "rules": [_rule(rule, found, words) for rule in rules],
            }
        },
        "language": "zh-CN" if words.lang == "zh" else "en-US",
        "automationDetails": {"id": "modelreg-audit/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder that was audited."}}},
        "invocations": [
            {"executionSuccessful": True, "toolExecutionNotifications": _notifications(report, words, dropped)}
        ],
        "results": [_result(f, index, words, baseline, steps.get(key_of(f), "")) for f in found],
        "properties": {"as_of": report.as_of, "policy": report.policy, "facts": dict(report.facts)},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _weight(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else len(SEVERITIES)


def _rule(rule_id: str, found: Iterable[Finding], words: AuditWords) -> dict[str, Any]:
    title, todo, url = words.rule(rule_id), words.rule_help(rule_id), rule_url(rule_id)
    severity = min((f for f in found if f.rule_id == rule_id), key=_weight).severity
    return {
        "id": cut(visible(rule_id), 255),
        # Never the id itself, not even for a rule of one word: SARIF 3.49.7.
        "name": "Modelreg" + "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", rule_id)),
        "shortDescription": {"text": _sentence(title)},
        "fullDescription": {"text": _sentence(title)},
        "helpUri": url,
        "help": {
            "text": f"{_sentence(title)} {todo}".strip(),
            "markdown": f"{_sentence(title)}\n\n{todo}\n\n[{visible(rule_id)}]({url})",
        },
        "defaultConfiguration": {"level": _LEVEL.get(severity, "note")},
        "properties": {"tags": ["licence", "model", "compliance"], "precision": "high"},
    }


def _result(finding: Finding, index: dict[str, int], words: AuditWords, baseline: bool, step: str) -> dict[str, Any]:
    reference = finding.reference
    result: dict[str, Any] = {
        "ruleId": cut(visible(finding.rule_id), 255),
        "ruleIndex": index[finding.rule_id],
        "level": _LEVEL.get(finding.severity, "note"),
        "message": {"text": _message(finding, words, step)},
        "locations": [{"physicalLocation": _place(finding)}],
        "partialFingerprints": {"modelregFinding/v1": finding.fingerprint},
        "properties": {
            "name": visible(reference.name),
            "model": finding.model,
            "purl": visible(finding.purl),
            "verdict": finding.verdict,
            "level": reference.level,
            "place": visible(reference.place),
            "confidence": reference.confidence,
            "conditions": list(finding.conditions),
            "unmet": list(finding.unmet),
            "licenses": list(finding.licenses),
        },
    }
    rule = finding.suppression
    if rule is not None:
        result["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted" if rule.status == "accepted" else "rejected",
                "justification": visible(f"{rule.justification} ({rule.owner})"),
                "properties": {"owner": visible(rule.owner), "expires": rule.expires, "where": visible(rule.where)},
            }
        ]
    if baseline:
        result["baselineState"] = "unchanged" if finding.baseline else "new"
    return result


def _message(finding: Finding, words: AuditWords, step: str) -> str:
    text = _sentence(words.message(*finding.message))
    if step:
        text += f" {words('next')}: {step}"
    # `[words](1)` would be a link to a related place.
    return cut(visible(text).replace("[", "\\[").replace("]", "\\]"), _TEXT)


def _place(finding: Finding) -> dict[str, Any]:
    reference = finding.reference
    place: dict[str, Any] = {"artifactLocation": {"uri": uri(reference.file), "uriBaseId": ROOT}}
    if reference.line >= 1:
        region: dict[str, Any] = {"startLine": reference.line}
        if reference.column >= 1:
            region["startColumn"] = reference.column
            if reference.end_column > reference.column:
                region["endColumn"] = reference.end_column
        region["snippet"] = {"text": cut(visible(reference.text), 500)}
        place["region"] = region
    return place


def uri(path: str) -> str:
    """A path as a relative reference (RFC 3986): a colon in it starts no scheme, a newline ends no line."""
    parts = [quote(part, safe="") for part in path.split("/") if part]
    return "/".join(parts) or "."


def _notifications(report: AuditReport, words: AuditWords, dropped: int) -> list[dict[str, Any]]:
    found = []
    for gap in sorted(report.unresolved):
        text = f"{words('unresolved')}: {words.unresolved(gap.reason)}"
        place: dict[str, Any] = {"artifactLocation": {"uri": uri(gap.file), "uriBaseId": ROOT}}
        if gap.line >= 1:
            place["region"] = {"startLine": gap.line}
        found.append(
            {"level": "note", "message": {"text": _sentence(visible(text))}, "locations": [{"physicalLocation": place}]}
        )
    for one in sorted(report.skipped):
        text = f"{words('skipped')}: {words.skipped(one.reason)}" + (f" ({one.detail})" if one.detail else "")
        place = {"artifactLocation": {"uri": uri(one.file), "uriBaseId": ROOT}}
        found.append(
            {"level": "note", "message": {"text": _sentence(visible(text))}, "locations": [{"physicalLocation": place}]}
        )
    rest = len(found) - NOTIFICATIONS
    found = found[:NOTIFICATIONS]
    for count in (rest, dropped):
        if count > 0:
            found.append({"level": "warning", "message": {"text": _sentence(words("more-rows", count=count))}})
    return found


def _sentence(text: str) -> str:
    text = visible(text).strip()
    return text if text.endswith((".", "。", "!", "?")) else text + "."
