"""`modelreg revoke`: take an acknowledgement back."""

from __future__ import annotations

from typing import Annotated

import typer

from modelreg.cli import _ledger
from modelreg.cli._ledger import ByOption, LedgerOption, SignKeyOption
from modelreg.cli._options import FormatOption, LangOption, OutputOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.errors import InputError, UsageError
from modelreg.ledger import gate, match
from modelreg.report.lines import Line


def revoke(
    target: Annotated[str, typer.Argument(metavar="ID|MODEL", help="An acknowledgement, or all of a model.")],
    by: ByOption = None,
    reason: Annotated[str | None, typer.Option(help="Why; recorded.")] = None,
    sign_key: SignKeyOption = None,
    ledger: LedgerOption = None,
    registry: RegistryOption = None,
    format: FormatOption = "human",
    output: OutputOption = None,
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg revoke 3f2a90c1d0aa --by "Li Hua" --reason "the product was discontinued"

    modelreg revoke THUDM/chatglm-6b --by "Li Hua" --reason "permission withdrawn"

    Exit status: 0 recorded, 3 nothing to revoke.
    """
    out = Output(format, ("human", "json"), file=output, lang=lang)
    if not by or not reason:
        raise UsageError("--by and --reason are needed", where="revoke", hint='--by "Li Hua" --reason "…"')
    desk = _ledger.open_desk(ledger, registry)
    snapshot = desk.ledger.read()
    gate.usable(desk.ledger, snapshot)
    state = match.state_of(snapshot.records)
    found = _ledger.find_records(state.acceptances, target)
    if not found:
        model = desk.resolve(target)
        found = [r for r in state.acceptances if model is not None and match.names_model(r, model)]
    standing = [r for r in found if r.hash not in state.revoked]
    if not standing:
        what = "is revoked already" if found else "names no acknowledgement"
        raise InputError(f"'{target}' {what}", code="nothing-to-revoke", where=target, hint="modelreg ledger list")
    payload = {"kind": "revoke", "revokes": [r.hash for r in standing], "person": by, "reason": reason}
    done = desk.ledger.append(
        [payload],
        now=desk.now,
        sign=_ledger.signer_of(sign_key, by),
        recheck=lambda now: gate.usable(desk.ledger, now),
    )
    _ledger.say_repaired(out, done)
    if out.format == "json":
        out.data({"revoked": [r.hash for r in standing], "record": dict(done.records[0].data)})
    else:
        out.lines([Line(out.words("revoked-one", id=r.id, model=r.data["model"]), "warn") for r in standing])
    out.flush()
