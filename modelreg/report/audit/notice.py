"""The attribution pack of the models in use: prescribed lines to the letter, and where each licence text is.

No licence text is copied: each is named with its address, commit and sha256, to be fetched and compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from modelreg.core.finding import AuditReport
from modelreg.core.holdings import Holdings, text_url
from modelreg.core.verdict import UNDETERMINED
from modelreg.i18n.audit import AuditWords
from modelreg.report.audit.bom import Entry, entries, purl_of
from modelreg.report.audit.parts import NOTHING, Context, visible
from modelreg.report.lines import Line, escaped, plain

SCHEMA_VERSION = "1"
FORMATS = ("text", "markdown", "json")
_LINES = ("notice-file", "keep-notice")
_DISPLAY = ("built-with",)
_ATTRIBUTION = ("attribution-display", "attribute-source")
_NAMES = ("name-prefix", "name-contains")


def render(report: AuditReport, language: str = "en", context: Context = NOTHING, format: str = "text") -> str:
    """The pack as text (a NOTICE file), Markdown or JSON, with a final newline.

    Args:
        context: `holdings` give the places of the texts; `levels` say which models are in.
    """
    return written(data(report, language, context), language, format)


def written(pack: Mapping[str, Any], language: str, format: str) -> str:
    """A pack that was made by `data`, as text, markdown or json."""
    if format == "json":
        return json.dumps(pack, ensure_ascii=False, sort_keys=True, indent=2) + "\n"
    words = AuditWords(language)
    return _markdown(pack, words) if format == "markdown" else plain(_lines(pack, words))


def is_complete(pack: Mapping[str, Any]) -> bool:
    """Whether the terms of every model in use are known."""
    return not pack["open"]


def data(report: AuditReport, language: str = "en", context: Context = NOTHING) -> dict[str, Any]:
    """The pack as plain values: `lines`, `display`, `attribution`, `names`, `models`, `texts`, `open`.

    Each prescribed value stands once, with the models and clauses that ask for it.
    """
    words = AuditWords(language)
    found = entries(report, context)
    open_ = []
    for entry in found:
        if not entry.view.decision.get("licenses"):
            key = "notice-no-terms" if entry.view.model else "notice-unknown"
            open_.append({"model": entry.view.name, "message": words(key, model=entry.view.name)})
        elif entry.view.verdict == UNDETERMINED and not entry.view.model:
            open_.append({"model": entry.view.name, "message": words("notice-no-terms", model=entry.view.name)})
    return {
        "schema_version": SCHEMA_VERSION,
        "as_of": report.as_of,
        "facts": dict(report.facts),
        "lines": _prescribed(found, _LINES, words, context),
        "display": _prescribed(found, _DISPLAY, words, context),
        "attribution": _prescribed(found, _ATTRIBUTION, words, context),
        "names": _prescribed(found, _NAMES, words, context),
        "models": [_model(entry, words) for entry in found],
        "texts": _texts(found, context.holdings),
        "open": open_,
    }


def _prescribed(
    found: list[Entry], labels: tuple[str, ...], words: AuditWords, context: Context
) -> list[dict[str, Any]]:
    by_value: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in found:
        for condition in entry.view.of_role("duty"):
            if condition["label"] not in labels:
                continue
            for value in condition.get("values") or ():
                one = by_value.setdefault(
                    (str(condition["label"]), str(value)),
                    {"label": condition["label"], "value": str(value), "models": [], "asked_by": [], "where": ""},
                )
                if entry.view.name not in one["models"]:
                    one["models"].append(entry.view.name)
                asked = {
                    "license": str(condition.get("license") or ""),
                    "clause": str(condition.get("clause") or ""),
                    "when": str(condition.get("when") or ""),
                }
                if asked not in one["asked_by"]:
                    one["asked_by"].append(asked)
                one["where"] = one["where"] or _where(condition, words, context.holdings)
    return list(by_value.values())


def _where(condition: Mapping[str, Any], words: AuditWords, part: Holdings | None) -> str:
    """What the record says of the duty: on which page, in which file."""
    record = part.licenses.get(str(condition.get("license"))) if part is not None else None
    for duty in record.items("duties") if record is not None else ():
        if duty["label"] == condition["label"] and list(duty.get("values") or ()) == list(condition["values"]):
            return words.words.pick(duty.get("what") or "")
    return ""


def _model(entry: Entry, words: AuditWords) -> dict[str, Any]:
    view = entry.view
    duties = [
        {
            "label": str(c["label"]),
            "text": words.words.condition(str(c["label"])),
            "values": [str(v) for v in c.get("values") or ()],
            "license": str(c.get("license") or ""),
            "clause": str(c.get("clause") or ""),
            "source": str(c.get("source") or ""),
            "when": str(c.get("when") or ""),
            "via": str(c.get("via") or ""),
        }
        for c in view.of_role("duty")
    ]
    code = ""
    if entry.model is not None:
        code = entry.model.code_license or ""
    return {
        "name": view.name,
        "model": view.model,
        "purl": purl_of(entry),
        "revision": entry.revision,
        "verdict": view.verdict,
        "declared": entry.declared,
        "licenses": [str(x["license"]) for x in view.decision.get("licenses") or ()],
        "code_license": code,
        "bases": [b.id for b in entry.bases],
        "duties": duties,
    }


def _texts(found: list[Entry], part: Holdings | None) -> list[dict[str, Any]]:
    texts: dict[str, dict[str, Any]] = {}
    for entry in found:
        for one in entry.view.decision.get("licenses") or ():
            id_ = str(one["license"])
            text = texts.setdefault(
                id_,
                {"license": id_, "title": str(one["title"]), "kind": str(one["kind"]), "models": [], "places": []},
            )
            if entry.view.name not in text["models"]:
                text["models"].append(entry.view.name)
    for id_, text in texts.items():
        record = part.licenses.get(id_) if part is not None else None
        if record is not None:
            text["places"] = [_place(t) for t in (record.record.get("texts") or {}).values()]
    return [texts[id_] for id_ in sorted(texts)]


def _place(text: Mapping[str, Any]) -> dict[str, Any]:
    blocks = text.get("blocks") or ()
    head = {**text, **blocks[0]} if blocks else text
    keys = ("repository", "path", "commit", "commit_date", "sha256", "language", "exactness")
    return {"url": text_url(text), **{key: head[key] for key in keys if head.get(key)}}


def _lines(pack: Mapping[str, Any], words: AuditWords) -> Iterator[Line]:
    """A NOTICE file: what is prescribed stands alone on its line, to the letter."""
    yield Line(words("notice-title"))
    yield Line("")
    if not pack["models"]:
        yield Line(words("notice-none"))
        return
    yield Line(words("notice-intro"))
    for key, head in (("lines", "notice-lines"), ("display", "notice-display"), ("attribution", "notice-attribution")):
        if pack[key]:
            yield from _head(words(head))
        for one in pack[key]:
            yield Line(one["value"])
            yield from (Line(text, depth=1) for text in _about(one, words))
    if pack["names"]:
        yield from _head(words("notice-names"))
    for one in pack["names"]:
        yield Line(words("notice-" + one["label"], value=one["value"]))
        yield from (Line(text, depth=1) for text in _about(one, words))
    yield from _head(words("models"))
    for model in pack["models"]:
        yield Line(visible(_title(model, words)))
        for text in _owed(model, words):
            yield Line("- " + text, depth=1)
    yield from _head(words("notice-texts"))
    for one in pack["texts"]:
        yield Line(f"{one['license']}: {one['title']}")
        for text in _found_at(one, words):
            yield Line(text, depth=1)
    if pack["open"]:
        yield from _head(words("notice-open"))
        yield from (Line("- " + visible(one["message"])) for one in pack["open"])


def _head(text: str) -> Iterator[Line]:
    yield Line("")
    yield Line(text)
    yield Line("-" * max(8, len(text)))


def _about(one: Mapping[str, Any], words: AuditWords) -> Iterator[str]:
    yield f"{words('for-models')}: {visible(', '.join(one['models']))}"
    for asked in one["asked_by"]:
        text = words("notice-why", license=asked["license"], clause=asked["clause"] or "-")
        if asked["when"]:
            text += f" ({words('only-if', when=words.words('act-' + asked['when']))})"
        yield text
    if one["where"]:
        yield visible(one["where"])


def _title(model: Mapping[str, Any], words: AuditWords) -> str:
    parts = [model["name"]]
    if model["revision"]:
        parts.append(words("notice-at", revision=model["revision"]))
    if model["licenses"]:
        parts.append(", ".join(dict.fromkeys(model["licenses"])))
    return "; ".join(parts)


def _owed(model: Mapping[str, Any], words: AuditWords) -> Iterator[str]:
    if model["purl"]:
        yield str(model["purl"])
    if model["code_license"]:
        yield words("notice-code", license=model["code_license"])
    for base in model["bases"]:
        yield words("notice-inherited", model=visible(base))
    for duty in model["duties"]:
        place = ", ".join(p for p in (duty["license"], duty["clause"]) if p)
        when = f" ({words('only-if', when=words.words('act-' + duty['when']))})" if duty["when"] else ""
        yield f"{duty['text']}{when} [{place}]"


def _found_at(one: Mapping[str, Any], words: AuditWords) -> Iterator[str]:
    yield f"{words('for-models')}: {visible(', '.join(one['models']))}"
    for place in one["places"]:
        where = place["url"] or " ".join(str(place[k]) for k in ("repository", "path") if place.get(k))
        parts = [where] if where else []
        if place.get("commit"):
            parts.append(words("notice-commit", commit=place["commit"]))
        if place.get("sha256"):
            parts.append(words("notice-sha256", sha256=place["sha256"]))
        yield visible("; ".join(parts)) or words("notice-no-text")
    if not one["places"]:
        yield words("notice-no-text")
    yield f"modelreg license text {one['license']}"


def _markdown(pack: Mapping[str, Any], words: AuditWords) -> str:
    out = [f"# {words('notice-title')}", "", words("notice-intro") if pack["models"] else words("notice-none"), ""]
    for key, head in (("lines", "notice-lines"), ("display", "notice-display"), ("attribution", "notice-attribution")):
        if pack[key]:
            out += [f"## {words(head)}", ""]
        for one in pack[key]:
            # A fence longer than any in the line keeps the line to the letter.
            fence = "`" * max(3, _longest(one["value"], "`") + 1)
            out += [fence, visible(one["value"]), fence, "", *(f"- {_md(t)}" for t in _about(one, words)), ""]
    if pack["names"]:
        out += [f"## {words('notice-names')}", ""]
    for one in pack["names"]:
        out += [f"- {_md(words('notice-' + one['label'], value=one['value']))}"]
        out += [*(f"  - {_md(t)}" for t in _about(one, words)), ""]
    for model in pack["models"]:
        out += [f"## {_md(_title(model, words))}", "", *(f"- {_md(t)}" for t in _owed(model, words)), ""]
    if pack["texts"]:
        out += [f"## {words('notice-texts')}", ""]
    for one in pack["texts"]:
        out += [f"### {_md(one['license'])}: {_md(one['title'])}", ""]
        out += [*(f"- {_md(t)}" for t in _found_at(one, words)), ""]
    if pack["open"]:
        out += [f"## {words('notice-open')}", "", *(f"- {_md(one['message'])}" for one in pack["open"]), ""]
    return "\n".join(out).rstrip() + "\n"


def _md(text: str) -> str:
    return escaped(visible(text)).replace("[", "\\[").replace("]", "\\]").replace("`", "\\`")


def _longest(text: str, sign: str) -> int:
    best = run = 0
    for char in text:
        run = run + 1 if char == sign else 0
        best = max(best, run)
    return best
