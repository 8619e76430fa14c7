"""Whether one acknowledgement answers for one use of one model: every test, each with its own code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from modelreg.core.verdict import PERMITTED, REGISTRATION_FORM, WITH_CONDITIONS, Decision
from modelreg.errors import ModelregError, NotAcceptedError, RefusedError
from modelreg.ledger.records import Record

# Facts by which a user says that a permission is in hand. They count only with evidence in the ledger.
PERMISSION_FACTS = ("registered", "registration_confirmed", "written_permission")
_USE_FACTS = {"use", "commercial"}
_ALLOWED = (PERMITTED, WITH_CONDITIONS)


class Terms(NamedTuple):
    """One text in force for the weights of a model or of an ancestor.

    texts: sha256 of each official text, None where the registry has none; digest: sha256 of what the registry
    records of its terms, which stands in where a text's hash is not known.
    """

    license: str
    model: str
    texts: Mapping[str, str | None]
    digest: str

    def to_data(self) -> dict[str, Any]:
        return {"license": self.license, "model": self.model, "texts": dict(self.texts), "digest": self.digest}


class Use(NamedTuple):
    """The kind of use."""

    commercial: bool | None
    uses: frozenset[str]

    def to_data(self) -> dict[str, Any]:
        return {"commercial": self.commercial, "uses": sorted(self.uses)}

    def within(self, other: Use) -> bool:
        """Whether an acknowledgement of the other use covers this one: never a wider or an unnamed one."""
        if self.commercial is not other.commercial:
            return False
        return self.uses <= other.uses if self.uses else not other.uses

    def __str__(self) -> str:
        kind = {True: "commercial", False: "non-commercial", None: "unnamed"}[self.commercial]
        return f"{kind} ({', '.join(sorted(self.uses))})" if self.uses else kind


class Ruling(NamedTuple):
    """What the registry and the engine say to one set of facts."""

    decision: Decision
    terms: tuple[Terms, ...]
    use: Use


Decide = Callable[[Mapping[str, Any]], Ruling]


class Question(NamedTuple):
    """What is to be opened, by whom, for what; see gate.Request, of which this is the part that is compared."""

    model: str
    revision: str
    facts: Mapping[str, Any]
    account: str
    organisation: str
    digest: str
    unknown_texts: Mapping[str, str]
    assigned: bool


class State(NamedTuple):
    """What the ledger says at one moment."""

    acceptances: tuple[Record, ...]
    revoked: Mapping[str, Record]  # hash of an acceptance -> the record that revoked it


def state_of(records: tuple[Record, ...]) -> State:
    """Acceptances (newest first) and revocations."""
    revoked = {}
    for record in records:
        if record.kind == "revoke":
            revoked.update({str(h): record for h in record.data["revokes"]})
    return State(tuple(r for r in reversed(records) if r.kind == "accept"), revoked)


def names_model(record: Record, model: str) -> bool:
    return model == record.data["model"] or model in record.data["variants"]


def bare(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts without the claims of a permission; that one is *not* held stays."""
    return {k: v for k, v in facts.items() if k not in PERMISSION_FACTS or v is False}


def joined(record: Record, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts to decide with: the record's, its evidence, and over them those of this run.

    A run that names its use in any way names all of it: nothing of the recorded use narrows it.
    """
    recorded = bare(record.data["facts"])
    if facts.keys() & _USE_FACTS:
        recorded = {k: v for k, v in recorded.items() if k not in _USE_FACTS}
    return {**recorded, **from_evidence(record.data["evidence"]), **bare(facts)}


def from_evidence(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Facts that evidence shows: a registration number, a letter that was put on record."""
    shown: dict[str, Any] = {}
    if evidence.get("registration"):
        shown["registered"] = True
    if evidence.get("confirmation"):
        shown["registration_confirmed"] = True
    if evidence.get("letter"):
        shown["written_permission"] = True
    return shown


def check_verdict(decision: Decision, where: str) -> None:
    """An acknowledgement opens nothing that the terms close.

    Raises:
        RefusedError: `prohibited`, `undetermined` or `agreement-missing`.
    """
    if decision.verdict in _ALLOWED:
        return
    reasons = "; ".join(dict.fromkeys(r.code for r in decision.reasons if r.effect == decision.verdict))
    if decision.verdict == "requires-agreement":
        kind = decision.permission or "permission"
        way = "--evidence registration=NUMBER" if kind == REGISTRATION_FORM else "--letter FILE"
        raise RefusedError(
            f"{where}: the terms ask for a {kind} first, and the ledger holds no evidence of one",
            code="agreement-missing",
            where=where,
            hint=f"get it (modelreg check {where} …), then: modelreg accept {where} … {way}",
        )
    raise RefusedError(
        f"{where}: {decision.verdict} for this use ({reasons})",
        code="prohibited" if decision.verdict == "prohibited" else "undetermined",
        where=where,
        hint=f"why, with clauses: modelreg check {where} …; no acknowledgement changes that",
    )


def check_evidence(decision: Decision, evidence: Mapping[str, Any], where: str) -> None:
    """A verdict that rests on a permission needs evidence of that kind of permission.

    Raises:
        RefusedError: `agreement-missing`.
    """
    kind = decision.permission
    if kind is None or evidence.get("letter"):
        return
    if kind == REGISTRATION_FORM and evidence.get("registration"):
        return
    if evidence.get("confirmation") and evidence.get("registration"):
        return
    check_verdict(decision._replace(verdict="requires-agreement"), where)


class Objection(NamedTuple):
    """Why a record does not answer; how far it got."""

    rank: int
    error: ModelregError


def object_to(
    record: Record, question: Question, state: State, decide: Decide, now: datetime
) -> tuple[Objection | None, Ruling | None]:
    """The first thing that is wrong with an acceptance that names the model; None if it holds.

    Args:
        record, state: from the ledger; decide: the engine; now: not before the newest record.
    """
    data = record.data
    where = question.model
    hint = f"modelreg accept {where} …; what is recorded: modelreg ledger show {record.id}"

    def no(rank: int, code: str, message: str, more: str = hint) -> tuple[Objection, None]:
        error = NotAcceptedError(f"acknowledgement {record.id} {message}", code=code, where=where, hint=more)
        return Objection(rank, error), None

    if record.hash in state.revoked:
        by = state.revoked[record.hash]
        return no(1, "revoked", f"was revoked on {by.time[:10]} by {by.data['person']}: {by.data['reason']}")
    mine = data["account"] == question.account
    if data["organisation"]:
        if question.organisation and question.organisation != data["organisation"]:
            return no(2, "other-organisation", f"is {data['organisation']}'s, not {question.organisation}'s")
        if not question.organisation and not mine:
            return no(2, "other-organisation", f"is {data['organisation']}'s: say that you act for it (--organisation)")
    elif not mine:
        return no(2, "other-account", f"is {data['person']}'s own (account {data['account']}), not yours")
    if data["expires"] and now.strftime("%Y-%m-%d") >= data["expires"]:
        return no(3, "expired", f"expired on {data['expires']}")
    if data["revision"] and not question.revision.startswith(data["revision"]):
        got = question.revision or "an unknown one"
        return no(4, "revision-changed", f"is for revision {data['revision']}, not {got}")
    folder = data["folder"]
    if folder is not None and folder["digest"] != question.digest:
        return no(4, "folder-changed", "is for a folder with other content")
    if question.assigned and folder is None:
        return no(4, "as-not-recorded", "does not record that this folder is the model")
    ruling = decide(joined(record, question.facts))
    recorded = Use(data["use"]["commercial"], frozenset(data["use"]["uses"]))
    if not ruling.use.within(recorded):
        return no(5, "use-changed", f"is for another use: {recorded}; this one is {ruling.use}")
    changed = _changed_terms(data["terms"], ruling.terms)
    if changed:
        return no(6, "terms-changed", f"is for other terms: {changed}")
    if ruling.decision.provenance:
        # An overlay may say other things of the same text: then what was accepted is what it said at that time.
        digests = {t["license"]: t["digest"] for t in data["terms"]}
        for text in ruling.terms:
            if digests.get(text.license) != text.digest:
                return no(7, "overlay-changed", f"knows {text.license} otherwise than {ruling.decision.provenance[0]}")
    seen = {t["sha256"] for t in data["shown"]}
    for name, digest in question.unknown_texts.items():
        if digest not in seen:
            more = f"modelreg accept FOLDER … --accept-unknown-text {digest}"
            return no(8, "unknown-text", f"is not for the text in {name} (sha256 {digest[:12]})", more)
    try:
        check_verdict(ruling.decision, where)
        check_evidence(ruling.decision, data["evidence"], where)
    except RefusedError as error:
        return Objection(9, error), None
    return None, ruling


def _changed_terms(recorded: list[Mapping[str, Any]], terms: tuple[Terms, ...]) -> str:
    """The first text in force that was not accepted as it is now; empty if all were."""
    accepted = {t["license"]: t for t in recorded}
    if not terms:
        return "no text is known to be in force"
    for text in terms:
        old = accepted.get(text.license)
        if old is None:
            return f"{text.license} ({text.model}) was not accepted"
        if dict(old["texts"]) != dict(text.texts):
            return f"the text of {text.license} is not the one that was accepted"
        # A text of unknown hash is held by what is recorded of it.
        if (None in text.texts.values() or not text.texts) and old["digest"] != text.digest:
            return f"what is recorded of {text.license} changed, and its text has no hash"
    return ""
