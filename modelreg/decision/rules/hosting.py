"""Is offering hosted access inside the grant?"""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.core.verdict import PROHIBITED, SEPARATE_LICENCE
from modelreg.decision.case import Bundle, Case, Outcome, limit, permission

RULE_ID = "hosting"
SUMMARY = {
    "en": "Hosted access for others may be outside the grant or need its own licence.",
    "zh": "向他人提供托管访问可能不在授权范围内或须另行许可。",
}


def check(bundle: Bundle, case: Case) -> Iterator[Outcome]:
    settled = bundle.settled("hosting")
    if settled is None:
        return
    record, term = settled
    values = set(term["value"])
    if not values & {"restricted", "forbidden"}:
        return
    citation = record.cite(term.get("clause"))
    hosting = case.acts["hosting"]
    if not hosting:
        if not case.only_private:
            yield limit(case, "hosting-restriction", citation, met=True if hosting is False else None, via=bundle.via)
        return
    yield limit(case, "hosting-restriction", citation, met=False, via=bundle.via)
    if "forbidden" in values:
        yield Outcome(PROHIBITED, "hosting-forbidden", citation, {})
    else:
        # The way that the same texts name for commercial use is the way to this permission too.
        commercial = bundle.settled("commercial")
        kind = commercial[1]["approval"] if commercial is not None else "none"
        yield permission(case, bundle, SEPARATE_LICENCE if kind == "none" else kind, citation, "hosting-restricted")
