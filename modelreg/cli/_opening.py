"""How a command comes to the files of a model: which model it is, the gate, the download, the gate again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from modelreg.cli._output import Output
from modelreg.core.verdict import REGISTRATION_FORM, REQUIRES_AGREEMENT
from modelreg.desk import Desk
from modelreg.errors import InputError, NotAcceptedError, UsageError

if TYPE_CHECKING:
    from modelreg.ledger.gate import Grant

HUBS = ("huggingface", "modelscope")
COMMIT = re.compile(r"[0-9a-f]{40}")
# What an acknowledgement mends; for the others the gate's own hint is better.
_MENDED_BY_ACCEPT = frozenset(
    {"not-accepted", "base-not-accepted", "use-changed", "terms-changed", "expired", "revoked", "other-account"}
)


class Source(NamedTuple):
    """What the gate is asked about.

    Attributes:
        target: a name or a folder; of: the model whose files the folder should be; as_model: of `--as`.
        local: whether the files are here, so that nothing is fetched.
    """

    target: str
    of: str
    as_model: str
    local: bool


class Place(NamedTuple):
    """Where files are fetched from, if they are not here."""

    hub: str = "huggingface"
    revision: str = ""
    endpoint: str | None = None
    offline: bool = False
    yes: bool = False


class Asked(NamedTuple):
    """What a command line says of the model and of the use.

    Attributes:
        model: a name or a folder; weights, as_model: of `--weights`, `--as`.
        given: facts that were typed; facts: the same checked, or the project's.
        adapters: folders that are put on top; registry, ledger: as typed, for hints.
    """

    model: str
    weights: str | None
    as_model: str
    given: Mapping[str, Any]
    facts: Mapping[str, Any]
    organisation: str = ""
    adapters: Sequence[str | Path] = ()
    place: Place = Place()
    registry: Sequence[str] | None = None
    ledger: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        return {"organisation": self.organisation, "adapters": tuple(self.adapters)}


class Fit(NamedTuple):
    """How the model will be opened: what cannot fit is refused before it is fetched."""

    device: str
    dtype: str
    quant: int


class Opened(NamedTuple):
    """What came of it: where the model was found, and the Grant for its files."""

    source: Source
    grant: Grant


def declared(
    commercial: bool | None, research: bool, use: list[str] | None, fact: list[str] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts of the use: as typed, and checked (the project's where none was typed).

    Raises:
        UsageError, InputError: facts that contradict each other or are none.
    """
    from modelreg.cli import _questions
    from modelreg.cli.check import use_flags
    from modelreg.core.facts import parse_facts
    from modelreg.project import Project

    given = use_flags(commercial, research, use, None, None, None, None, None, None, None, None)
    given.update(_questions.more_facts(fact or ()))
    return given, dict(parse_facts(given, where="command line")) or dict(Project().facts)


def open_model(out: Output, desk: Desk, asked: Asked, fit: Fit | None) -> Opened:
    """Pass the gate and have the files here.

    Args:
        fit: how it will be opened, None where it will not be.
    Raises:
        UsageError, InputError; what the gate raises, with the very command that would mend it; what a download does.
    """
    from modelreg.cli._weights import need_extra

    if asked.place.hub not in HUBS:
        raise UsageError(f"no hub '{asked.place.hub}'", where="--hub", hint="one of: " + ", ".join(HUBS))
    source = _source(desk, asked.model, asked.weights, asked.as_model)
    wanted = _revision(desk, source, asked.place.revision, asked.place.hub)
    try:
        grant = _pass(desk, source, asked, wanted)
        need_extra()
        if not source.local:
            grant = _with_files(out, desk, source, grant, asked, fit, wanted)
    except NotAcceptedError as error:
        raise _with_command(error, desk, source, asked) from None
    return Opened(source, grant)


def passed(desk: Desk, asked: Asked) -> Grant:
    """Pass the gate by name, where the files are somebody else's: another server has them open.

    Raises: as `open_model`.
    """
    source = _source(desk, asked.model, asked.weights, asked.as_model)
    try:
        return _pass(desk, source, asked, _revision(desk, source, asked.place.revision, asked.place.hub))
    except NotAcceptedError as error:
        raise _with_command(error, desk, source, asked) from None


def _source(desk: Desk, model: str, weights: str | None, as_model: str | None) -> Source:
    """Where the files are, as far as it can be told before the gate."""
    if weights is not None:
        if not Path(weights).is_dir():
            raise InputError("no such folder", code="no-such-folder", where=weights, hint="--weights DIR")
        if Path(model).is_dir():
            raise UsageError(
                f"'{model}' is a folder too", where="--weights", hint=f"modelreg COMMAND NAME --weights {weights}"
            )
        return Source(weights, "" if as_model else model, as_model or "", True)
    if Path(model).is_dir():
        return Source(model, "", as_model or "", True)
    found = desk.look(model, as_model=as_model or "")  # raises for --as: that is for folders
    return Source(model, "", "", found.files is not None)


def _revision(desk: Desk, source: Source, asked: str | None, hub: str) -> str:
    """The revision to fetch: the one asked for, else the commit that modelreg.lock pins, else "" for main."""
    from modelreg.ledger import lock

    if source.local:
        if asked:
            raise UsageError("--revision is for downloads; the files are here", where="--revision")
        if hub != HUBS[0]:
            raise UsageError("--hub is for downloads; the files are here", where="--hub")
        return ""
    pin = None if asked else lock.read(Path(lock.NAME)).get(desk.look(source.target).model.id)
    if pin and pin.commit and hub != HUBS[0]:
        raise UsageError(
            "it pins a commit of the Hub, and ModelScope has commits of its own",
            where=lock.NAME,
            hint="say which revision of ModelScope it shall be: --revision master",
        )
    return asked or (pin.commit if pin else "")


def _pass(
    desk: Desk,
    source: Source,
    asked: Asked,
    revision: str,
) -> Grant:
    """Ask the gate. An acknowledgement of one revision makes it necessary to know which one this is."""
    hub = asked.place.hub
    known = revision if COMMIT.fullmatch(revision) else ""
    try:
        return desk.require(
            source.target, asked.facts, of=source.of, as_model=source.as_model, revision=known, **asked.options
        )
    except NotAcceptedError as error:
        # ModelScope tells no commits, and its own are not the Hub's that was acknowledged.
        if error.code != "revision-changed" or source.local or known or hub != HUBS[0]:
            raise
    from modelreg.cli._weights import open_hub, repository_of

    repository, own = repository_of(desk.look(source.target).model, source.target)
    commit = open_hub(hub, asked.place.endpoint, offline=asked.place.offline).resolve(repository, revision or own)
    return desk.require(source.target, asked.facts, revision=commit, **asked.options)


def _with_files(
    out: Output,
    desk: Desk,
    source: Source,
    grant: Grant,
    asked: Asked,
    fit: Fit | None,
    revision: str,
) -> Grant:
    """Fetch the files of a model that passed, and ask the gate again, now about the files."""
    from modelreg.cli._weights import check_fit, fetch, open_hub, repository_of

    place = asked.place
    model = desk.book.require(grant.model)
    repository, own = repository_of(model, source.target, place.hub)
    server = open_hub(place.hub, place.endpoint, offline=place.offline)
    plan = server.plan(repository, grant.revision or revision or own)
    if plan.missing and fit is not None:
        check_fit(model, plan.config, device=fit.device, dtype=fit.dtype, quant=fit.quant)
    folder = fetch(out, server, plan, yes=place.yes)
    commit = plan.commit if COMMIT.fullmatch(plan.commit) else ""  # of ModelScope, the name of a branch
    return desk.require(source.target, asked.facts, cached=folder, revision=commit, **asked.options)


def _with_command(
    error: NotAcceptedError,
    desk: Desk,
    source: Source,
    asked: Asked,
) -> NotAcceptedError:
    """The same refusal, with the very command that would mend it."""
    if error.code not in _MENDED_BY_ACCEPT:
        return error
    model, given = asked.model, asked.given
    what = error.where if error.code == "base-not-accepted" else source.target if source.local and source.of else model
    if source.local and not source.of and not source.as_model:
        what = source.target
    words = ["modelreg", "accept", what]
    if source.as_model:
        words += ["--as", source.as_model]
    if given.get("commercial"):
        words.append("--commercial")
    elif given.get("use") == ["research"] or not given:
        words.append("--research")
    elif given.get("commercial") is False:
        words.append("--non-commercial")
    words += [f"--use={name}" for name in given.get("use") or () if name != "research"]
    known = ("commercial", "use")
    for name, value in given.items():
        if name not in known:
            words += [f"--fact={name}={str(v).lower() if v in (True, False) else v}" for v in _each(value)]
    words += _evidence(desk, error.where, given)
    words += [f"--registry={path}" for path in asked.registry or ()]
    words += [f"--ledger={asked.ledger}"] if asked.ledger else []
    either = "" if given else "  (or --commercial)"
    error.hint = f"{shlex.join(words)}{either}"
    return error


def _evidence(desk: Desk, name: str, given: Mapping[str, Any]) -> list[str]:
    """What has to be shown where the terms ask for a permission first."""
    found = desk.book.find(name)
    decision = desk.ruling(found, given).decision if found is not None else None
    if decision is None or decision.verdict != REQUIRES_AGREEMENT:
        return []
    return ["--evidence", "registration=NUMBER"] if decision.permission == REGISTRATION_FORM else ["--letter", "FILE"]


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
