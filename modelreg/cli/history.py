"""`modelreg history MODEL`: every text that held, and what each changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from modelreg.cli._book import open_book
from modelreg.cli._options import FormatOption, LangOption, OutputOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.cli._periods import Held, between, held_periods
from modelreg.cli._questions import Project
from modelreg.cli.terms import held_lines
from modelreg.core.model import Model
from modelreg.errors import ExitCode
from modelreg.i18n import Words
from modelreg.report.changes import change_lines
from modelreg.report.lines import Line


def history(
    model: Annotated[str, typer.Argument(help="A model, as people write it.", show_default=False)],
    registry: RegistryOption = None,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg history chatglm-6b

    modelreg history baichuan2-7b-chat --format json

    Exit status: 0 shown, 1 no text is known.
    """
    out = Output(format, ("human", "json", "yaml", "markdown"), file=output, lang=lang)
    book = open_book(registry, Project().path)
    found = book.require(model)
    periods = held_periods(book, found)
    if out.format in ("json", "yaml"):
        rows = []
        for number, held in enumerate(periods):
            changes = between(periods[number - 1], held) if number else []
            rows.append({**held.to_data(), "changes": [c.to_data() for c in changes]})
        out.data({"model": found.id, "periods": rows})
    else:
        out.lines(list(_lines(found, periods, out.words)))
    out.flush()
    if not periods:
        raise typer.Exit(int(ExitCode.NO))


def _lines(model: Model, periods: list[Held], words: Words) -> Iterator[Line]:
    if not periods:
        yield Line(words("no-terms-ever", model=model.id), "warn")
        return
    yield Line(words("history-of", model=model.id, name=model.name, count=len(periods)), "title")
    for number, held in enumerate(periods):
        ids = " + ".join([held.period.license, *held.period.beside])
        yield Line(f"{held.period.start}: {ids}", "head")
        yield from held_lines(held, words)
        if number:
            yield from change_lines(between(periods[number - 1], held), words)
        else:
            yield Line(words("first-text"), "dim", 1)
