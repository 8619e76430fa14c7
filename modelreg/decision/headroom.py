"""How near a declared number comes to a limit of the terms, while it is still within."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from modelreg.core.facts import Facts
from modelreg.core.license import Citation, License, Term
from modelreg.decision.case import Bundle
from modelreg.decision.rules.thresholds import fact_names, over


class Headroom(NamedTuple):
    """One limit and the declared number.

    Attributes:
        metric: mau, dau, visits, devices or revenue; fact: its name; figure, limit: the two numbers.
        percent: figure of limit, rounded down; effect: what happens above it; citation: where it stands.
        via: the ancestor through which it comes, or "".
    """

    metric: str
    fact: str
    figure: int
    limit: int
    percent: int
    effect: str
    citation: Citation
    via: str


def headroom(bundles: Sequence[Bundle], facts: Facts, percent: int, commercial: bool | None) -> list[Headroom]:
    """Limits of which a declared number takes at least some percent and which it does not cross.

    Args:
        bundles: texts in force; percent: share from which a limit is told; commercial: limits for commercial use only
            do not bear where this is False.
    """
    found: list[Headroom] = []
    for bundle in bundles:
        groups: dict[str, list[Headroom | None]] = {}
        for number, (record, term) in enumerate(bundle.items("thresholds")):
            if term["only"] == "commercial" and commercial is False:
                continue
            near = _near(record, term, facts, percent, bundle.via)
            groups.setdefault(str(term.get("alternative_group") or f"#{number}"), []).append(near)
        for members in groups.values():
            # Limits that are alternatives: one that is far off is enough.
            if None not in members:
                found += [m for m in members if m is not None and m not in found]
    return found


def _near(record: License, term: Term, facts: Facts, percent: int, via: str) -> Headroom | None:
    own_name, their_name = fact_names(term)
    own = facts.count(own_name)
    if own is None and own_name == "mau_on_release_date":
        own_name, own = "mau", facts.count("mau")
    if own is None:
        return None
    theirs = facts.count(their_name) if their_name and term["affiliates"] is True else None
    figure = own + theirs if theirs is not None and term.get("sum") else max(own, theirs or 0)
    share = figure * 100 // int(term["value"])
    if share < percent or over(figure, term["value"], term["crossed"]):
        return None
    citation = record.cite(term.get("clause"))
    return Headroom(term["metric"], own_name, figure, term["value"], share, term["effect"], citation, via)
