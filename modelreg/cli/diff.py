"""`modelreg diff A B`: two licence versions, two models or two registries, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from modelreg.cli._book import Book, open_book
from modelreg.cli._differences import (
    KINDS,
    ClauseChange,
    ModelDifference,
    RecordDifference,
    RegistryDifference,
    compare_models,
    compare_records,
    compare_registries,
)
from modelreg.cli._options import AsOfOption, FormatOption, LangOption, OutputOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.cli._questions import Project, date_of
from modelreg.errors import ExitCode, InputError, UsageError
from modelreg.i18n import Words
from modelreg.registry.folders import read_contents
from modelreg.report.changes import change_lines
from modelreg.report.lines import Line

_MOST = 200  # ids of new or gone entries that are listed for people


def diff(
    a: Annotated[
        str, typer.Argument(help="A licence id, a model, or a registry (file or folder).", show_default=False)
    ],
    b: Annotated[str, typer.Argument(help="Another of the same kind.", show_default=False)],
    as_of: AsOfOption = None,
    registry: RegistryOption = None,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg diff LicenseRef-ChatGLM-6B-2023-05-24 LicenseRef-ChatGLM-6B-2023-07-08

    modelreg diff llama-2-7b-hf llama-3-8b --lang zh

    modelreg diff old-registry/ new-registry/ --format markdown

    Exit status: 0 no difference, 1 some.
    """
    out = Output(format, ("human", "json", "yaml", "markdown"), file=output, lang=lang)
    words = out.words
    found: RecordDifference | ModelDifference | RegistryDifference
    places = [p for p in (a, b) if _is_place(p)]
    if len(places) == 2:
        kind = "registries"
        found = compare_registries(read_contents(a), read_contents(b))
        lines = _registry_lines(found, words)
    elif places:
        other = b if a in places else a
        raise UsageError(
            f"'{places[0]}' is a file or folder, '{other}' is not",
            where="diff",
            hint="two registries, two licence ids or two models",
        )
    else:
        book = open_book(registry, Project().path)
        licenses = [_license_id(book, name) for name in (a, b)]
        if licenses[0] and licenses[1]:
            kind = "licenses"
            a, b = licenses[0], licenses[1]
            found = compare_records(book.registry.license(a), book.registry.license(b))
            lines = _record_lines(found, words)
        elif licenses[0] or licenses[1]:
            raise UsageError(
                f"'{a if licenses[0] else b}' is a licence id, '{b if licenses[0] else a}' is not",
                where="diff",
                hint="modelreg license list; modelreg list",
            )
        else:
            kind = "models"
            date = date_of(as_of)
            models = [book.require(name) for name in (a, b)]
            a, b = models[0].id, models[1].id
            found = compare_models(book, models[0], models[1], date)
            lines = _model_lines(found, words, date)
    if out.format in ("json", "yaml"):
        out.data({"kind": kind, "a": a, "b": b, "same": not found, **found.to_data()})
    else:
        head = Line(f"{a} → {b}", "title")
        out.lines([head, *(lines if found else [Line(words("diff-nothing"), depth=1)])])
    out.flush()
    if found:
        raise typer.Exit(int(ExitCode.NO))


def _is_place(name: str) -> bool:
    path = Path(name)
    try:
        return path.is_dir() or (path.is_file() and path.suffix in (".yaml", ".yml"))
    except OSError:  # a name too long for a path
        return False


def _license_id(book: Book, name: str) -> str:
    try:
        return book.require_license(name).id
    except InputError:
        return ""


def _record_lines(found: RecordDifference, words: Words, depth: int = 0) -> Iterator[Line]:
    if found.terms:
        yield Line(words("terms"), "head", depth)
        yield from change_lines(found.terms, words, depth + 1)
    if found.clauses:
        yield Line(words("diff-clauses"), "head", depth)
        for change in found.clauses:
            yield Line(_clause_text(change, words), depth=depth + 1)
    if found.about:
        yield Line(words("diff-about"), "head", depth)
        yield from change_lines(found.about, words, depth + 1)


def _clause_text(change: ClauseChange, words: Words) -> str:
    was, now = words.pick(change.was or ""), words.pick(change.now or "")
    if change.kind == "added":
        return words("clause-added", clause=change.clause, text=now)
    if change.kind == "removed":
        return words("clause-removed", clause=change.clause, text=was)
    if change.kind == "words":
        return words("clause-words", clause=change.clause)
    return words("clause-changed", clause=change.clause, was=was, now=now)


def _model_lines(found: ModelDifference, words: Words, date: str = "", depth: int = 0) -> Iterator[Line]:
    if found.about:
        yield Line(words("diff-entry"), "head", depth)
        yield from change_lines(found.about, words, depth + 1)
    if date:
        yield Line(words("diff-terms-at", date=date), "head", depth)
        yield from change_lines(found.terms, words, depth + 1)


def _registry_lines(found: RegistryDifference, words: Words) -> Iterator[Line]:
    for kind in KINDS:
        added, removed, changed = found.added[kind], found.removed[kind], found.changed[kind]
        counts: dict[str, Any] = {"added": len(added), "removed": len(removed), "changed": len(changed)}
        yield Line(words(f"diff-{kind}-head"), "head", remark=words("diff-counts", **counts, same=found.same[kind]))
        for key, ids in (("entry-added", added), ("entry-removed", removed)):
            for id_ in ids[:_MOST]:
                yield Line(words(key, id=id_), depth=1)
            if len(ids) > _MOST:
                yield Line(words("and-more", count=len(ids) - _MOST), "dim", 1)
        for id_, difference in changed.items():
            yield Line(words("entry-changed", id=id_), depth=1)
            if isinstance(difference, RecordDifference):
                yield from _flat(_record_lines(difference, words, 2))
            else:
                yield from change_lines(difference.about, words, 2)


def _flat(lines: Iterator[Line]) -> Iterator[Line]:
    """Without headings: under an entry the terms speak for themselves."""
    return (line._replace(depth=2) for line in lines if line.style != "head")
