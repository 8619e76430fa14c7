"""Which kinds of use the grant covers at all: any, non-commercial, or non-commercial research only."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.core.verdict import PROHIBITED, UNDETERMINED
from modelreg.decision.case import Bundle, Case, Outcome, limit

RULE_ID = "use-scope"
SUMMARY = {
    "en": "A grant for research or for non-commercial purposes covers nothing else.",
    "zh": "仅授予研究或非商业用途的许可，不涵盖其他用途。",
}
_LABEL = {"non-commercial": "non-commercial-only", "research-only": "research-only"}


def check(bundle: Bundle, case: Case) -> Iterator[Outcome]:
    """Non-commercial side only; commercial use under such a grant is the subject of `commercial-use`."""
    settled = bundle.settled("use_scope")
    if settled is None or settled[1]["value"] == "any":
        return
    record, term = settled
    citation = record.cite(term.get("clause"))
    label = _LABEL[term["value"]]
    if case.commercial or case.uses == {"outputs-only"}:
        return
    if case.commercial is False or not case.uses:
        for name in _labels(label):
            yield limit(case, name, citation, via=bundle.via)
        yield from _upstream(bundle, case, record.record.get("upstream_label"))
    if label != "research-only" or case.commercial is None:
        return
    permits = {"research", *(term.get("permits") or ())}
    wanted = {
        "personal": "personal",
        "evaluate": "evaluation",
        "product": "product",
        "api-service": "api-service",
    }
    outside = sorted(u for u in case.uses if u in wanted and wanted[u] not in permits)
    if not outside:
        return
    # Trying a model out on one's own data is not named in every research grant; it is no plain breach of it either.
    effect = UNDETERMINED if outside == ["evaluate"] and case.facts.word("entity") != "academic" else PROHIBITED
    if outside == ["evaluate"] and case.facts.word("entity") == "academic":
        return
    if outside == ["evaluate"] and "research" in case.uses:
        return
    yield Outcome(effect, "outside-research-grant", citation, {"uses": outside})


def _labels(label: str) -> tuple[str, ...]:
    return ("research-only", "non-commercial-only") if label == "research-only" else (label,)


def _upstream(bundle: Bundle, case: Case, upstream: str | None) -> Iterator[Outcome]:
    if upstream:
        yield limit(case, upstream, bundle.license.cite(None), via=bundle.via)
