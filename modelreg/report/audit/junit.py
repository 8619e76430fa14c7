"""JUnit XML: a test case for each finding, and a passing one for each model with none.

Source: the schema of Jenkins' xUnit plug-in (testsuites, testsuite, testcase, failure, skipped, system-out).
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from modelreg.core.finding import AuditReport, Finding
from modelreg.i18n.audit import AuditWords
from modelreg.report.audit.parts import (
    NOTHING,
    Context,
    cut,
    fails,
    key_of,
    listed,
    models_of,
    next_steps,
    suppressed,
    visible,
)

_TEXT = 2000


def render(report: AuditReport, language: str = "en", context: Context = NOTHING) -> str:
    """One suite. Failures are what fails the build; what is suppressed or in the baseline is skipped."""
    words, steps = AuditWords(language), next_steps(report)
    findings = listed(report, notes=context.notes)
    cases = [_case(f, words, steps.get(key_of(f), "")) for f in findings]
    told = {id(f) for f in findings}
    for view in models_of(report):
        if not any(id(f) in told for f in view.findings):
            cases.append(f"    <testcase{_attributes(classname='modelreg.models', name=view.name, time='0')}/>\n")
    if not cases:
        cases.append(f"    <testcase{_attributes(classname='modelreg.models', name=words('clean'), time='0')}/>\n")
    failures = sum(map(fails, findings))
    skipped = sum(suppressed(f) or f.baseline for f in findings)
    sums = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": str(skipped), "time": "0"}
    suite = _attributes(name=words("junit-suite"), timestamp=f"{report.as_of}T00:00:00", **sums)
    del sums["skipped"]  # testsuites has no such attribute in the schema
    whole = _attributes(name=words("junit-suite"), **sums)
    body = "".join(cases)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<testsuites{whole}>\n  <testsuite{suite}>\n{body}  </testsuite>\n</testsuites>\n"
    )


def _case(finding: Finding, words: AuditWords, step: str) -> str:
    r = finding.reference
    name = f"{finding.rule_id}: {r.name or r.text} ({r.file}:{r.line}:{r.column})"
    head = _attributes(classname=r.file, name=name, file=r.file, line=str(max(1, r.line)), time="0")
    text = words.message(*finding.message) + (f" {words('next')}: {step}" if step else "")
    rule = finding.suppression
    if suppressed(finding) and rule is not None:
        inner = f"<skipped{_attributes(message=f'{rule.justification} ({rule.owner})')}/>"
    elif finding.baseline:
        inner = f"<skipped{_attributes(message=words('in-baseline'))}/>"
    elif fails(finding):
        inner = (
            f"<failure{_attributes(message=text, type=finding.rule_id)}>{_xml(f'{r.file}:{r.line}: {text}')}</failure>"
        )
    else:
        inner = f"<system-out>{_xml(text)}</system-out>"
    return f"    <testcase{head}>{inner}</testcase>\n"


def _attributes(**values: str) -> str:
    return "".join(f" {key}={quoteattr(cut(visible(value), _TEXT))}" for key, value in values.items())


def _xml(text: str) -> str:
    # `]]>` may not stand in character data even outside CDATA.
    return cut(visible(text), _TEXT).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
