"""Fields that a text bans, outright or unless something is done."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.core.license import Citation
from modelreg.core.verdict import DUTY, PROHIBITED, UNDETERMINED, WITH_CONDITIONS, Condition
from modelreg.decision.case import Bundle, Case, Outcome, limit

RULE_ID = "field-of-use"
SUMMARY = {
    "en": "Military, illegal and other listed uses are excluded; some unless a person decides or users are told.",
    "zh": "军事或非法用途以及所列领域被排除；部分领域在有人工介入或已告知用户时除外。",
}
_GENERAL = frozenset({"military", "illegal", "national-security", "public-interest", "rights-of-others", "local-law"})
_MENTIONED = frozenset({"military", "surveillance", "biometric", "weapons", "law-enforcement", "malware", "spam"})
_TAGS = {
    "military": {"military", "weapons"},
    "medical": {"medical"},
    "automated-decision": {"automated-decision"},
    "public-posting": {"public-posting"},
    "competing-model": {"competing-product"},
}


def check(bundle: Bundle, case: Case) -> Iterator[Outcome]:
    general: dict[Citation, list[str]] = {}
    special: dict[Citation, list[str]] = {}
    fields = set().union(*(_TAGS[f] for f in case.facts.words("field"))) if case.facts.words("field") else set()
    asked = (case.facts.word("asks_about") or "").lower()
    mentioned = {t for t in _MENTIONED if t.replace("-", " ") in asked}
    for record, term in bundle.items("use_restrictions", policies=True):
        if term.get("appeal"):
            continue  # a README's request to its readers, not a term
        citation = record.cite(term.get("clause"))
        tag = term["tag"]
        (general if tag in _GENERAL else special).setdefault(citation, []).append(tag)
        if tag in mentioned and tag not in fields:
            # Free words of the question touch a listed use: whether they mean it, only a reader can say.
            yield limit(case, "use-restrictions", citation, values=(tag,), via=bundle.via)
            yield Outcome(UNDETERMINED, "field-mentioned", citation, {"tag": tag}, missing=("field",))
        if tag in fields:
            yield from _banned(bundle, case, citation, tag, term.get("unless") if "unless" in term["effect"] else None)
    own = {r.id for r in bundle.records}
    for citation, tags in general.items():
        if citation.license in own:
            yield limit(
                case, "no-military-illegal", citation, values=sorted(set(tags)), via=bundle.via, background=True
            )
    listed = [c for c in special if c.license in own]
    if listed:
        tags = sorted({t for c in listed for t in special[c]})
        yield limit(case, "use-restrictions", listed[0], values=tags, via=bundle.via)


def _banned(bundle: Bundle, case: Case, citation: Citation, tag: str, unless: str | None) -> Iterator[Outcome]:
    facts = case.facts
    label = "no-military-illegal" if tag in _GENERAL else "use-restrictions"
    if unless == "human-in-the-loop":
        fact, name = facts.flag("human_in_the_loop"), "human_in_the_loop"
    elif unless == "disclosed":
        condition = Condition("ai-disclosure", DUTY, (), facts.flag("discloses_ai"), citation, "", bundle.via)
        yield Outcome(WITH_CONDITIONS, "duty", citation, {"label": "ai-disclosure"}, condition)
        return
    elif unless == "permission":
        fact, name = facts.flag("written_permission"), "written_permission"
    else:
        fact, name = False, ""
    if fact:
        yield limit(case, label, citation, met=True, values=(tag,), via=bundle.via)
    elif fact is None:
        yield limit(case, label, citation, values=(tag,), via=bundle.via)
        yield Outcome(UNDETERMINED, "field-depends", citation, {"tag": tag, "unless": unless}, missing=(name,))
    else:
        yield limit(case, label, citation, met=False, values=(tag,), via=bundle.via)
        yield Outcome(PROHIBITED, "field-banned", citation, {"tag": tag})
