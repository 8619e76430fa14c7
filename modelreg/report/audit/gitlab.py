"""GitLab Code Quality: a JSON array in the part of the Code Climate format that GitLab reads.

Source: docs.gitlab.com, "Code Quality", "Code Quality report format": description, check_name, fingerprint (unique),
severity (info, minor, major, critical, blocker), location.path (relative, without ./), location.lines.begin.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from modelreg.core.finding import AuditReport, Finding
from modelreg.i18n.audit import AuditWords
from modelreg.report.audit.parts import NOTHING, Context, cut, key_of, listed, next_steps, suppressed, visible

_SEVERITY = {"error": "critical", "warning": "minor", "note": "info"}


def render(report: AuditReport, language: str = "en", context: Context = NOTHING) -> str:
    """The array, without what is suppressed; GitLab compares it with that of the target branch itself."""
    words, steps = AuditWords(language), next_steps(report)
    seen: dict[str, int] = {}
    found = [
        _issue(f, words, steps.get(key_of(f), ""), seen)
        for f in listed(report, notes=context.notes)
        if not suppressed(f) and not f.baseline
    ]
    return json.dumps(found, ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def _issue(finding: Finding, words: AuditWords, step: str, seen: dict[str, int]) -> dict[str, Any]:
    r = finding.reference
    number = seen[finding.fingerprint] = seen.get(finding.fingerprint, 0) + 1
    fingerprint = finding.fingerprint
    if number > 1:
        # The same model twice in one file: GitLab drops all but one of equal fingerprints.
        fingerprint = hashlib.sha256(f"{fingerprint}:{number}".encode()).hexdigest()[:32]
    text = words.message(*finding.message) + (f" {words('next')}: {step}" if step else "")
    return {
        "type": "issue",
        "check_name": visible(finding.rule_id),
        "description": cut(visible(text), 1500),
        "categories": ["Compatibility"],
        "fingerprint": fingerprint,
        "severity": _SEVERITY.get(finding.severity, "info"),
        "location": {"path": visible(r.file).removeprefix("./"), "lines": {"begin": max(1, r.line)}},
    }
