"""What must be done for the acts that are planned: copies of the text, notices, names, displays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelreg.core.facts import Facts
from modelreg.core.license import Term
from modelreg.decision.case import Bundle, Case, Outcome, duty

RULE_ID = "duties"
SUMMARY = {
    "en": "Each duty is owed for certain acts only; a duty that does not bear on the use is not shown as one.",
    "zh": "每项义务只因特定行为而生；与该用途无关的义务不列出。",
}


def check(bundle: Bundle, case: Case) -> Iterator[Outcome]:
    for record, term in bundle.items("duties", policies=True):
        if not term["mandatory"]:
            continue
        if term.get("only") == "commercial" and not case.commercial:
            continue
        if "families" in term and (bundle.model is None or bundle.model.family not in term["families"]):
            continue
        if any(case.acts.get(t) is True for t in term.get("unless") or ()):
            continue
        bears, when = case.bears(term["trigger"])
        if not bears:
            continue
        values = tuple(term.get("values") or ())
        yield duty(
            term["label"],
            record.cite(term.get("clause")),
            is_met(term, case.facts, record.id),
            values=values,
            when=when,
            via=bundle.via,
        )


def is_met(term: Term, facts: Facts, license_id: str) -> bool | None:
    """Whether the described plan does what the duty demands; None where the facts do not say."""
    label = term["label"]
    values = term.get("values") or ()
    if label in ("name-prefix", "name-contains"):
        return _name_met(label, values, facts.word("derivative_name"))
    if label == "keep-notice":
        notice = facts.flag("ships_notice")
        # A plan that hands over the licence text hands over the notice in it.
        return notice if notice is not None else facts.flag("ships_licence")
    if label == "copyleft-source":
        licence = facts.word("derivative_licence")
        same = _squash(license_id.removesuffix("-only").removesuffix("-or-later"))
        return None if licence is None else same in _squash(licence)
    name = _FACT.get(label)
    return facts.flag(name) if name else None


_FACT = {
    "licence-copy": "ships_licence",
    "notice-file": "ships_notice",
    "mark-changes": "marks_changes",
    "built-with": "ui_attribution",
    "attribution-display": "ui_attribution",
    "attribute-source": "ui_attribution",
    "ai-disclosure": "discloses_ai",
    "use-restrictions-flowdown": "passes_on_restrictions",
}


def _name_met(label: str, values: Any, name: str | None) -> bool | None:
    if name is None or not values:
        return None
    # People set hyphens where the text has a blank; an owner in front is not part of the name.
    plain = _squash(name.rpartition("/")[2])
    if label == "name-prefix":
        return any(plain.startswith(_squash(v)) for v in values)
    return any(_squash(v) in plain for v in values)


def _squash(text: str) -> str:
    return re.sub(r"[\s_\-.]+", "", text).casefold()
