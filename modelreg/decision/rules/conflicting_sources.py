"""Where sources disagree, both are named and the stricter (or the one recorded with its reason) is followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelreg.core.license import Citation
from modelreg.core.verdict import UNDETERMINED
from modelreg.decision.case import Case, Outcome, note

RULE_ID = "conflicting-sources"
SUMMARY = {
    "en": "README, card, tag and licence text (or two languages) disagree; both are named, and which is followed.",
    "zh": "README、模型卡、标签与许可证文本（或两种语言）不一致；列出冲突及所采读法。",
}


def check(case: Case) -> Iterator[Outcome]:
    seen: set[str] = set()
    if case.model is not None:
        yield from _named(case, case.model.conflicts, seen, "")
    for bundle in case.bundles:
        if bundle.model is not None and bundle.via:
            yield from _named(case, bundle.model.conflicts, seen, bundle.via)
        for record in bundle.everything:
            yield from _named(case, record.record.get("conflicts") or (), seen, bundle.via)


def _named(case: Case, conflicts: Any, seen: set[str], via: str) -> Iterator[Outcome]:
    for conflict in conflicts:
        if conflict["id"] in seen or not _bears(case, conflict):
            continue
        seen.add(conflict["id"])
        if case.uses == {"code-only"} and conflict["field"] == "code_license" and conflict["follows"] != "licence":
            yield Outcome(UNDETERMINED, "code-licence-disputed", _citation(case, conflict), {"why": conflict["id"]})
        yield note("readme-conflict", _citation(case, conflict), values=(conflict["id"],), via=via)


def _bears(case: Case, conflict: Mapping[str, Any]) -> bool:
    if case.uses == {"code-only"}:
        return bool(conflict["field"] == "code_license")
    on = set(conflict["bears_on"])
    if "any" in on:
        return True
    return bool(
        ("commercial" in on and case.commercial is not False)
        or ("research" in on and case.commercial is not True)
        or ("distribution" in on and case.acts["distribution"] is not False)
        or ("hosting" in on and case.acts["hosting"] is not False)
        or ("training" in on and case.acts["training"])
    )


def _citation(case: Case, conflict: Mapping[str, Any]) -> Citation:
    for statement in conflict["statements"]:
        if "license" in statement:
            record = case.lookup.license(statement["license"])
            if record is not None:
                return record.cite(statement.get("clause"))
    for statement in conflict["statements"]:
        if "url" in statement:
            return Citation("", str(statement.get("clause") or ""), str(statement["url"]))
    return Citation("", "", "")
