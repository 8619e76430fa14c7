"""Terms change: the answer names the version that it is for."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.core.license import Citation
from modelreg.decision.case import Case, Outcome, note

RULE_ID = "terms-changed"
SUMMARY = {
    "en": "The terms of these weights changed over time; the answer is for the version named.",
    "zh": "这些权重的条款曾变更；答案只针对所列版本。",
}


def check(case: Case) -> Iterator[Outcome]:
    for bundle in case.bundles:
        if bundle.via or bundle.model is None:
            continue
        periods = bundle.model.periods
        if len({(p.license, p.beside) for p in periods}) < 2:
            continue
        current = bundle.model.period_at(case.as_of)
        citation = Citation(bundle.license.id, "", bundle.license.source())
        values = [f"{p.start}: {p.license}" for p in periods]
        yield note("terms-changed", citation, values=values, current=current.start if current else "")
        granted = case.facts.word("permission_date")
        if granted and current and granted < current.start and case.facts.flag("written_permission"):
            yield Outcome(
                "permitted-with-conditions",
                "permission-predates-terms",
                citation,
                {"granted": granted, "changed": current.start},
            )
