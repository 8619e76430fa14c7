"""`modelreg license`: the licence records, and the texts that they describe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from modelreg.cli import _texts
from modelreg.cli._book import open_book
from modelreg.cli._options import FormatOption, LangOption, OutputOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.cli._questions import Project
from modelreg.core.license import License
from modelreg.errors import ExitCode, InputError
from modelreg.report.license import license_lines
from modelreg.report.terms import cap_cell, commercial_cell, court_cell

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@app.command("list")
def list_licenses(
    kind: Annotated[str | None, typer.Option(help="model-license, software-license, statement, use-policy, …")] = None,
    registry: RegistryOption = None,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """All licence records with their commercial terms at a glance."""
    out = Output(format, ("human", "json", "yaml", "markdown", "csv"), file=output, lang=lang)
    book = open_book(registry, Project().path)
    records = [License(v) for v in book.registry.license_rows().values()]
    records = [r for r in records if kind is None or r.kind == kind]
    if out.format in ("json", "yaml"):
        out.data({"licenses": [dict(r.record) for r in records]})
    else:
        words = out.words
        columns = [words("col-" + c) for c in ("license", "kind", "version", "commercial", "cap", "court")]
        rows = [
            [
                r.id,
                r.kind,
                str(r.record["version"]),
                commercial_cell([r], words),
                cap_cell([r], words),
                court_cell([r], words),
            ]
            for r in records
        ]
        out.table(columns, rows)
    out.flush()


@app.command("show")
def show_license(
    license_id: Annotated[str, typer.Argument(metavar="ID", help="SPDX id or LicenseRef-…", show_default=False)],
    registry: RegistryOption = None,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """One record: every term with its clause, the clauses, where the text is."""
    out = Output(format, ("human", "json", "yaml", "markdown"), file=output, lang=lang)
    book = open_book(registry, Project().path)
    record = book.require_license(license_id)
    if out.format in ("json", "yaml"):
        out.data({"license": dict(record.record)})
    else:
        out.lines(list(license_lines(record, out.words)))
    out.flush()


@app.command("identify")
def identify(
    paths: Annotated[
        list[str], typer.Argument(help="LICENSE, MODEL_LICENSE, README … or a folder.", show_default=False)
    ],
    registry: RegistryOption = None,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """Which licence and version a file is, how sure that is, and what differs.

    Exit status: 0 every file was recognised, 1 some was not.
    """
    out = Output(format, ("human", "json", "jsonl", "markdown"), file=output, lang=lang)
    book = open_book(registry, Project().path)
    known = _texts.known_texts(book)
    results = [_texts.identify_file(p, known) for path in paths for p in _texts.candidates(path)]
    if not results:
        raise InputError("no licence file here", code="no-licence-file", where=paths[0], hint="name the file itself")
    if out.format == "json":
        out.data({"files": results})
    elif out.format == "jsonl":
        import json

        for result in results:
            out.text(json.dumps(result, ensure_ascii=False, sort_keys=True) + "\n")
    else:
        for result in results:
            out.lines(_texts.identity_lines(result, out.words))
    out.flush()
    if any(r["license"] is None for r in results):
        raise typer.Exit(int(ExitCode.NO))


@app.command("text")
def text(
    license_id: Annotated[str, typer.Argument(metavar="ID", help="SPDX id or LicenseRef-…", show_default=False)],
    source: Annotated[str | None, typer.Option("--from", help="A file or a folder that holds the text.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Which text of the record (language, file).")] = None,
    hub: Annotated[bool, typer.Option("--hub/--no-hub", help="Ask the Hugging Face Hub.")] = True,
    clause: Annotated[str | None, typer.Option(help="Only this clause.")] = None,
    allow_different: Annotated[bool, typer.Option(help="Show a text that is not the recorded one.")] = False,
    registry: RegistryOption = None,
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """The official text, from where it lies, checked against the recorded hash. modelreg itself ships none.

    Exit status: 0 shown, 3 the text found is another one, 5 no text to be had here.
    """
    out = Output("human", ("human",), file=output, lang=lang)
    book = open_book(registry, Project().path)
    record = book.require_license(license_id)
    found = _texts.official_text(record, source, key, hub=hub)
    if found.proof == "none" and not allow_different:
        raise InputError(
            f"this is not the recorded text of {record.id}",
            code="text-differs",
            where=found.where,
            hint=f"what differs: modelreg license identify {source or found.where}; to see it all the same: "
            "--allow-different",
        )
    out.text(_texts.passage(record, found, clause) if clause else _texts.shown(found))
    out.flush()
    out.warn(f"{record.id}: {found.where} ({found.proof})")


@app.command("verify")
def verify(
    license_id: Annotated[str, typer.Argument(metavar="ID", help="SPDX id or LicenseRef-…", show_default=False)],
    source: Annotated[str, typer.Option("--from", help="A file with the official text.")],
    key: Annotated[str | None, typer.Option("--key", help="Which text of the record.")] = None,
    registry: RegistryOption = None,
    format: FormatOption = "human",
    lang: LangOption = None,
) -> None:
    """Find each cited clause in a text that you hold. Exit status: 0 all found, 1 some not."""
    out = Output(format, ("human", "json"), lang=lang)
    record = open_book(registry, Project().path).require_license(license_id)
    results = _texts.verify_clauses(record, Path(source), key)
    if out.format == "json":
        out.data({"license": record.id, "clauses": results})
    else:
        for result in results:
            place = f"{source}:{result['first_line']}-{result['last_line']}" if result["found"] else "-"
            out.text(f"{'ok ' if result['found'] else 'NO '} {result['clause']} ({result['text']}) {place}\n")
    out.flush()
    if not all(r["found"] for r in results):
        raise typer.Exit(int(ExitCode.NO))


@app.command("fingerprint")
def fingerprint(
    file: Annotated[str, typer.Argument(help="An official text.", show_default=False)],
    lines: Annotated[list[str] | None, typer.Option(help="Digest of a clause: FIRST-LAST (lines).")] = None,
) -> None:
    """The fingerprint of an official text as YAML, for a licence record."""
    out = Output("yaml", ("yaml",))
    data: dict[str, Any] = _texts.fingerprint_data(Path(file), lines or [])
    import yaml

    out.text(yaml.safe_dump(data, sort_keys=True, width=110))
    out.flush()
