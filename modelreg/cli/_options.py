"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

FormatOption = Annotated[str, typer.Option("--format", "-f", help="human, json, yaml, markdown or csv, where offered.")]
OutputOption = Annotated[str | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")]
LangOption = Annotated[str | None, typer.Option("--lang", help="en or zh; default: the locale's.")]
RegistryOption = Annotated[
    list[str] | None,
    typer.Option("--registry", help="A YAML file that adds or overrides entries; may be repeated (MODELREG_REGISTRY)."),
]
AsOfOption = Annotated[str | None, typer.Option("--as-of", help="Answer for this date (YYYY-MM-DD); default: today.")]
