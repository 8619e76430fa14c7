"""`modelreg notice`: what must be said and handed over for the models that a tree uses."""

from __future__ import annotations

from typing import Annotated

import typer

from modelreg.cli import _inventory as inventory
from modelreg.cli._ledger import LedgerOption
from modelreg.cli._options import AsOfOption, LangOption, OutputOption, RegistryOption
from modelreg.cli._output import Output, date_of
from modelreg.errors import ExitCode


def notice(
    path: inventory.PathArgument = ".",
    format: Annotated[str, typer.Option("--format", "-f", help="text, markdown or json.")] = "text",
    output: OutputOption = None,
    level: inventory.LevelOption = None,
    policy: inventory.PolicyOption = None,
    commercial: inventory.CommercialOption = None,
    fact: inventory.FactOption = None,
    facts: inventory.FactsOption = None,
    as_of: AsOfOption = None,
    ledger: LedgerOption = None,
    registry: RegistryOption = None,
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg notice --output NOTICE

    modelreg notice . --format markdown --lang zh --output NOTICE.zh.md

    Lines for the NOTICE file and lines to display, to the letter; rules for names; where each licence text is, with
    commit and hash. Exit status 0, or 1 where the terms of a model in use are not known.
    """
    from modelreg.report.audit import notice as pack
    from modelreg.report.audit.parts import Context, sound

    out = Output(format, pack.FORMATS, file=output, lang=lang)
    found = inventory.take(
        path,
        policy=policy,
        level=level,
        commercial=commercial,
        fact=fact,
        facts=facts,
        as_of=date_of(as_of),
        ledger=ledger,
        registry=registry,
    )
    context = Context(holdings=found.holdings, levels=found.levels)
    made = pack.data(sound(found.report), out.words.lang, context)
    out.text(pack.written(made, out.words.lang, format))
    out.flush()
    if not pack.is_complete(made):
        raise typer.Exit(int(ExitCode.NO))
