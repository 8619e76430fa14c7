"""The page of a licence: what it says term by term, its clauses, what it governs, where the text is to be had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelreg.core.license import License, Term, clauses_of
from modelreg.report.pages.parts import DASH, Site, anchor, code, md, slug, source, table, web
from modelreg.report.terms import TERMS

# Keys that a sentence of the page says already.
_SAID = (
    "clause",
    "value",
    "note",
    "label",
    "trigger",
    "values",
    "mandatory",
    "tag",
    "metric",
    "crossed",
    "currency",
    "what",
)
_LISTED = 20  # models of one family that are named one by one


def page(site: Site, record: License) -> str:
    """The whole page."""
    path = f"licenses/{slug(record.id)}.md"
    lines = [f"# {md(record.id)}", "", site.switch(path), ""]
    lines += [f"**{md(record.title)}**", "", md(site.words.words.pick(record.record["summary"])), ""]
    lines += [*_head(site, record), ""]
    for title, body in (
        ("term", list(_terms(site, record))),
        ("conflicts", list(_conflicts(site, record))),
        ("page.notes", [f"- {md(site.words.words.pick(n))}" for n in record.record.get("notes") or ()]),
        ("page.clauses", list(_clauses(site, record))),
        ("page.governs", list(_governs(site, record))),
        ("page.where-text", list(_texts(site, record))),
    ):
        if body:
            lines += [f"## {_title(site, title)}", "", *body, ""]
    return "\n".join(lines).rstrip() + "\n"


def _title(site: Site, key: str) -> str:
    return site.words.words("terms" if key == "term" else key) if "." not in key else site.words(key)


def _head(site: Site, record: License) -> Iterator[str]:
    words, data = site.words, record.record
    yield f"- {words('kind.' + record.kind)}, {words('page.version')} {md(str(data['version']))}"
    licensor = data["licensor"]
    if isinstance(licensor, str):
        yield f"- {words.words('col-licensor')}: {words.words(licensor)}"
    else:
        who = licensor.get("legal_name") or licensor["name"]
        more = licensor.get("organisation", "")
        yield f"- {words.words('col-licensor')}: {md(who)}" + (f" ({md(more)})" if more and more != who else "")
    languages = ", ".join(data["languages"])
    prevailing = data.get("prevailing_language")
    if isinstance(prevailing, Mapping):
        languages += f" ({words('page.prevailing', value=prevailing['value'])})"
    yield f"- {words('page.languages')}: {languages}"
    if data.get("supersedes"):
        yield f"- {words('page.supersedes')}: {site.license(data['supersedes'], '../')}"
    for title, ids in (
        ("page.superseded-by", site.successors.get(record.id, ())),
        ("page.beside", sorted(site.together.get(record.id, ()))),
        ("page.policy-of", _carriers(site, record)),
    ):
        if ids:
            yield f"- {words(title)}: " + ", ".join(site.license(i, "../") for i in ids)


def _carriers(site: Site, record: License) -> list[str]:
    return [r.id for r in site.part.licenses.values() if r.value("use_policy", "license") == record.id]


def _terms(site: Site, record: License) -> Iterator[str]:
    words = site.words
    rows = []
    empty: dict[str, list[str]] = {}
    for name in TERMS:
        value = record.terms.get(name)
        if isinstance(value, str):
            empty.setdefault(value, []).append(words(f"term.{name}"))
        elif name == "use_restrictions":
            rows += [[words(f"term.{name}"), text, clause] for text, clause in _bans(site, record)]
        elif value is not None:
            for item in value if isinstance(value, list) else [value]:
                rows.append([words(f"term.{name}"), sentence(site, name, item), _cited(site, record, item)])
    yield from table([words.words("col-term"), words.words("col-value"), words("page.clause")], rows)
    for state, names in sorted(empty.items()):
        yield ""
        yield f"*{words.words(state)}*: {words.join(names)}"


def _bans(site: Site, record: License) -> Iterator[tuple[str, str]]:
    """Forbidden uses, those of one clause and one effect together."""
    words = site.words
    groups: dict[tuple[str, str], list[str]] = {}
    for ban in record.items("use_restrictions"):
        effect = words.words.pick(ban["note"]) if "note" in ban else ""
        head = words.value(ban["effect"])
        if ban.get("unless"):
            head += f" {words.value(ban['unless'])}"
        if ban.get("appeal"):
            head += f" ({words('key.appeal')})"
        key = (f"**{md(head)}**: {{}}" + (f" *{md(effect)}*" if effect else ""), _cited(site, record, ban))
        groups.setdefault(key, []).append(words(f"tag.{ban['tag']}"))
    for (text, clause), tags in groups.items():
        yield text.replace("{}", md(words.join(dict.fromkeys(tags)))), clause


def _cited(site: Site, record: License, term: Term) -> str:
    return site.clauses(record, clauses_of(term))


def sentence(site: Site, name: str, term: Term) -> str:
    """A term in words, as Markdown; prescribed strings and addresses stay as they are."""
    words = site.words
    parts = [_lead(site, name, term)]
    for key, value in term.items():
        if key in _SAID or value in ([], "", "silent", "not-seen") or (key == "applies_to" and not value):
            continue
        if key == ("name" if words.lang == "zh" and term.get("name_zh") else "name_zh") or (key, value) == (
            "basis",
            "licence",
        ):
            continue  # the court's name in the language of the page; where else than in the licence
        if key == "license" and isinstance(value, str):
            parts.append(site.license(value, "../"))
        elif key in ("urls", "url"):
            parts += [web(v) for v in ([value] if isinstance(value, str) else value)]
        elif key in ("emails", "exempt_families", "families", "applies_to", "display", "jurisdiction", "release_date"):
            shown = value if isinstance(value, list) else [value]
            parts.append(f"{words('key.' + key)}: " + ", ".join(code(str(v)) for v in shown))
        elif key in ("also_for", "acts") or (key == "unless" and name == "duties"):
            parts.append(f"{words('key.' + key)}: " + words.join(words(f"check.{v}") for v in value))
        elif key == "automatic" and name == "termination":
            parts.append(f"{words('key.automatic_end')}: {words.value(value)}")
        elif key == "alternative_group":
            parts.append(words("key.alternative_group"))
        else:
            # A key that is newer than the vocabulary stands as it is.
            parts.append(f"{md(words.maybe('key.' + key) or key)}: {md(words.value(value, name))}")
    text = "; ".join(p for p in parts if p)
    note = f" *{md(words.words.pick(term['note']))}*" if "note" in term else ""
    return text + note


def _lead(site: Site, name: str, term: Term) -> str:
    """What a term says first: its value, the limit, the duty, the ban."""
    words = site.words
    if name == "thresholds":
        return f"**{md(words.cap(term))}**"
    if name == "duties":
        text = words.words.condition(term["label"])
        strings = ": " + ", ".join(code(str(v)) for v in term["values"]) if term.get("values") else ""
        when = words.join(words(f"check.{t}") for t in term["trigger"])
        mild = "" if term["mandatory"] else f", {words('page.not-mandatory')}"
        what = f" {md(words.words.pick(term['what']))}" if "what" in term else ""
        return f"{md(text)}{strings} ({when}{mild}){what}"
    if name == "commercial":
        return f"**{md(words.words('commercial-' + term['value']))}**"
    if "value" in term:
        return f"**{md(words.value(term['value'], name))}**"
    return ""


def _conflicts(site: Site, record: License) -> Iterator[str]:
    yield from conflicts(site, record.record.get("conflicts") or ())


def conflicts(site: Site, found: Any) -> Iterator[str]:
    """Statements that disagree, which one is followed, and why."""
    pick = site.words.words.pick
    for conflict in found:
        yield f"- {md(pick(conflict['why']))} ({code(conflict['id'])})"
        for statement in conflict["statements"]:
            where = ""
            if "license" in statement:
                record = site.part.licenses.get(statement["license"])
                where = f" ({site.license(statement['license'], '../')}"
                cited = list(clauses_of(statement))
                if record is not None and cited:
                    where += ", " + site.clauses(record, cited, f"../licenses/{slug(record.id)}.md")
                where += ")"
            elif "url" in statement:
                where = f" ({web(statement['url'])})"
            mark = " ✓" if statement["who"] == conflict["follows"] else ""
            yield f"    - {site.words.words('says', who=statement['who'])}: {md(pick(statement['says']))}{where}{mark}"


def _clauses(site: Site, record: License) -> Iterator[str]:
    pick = site.words.words.pick
    rows = []
    for key, clause in (record.record.get("clauses") or {}).items():
        name = f'<a id="{anchor(key)}"></a>{md(key)}'
        rows.append([name, f"**{md(pick(clause['title']))}** {md(pick(clause['summary']))}", ", ".join(clause["at"])])
    words = site.words
    yield from table([words("page.clause"), words("page.in-our-words"), words("page.where")], rows)


def _governs(site: Site, record: License) -> Iterator[str]:
    words = site.words
    by_family: dict[str, dict[str, list[str]]] = {}
    for model, start, end in site.governed.get(record.id, ()):
        span = f"{start} … {end or words.words('in-force')}"
        by_family.setdefault(model.family, {}).setdefault(span, []).append(model.id)
    for family, spans in sorted(by_family.items()):
        yield f"- {site.family(family, '../')}"
        for span, ids in sorted(spans.items()):
            shown = ", ".join(code(i) for i in ids[:_LISTED])
            more = words("page.copies", count=len(ids) - _LISTED) if len(ids) > _LISTED else ""
            yield f"    - {span}: {shown}{' ' + more if more else ''}"
    if not by_family and record.kind != "use-policy":
        yield words("page.governs-none")


def _texts(site: Site, record: License) -> Iterator[str]:
    words = site.words
    rows = []
    for key, text in (record.record.get("texts") or {}).items():
        blocks = text.get("blocks") or ()
        head = {**text, **blocks[0]} if blocks else text
        lines = ""
        if "first_line" in head:
            lines = " " + words("page.excerpt", first=head["first_line"], last=head["last_line"])
        sha = code(text["sha256"]) if "sha256" in text else DASH
        rows.append(
            [md(key), source(text) + lines, md(str(head.get("commit_date") or text.get("retrieved") or "")), sha]
        )
        if text.get("url") and text_has_place(text):
            rows.append(["", web(text["url"]), "", ""])
    yield from table([words("page.text"), words("page.source"), words("page.date"), "SHA-256"], rows)
    yield ""
    yield f"{words('page.get')} {code(f'modelreg license text {record.id}')}"


def text_has_place(text: Mapping[str, Any]) -> bool:
    """Whether a text names a repository beside its `url`."""
    return bool(text.get("repository") or text.get("blocks"))
