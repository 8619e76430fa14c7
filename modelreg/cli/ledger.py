"""`modelreg ledger`: read, verify and move the record of acknowledgements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from modelreg.cli import _ledger
from modelreg.cli._ledger import ByOption, LedgerOption
from modelreg.cli._options import FormatOption, LangOption, OutputOption
from modelreg.cli._output import Output
from modelreg.errors import ExitCode, InputError, ModelEnvironmentError, NotAcceptedError, UsageError
from modelreg.ledger import match, places, signing
from modelreg.ledger.audit import compare
from modelreg.ledger.store import Head, Ledger
from modelreg.report import ledger as report
from modelreg.report.lines import Line

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@app.command("list")
def list_records(
    model: Annotated[str | None, typer.Argument(help="Only this model.", show_default=False)] = None,
    all: Annotated[bool, typer.Option("--all", help="Revocations and the ledger's own records too.")] = False,
    ledger: LedgerOption = None,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """Acknowledgements, newest last, and whether they stand."""
    out = Output(format, ("human", "json", "jsonl", "yaml", "markdown", "csv"), file=output, lang=lang)
    desk = _ledger.open_desk(ledger, None)
    snapshot = desk.ledger.read()
    state = match.state_of(snapshot.records)
    wanted = (desk.resolve(model) or model) if model else ""
    chosen = [r for r in snapshot.records if all or r.kind == "accept"]
    if wanted:
        chosen = [r for r in chosen if r.kind == "accept" and match.names_model(r, wanted)]
    rows = [(r, _ledger.status_of(r, state.revoked, desk.today)) for r in chosen]
    if out.format in ("json", "yaml"):
        out.data({"ledger": str(desk.ledger.path), "records": [{**r.data, "status": s} for r, s in rows]})
    elif out.format == "jsonl":
        for r, s in rows:
            out.text(json.dumps({**r.data, "status": s}, ensure_ascii=False, sort_keys=True) + "\n")
    else:
        columns = [out.words("col-" + c) for c in report.COLUMNS]
        out.table(columns, [report.row(r.data, r.id, s, out.words) for r, s in rows])
    out.flush()
    _remarks(out, desk.ledger)


@app.command("show")
def show(
    record: Annotated[str, typer.Argument(metavar="ID", help="First digits of a record's hash.", show_default=False)],
    ledger: LedgerOption = None,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """Everything that one record holds."""
    out = Output(format, ("human", "json", "yaml", "markdown"), file=output, lang=lang)
    desk = _ledger.open_desk(ledger, None)
    snapshot = desk.ledger.read()
    found = _ledger.find_records(snapshot.records, record)
    if not found:
        raise InputError(
            f"no record '{record}'", code="no-such-record", where=record, hint="modelreg ledger list --all"
        )
    status = _ledger.status_of(found[0], match.state_of(snapshot.records).revoked, desk.today)
    if out.format in ("json", "yaml"):
        out.data({"record": dict(found[0].data), "status": status})
    else:
        out.lines(list(report.record_lines(found[0].data, status, out.words)))
    out.flush()


@app.command("verify")
def verify(
    head: Annotated[str | None, typer.Option(help="A head that was noted before, COUNT:HASH (or its file).")] = None,
    ledger: LedgerOption = None,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """Check every record and its place in the chain; signatures too, where allowed signers are named.

    A tail that was cut off leaves a sound chain: note the head that this prints, and give it with --head.

    Exit status: 0 sound, 1 something was edited, moved, removed, inserted or cut.
    """
    out = Output(format, ("human", "json"), file=output, lang=lang)
    desk = _ledger.open_desk(ledger, None)
    if not desk.ledger.path.exists():
        raise InputError("there is no ledger", code="no-ledger", where=str(desk.ledger.path), hint="--ledger FILE")
    snapshot = desk.ledger.read()
    faults = list(snapshot.faults)
    if head:
        noted = Head.parse(_head_text(head))
        cut = compare(snapshot.records, noted.records, noted.hash)
        faults += [cut] if cut is not None else []
    bad_signatures = []
    allowed = desk.allowed_signers
    signed = [r for r in snapshot.records if "signature" in r.data or r.kind in ("accept", "revoke")]
    for record in signed if allowed is not None else ():
        try:
            signing.verify(record, allowed)  # type: ignore[arg-type]
        except NotAcceptedError as error:
            bad_signatures.append({"record": record.id, "code": error.code, "message": error.message})
    sound = not faults and not bad_signatures
    if out.format == "json":
        out.data(
            {
                "ledger": str(desk.ledger.path),
                "sound": sound,
                "records": len(snapshot.records),
                "head": str(snapshot.head),
                "torn_bytes": snapshot.torn,
                "faults": [f.to_data() for f in faults],
                "signatures": bad_signatures,
            }
        )
    else:
        lines = [report.fault_line(f.to_data(), out.words) for f in faults]
        lines += [Line(b["message"], "bad") for b in bad_signatures]
        if sound:
            lines.append(Line(out.words("ledger-sound", count=len(snapshot.records)), "good"))
        out.lines([*lines, Line(f"head {snapshot.head}", "dim")])
    out.flush()
    _remarks(out, desk.ledger, faults=False)
    if out.format == "human" and not head:
        out.warn(out.words("ledger-tail"))
    if not sound:
        raise typer.Exit(int(ExitCode.NO))


@app.command("head")
def show_head(ledger: LedgerOption = None, output: OutputOption = None) -> None:
    """The anchor to note elsewhere: number of records and hash of the last."""
    out = Output("human", ("human",), file=output)
    out.text(f"{_ledger.open_desk(ledger, None).ledger.read().head}\n")
    out.flush()


@app.command("export")
def export(
    ledger: LedgerOption = None,
    format: Annotated[str, typer.Option("--format", "-f", help="json, jsonl, yaml or csv.")] = "json",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """All records with their status and the head, for an archive or an auditor."""
    out = Output(format, ("json", "jsonl", "yaml", "csv"), file=output, lang=lang)
    desk = _ledger.open_desk(ledger, None)
    snapshot = desk.ledger.read()
    revoked = match.state_of(snapshot.records).revoked
    rows = [(r, _ledger.status_of(r, revoked, desk.today)) for r in snapshot.records]
    if out.format == "jsonl":
        for r, _ in rows:
            out.text(json.dumps(dict(r.data), ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n")
    elif out.format == "csv":
        columns = [*report.COLUMNS, "verdict", "licenses", "evidence", "hash"]
        out.table(columns, [_cells(report.row(r.data, r.id, s, out.words), r.data) for r, s in rows])
    else:
        faults = [f.to_data() for f in snapshot.faults]
        records = [{**r.data, "status": s} for r, s in rows]
        out.data({"ledger": str(desk.ledger.path), "head": str(snapshot.head), "faults": faults, "records": records})
    out.flush()
    _remarks(out, desk.ledger)


@app.command("init")
def init(folder: Annotated[str, typer.Argument(help="The project's folder.")] = ".") -> None:
    """Give a project a ledger of its own (.modelreg/ledger.jsonl), to be kept in version control."""
    out = Output("human", ("human",))
    try:
        place = places.init_project(Path(folder))
        place.path.touch()
    except OSError as error:
        raise ModelEnvironmentError(
            f"cannot write: {error.strerror}", code="ledger-not-writable", where=folder
        ) from error
    out.text(f"{place.path}\n")
    out.flush()


@app.command("adopt")
def adopt(by: ByOption = None, ledger: LedgerOption = None, lang: LangOption = None) -> None:
    """Answer, in your own name, for a ledger that was copied or moved here."""
    out = Output("human", ("human",), lang=lang)
    if not by:
        raise UsageError("--by is needed", where="--by", hint='--by "Li Hua"')
    desk = _ledger.open_desk(ledger, None)
    snapshot = desk.ledger.read()
    if snapshot.faults or not snapshot.records:
        what = "damaged" if snapshot.faults else "empty"
        raise InputError(f"the ledger is {what}", code="ledger-damaged", where=str(desk.ledger.path))
    home = {**desk.ledger.opening(), "kind": "adopt", "person": by}
    if snapshot.home is not None:
        home["ledger"] = snapshot.home[0]
    _ledger.say_repaired(out, desk.ledger.append([home], now=desk.now))
    out.lines([Line(out.words("adopted", path=desk.ledger.path, person=by), "good")])
    out.flush()


def _cells(row: list[str], data: Any) -> list[str]:
    licenses = " ".join(t["license"] for t in data.get("terms", ()))
    evidence = json.dumps(data.get("evidence", {}), ensure_ascii=False, sort_keys=True)
    return [*row, data.get("verdict", ""), licenses, evidence, data["hash"]]


def _head_text(head: str) -> str:
    path = Path(head)
    if len(head) < 200 and path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")[:200]
    return head


def _remarks(out: Output, ledger: Ledger, *, faults: bool = True) -> None:
    snapshot = ledger.read()
    if snapshot.torn:
        out.warn(out.words("ledger-torn", bytes=snapshot.torn))
    if faults and snapshot.faults:
        out.warn(out.words("ledger-faults", count=len(snapshot.faults)))
