"""The gate: `require()` is the only maker of a `Grant`, and weights are opened with a Grant alone.

Order (each step refuses with its own code): the ledger is sound -> it is this place's own -> the terms allow the use
-> an acknowledgement of this very model, use, text and revision by this account or organisation stands -> it is
signed, where signatures are asked for -> the base of an adapter or delta has a Grant of its own -> the files are
still those that were looked at.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, NoReturn, ParamSpec, TypeVar, final

from modelreg.core.verdict import Decision
from modelreg.errors import InputError, NotAcceptedError
from modelreg.ledger import match
from modelreg.ledger.files import FileSet
from modelreg.ledger.match import Decide, Objection, Question, Ruling, Terms, Use
from modelreg.ledger.records import Record
from modelreg.ledger.signing import verify
from modelreg.ledger.store import Ledger, Snapshot

__all__ = ["Decide", "Grant", "Request", "Ruling", "Terms", "Use", "genuine", "require", "usable"]

P = ParamSpec("P")
R = TypeVar("R")

_GRANT_TOKEN: Final = object()
_ISSUED_GRANTS: weakref.WeakValueDictionary[int, Grant] = weakref.WeakValueDictionary()


class Request(NamedTuple):
    """What is to be opened, by whom, for what. Made by modelreg.api, which knows the registry.

    Attributes:
        model: registry id; revision: hub commit, "" if not known.
        facts: of this use, checked (core.facts); empty: the use that was acknowledged last.
        account: who runs this; organisation: for whom, "" if not said.
        files: what was looked at in a local folder, None before a download.
        digest: FileSet.digest(), needed only where the ledger records a folder; digests are costly.
        assigned: the identity comes from `--as` alone.
        unknown_texts: file -> sha256 of licence texts beside the weights that the registry does not know.
        bases: models whose weights are opened as well (of an adapter, a delta): each needs a Grant of its own.
        allowed_signers: acknowledgements must be signed by one of them.
        how: by what a folder was identified.
    """

    model: str
    facts: Mapping[str, Any]
    account: str
    revision: str = ""
    organisation: str = ""
    files: FileSet | None = None
    digest: str = ""
    assigned: bool = False
    unknown_texts: Mapping[str, str] = {}
    bases: tuple[str, ...] = ()
    allowed_signers: Path | None = None
    how: str = ""


@final
class Grant:
    """Leave to open the weights of one model for one use. Only `require` makes one.

    It cannot be made, copied, changed, pickled or subclassed; `genuine(x)` tells whether something is one.

    Attributes:
        model, revision, folder: what may be opened; folder is None until the files are here.
        use, verdict, conditions: for what, and what is to be kept (labels).
        acknowledgement, record: id and hash of the ledger's record; person, organisation: whose.
        expires: ISO date or "".
        bases: the Grants of what is opened as well: the base of an adapter, the adapters put on top.
        how: by what a folder was identified.
    """

    __slots__ = (
        "__weakref__",
        "_files",
        "_renew",
        "acknowledgement",
        "bases",
        "conditions",
        "expires",
        "how",
        "model",
        "organisation",
        "person",
        "record",
        "revision",
        "use",
        "verdict",
    )
    model: str
    revision: str
    use: Use
    verdict: str
    conditions: tuple[str, ...]
    acknowledgement: str
    record: str
    person: str
    organisation: str
    expires: str
    bases: tuple[Grant, ...]
    how: str
    _files: FileSet | None
    _renew: Callable[[], Grant] | None

    def __new__(cls, token: object = None, /, **values: Any) -> Grant:
        if token is not _GRANT_TOKEN or cls is not Grant:
            raise TypeError("only modelreg.ledger.gate.require() makes a Grant")
        grant = object.__new__(cls)
        for name, value in values.items():
            object.__setattr__(grant, name, value)
        _ISSUED_GRANTS[id(grant)] = grant
        return grant

    def __init_subclass__(cls, **_: Any) -> NoReturn:
        raise TypeError("a Grant cannot be subclassed")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Grant cannot be changed ({name})")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Grant cannot be changed ({name})")

    def __copy__(self) -> NoReturn:
        raise TypeError("a Grant cannot be copied")

    def __deepcopy__(self, _: object) -> NoReturn:
        raise TypeError("a Grant cannot be copied")

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a Grant cannot be pickled: the other process asks the gate itself")

    def __repr__(self) -> str:
        return f"<Grant {self.model}: {self.use}, acknowledgement {self.acknowledgement}>"

    @property
    def folder(self) -> Path | None:
        return self._files.root if self._files is not None else None

    def check(self, now: datetime | None = None) -> Grant:
        """Make sure that this is a Grant and has not run out; returns it.

        Raises:
            TypeError: it was not made by the gate. NotAcceptedError: `expired`.
        """
        genuine(self)
        today = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%d")
        if self.expires and today >= self.expires:
            raise NotAcceptedError(
                f"acknowledgement {self.acknowledgement} expired on {self.expires}", code="expired", where=self.model
            )
        return self

    def check_files(self, folder: str | Path | None = None) -> FileSet:
        """Make sure that the folder about to be opened is the one that was checked, unchanged; and the bases'.

        Args:
            folder: the folder about to be opened, compared if given.
        Returns: the files; `FileSet.open(name)` compares once more on the open file.
        Raises:
            NotAcceptedError: `files-changed`, `files-not-checked`, `expired`. TypeError: not a Grant.
        """
        self.check()
        if self._files is None:
            raise NotAcceptedError(
                f"this grant for {self.model} was given before its files were here",
                code="files-not-checked",
                where=self.model,
                hint="ask again with the folder: modelreg.require(MODEL, folder=FOLDER)",
            )
        if folder is not None and not _same(Path(folder), self._files.root):
            raise NotAcceptedError(
                f"the grant is for {self._files.root}", code="files-not-checked", where=str(folder), hint="ask again"
            )
        for files in (self._files, *(base._files for base in self.bases)):
            if files is not None:
                files.check()
        return self._files

    def renew(self) -> Grant:
        """Ask the gate again: a Grant of now. Raises: what `require` raises."""
        genuine(self)
        return self._renew() if self._renew is not None else self.check()

    def __enter__(self) -> Grant:
        return self.check()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """As a decorator: the gate is asked again at each call."""
        genuine(self)

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            self.renew()
            return function(*args, **kwargs)

        return guarded


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:
        return False


def genuine(thing: object) -> Grant:
    """The thing, if `require` made it.

    Raises:
        TypeError: anything else, however much it looks like one.
    """
    if type(thing) is not Grant or _ISSUED_GRANTS.get(id(thing)) is not thing:
        raise TypeError("this takes the Grant that modelreg.ledger.gate.require() returned")
    return thing


def usable(ledger: Ledger, snapshot: Snapshot) -> None:
    """A ledger that was tampered with, or that belongs to another place, answers for nothing.

    Raises:
        InputError: `ledger-damaged`. NotAcceptedError: `ledger-copied`.
    """
    where = str(ledger.path)
    if snapshot.faults:
        first = snapshot.faults[0]
        raise InputError(
            f"the ledger is damaged: record {first.record or '?'} at line {first.line} is {first.kind}"
            f" ({len(snapshot.faults)} fault(s))",
            code="ledger-damaged",
            where=f"{where}:{first.line}",
            hint="modelreg ledger verify; restore the file from a copy",
        )
    home = snapshot.home
    if snapshot.records and (home is None or home[1:] != (ledger.place.scope, ledger.place.home)):
        belongs = f"{home[1]} {home[2]}" if home else "nothing"
        raise NotAcceptedError(
            f"this ledger was copied here: it belongs to {belongs}, not to {ledger.place.scope} {ledger.place.home}",
            code="ledger-copied",
            where=where,
            hint="answer for it here in your own name: modelreg ledger adopt --by NAME",
        )


def require(
    request: Request,
    ledger: Ledger,
    decide: Decide,
    *,
    now: datetime,
    bases: Iterable[Grant] = (),
    renew: Callable[[], Grant] | None = None,
) -> Grant:
    """Let pass, or raise.

    Args:
        request: what is asked; ledger: where acknowledgements are; decide: the engine on some facts.
        now: aware; an earlier time than the newest record's counts as that one, so that a clock that is set back
            revives nothing.
        bases: Grants for `request.bases`; renew: how to ask again, for Grant.renew.
    Raises:
        NotAcceptedError (exit 4): no acknowledgement, or none that matches. RefusedError (exit 1): the terms do not
        allow the use, or ask for a permission of which there is no evidence. InputError (exit 3): a damaged ledger.
    """
    snapshot = ledger.read()
    usable(ledger, snapshot)
    state = match.state_of(snapshot.records)
    if snapshot.records:
        now = max(now.astimezone(UTC), _time(snapshot.records[-1]))
    candidates = [r for r in state.acceptances if match.names_model(r, request.model)]
    standing = [r for r in candidates if r.hash not in state.revoked]
    question = _question(request, standing or candidates)
    if not candidates:
        raise _not_accepted(question, decide)
    objections: list[Objection] = []
    for record in candidates:
        objection, ruling = match.object_to(record, question, state, decide, now)
        if objection is None and ruling is not None:
            if request.allowed_signers is not None:
                verify(record, request.allowed_signers)
            return _grant(request, record, ruling, tuple(bases), renew)
        if objection is not None:
            objections.append(objection)
    # The acknowledgement that came nearest explains best; among equals the newest, which stands first.
    raise max(objections, key=lambda o: o.rank).error


def _question(request: Request, candidates: list[Record]) -> Question:
    facts = dict(request.facts)
    if not facts and candidates:
        facts = dict(candidates[0].data["facts"])
    return Question(
        request.model,
        request.revision,
        facts,
        request.account,
        request.organisation,
        request.digest,
        request.unknown_texts,
        request.assigned,
    )


def _not_accepted(question: Question, decide: Decide) -> Exception:
    """No acknowledgement; where the terms close the use anyway, that is the answer."""
    model = question.model
    decision: Decision | None = None
    if question.facts:
        decision = decide(match.bare(question.facts)).decision
        if decision.verdict in ("prohibited", "undetermined"):
            match.check_verdict(decision, model)
    kind = f"; for this use they are: {decision.verdict}" if decision else ""
    flags = "--commercial|--research"
    return NotAcceptedError(
        f"the terms of {model} are not acknowledged{kind}",
        code="not-accepted",
        where=model,
        hint=f"modelreg check {model} {flags}; modelreg accept {model} {flags}",
    )


def _grant(
    request: Request, record: Record, ruling: Ruling, bases: tuple[Grant, ...], renew: Callable[[], Grant] | None
) -> Grant:
    for base in bases:
        genuine(base)
    held = {base.model for base in bases if ruling.use.within(base.use)}
    for name in request.bases:
        if name not in held:
            raise NotAcceptedError(
                f"{request.model} works on the weights of {name}, whose terms are not acknowledged",
                code="base-not-accepted",
                where=name,
                hint=f"modelreg accept {name} …",
            )
    if request.files is not None:
        request.files.check()
    return Grant(
        _GRANT_TOKEN,
        model=request.model,
        revision=request.revision,
        use=ruling.use,
        verdict=ruling.decision.verdict,
        conditions=tuple(dict.fromkeys(c.label for c in ruling.decision.conditions)),
        acknowledgement=record.id,
        record=record.hash,
        person=str(record.data["person"]),
        organisation=str(record.data["organisation"]),
        expires=str(record.data["expires"]),
        bases=bases,
        how=request.how,
        _files=request.files,
        _renew=renew,
    )


def _time(record: Record) -> datetime:
    return datetime.strptime(record.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
