"""Code is not weights: where their licences differ, say which answer is for which."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.core.license import Citation
from modelreg.decision.case import Case, Outcome, note

RULE_ID = "code-and-weights"
SUMMARY = {
    "en": "Code and weights may be under different licences; the answer says which one it is for.",
    "zh": "代码与权重可能适用不同许可证；答案说明针对哪一个。",
}


def check(case: Case) -> Iterator[Outcome]:
    model = case.model
    if model is None or model.code_license is None:
        return
    code = model.code_license
    own = next((b for b in case.bundles if not b.via), None)
    period = model.period_at(case.as_of)
    weights = own.license.id if own else period.license if period else None
    if weights == code:
        return
    record = case.lookup.license(code)
    citation = Citation(code, "", record.source() if record else "")
    yield note("code-vs-weights", citation, values=(code, weights or "NOASSERTION"))
