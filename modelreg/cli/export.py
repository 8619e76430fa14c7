"""`modelreg export`: the registry, or models with all that bears on them, or weights, for other programs."""

from __future__ import annotations

from typing import Annotated

import typer

from modelreg.cli._book import open_book
from modelreg.cli._ledger import LedgerOption
from modelreg.cli._options import AsOfOption, LangOption, OutputOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.cli._questions import Project, date_of
from modelreg.core.holdings import Holdings
from modelreg.core.license import License
from modelreg.errors import UsageError
from modelreg.i18n import Vocabulary
from modelreg.registry.catalog import Catalog

FORMATS = ("json", "jsonl", "cyclonedx", "spdx", "osadl", "osadl-json")
WEIGHTS = ("glm", "gguf")


def export(
    models: Annotated[
        list[str] | None, typer.Argument(help="Models, default: all; glm, gguf: MODEL FOLDER.", show_default=False)
    ] = None,
    format: Annotated[
        str, typer.Option("--format", "-f", help="json, jsonl, cyclonedx, spdx, osadl, osadl-json; weights: glm, gguf.")
    ] = "json",
    license: Annotated[
        list[str] | None, typer.Option("--license", help="osadl: the checklist of this record; may be repeated.")
    ] = None,
    fingerprints: Annotated[
        bool, typer.Option("--fingerprints", help="json, jsonl: with the digests of texts and clauses.")
    ] = False,
    gguf_type: Annotated[str, typer.Option(help="gguf: f16, q8_0 or q4_0.")] = "f16",
    private: Annotated[bool, typer.Option("--private", help="glm, gguf: the copy is passed on to nobody.")] = False,
    weights: Annotated[str | None, typer.Option(help="glm, gguf: folder that has the model's files.")] = None,
    as_model: Annotated[str | None, typer.Option("--as", help="glm, gguf: what an unidentified folder is.")] = None,
    commercial: Annotated[bool | None, typer.Option("--commercial/--non-commercial", help="glm, gguf: use.")] = None,
    research: Annotated[bool, typer.Option("--research", help="glm, gguf: research, not commercial.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="glm, gguf: ask no network.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="glm, gguf: download without being asked.")] = False,
    ledger: LedgerOption = None,
    as_of: AsOfOption = None,
    registry: RegistryOption = None,
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg export --output registry.json

    modelreg export chatglm-6b vicuna-7b-v1.5 --format cyclonedx --output models.cdx.json

    modelreg export --format osadl --license LicenseRef-Llama-3.1

    modelreg export chatglm3-6b chatglm3-6b-glm --format glm

    modelreg export ./chatglm3-6b chatglm3.gguf --format gguf --gguf-type q8_0 --private

    glm and gguf write weights that other engines read without custom code, behind the same gate as run; the licence
    texts, NOTICE and card go along, and what the terms say of passing weights on is asked first.
    Models bring their ancestors and every text that they lead to. Dates matter to cyclonedx, spdx and osadl alone: json
    has the whole history.
    """
    if format in WEIGHTS:
        from modelreg.cli._stock import Wanted, export_weights

        if len(models or ()) != 2 or output:
            raise UsageError(
                "weights are written to a folder",
                where="export",
                hint=f"modelreg export MODEL FOLDER --format {format}",
            )
        name, folder = models or ("", "")
        wanted = Wanted(name, folder, format, gguf_type, private, weights, as_model, offline, yes)
        export_weights(wanted, commercial, research, ledger, registry, lang)
        return
    out = Output(format, FORMATS, file=output, lang=lang)
    if license and (models or format not in ("osadl", "osadl-json")):
        raise UsageError(
            "--license is for checklists, without models", where="--license", hint="--format osadl --license ID"
        )
    date = date_of(as_of)
    book = open_book(registry, Project().path)
    catalog = Catalog(book.registry)
    if license:
        records = [book.require_license(id_) for id_ in dict.fromkeys(license)]
        out.text(_checklist(records, format, out))
    else:
        part = catalog.holdings([book.require(name).id for name in models] if models else None)
        if format in ("osadl", "osadl-json"):
            records = _governing(part, date) if models else list(part.licenses.values())
            out.text(_checklist(records, format, out))
        else:
            out.text(_text(part, format, date, fingerprints))
    out.flush()


def _text(part: Holdings, format: str, date: str, fingerprints: bool) -> str:
    if format == "cyclonedx":
        from modelreg.report.export import cyclonedx

        return cyclonedx.text(part, date)
    if format == "spdx":
        from modelreg.report.export import spdx

        return spdx.text(part, date)
    from modelreg.report.export import whole

    write = whole.jsonl_text if format == "jsonl" else whole.json_text
    return write(part, fingerprints=fingerprints)


def _checklist(records: list[License], format: str, out: Output) -> str:
    from modelreg.report.export import checklist

    write = checklist.json_text if format == "osadl-json" else checklist.text
    return write(records, Vocabulary(out.words.lang))


def _governing(part: Holdings, date: str) -> list[License]:
    """The texts that bear on the models that were asked for, those of their ancestors included."""
    found: dict[str, License] = {}
    for id_ in part.asked:
        model = part.models[id_]
        for one in (model, *(parent for parent, _ in part.upstream(model, date))):
            found.update({record.id: record for record in part.texts(one, date)})
    return list(found.values())
