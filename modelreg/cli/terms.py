"""`modelreg terms MODEL --at DATE`: which text held then, in words, and what it had changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from modelreg.cli._book import open_book
from modelreg.cli._options import FormatOption, LangOption, OutputOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.cli._periods import Held, between, held_periods
from modelreg.cli._questions import Project, date_of
from modelreg.core.model import Model
from modelreg.errors import ExitCode, UsageError
from modelreg.i18n import Words
from modelreg.report.changes import change_lines, term_lines
from modelreg.report.lines import Line


def terms(
    model: Annotated[str, typer.Argument(help="A model, as people write it.", show_default=False)],
    at: Annotated[str | None, typer.Option("--at", "--as-of", help="The date (YYYY-MM-DD); default: today.")] = None,
    registry: RegistryOption = None,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg terms chatglm-6b --at 2023-06-01

    modelreg terms Qwen-7B --at 2023-09-01 --lang zh

    Exit status: 0 a text held then, 1 none is known.
    """
    out = Output(format, ("human", "json", "yaml", "markdown"), file=output, lang=lang)
    try:
        date = date_of(at)
    except UsageError as error:
        error.where = "--at"
        raise
    book = open_book(registry, Project().path)
    found = book.require(model)
    periods = held_periods(book, found)
    number = next((i for i, h in enumerate(periods) if h.period.holds(date)), None)
    if out.format in ("json", "yaml"):
        out.data(_data(found, date, periods, number))
    else:
        out.lines(list(_lines(found, date, periods, number, out.words)))
    out.flush()
    if number is None:
        raise typer.Exit(int(ExitCode.NO))


def _data(model: Model, date: str, periods: list[Held], number: int | None) -> dict[str, object]:
    if number is None:
        return {
            "model": model.id,
            "at": date,
            "held": None,
            "terms": None,
            "before": None,
            "after": None,
            "changes": [],
        }
    held = periods[number]
    before = periods[number - 1] if number else None
    after = periods[number + 1] if number + 1 < len(periods) else None
    return {
        "model": model.id,
        "at": date,
        "held": held.to_data(),
        "terms": held.terms,
        "before": before.to_data() if before else None,
        "after": after.to_data() if after else None,
        "changes": [c.to_data() for c in between(before, held)] if before else [],
    }


def _lines(model: Model, date: str, periods: list[Held], number: int | None, words: Words) -> Iterator[Line]:
    if number is None:
        if not periods:
            yield Line(words("no-terms-ever", model=model.id), "warn")
        else:
            yield Line(words("no-terms-at", model=model.id, date=date, first=periods[0].period.start), "warn")
        return
    held = periods[number]
    title = held.record.title if held.record else words("not-seen")
    yield Line(words("terms-at", model=model.id, date=date, title=title, license=held.period.license), "title")
    yield from held_lines(held, words)
    yield Line(words("terms"), "head")
    yield from term_lines(held.terms, words)
    if number:
        before = periods[number - 1]
        yield Line(words("changed-since", date=held.period.start, license=_ids(before)), "head")
        yield from change_lines(between(before, held), words)
    for later in periods[number + 1 :]:
        yield Line(words("later", date=later.period.start, license=_ids(later)), "dim")


def held_lines(held: Held, words: Words) -> Iterator[Line]:
    """When the texts of a period held, and where they were read."""
    period = held.period
    source = held.record.source() if held.record else ""
    yield Line(words("held", start=period.start, end=period.end or words("in-force")), depth=1, remark=source)
    for record in held.beside:
        yield Line(words("beside", title=record.title, license=record.id), depth=1, remark=record.source())
    for record in held.policies:
        yield Line(words("policy", title=record.title, license=record.id), depth=1, remark=record.source())
    if held.note:
        yield Line(words.pick(held.note), "dim", 1)


def _ids(held: Held) -> str:
    return " + ".join([held.period.license, *held.period.beside])
