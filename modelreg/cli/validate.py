"""`modelreg validate`: is the data sound? Every problem, at its place."""

from __future__ import annotations

from typing import Annotated

import typer

from modelreg.cli._options import FormatOption, LangOption, OutputOption
from modelreg.cli._output import Output
from modelreg.errors import ExitCode


def validate(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files or folders; default: the built-in registry.", show_default=False)
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as problems.")] = False,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg validate

    modelreg validate licenses/LicenseRef-Acme-1.0.yaml

    modelreg validate modelreg.yaml --format json

    Exit status: 0 sound, 3 not.
    """
    from modelreg.registry.load import load_registry
    from modelreg.registry.validate import validate as check

    out = Output(format, ("human", "json", "csv", "markdown"), file=output, lang=lang)
    problems = check(tuple(paths or ()))
    wrong = [p for p in problems if strict or p.severity == "error"]
    if out.format == "json":
        out.data({"valid": not wrong, "problems": [p._asdict() for p in problems]})
    elif out.format == "human":
        for problem in problems:
            out.text(f"{problem}\n")
    else:
        columns = ["severity", "code", "message", "where", "hint"]
        out.table(columns, [[p.severity, p.code, p.message, p.where, p.hint] for p in problems])
    out.flush()
    if wrong:
        out.warn(out.words("invalid", count=len(wrong)))
        raise typer.Exit(int(ExitCode.BAD_INPUT))
    if not paths and out.format == "human":
        registry = load_registry()
        out.warn(out.words("valid", models=len(registry.model_ids()), licenses=len(registry.license_ids())))
