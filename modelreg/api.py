"""The Python API behind `import modelreg`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from modelreg.desk import Desk, facts_for
from modelreg.ledger.gate import Grant
from modelreg.project import Project

__all__ = ["Grant", "require"]


def require(
    model: str | os.PathLike[str],
    *,
    use: str | Sequence[str] | None = None,
    facts: Mapping[str, Any] | None = None,
    folder: str | os.PathLike[str] | None = None,
    cached: str | os.PathLike[str] | None = None,
    as_model: str = "",
    revision: str = "",
    organisation: str = "",
    adapters: Sequence[str | os.PathLike[str]] = (),
    base: str | os.PathLike[str] | None = None,
    ledger: str | os.PathLike[str] | None = None,
    registry: Sequence[str] = (),
    now: datetime | None = None,
) -> Grant:
    """Make sure that the terms of a model are acknowledged for a use, or raise.

    The result is a Grant: give it to `modelreg.inference.load`, use it in a `with`, or put it before a function as a
    decorator (the gate is then asked again at each call).

    Args:
        model: a name (THUDM/chatglm-6b), or a folder of weights, which is identified by its files.
        use: "commercial", "non-commercial", "research", or uses as `check --use` takes them; not given: the
            project's declared use, else the use that was acknowledged last.
        facts: further facts of the use, as `modelreg explain facts` lists them.
        folder: where the files of `model` lie, if they are here: they must be identified as its files.
        cached: where the Hub's cache keeps them: they must not be another model's.
        as_model: what a folder is that cannot be identified; must be recorded by `accept FOLDER --as MODEL`.
        revision: the hub's commit; organisation: for whom (MODELREG_ORGANISATION).
        adapters: folders of adapters to be put on top; base: where the base of an adapter lies.
        ledger, registry: as `--ledger` and `--registry`; now: aware, the clock's time if None.
    Raises:
        NotAcceptedError (exit 4), RefusedError (1), InputError (3), ModelEnvironmentError (5); see ledger/gate.py.
    """
    project = Project()
    given = facts_for(use, facts)
    if not given:
        given = dict(project.facts)
    desk = Desk(os.fspath(ledger) if ledger else None, registry, project=project.path, now=now)
    target, of = (folder, os.fspath(model)) if folder is not None else (model, "")
    return desk.require(
        target,
        given,
        of=of,
        cached=cached,
        as_model=as_model,
        revision=revision,
        organisation=organisation,
        adapters=adapters,
        base=base,
    )
