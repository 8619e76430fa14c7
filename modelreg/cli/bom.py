"""`modelreg bom`: the models that a tree uses as a bill of materials."""

from __future__ import annotations

from typing import Annotated

import typer

from modelreg.cli import _inventory as inventory
from modelreg.cli._ledger import LedgerOption
from modelreg.cli._options import AsOfOption, LangOption, OutputOption, RegistryOption
from modelreg.cli._output import Output, date_of
from modelreg.errors import UsageError

# format -> versions of its specification, the default first
VERSIONS = {"cyclonedx": ("1.6", "1.7"), "spdx": ("3.0.1",)}


def bom(
    path: inventory.PathArgument = ".",
    format: Annotated[str, typer.Option("--format", "-f", help="cyclonedx or spdx.")] = "cyclonedx",
    spec_version: Annotated[
        str | None, typer.Option("--spec-version", help="cyclonedx: 1.6 (default) or 1.7; spdx: 3.0.1.")
    ] = None,
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

    modelreg bom --output models.cdx.json

    modelreg bom . --format cyclonedx --spec-version 1.7 --output models.cdx.json

    modelreg bom services/chat --format spdx --output models.spdx.json

    Each model with its places in the tree, declared and concluded licence, card and bases. Exit status 0 whatever the
    verdicts are: `modelreg audit` is the gate.
    """
    out = Output(format, tuple(VERSIONS), file=output, lang=lang)
    version = spec_version or VERSIONS[format][0]
    if version not in VERSIONS[format]:
        hint = "one of: " + ", ".join(VERSIONS[format])
        raise UsageError(f"no {format} {version} here", where="--spec-version", hint=hint)
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
    from modelreg.report.audit import render
    from modelreg.report.audit.parts import Context

    context = Context(holdings=found.holdings, levels=found.levels, spec_version=version)
    out.text(render(format, found.report, out.words.lang, context))
    out.flush()
