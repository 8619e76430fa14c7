"""Workflow commands of GitHub Actions: an annotation at each place, errors first, because few are shown a step.

Source: docs.github.com, "Workflow commands"; escapes as in actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

from modelreg.core.finding import AuditReport, Finding
from modelreg.i18n.audit import AuditWords
from modelreg.report.audit.parts import (
    NOTHING,
    SEVERITIES,
    Context,
    counts,
    cut,
    in_order,
    key_of,
    next_steps,
    suppressed,
    visible,
)

_COMMAND = {"error": "error", "warning": "warning", "note": "notice"}
_TEXT = 1500


def render(report: AuditReport, language: str = "en", context: Context = NOTHING) -> str:
    """One command a line, and one line of summary; nothing that is suppressed or known before."""
    words = AuditWords(language)
    steps = next_steps(report)
    shown = [f for f in in_order(report.findings) if not suppressed(f) and not f.baseline]
    out = [
        _command(finding, words, steps.get(key_of(finding), ""))
        for severity in SEVERITIES
        for finding in shown
        if finding.severity == severity and (context.notes or severity != "note")
    ]
    tally = counts(report)
    line = words("counts-severity", errors=tally.errors, warnings=tally.warnings, notes=tally.notes)
    verdict = words("fails" if tally.failing else "passes")
    out.append(f"modelreg audit: {verdict}: {line}")
    return "\n".join(out) + "\n"


def _command(finding: Finding, words: AuditWords, step: str) -> str:
    r = finding.reference
    properties = {"file": r.file}
    if r.line >= 1:
        properties |= {"line": str(r.line), "endLine": str(r.line)}
        if r.column >= 1:
            properties["col"] = str(r.column)
        if r.end_column > r.column >= 1:
            properties["endColumn"] = str(r.end_column)
    properties["title"] = f"modelreg: {finding.rule_id}"
    text = words.message(*finding.message) + (f" {words('next')}: {step}" if step else "")
    head = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{_COMMAND.get(finding.severity, 'notice')} {head}::{_data(cut(visible(text), _TEXT))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")
