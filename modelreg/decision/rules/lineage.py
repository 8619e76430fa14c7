"""Weights inside count, whatever the tag; each parent must allow the use, and the strictest wins."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.core.license import Citation, License
from modelreg.core.model import HIGH, WEIGHT_FORMS
from modelreg.core.verdict import DUTY, UNDETERMINED, WITH_CONDITIONS, Condition
from modelreg.decision.case import Case, Outcome, note

RULE_ID = "lineage"
SUMMARY = {
    "en": "The terms of every model whose weights are inside apply as well; a re-uploader's tag never widens them.",
    "zh": "凡内含其权重的模型，其条款一并适用；转载者的标签不能放宽条款。",
}


def check(case: Case) -> Iterator[Outcome]:
    own = next((b for b in case.bundles if not b.via), None)
    named: set[str] = set()
    for bundle in case.bundles:
        if bundle.via and bundle.model is not None:
            named.add(bundle.via)
            yield _governs(bundle.license, bundle.via, repeats=False)
    # A copy by somebody else under the very texts of its base: the texts are counted once, the base is still named.
    for base in case.model.bases if case.model is not None else ():
        parent = case.lookup.model(base.model) or case.lookup.find(base.model)
        if own is None or parent is None or parent.id in named or base.form not in WEIGHT_FORMS:
            continue
        if case.model is not None and parent.publisher != case.model.publisher:
            yield _governs(own.license, parent.id, repeats=True)
    yield from _copy(case)
    yield from _tag(case)
    yield from _delta(case)
    yield from _provenance(case)


def _governs(license: License, base: str, *, repeats: bool) -> Outcome:
    citation = license.cite(None)
    condition = Condition(
        "upstream-license-governs", DUTY, (base, license.id), None, citation, via="" if repeats else base
    )
    return Outcome(WITH_CONDITIONS, "base-terms-apply", citation, {"base": base}, condition)


def _copy(case: Case) -> Iterator[Outcome]:
    """A plain copy by somebody else, which the registry does not list: the base's terms, and no tag widens them."""
    descent = case.descent
    if descent is None or descent.confidence != HIGH or not case.bundles:
        return
    inside = next((b for b in case.bundles if b.via), case.bundles[0])
    governing = inside.license
    citation = Citation(governing.id, "", governing.source())
    params = {"base": list(descent.bases), "form": descent.form, "confidence": descent.confidence}
    yield Outcome(WITH_CONDITIONS, "copy-carried", citation, params)
    if "same-publisher" not in descent.why and not case.facts.word("declared_licence"):
        yield note("third-party-tag", citation, values=(descent.owner, governing.id), via=inside.via)


def _tag(case: Case) -> Iterator[Outcome]:
    """A tag that says something else than the texts that govern."""
    declared = case.facts.word("declared_licence")
    if not declared or not case.bundles:
        return
    governing = case.bundles[-1] if case.model is None else case.bundles[0]
    for bundle in case.bundles:
        if bundle.via:
            governing = bundle
    if _same(declared, governing.license.id):
        return
    citation = Citation(governing.license.id, "", governing.license.source())
    yield note("third-party-tag", citation, values=(declared, governing.license.id), via=governing.via)
    if case.model is not None:
        yield note("readme-conflict", citation, values=(f"declared {declared}, text {governing.license.id}",))


def _same(declared: str, license_id: str) -> bool:
    a, b = declared.lower(), license_id.lower()
    return a == b or b in (f"{a}-only", f"{a}-or-later") or a.removesuffix("-license") == b


def _delta(case: Case) -> Iterator[Outcome]:
    """A delta or XOR file is useless without lawfully obtained base weights."""
    model = case.model
    if model is None:
        return
    for base in model.bases:
        if base.form not in ("delta", "adapter"):
            continue
        parent = case.lookup.model(base.model) or case.lookup.find(base.model)
        period = parent.period_at(case.as_of) if parent else None
        record = case.lookup.license(period.license) if period else None
        citation = Citation(record.id if record else "", "", record.source() if record else "")
        has = case.facts.flag("has_base_weights")
        condition = Condition("needs-base-weights", DUTY, (base.model,), has, citation, "", base.model)
        effect = WITH_CONDITIONS if base.form == "delta" or has is False else "permitted"
        yield Outcome(effect, "needs-base-weights", citation, {"base": base.model, "form": base.form}, condition)
    if model is not None and any(b.form == "delta" for b in model.bases) and not case.bundles:
        yield Outcome(UNDETERMINED, "terms-not-seen", Citation("", "", ""), {"name": model.id})


def _provenance(case: Case) -> Iterator[Outcome]:
    """Training data that came from another model: a risk to name, not a condition."""
    if case.model is None:
        return
    for entry in case.model.entry.get("provenance") or ():
        own = case.bundles[0].license if case.bundles else None
        citation = Citation(own.id if own else "", "", own.source() if own else "")
        yield note("provenance-flag", citation, values=(entry.get("en", ""),), text=entry)
