"""Write docs/rules/: a page per decision rule (docstring, summaries, reasons), and one per rule of the audit.

usage: python scripts/make_rule_pages.py [--check]      --check writes nothing and exits 1 where a page is not current
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from modelreg.audit import rules as audit_rules
from modelreg.decision.rules import ALL_RULES
from modelreg.i18n import en, en_findings, zh, zh_findings
from modelreg.i18n.audit import AuditWords

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "rules"


def page(rule_id: str) -> str:
    module = ALL_RULES[rule_id]
    source = inspect.getsource(module)
    codes = [c for c in en.REASONS if f'"{c}"' in source]
    labels = sorted({x for x in re.findall(r'"([a-z][a-z-]+)"', source) if x in en.CONDITIONS})
    lines = [
        f"# {rule_id}",
        "",
        module.SUMMARY["en"],
        "",
        module.SUMMARY["zh"],
        "",
        inspect.cleandoc(module.__doc__),
        "",
    ]
    if codes:
        lines += ["## Reasons", "", "| code | English | 中文 |", "| --- | --- | --- |"]
        lines += [f"| `{c}` | {en.REASONS[c]} | {zh.REASONS[c]} |" for c in codes] + [""]
    if labels:
        lines += ["## Conditions", "", "| label | English | 中文 |", "| --- | --- | --- |"]
        lines += [f"| `{x}` | {en.CONDITIONS[x]} | {zh.CONDITIONS[x]} |" for x in labels] + [""]
    return "\n".join(lines)


# Message codes by the rule that gives them, in the order of the catalogue.
AUDIT_MESSAGES = {
    "prohibited-use": ["prohibited"],
    "requires-agreement": ["agreement-first"],
    "undetermined-terms": ["undetermined", "copy-uncertain"],
    "unmet-condition": ["condition-missed"],
    "unknown-model": ["unknown", "unknown-near", "unknown-weights"],
    "ambiguous-model": ["ambiguous"],
    "partial-name": ["partial", "partial-of"],
    "hosted-model": ["hosted"],
    "model-found": ["found", "found-as", "found-copy", "found-undeclared"],
    "denied-by-policy": ["denied", "not-allowed"],
    "warned-by-policy": ["warned"],
    "card-claims-more": ["card-wider"],
    "unresolved-model": ["unresolved"],
    "not-acknowledged": ["not-acknowledged", "no-acknowledgement", "other-use"],
    "evidence-missing": ["no-registration", "no-letter"],
    "not-pinned": ["no-pin", "no-commit"],
    "other-revision": ["other-revision"],
    "text-changed": ["text-changed", "text-new"],
    "stale-facts": ["stale"],
    "headroom": ["headroom"],
    "no-use-declared": ["no-use"],
    "expired-suppression": ["suppression-expired", "suppression-past"],
    "unused-suppression": ["suppression-unused"],
    "unused-pin": ["pin-unused"],
}


def audit_page(rule_id: str) -> str:
    words = AuditWords("en"), AuditWords("zh")
    severity = audit_rules.RULES[rule_id]
    lines = [
        f"# {rule_id}",
        "",
        en_findings.RULES[rule_id],
        "",
        zh_findings.RULES[rule_id],
        "",
        f"Rule of `modelreg audit`; severity, unless the policy says otherwise: `{severity}`. At levels",
        "that do not fail (`fail_on`) it is a note. See [audit.md](../audit.md).",
        "",
    ]
    if words[0].rule_help(rule_id):
        lines += ["## What to do", "", words[0].rule_help(rule_id), "", words[1].rule_help(rule_id), ""]
    lines += ["## Messages", "", "| code | English | 中文 |", "| --- | --- | --- |"]
    for code in AUDIT_MESSAGES[rule_id]:
        lines.append(f"| `{code}` | {en_findings.MESSAGES[code]} | {zh_findings.MESSAGES[code]} |")
    return "\n".join([*lines, ""])


def main() -> int:
    told = [code for codes in AUDIT_MESSAGES.values() for code in codes]
    if sorted(told) != sorted(en_findings.MESSAGES) or set(AUDIT_MESSAGES) != set(audit_rules.RULES):
        raise SystemExit("AUDIT_MESSAGES does not fit the catalogue: add the new codes and rules")
    pages = {FOLDER / f"{rule_id}.md": page(rule_id) for rule_id in ALL_RULES}
    pages |= {FOLDER / f"{rule_id}.md": audit_page(rule_id) for rule_id in audit_rules.RULES}
    index = ["# Rules", "", "Every rule looks at every text; the strictest finding is the verdict.", ""]
    index += [f"- [{i}]({i}.md): {m.SUMMARY['en']}" for i, m in ALL_RULES.items()]
    index += ["", "## Rules of the audit", "", "What `modelreg audit` tells ([audit.md](../audit.md)).", ""]
    index += [f"- [{i}]({i}.md) ({severity}): {en_findings.RULES[i]}" for i, severity in audit_rules.RULES.items()]
    pages[FOLDER / "README.md"] = "\n".join(index) + "\n"
    stale = [p for p, text in pages.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    stale += [p for p in FOLDER.glob("*.md") if p not in pages]
    if "--check" in sys.argv:
        print("\n".join(f"not current: {p.name}" for p in stale) or "the rule pages are current")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.md"):
        if path not in pages:
            path.unlink()
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    print(f"{len(pages)} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
