"""HTML: one self-contained page that a lawyer can read, print and file.

No request leaves the page: its policy (Content-Security-Policy) allows the one style and the one script by their
hashes and nothing else, so that not even markup that slipped through could run. Without JavaScript all is there but
the filters.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from modelreg._version import __version__
from modelreg.core.finding import LEVELS, AuditReport, Finding
from modelreg.i18n.audit import AuditWords
from modelreg.report.audit import lineage
from modelreg.report.audit.html_model import Article, attribute, text
from modelreg.report.audit.page import SCRIPT, STYLE
from modelreg.report.audit.parts import (
    NOTHING,
    Context,
    by_verdict,
    counts,
    fails,
    files_looked_at,
    in_order,
    in_use,
    matters,
    models_of,
    place_count,
    shown_values,
    suppressed,
    verdict_rank,
    without_model,
)

FULL = 200  # models with all details
LISTED = 1500  # models that are named at all
ROWS = 300  # unresolved places, skipped files, duties


def render(report: AuditReport, language: str = "en", context: Context = NOTHING) -> str:
    """The page."""
    return "".join(_Page(report, AuditWords(language), context).parts()) + "\n"


class _Page:
    def __init__(self, report: AuditReport, words: AuditWords, context: Context) -> None:
        self.report = report
        self.words = words
        self.context = context
        self.models = models_of(report)
        # Where not all fit, what fails and what is used comes first.
        ranked = sorted(
            self.models, key=lambda v: (not any(map(fails, v.findings)), not matters(v), verdict_rank(v.verdict))
        )
        self.full = {id(v) for v in ranked[:FULL]}
        self.tally = counts(report)

    def parts(self) -> Iterator[str]:
        words = self.words
        title = f"{words('title')}: {self.report.root}"
        spoken = "zh-CN" if words.lang == "zh" else "en"
        yield f'<!DOCTYPE html>\n<html lang="{spoken}">\n<head>\n<meta charset="utf-8">\n'
        yield f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        yield '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        yield f"<title>{text(title, 200)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        yield f'<a class="skip" href="#models">{words("skip-to")}</a>\n'
        yield from self._head()
        yield "<main>\n"
        yield from self._summary()
        yield from self._models()
        yield from self._duties()
        yield from self._evidence()
        yield from self._lineage()
        yield from self._others()
        yield from self._unseen()
        yield "</main>\n"
        yield f"<footer><hr><p>{words('limits-of-audit')}</p><p>{words('tool', version=__version__)}</p></footer>\n"
        yield f"<script>{SCRIPT}</script>\n</body>\n</html>"

    def _head(self) -> Iterator[str]:
        words, report, tally = self.words, self.report, self.tally
        yield f"<header>\n<h1>{words('title')}</h1>\n"
        where = f"{text(words('of-tree', root=report.root), 300)}, " if report.root not in ("", ".") else ""
        yield f'<p class="dim">{where}{words("as-of", date=report.as_of)}</p>\n'
        style, word = ("bad", words("fails")) if tally.failing else ("good", words("passes"))
        mark = "✗" if tally.failing else "✓"
        parts = [words("counts-severity", errors=tally.errors, warnings=tally.warnings, notes=tally.notes)]
        if tally.suppressed:
            parts.append(words("counts-suppressed", count=tally.suppressed))
        if tally.baseline:
            parts.append(words("counts-baseline", count=tally.baseline))
        joined = (words.words("list-comma")).join(parts)
        yield f'<div class="banner {style}">{mark} {word}<span>{joined}</span></div>\n'
        facts = "".join(f"<li>{text(f'{k} = {_fact(v)}', 300)}</li>" for k, v in sorted(report.facts.items()))
        declared = f'<ul class="facts">{facts}</ul>' if facts else words("no-facts")
        yield f'<dl class="meta"><dt>{words("declared")}</dt><dd>{declared}</dd>'
        yield f"<dt>{words('policy')}</dt><dd>{text(report.policy, 300) or words('no-policy')}</dd></dl>\n"
        sections = ("summary", "models", "duties", "evidence", "lineage", "not-looked-at")
        links = "".join(f'<li><a href="#{name}">{words(name)}</a></li>' for name in sections)
        yield f'<nav aria-label="{attribute(words("contents"))}"><ul>{links}</ul></nav>\n</header>\n'

    def _summary(self) -> Iterator[str]:
        words = self.words
        yield f'<section><h2 id="summary">{words("summary")}</h2>\n<ul class="cards">'
        for verdict, used, named in by_verdict(self.models):
            style = lineage.style_of(verdict)
            more = f'<span class="dim small">{words("only-named", count=named)}</span>' if named else ""
            yield f'<li><b>{used}</b><span class="badge {style}">{words.verdict(verdict)}</span> {more}</li>'
        yield "</ul>\n"
        places = sum(map(place_count, self.models))
        parts = [words("counts-models", models=len(self.models), places=places) if self.models else words("clean")]
        files = files_looked_at(self.report)
        if files is not None:
            parts.append(words("files-looked-at", count=files))
        parts.append(f"{words('unresolved')}: {len(self.report.unresolved)}")
        parts.append(f"{words('skipped')}: {len(self.report.skipped)}")
        yield f"<p>{'; '.join(parts)}.</p>\n"
        if not self.tally.failing:
            yield f"<p>{words('no-findings')}</p>\n"
        part = str(self.report.summary.get("part") or "")
        if part:
            yield f'<p class="warn">{text(words("only-part", part=part), 300)}</p>\n'
        yield "</section>\n"

    def _models(self) -> Iterator[str]:
        words = self.words
        yield f'<section><h2 id="models">{words("models-by-verdict")}</h2>\n'
        if not self.models:
            yield f"<p>{words('clean')}</p></section>\n"
            return
        yield self._filters()
        article = Article(words)
        for (used, verdict), group in groupby(self.models, key=lambda v: (matters(v), v.verdict)):
            views = list(group)
            head = "" if used else words("only-named-head") + ": "
            yield f'<div class="group"><h3>{head}{words.verdict(verdict)} ({len(views)})</h3>\n'
            yield from (article.of(v) for v in views if id(v) in self.full)
            yield "</div>\n"
        rest = [v for v in self.models if id(v) not in self.full]
        if rest:
            yield f"<h3>{words('only-listed')}</h3>"
            yield f'<p class="dim">{words("page-cut", count=len(rest))}</p>\n<ul class="items">'
            for view in rest[:LISTED]:
                mark = f'<span class="badge {lineage.style_of(view.verdict)}">{words.verdict(view.verdict)}</span>'
                yield f"<li>{text(view.name, 200)} {mark} ({place_count(view)})</li>"
            yield "</ul>\n" + self._more(len(rest) - LISTED)
        yield "</section>\n"

    def _filters(self) -> str:
        words = self.words
        verdicts = [verdict for verdict, _, _ in by_verdict(self.models)]
        options = "".join(f'<option value="{attribute(v)}">{words.verdict(v)}</option>' for v in verdicts)
        seen = {v.level for v in self.models}
        levels = "".join(f'<option value="{x}">{words.level(x)}</option>' for x in LEVELS if x in seen)
        everything = f'<option value="">{words("filter-all")}</option>'
        # The script puts the numbers in the places of these two private marks.
        shown = words("shown", shown="\ue001", total="\ue002")
        return (
            f'<p class="no-js dim small">{words("filter-note")}</p>\n'
            '<form id="filters" class="filters js" role="search">'
            f'<label>{words("search")}<input name="q" type="search"></label>'
            f'<label>{words("filter-verdict")}<select name="verdict">{everything}{options}</select></label>'
            f'<label>{words("filter-level")}<select name="level">{everything}{levels}</select></label>'
            f'<button type="reset">{words("reset")}</button>'
            f'<p id="shown" class="dim small" role="status" data-text="{shown}"></p></form>\n'
        )

    def _duties(self) -> Iterator[str]:
        words = self.words
        yield f'<section><h2 id="duties">{words("duties")}</h2>\n'
        rows: dict[tuple[str, ...], list[str]] = {}
        states: dict[tuple[str, ...], set[Any]] = {}
        for view in self.models:
            if not in_use(view):
                continue
            for condition in [*view.of_role("permission"), *view.of_role("duty")]:
                key = (
                    str(condition["label"]),
                    shown_values(condition, words),
                    *(str(condition.get(k) or "") for k in ("license", "clause", "source", "when")),
                )
                rows.setdefault(key, []).append(view.name)
                states.setdefault(key, set()).add(condition.get("met"))
        if not rows:
            yield f"<p>{words('no-duties')}</p></section>\n"
            return
        heads = [words(k) for k in ("duty", "for-models", "clause", "state")]
        yield '<div class="table"><table class="stack duties"><thead><tr>'
        yield "".join(f'<th scope="col">{h}</th>' for h in heads) + "</tr></thead><tbody>\n"
        for key, names in list(rows.items())[:ROWS]:
            label, values, _, _, source, when = key
            quote = f'<span class="quote">{text(values, 1000)}</span>' if values else ""
            cond = f" ({words('only-if', when=words.words('act-' + when))})" if when else ""
            met = states[key]
            state, style = ("missed", "bad") if False in met else ("open", "warn") if None in met else ("met", "good")
            cells = (
                f"{text(words.words.condition(label), 300)}{cond}{quote}",
                ", ".join(text(n, 120) for n in dict.fromkeys(names[:12])) + ("…" if len(names) > 12 else ""),
                f'{text(", ".join(filter(None, key[2:4])), 300)}<span class="cite">{text(source, 300)}</span>',
                f'<span class="badge {style}">{words(state)}</span>',
            )
            yield (
                "<tr>"
                + "".join(f'<td data-label="{attribute(h)}">{c}</td>' for h, c in zip(heads, cells, strict=True))
                + "</tr>\n"
            )
        yield "</tbody></table></div>\n" + self._more(len(rows) - ROWS) + "</section>\n"

    def _evidence(self) -> Iterator[str]:
        words = self.words
        held: list[str] = []
        missing: list[str] = []
        for view in self.models:
            name = f"<b>{text(view.name, 200)}</b>"
            for condition in view.decision.get("held") or ():
                held.append(f"{name}: {self._condition(condition)}")
            held += [f"{name}: {self._condition(c)}" for c in view.of_role("permission") if c.get("met") is True]
            if not in_use(view):
                continue
            for id_, record in sorted((view.data.get("evidence") or {}).items()):
                of = "" if id_ == view.model else f" ({id_})"
                held += [f"{name}{text(of)}: {text(t, 300)}" for t in self._records(record)]
                if record.get("code") and not record.get("acknowledgement"):
                    missing.append(f"{name}{text(of)}: {text(words('no-acknowledgement', why=record['code']), 300)}")
            missing += [f"{name}: {self._condition(c)}" for c in view.of_role("permission") if c.get("met") is not True]
            for fact in view.decision.get("missing_facts") or ():
                missing.append(f"{name}: {text(words('missing-fact', fact=fact), 200)}")
        accepted = [f for f in in_order(self.report.findings) if suppressed(f)]
        yield f'<section><h2 id="evidence">{words("evidence")}</h2>\n'
        if not (held or missing or accepted):
            yield f"<p>{words('evidence-none')}</p>\n"
        else:
            none = [f'<span class="dim">{words("none")}</span>']
            yield self._items("evidence-held", held or none, "✓" if held else "", "good")
            yield self._items("evidence-missing", missing or none, "✗" if missing else "", "bad")
        yield self._items("suppressions", [self._suppression(f) for f in accepted], "–", "dim")
        yield "</section>\n"

    def _records(self, record: Mapping[str, Any]) -> Iterator[str]:
        for key in ("acknowledgement", "registered", "letter", "pinned"):
            if record.get(key):
                yield self.words("record-" + key, id=record[key])

    def _suppression(self, finding: Finding) -> str:
        rule, r = finding.suppression, finding.reference
        assert rule is not None  # noqa: S101 - chosen by the caller
        key = "suppressed" if rule.expires else "suppressed-open"
        said = self.words(key, owner=rule.owner, expires=rule.expires, why=rule.justification)
        where = f"{r.file}:{r.line}"
        return f"<b>{text(r.name, 200)}</b> <code>{text(where, 300)}</code>: {text(said, 600)}"

    def _condition(self, condition: Mapping[str, Any]) -> str:
        place = ", ".join(p for p in (condition.get("license"), condition.get("clause")) if p)
        values = shown_values(condition, self.words)
        said = self.words.words.condition(str(condition["label"])) + (f" — {values}" if values else "")
        return f'{text(said, 600)}<span class="cite">{text(place, 300)}</span>'

    def _items(self, head: str, rows: list[str], mark: str, style: str) -> str:
        if not rows:
            return ""
        items = "".join(
            f'<li><span class="mark {style}" aria-hidden="true">{mark}</span>{row}</li>\n' for row in rows[:ROWS]
        )
        return f'<h3>{self.words(head)}</h3>\n<ul class="items">{items}</ul>\n{self._more(len(rows) - ROWS)}'

    def _lineage(self) -> Iterator[str]:
        words = self.words
        yield f'<section><h2 id="lineage">{words("lineage")}</h2>\n'
        found = lineage.steps(self.models, self.context)
        if not found:
            yield f"<p>{words('lineage-none')}</p></section>\n"
            return
        drawn = lineage.picture(found, self.models, words)
        yield f'<div class="lineage" tabindex="0">{drawn}</div>\n<ul class="small">'
        for step in found[:ROWS]:
            form = lineage.form_name(step.form, words)
            yield f"<li>{text(words('descends', child=step.child, parent=step.parent, form=form), 400)}</li>"
        yield "</ul>\n" + self._more(len(found) - ROWS) + "</section>\n"

    def _others(self) -> Iterator[str]:
        found = without_model(self.report)
        if found:
            words = self.words
            yield f'<section><h2>{words("other-findings")}</h2>\n<ul class="items">'
            article = Article(words)
            yield from (article.place(f) for f in found[:ROWS])
            yield "</ul>" + self._more(len(found) - ROWS) + "</section>\n"

    def _unseen(self) -> Iterator[str]:
        words, report = self.words, self.report
        yield f'<section><h2 id="not-looked-at">{words("not-looked-at")}</h2>\n<h3>{words("unresolved")}</h3>\n'
        unresolved = sorted(report.unresolved)
        rows = [(f"{u.file}:{u.line}:{u.column}", u.text, words.unresolved(u.reason)) for u in unresolved]
        yield self._rows(("place", "text", "reason"), rows) or f"<p>{words('unresolved-none')}</p>\n"
        yield f"<h3>{words('skipped')}</h3>\n"
        skipped = [
            (s.file, words.skipped(s.reason) + (f" ({s.detail})" if s.detail else "")) for s in sorted(report.skipped)
        ]
        yield self._rows(("file", "reason"), skipped) or f"<p>{words('skipped-none')}</p>\n"
        yield "</section>\n"

    def _rows(self, columns: Iterable[str], rows: Sequence[tuple[str, ...]]) -> str:
        if not rows:
            return ""
        heads = [self.words(c) for c in columns]
        body = "".join(
            "<tr>"
            + "".join(f'<td data-label="{attribute(h)}">{text(c, 300)}</td>' for h, c in zip(heads, row, strict=True))
            + "</tr>\n"
            for row in rows[:ROWS]
        )
        head = "".join(f'<th scope="col">{h}</th>' for h in heads)
        table = f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>'
        return f'<div class="table">{table}</div>\n' + self._more(len(rows) - ROWS)

    def _more(self, count: int) -> str:
        return f'<p class="dim">{self.words("more-rows", count=count)}</p>\n' if count > 0 else ""


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _policy() -> str:
    hashes = [base64.b64encode(hashlib.sha256(x.encode()).digest()).decode() for x in (STYLE, SCRIPT)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
