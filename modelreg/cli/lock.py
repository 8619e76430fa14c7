"""`modelreg lock`: pin what the project uses, and check that it still is so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelreg.cli import _ledger
from modelreg.cli._ledger import LedgerOption
from modelreg.cli._options import FormatOption, LangOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.desk import Desk, facts_for
from modelreg.errors import ExitCode, InputError
from modelreg.ledger import lock as locks
from modelreg.ledger import match
from modelreg.ledger.files import take
from modelreg.project import Project
from modelreg.report.lines import Line


def lock(
    models: Annotated[
        list[str] | None, typer.Argument(help="Models to pin; default: those pinned, else all acknowledged.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 where something is not as locked.")
    ] = False,
    folder: Annotated[list[str] | None, typer.Option(help="MODEL=FOLDER: where its files lie.")] = None,
    file: Annotated[str, typer.Option("--file", help="The lock's file.")] = locks.NAME,
    organisation: Annotated[str | None, typer.Option(help="For whom the models are used.")] = None,
    ledger: LedgerOption = None,
    registry: RegistryOption = None,
    format: FormatOption = "human",
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg lock THUDM/chatglm-6b

    modelreg lock --check

    Exit status: 0 written, or as locked; 1 something is not as locked; 4 an acknowledgement is missing.
    """
    out = Output(format, ("human", "json"), lang=lang)
    desk = _ledger.open_desk(ledger, registry)
    path = Path(file)
    known = locks.read(path)
    folders = {desk.book.require(k).id: v for k, v in _ledger.pairs(folder, "--folder").items()}
    wanted = [desk.book.require(m).id for m in models or ()]
    if not wanted:
        wanted = sorted(known) or _acknowledged(desk)
    if not wanted or (check and not known):
        raise InputError("nothing is pinned", code="nothing-locked", where=str(path), hint="modelreg lock MODEL")
    pins = {m: _pin(desk, m, folders.get(m), known.get(m), organisation or "") for m in wanted}
    if check:
        _check(out, path, known, pins)
        return
    locks.save(path, locks.write({**known, **pins}.values()))
    if out.format == "json":
        out.data({"lock": str(path), "models": sorted(pins)})
    else:
        out.lines([Line(out.words("lock-written", path=path, count=len({**known, **pins})), "good")])
    out.flush()


def _acknowledged(desk: Desk) -> list[str]:
    state = match.state_of(desk.ledger.read().records)
    return sorted({str(a.data["model"]) for a in state.acceptances if a.hash not in state.revoked})


def _pin(desk: Desk, model: str, folder: str | None, old: locks.Pin | None, organisation: str) -> locks.Pin:
    facts = dict(Project().facts) or facts_for(None, {})
    grant = desk.require(folder or model, facts, of=model if folder else "", organisation=organisation)
    entry = desk.book.require(model)
    accepted = [a for a in match.state_of(desk.ledger.read().records).acceptances if a.hash == grant.record]
    ruling = desk.ruling(entry, match.joined(accepted[0], facts), grant.revision)
    commit, files = grant.revision, dict[str, str]()
    if folder is not None:
        files = _hashes(Path(folder))
    else:
        names = (entry.entry.get("names") or {}).get("huggingface") or [entry.id]
        cached = locks.hub_snapshot(names, grant.revision or (old.commit if old else ""), desk.environ)
        if cached is not None:
            commit, files = cached[0], _hashes(cached[1])
    if not commit and old is not None:
        commit = old.commit
    if not files and old is not None:
        files = dict(old.files)
    return locks.Pin(
        model,
        grant.acknowledgement,
        commit,
        str(grant.use),
        locks.pins_of_terms(ruling.terms),
        files,
    )


def _hashes(folder: Path) -> dict[str, str]:
    return {name: f"sha256:{digest}" for name, digest in take(folder).hashes().items()}


def _check(out: Output, path: Path, known: dict[str, locks.Pin], pins: dict[str, locks.Pin]) -> None:
    found: list[locks.Difference] = []
    for model, pin in pins.items():
        if model in known:
            found += locks.differences(known[model], pin)
        else:
            found.append(locks.Difference(model, "model", "", pin.acknowledgement))
    if out.format == "json":
        out.data({"lock": str(path), "same": not found, "differences": [d._asdict() for d in found]})
    elif found:
        for d in found:
            key = "lock-missing" if not d.got else "lock-new" if not d.locked else "lock-differs"
            out.lines([Line(out.words(key, model=d.model, what=d.what, got=d.got, locked=d.locked), "bad")])
    else:
        out.lines([Line(out.words("lock-same", path=path, count=len(pins)), "good")])
    out.flush()
    if found:
        raise typer.Exit(int(ExitCode.NO))
