"""What `watch` found, for people: lines, and the body of a pull request.

This module sees the findings through a protocol, for `report` does not import `texts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from modelreg.i18n import Words
from modelreg.report.lines import Line, escaped

_MOST_MODELS = 12


class ChangedWords(Protocol):
    """texts.compare.Words."""

    @property
    def was(self) -> str: ...
    @property
    def now(self) -> str: ...
    @property
    def first_line(self) -> int: ...
    @property
    def last_line(self) -> int: ...


class Found(Protocol):
    """texts.findings.Finding."""

    @property
    def kind(self) -> str: ...
    @property
    def place(self) -> Any: ...
    @property
    def page(self) -> str: ...
    @property
    def licenses(self) -> tuple[str, ...]: ...
    @property
    def clauses(self) -> tuple[Any, ...]: ...
    @property
    def outside(self) -> Sequence[ChangedWords]: ...
    @property
    def target(self) -> Any: ...
    @property
    def identified(self) -> tuple[str, ...]: ...
    @property
    def note(self) -> str: ...


def finding_lines(findings: Iterable[Found], words: Words) -> Iterator[Line]:
    """Each finding with what changed in which clause."""
    for finding in findings:
        what = words("watch-" + finding.kind)
        ids = words("list-comma").join(finding.licenses)
        subject, remark = (ids, str(finding.place)) if ids else (str(finding.place), "")
        yield Line(words("watch-line", license=subject, what=what), "warn", remark=remark)
        for text in details(finding, words):
            yield Line(text, depth=1)


def details(finding: Found, words: Words) -> Iterator[str]:
    """What there is to say of a finding, a sentence each."""
    if finding.target is not None:
        yield words("watch-target", place=finding.target)
    if finding.identified:
        yield words("watch-identified", licenses=words("list-comma").join(finding.identified))
    for change in finding.clauses:
        clause, title = change.passage.clause, words.pick(change.passage.title)
        if not change.words:
            summary = words.pick(change.passage.summary)
            yield words("watch-in-clause-gone", clause=clause, title=title, summary=summary)
        for changed in change.words:
            yield words("watch-in-clause", clause=clause, title=title, words=changed_text(changed, words))
    for changed in finding.outside:
        yield words("watch-outside", words=changed_text(changed, words))
    if finding.note:
        yield finding.note


def changed_text(changed: ChangedWords, words: Words) -> str:
    """`“a” → “b” (line 17)`."""
    first, last = changed.first_line, changed.last_line
    lines = words("watch-line-one", first=first) if first == last else words("watch-lines", first=first, last=last)
    if changed.was and changed.now:
        return words("watch-words-changed", was=changed.was, now=changed.now, lines=lines)
    if changed.now:
        return words("watch-words-added", now=changed.now, lines=lines)
    return words("watch-words-missing", was=changed.was, lines=lines)


def pull_request(
    findings: Sequence[Found],
    failures: Sequence[tuple[str, str]],
    count: int,
    date: str,
    models: Mapping[str, Sequence[str]],
    words: Words,
) -> str:
    """A body in Markdown: a heading for each finding, what changed, which models are concerned, what to do.

    Args:
        failures: (place, reason); count: texts that were looked at; date: of the look.
        models: licence id -> models that are under it now.
    """
    out = [f"# {words('pr-title', date=date)}", ""]
    key = "pr-intro" if findings else "pr-none"
    out += [
        words(key, count=count, date=date, findings=len(findings)) if findings else words(key, count=count, date=date)
    ]
    for finding in findings:
        subject = words("list-comma").join(finding.licenses) or str(finding.place)
        out += ["", f"## {escaped(words('watch-line', license=subject, what=words('watch-' + finding.kind)))}", ""]
        out += [f"[{escaped(str(finding.place))}]({finding.page.replace(')', '%29').replace(' ', '%20')})", ""]
        out += [f"- {escaped(_one_line(text))}" for text in details(finding, words)]
        for change in finding.clauses:
            if change.words:
                said = words("pr-said", summary=words.pick(change.passage.summary))
                out.append(f"  - {escaped(change.passage.clause)}: {escaped(said)}")
        under = list(dict.fromkeys(m for i in finding.licenses for m in models.get(i, ())))
        if under:
            more = f" {words('and-more', count=len(under) - _MOST_MODELS)}" if len(under) > _MOST_MODELS else ""
            named = ", ".join(f"`{m}`" for m in under[:_MOST_MODELS])
            out += ["", words("pr-models", models=named + more)]
    if failures:
        out += ["", f"## {words('watch-failures-head')}", ""]
        out += [
            f"- {escaped(words('watch-failed', place=place, reason=_one_line(reason)))}" for place, reason in failures
        ]
    if findings:
        out += ["", f"## {words('pr-todo')}", ""]
        out += [f"- [ ] {words(key)}" for key in ("pr-todo-read", "pr-todo-period", "pr-todo-check")]
        out += ["", words("pr-disclaimer")]
    return "\n".join(out) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())
