"""Names and marks of the licensor."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.decision.case import Bundle, Case, Outcome, limit

RULE_ID = "trademark"
SUMMARY = {
    "en": "The licensor's names and marks are not licensed, or only as far as a duty needs them.",
    "zh": "不授予许可方名称与商标的使用权，或仅限履行义务所需。",
}


def check(bundle: Bundle, case: Case) -> Iterator[Outcome]:
    if case.only_private:
        return
    settled = bundle.settled("trademark")
    if settled is not None and settled[1]["value"] != "allowed":
        yield limit(
            case, "no-trademark", settled[0].cite(settled[1].get("clause")), via=bundle.via, background=True
        )._replace(effect="permitted")
