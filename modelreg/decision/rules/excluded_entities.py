"""Some kinds of organisation, or private persons, cannot use the offer at all."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.core.verdict import PROHIBITED, SEPARATE_LICENCE
from modelreg.decision.case import Bundle, Case, Outcome, limit, permission
from modelreg.decision.rules.thresholds import permission_against_text

RULE_ID = "excluded-entities"
SUMMARY = {
    "en": "Software, cloud or model providers, or natural persons, may be outside the offer; affiliates may count.",
    "zh": "软件、云或模型服务商以及自然人可能被排除在外；关联方亦可能计入。",
}
_COMPANIES = frozenset({"company", "software-provider", "cloud-provider", "maas-provider"})


def check(bundle: Bundle, case: Case) -> Iterator[Outcome]:
    entity = case.facts.word("entity")
    affiliate = case.facts.word("affiliate_entity")
    for record, term in bundle.items("excluded_entities"):
        if term["only"] == "commercial" and case.commercial is False:
            continue
        if "acts" in term and not any(case.acts.get(a) is True for a in term["acts"]):
            continue
        citation = record.cite(term.get("clause"))
        excluded = term["entity"]
        label = "natural-person-excluded" if excluded == "individual" else "entity-exclusion"
        hit = _is(entity, excluded)
        hit_affiliate = term["affiliates"] is True and _is(affiliate, excluded)
        if hit or hit_affiliate:
            yield limit(case, label, citation, met=False, values=(excluded,), via=bundle.via)
            if hit_affiliate:
                yield limit(case, "affiliates-counted", citation, met=False, values=(excluded,), via=bundle.via)
            if term["effect"] == "separate-licence":
                yield permission(case, bundle, SEPARATE_LICENCE, citation, "entity-needs-licence", entity=excluded)
            elif case.facts.flag("written_permission"):
                yield from permission_against_text(bundle, case, citation)
            else:
                yield Outcome(PROHIBITED, "entity-excluded", citation, {"entity": excluded})
        elif entity is None:
            yield limit(case, label, citation, values=(excluded,), via=bundle.via)


def _is(entity: str | None, excluded: str) -> bool:
    if entity is None:
        return False
    if excluded == "commercial-entity":
        return entity in _COMPANIES
    if excluded == "cloud-provider":
        return entity in ("cloud-provider", "maas-provider")
    return entity == excluded
