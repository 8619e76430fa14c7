"""Adjectives of the grant that warn: revocable, not transferable, not sublicensable."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.core.verdict import PROHIBITED
from modelreg.decision.case import Bundle, Case, Outcome, limit

RULE_ID = "grant-limits"
SUMMARY = {
    "en": "A grant may be revocable, and may not be passed on under other or wider terms.",
    "zh": "授权可能可撤销，且不得以其他或更宽的条款转授。",
}
_WIDE = frozenset(
    {"mit", "apache-2.0", "bsd-3-clause", "bsd-2-clause", "unlicense", "cc0-1.0", "cc-by-4.0", "isc", "wtfpl"}
)


def check(bundle: Bundle, case: Case) -> Iterator[Outcome]:
    settled = bundle.settled("grant")
    if settled is None:
        return
    record, term = settled
    citation = record.cite(term.get("clause"))
    if term["revocable"] is True:
        yield limit(case, "revocable", citation, via=bundle.via, background=True)
    if term["sublicensable"] is False or term["transferable"] is False:
        passes_on = case.facts.flag("sublicenses")
        wider = (case.facts.word("derivative_licence") or "").lower() in _WIDE
        met = False if passes_on or wider else (True if passes_on is False else None)
        yield limit(case, "no-sublicense", citation, met=met, via=bundle.via, background=True)
        if passes_on:
            yield Outcome(PROHIBITED, "sublicensing-forbidden", citation, {})
