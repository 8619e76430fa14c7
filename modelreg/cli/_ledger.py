"""Options and steps that the commands on the ledger share."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from modelreg.cli._output import Output
from modelreg.desk import Desk
from modelreg.errors import InputError, NotAcceptedError, UsageError
from modelreg.ledger.records import Record
from modelreg.ledger.store import Appended, Signer
from modelreg.project import Project

LedgerOption = Annotated[
    str | None, typer.Option("--ledger", help="The ledger's file (MODELREG_LEDGER); default: the project's or yours.")
]
ByOption = Annotated[str | None, typer.Option("--by", help="The person who answers for this.")]
SignKeyOption = Annotated[
    str | None, typer.Option("--sign-key", help="SSH key to sign with (MODELREG_SIGNING_KEY); see ssh-keygen -Y.")
]


def open_desk(ledger: str | None, registry: list[str] | None) -> Desk:
    """The desk of one command, with the project's overlays."""
    return Desk(ledger, tuple(registry or ()), project=Project().path)


def signer_of(key: str | None, person: str) -> Signer | None:
    """The function that signs, if a key was named."""
    named = key or os.environ.get("MODELREG_SIGNING_KEY", "")
    if not named:
        return None
    from modelreg.ledger.signing import signer

    return signer(Path(named), person)


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """`KEY=VALUE` options.

    Raises:
        UsageError: no `=`, or a key is given twice.
    """
    out: dict[str, str] = {}
    for text in given or ():
        key, sign, value = text.partition("=")
        if not sign or not key or key in out:
            raise UsageError(f"cannot read '{text}'", where=option, hint=f"{option} KEY=VALUE, each key once")
        out[key] = value
    return out


def interactive() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(out: Output, question: str, *, flag: str) -> str:
    """One answer from the terminal.

    Raises:
        NotAcceptedError: nobody is there to be asked; names the flag.
    """
    if not interactive():
        raise NotAcceptedError(
            "nobody can be asked here: this is no terminal",
            code="cannot-ask",
            where="stdin",
            hint=f"say it with {flag}",
        )
    out.flush()
    return str(typer.prompt(question, default="", show_default=False, err=True))


def say_repaired(out: Output, done: Appended) -> None:
    if done.repaired:
        out.warn(done.repaired)


def find_records(records: tuple[Record, ...], wanted: str) -> list[Record]:
    """Records whose hash begins with some digits (at least 4).

    Raises:
        InputError: several records' hashes do.
    """
    text = wanted.strip().lower()
    if len(text) < 4 or set(text) - set("0123456789abcdef"):
        return []
    found = [r for r in records if r.hash.startswith(text)]
    if len(found) > 1:
        raise InputError(
            f"'{wanted}' begins the ids of {len(found)} records",
            code="ambiguous-record",
            where=wanted,
            hint="one of: " + ", ".join(r.id for r in found),
        )
    return found


def status_of(record: Record, revoked: Mapping[str, Record], today: str) -> str:
    """valid, revoked or expired; the kind for what is no acceptance."""
    data: Mapping[str, Any] = record.data
    if record.kind != "accept":
        return record.kind
    if record.hash in revoked:
        return "revoked"
    return "expired" if data["expires"] and today >= data["expires"] else "valid"
