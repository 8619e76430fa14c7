"""An acceptable-use policy that the licence makes part of itself."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.decision.case import Bundle, Case, Outcome, limit

RULE_ID = "use-policy"
SUMMARY = {
    "en": "A use policy is incorporated; breaking it is breaking the licence.",
    "zh": "许可证并入了使用政策；违反政策即违反许可。",
}


def check(bundle: Bundle, case: Case) -> Iterator[Outcome]:
    for record in bundle.records:
        term = record.term("use_policy")
        if term is not None:
            values = [v for v in (term.get("name"), term.get("url")) if v]
            yield limit(case, "aup", record.cite(term.get("clause")), values=values, via=bundle.via)
