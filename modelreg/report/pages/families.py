"""The page of a family of models: every checkpoint with its licence, its base, its history and its names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from modelreg.core.license import License
from modelreg.core.model import Model
from modelreg.report.pages.index import permission
from modelreg.report.pages.licenses import conflicts
from modelreg.report.pages.parts import DASH, Site, code, link, md, slug, table, web
from modelreg.report.terms import names_of, parameters_text


def page(site: Site, family: str) -> str:
    """The whole page."""
    words = site.words
    models = site.families[family]
    lines = [f"# {words('page.family')}: {md(family)}", "", site.switch(f"families/{slug(family)}.md"), ""]
    publishers = dict.fromkeys(m.publisher for m in models)
    names = [str(site.part.publishers.get(p, {}).get("name", p)) for p in publishers]
    lines += [f"{words.words('publisher')}: {md(words.join(names))}", ""]
    columns = ["col-model", "released", "parameters", "col-weights", "col-commercial", "col-code"]
    head = [*(words.words(c) for c in columns), words("page.base")]
    lines += [*table(head, (_row(site, m) for m in models)), ""]
    details = [part for m in models for part in _details(site, m)]
    if details:
        lines += [f"## {words('page.details')}", "", *details]
    return "\n".join(lines).rstrip() + "\n"


def _row(site: Site, model: Model) -> Sequence[str]:
    words = site.words
    entry = model.entry
    period = site.part.period(model)
    weights = md(words.words("not-seen"))
    texts: list[License] = []
    if period is not None:
        weights = " + ".join(site.license(i, "../") for i in (period.license, *period.beside))
        known = site.part.licenses
        texts = [known[i] for i in (*period.beside, period.license) if i in known]
    elif model.periods:
        weights = f"{words('page.until')} {model.periods[-1].end}: {site.license(model.periods[-1].license, '../')}"
    commercial = permission(site, texts) or words.words("silent") if texts else words.words("undetermined")
    upstream = [parent.id for parent, _ in site.part.upstream(model)]
    if upstream:
        commercial += ", " + words("page.and-upstream", models=words.join(upstream))
    bases = [f"{site.model(b.model, '../')} ({md(words('form.' + b.form))})" for b in model.bases]
    parameters = entry.get("parameters")
    return [
        _hub(model),
        str(entry["released"]) if entry.get("released") not in (None, "silent") else DASH,
        parameters_text(parameters, words.words) if isinstance(parameters, Mapping) else DASH,
        weights,
        md(commercial),
        _code(site, model),
        ", ".join(bases),
    ]


def _hub(model: Model) -> str:
    names = model.entry.get("names") or {}
    listed = names.get("huggingface") or ()
    if model.id in listed:
        return link(model.id, f"https://huggingface.co/{model.id}")
    if listed:
        return link(model.id, f"https://huggingface.co/{listed[0]}")
    return md(model.id)


def _code(site: Site, model: Model) -> str:
    if model.code_license is not None:
        return site.license(model.code_license, "../")
    return site.words.words(str(model.entry.get("code_license") or "silent"))


def _details(site: Site, model: Model) -> Iterator[str]:
    """History, names, conflicts and remarks; of a variant only what differs from its parent."""
    words = site.words
    entry = model.entry
    parent = site.part.models.get(str(entry.get("parent") or ""))
    body: list[str] = []
    for hub, names in names_of(entry):
        others = [n for n in names.split(", ") if n != model.id]
        if others and (parent is None or hub != "other"):
            body.append(f"- {hub}: " + ", ".join(code(n) for n in others))
    if len(model.periods) > 1 and (parent is None or parent.periods != model.periods):
        body.append(f"- {words.words('history')}:")
        for period in model.periods:
            both = " + ".join(site.license(i, "../") for i in (period.license, *period.beside))
            body.append(f"    - {period.start} … {period.end or words.words('in-force')}: {both}")
    body += conflicts(site, _own(entry, parent, "conflicts"))
    for remark in _own(entry, parent, "remarks"):
        who = f"{md(remark['author'])}, {remark.get('date', '')}".rstrip(", ")
        body.append(f"- {md(words.words.pick(remark['says']))} ({web(remark['url'], who)})")
    for note in (*_own(entry, parent, "notes"), *_own(entry, parent, "provenance")):
        body.append(f"- {md(words.words.pick(note))}")
    if body:
        yield f"### {md(model.id)}"
        yield ""
        yield from body
        yield ""


def _own(entry: Mapping[str, object], parent: Model | None, key: str) -> list[Mapping[str, str]]:
    found = entry.get(key)
    inherited = parent.entry.get(key) if parent is not None else None
    rows: list[Mapping[str, str]] = found if isinstance(found, list) else []
    known = inherited if isinstance(inherited, list) else []
    return [row for row in rows if row not in known]
