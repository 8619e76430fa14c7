"""The index: all licences, their commercial terms side by side, and the families."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from modelreg.core.license import License, Term
from modelreg.report.pages.parts import DASH, Site, code, link, md, slug, table
from modelreg.report.statistics import sentence

Say = Callable[[Term], str]
COLUMNS = (
    "licenses", "permission", "caps", "excluded", "territory", "training", "display", "law", "court",
)  # fmt: skip
NAMING = ("built-with", "name-prefix", "name-contains", "attribution-display", "notice-file", "ai-disclosure")


def page(site: Site) -> str:
    """The whole page."""
    words, part = site.words, site.part
    lines = [f"# {words('page.registry')}", "", site.switch("README.md"), "", words("page.about"), ""]
    lines += [sentence(part, words), ""]
    texts = [r for r in part.licenses.values() if r.kind not in ("statement", "use-policy")]
    statements = [r for r in part.licenses.values() if r.kind == "statement"]
    policies = [r for r in part.licenses.values() if r.kind == "use-policy"]
    lines += [f"## {words('page.comparison')}", "", words("page.comparison-lead"), ""]
    lines += [*compare(site, texts), ""]
    lines += [f"## {words('page.statements')}", "", *compare(site, statements), ""]
    if policies:
        lines += [f"## {words('page.policies')}", ""]
        lines += [f"- {site.license(r.id)}: {md(words.words.pick(r.record['summary']))}" for r in policies] + [""]
    lines += [f"## {words('page.families')}", ""]
    rows = []
    for family, models in site.families.items():
        current = [site.part.period(m) for m in models]
        used = dict.fromkeys(p.license for p in current if p is not None)
        shown = ", ".join(site.license(i) for i in used) or md(words.words("not-seen"))
        rows.append([site.family(family), str(len(models)), shown])
    lines += table([words("page.family"), words("page.models"), words("page.licenses")], rows)
    return "\n".join(lines).rstrip() + "\n"


def compare(site: Site, records: Iterable[License]) -> list[str]:
    """A table of commercial terms, one record a line."""
    columns = [site.words(f"page.{c}") for c in COLUMNS]
    return table(columns, (row(site, r) for r in records))


def row(site: Site, record: License) -> Sequence[str]:
    """The commercial terms of one record; a blank is what its text does not say."""
    words = site.words
    return [
        site.license(record.id),
        _permission(site, record),
        _list(site, record, "thresholds", lambda t: words.cap(t)),
        _list(site, record, "excluded_entities", lambda t: words.value(t["entity"])),
        _one(site, record, "territory", lambda t: words.join(t["excluded"])),
        _one(site, record, "training_other_models", lambda t: words.value(t["value"])),
        _naming(site, record),
        _one(site, record, "governing_law", lambda t: str(t["jurisdiction"])),
        _one(site, record, "forum", lambda t: _court(site, t)),
    ]


def permission(site: Site, records: Sequence[License]) -> str:
    """How commercial use stands under these texts together, statements first; "" where none of them settles it."""
    words = site.words
    for record in records:
        if record.state("commercial") == "known":
            approval = record.value("commercial", "approval")
            needed = f" ({words.value(approval)})" if approval not in (None, "none") else ""
            return words.words(f"commercial-{record.value('commercial')}") + needed
    if any(r.value("use_scope") in ("non-commercial", "research-only") for r in records):
        return words.words("commercial-prohibited")
    return ""


def _permission(site: Site, record: License) -> str:
    found = permission(site, [record])
    if found:
        return md(found)
    # A text that does not settle it often stands beside a statement that does.
    beside = [site.part.licenses[i] for i in sorted(site.together.get(record.id, ())) if i in site.part.licenses]
    offers = [r for r in beside if r.kind == "statement" and permission(site, [r])]
    if offers and record.kind != "statement":
        last = max(offers, key=lambda r: (str(r.record["released"]), r.id))
        target = f"licenses/{slug(last.id)}.md"
        return f"{md(permission(site, [last]))} ({link(site.words('kind.statement'), target)})"
    return _blank(site, record, "commercial")


def _list(site: Site, record: License, name: str, say: Say) -> str:
    found = list(dict.fromkeys(say(t) for t in record.items(name)))
    return md("; ".join(found)) if found else _blank(site, record, name)


def _one(site: Site, record: License, name: str, say: Say) -> str:
    term = record.term(name)
    return md(say(term)) if term is not None else _blank(site, record, name)


def _naming(site: Site, record: License) -> str:
    found: list[str] = []
    for duty in record.items("duties"):
        if duty["label"] in NAMING and duty["mandatory"]:
            # A Notice sentence is long; its page has it whole.
            strings = duty.get("values") or () if duty["label"] != "notice-file" else ()
            what = md(site.words.words.condition(duty["label"]))
            found.append(what + (": " + ", ".join(code(str(v)) for v in strings) if strings else ""))
    if not found:
        return _blank(site, record, "duties") if record.state("duties") == "not-seen" else DASH
    return "; ".join(dict.fromkeys(found))


def _court(site: Site, term: Term) -> str:
    name = term.get("name_zh") if site.words.lang == "zh" else None
    return str(name or term["name"])


def _blank(site: Site, record: License, name: str) -> str:
    return site.words.words("not-seen") if record.state(name) == "not-seen" else DASH
