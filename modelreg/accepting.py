"""What an acknowledgement needs before it is recorded: verdict, texts, evidence. Asks and prints nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modelreg.core.facts import is_date, parse_facts
from modelreg.core.license import License
from modelreg.desk import Desk, Target, is_commit
from modelreg.errors import InputError, ModelEnvironmentError, UsageError
from modelreg.ledger import match
from modelreg.ledger.gate import Ruling
from modelreg.ledger.records import is_plain

_BINDING = ("model-license", "software-license", "commercial-agreement")
_MAX_LETTER = 100_000_000


class Wish(NamedTuple):
    """What somebody wants to accept, as the command line or a line of a batch says it.

    Attributes:
        model: name or folder; facts: checked; variants: further ids that are to be covered.
        texts: files with official texts; unknown: sha256 of texts that are accepted though the registry does not
            know them; without_text: accept licences whose text cannot be had here; hub: ask the Hub for texts.
        evidence: KEY -> VALUE; letter: file; expires: ISO date or "".
    """

    model: str
    facts: Mapping[str, Any]
    as_model: str = ""
    revision: str = ""
    variants: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    without_text: bool = False
    hub: bool = True
    evidence: Mapping[str, str] = {}
    letter: str = ""
    expires: str = ""


class Shown(NamedTuple):
    """One text as it was found: proof is sha256, normalised, unknown or not-shown."""

    license: str
    where: str
    sha256: str
    proof: str
    data: bytes = b""
    why: str = ""

    def to_data(self) -> dict[str, str]:
        return {"license": self.license, "where": self.where[:400], "sha256": self.sha256, "proof": self.proof}


class Draft(NamedTuple):
    """What would be recorded, before anybody agreed."""

    wish: Wish
    target: Target
    facts: Mapping[str, Any]
    evidence: Mapping[str, Any]
    ruling: Ruling
    variants: tuple[str, ...]


def draft(desk: Desk, wish: Wish) -> Draft:
    """Work out the verdict; `check` and `find_texts` come next, so that all can be shown before anything is refused.

    Raises:
        RefusedError: the model cannot be identified. InputError, UsageError: something given is wrong.
    """
    target = desk.look(wish.model, as_model=wish.as_model, revision=wish.revision)
    named = wish.revision or (desk.book.subject(wish.model).revision if target.files is None else "")
    if named and not is_commit(named):
        raise UsageError(
            f"'{named}' is no commit: what a branch or tag points to changes", where="--revision", hint="--revision SHA"
        )
    if target.files is not None and not target.digest:
        target = target._replace(digest=target.files.digest())
    evidence = _evidence(wish)
    facts = {**match.bare(parse_facts(dict(wish.facts), where="facts")), **match.from_evidence(evidence)}
    ruling = desk.ruling(target.model, facts, target.revision)
    return Draft(wish, target, facts, evidence, ruling, tuple(_variants(desk, wish, target, ruling, facts)))


def check(made: Draft, today: str) -> None:
    """Refuse what no acknowledgement opens.

    Raises:
        RefusedError: prohibited, undetermined, or a permission without evidence. UsageError: an expiry that is past.
    """
    where = made.target.model.id
    match.check_verdict(made.ruling.decision, where)
    match.check_evidence(made.ruling.decision, made.evidence, where)
    expires = made.wish.expires
    if expires and (not is_date(expires) or expires <= today):
        raise UsageError(f"'{expires}' is no day to come", where="--expires", hint="YYYY-MM-DD, after today")


def find_texts(desk: Desk, made: Draft) -> list[Shown]:
    """The official text of every licence in force, from the nearest place that has it, compared with its hash.

    Raises:
        InputError: a file cannot be read, or an unknown text is not expressly accepted. UsageError: a hash is
        accepted that no text has. ModelEnvironmentError: a licence's text cannot be had.
    """
    from modelreg.texts.fetch import Proof, from_file

    wish, found = made.wish, list[Shown]()
    given = {path: Path(path).absolute() for path in wish.texts}
    unused = dict(given)
    primary = ""
    for license_id in dict.fromkeys(t.license for t in made.ruling.terms):
        record = desk.book.require_license(license_id)
        if record.kind in _BINDING and not primary:
            primary = license_id
        for path, place in given.items():
            texts = [from_file(place, wanted) for wanted in wanted_of(record)]
            proved = [t for t in texts if t.proof is not Proof.NONE]
            if proved:
                unused.pop(path, None)
                found.append(_shown(license_id, proved[0]))
                break
        else:
            found.append(_search(record, made.target, wish.hub))
    found = [*_unknown(made, unused, primary), *found]
    _check_unknown(wish, found)
    covered = {s.license for s in found if s.proof != "not-shown"}
    lacking = [s for s in found if s.license not in covered and desk.book.require_license(s.license).kind in _BINDING]
    if lacking and not wish.without_text:
        raise ModelEnvironmentError(
            f"the text of {lacking[0].license} could not be had: {lacking[0].why}",
            code="text-not-found",
            where=lacking[0].license,
            hint="name it with --text FILE; or accept by the recorded hash alone: --without-text",
        )
    return [s for s in found if s.proof != "not-shown" or s.license not in covered]


def wanted_of(record: License) -> list[Any]:
    """What the record says of each of its texts, for `texts.fetch`."""
    from modelreg.texts.fetch import Wanted
    from modelreg.texts.fingerprint import Fingerprint

    prints = (record.record.get("fingerprints") or {}).get("texts") or {}
    wanted = []
    for key, entry in (record.record.get("texts") or {}).items():
        mark = prints.get(key)
        wanted.append(
            Wanted(
                text_id=record.id,
                sha256s=(str(entry["sha256"]),) if entry.get("sha256") else (),
                fingerprints=(Fingerprint.from_data(mark, where=record.id),) if mark else (),
                repository=str(entry.get("repository") or ""),
                path=str(entry.get("path") or ""),
                commit=str(entry.get("commit") or ""),
                url=str(entry.get("url") or ""),
                scancode_key=str(entry.get("scancode_key") or ""),
            )
        )
    return wanted


def payload(desk: Desk, made: Draft, shown: Iterable[Shown], *, person: str, organisation: str) -> dict[str, Any]:
    """The fields of the record.

    Raises:
        UsageError: a name is empty or holds control characters.
    """
    for option, text in (("--by", person), ("--organisation", organisation)):
        if (option == "--by" and not text.strip()) or not is_plain(text):
            raise UsageError("a name of one line is needed", where=option, hint='--by "Zhang San"')
    target, decision = made.target, made.ruling.decision
    folder = None
    if target.files is not None:
        folder = {"digest": target.digest, "how": target.how, "name": target.files.root.name or "/"}
    return {
        "kind": "accept",
        "model": target.model.id,
        "variants": list(made.variants),
        "revision": target.revision,
        "registry": desk.book.registry.digest,
        "terms": [t.to_data() for t in made.ruling.terms],
        "shown": [s.to_data() for s in shown],
        "use": made.ruling.use.to_data(),
        "facts": dict(made.facts),
        "verdict": decision.verdict,
        "permission": decision.permission or "",
        "conditions": list(dict.fromkeys(c.label for c in decision.conditions)),
        "provenance": list(decision.provenance),
        "person": person.strip(),
        "organisation": organisation.strip(),
        "evidence": dict(made.evidence),
        "expires": made.wish.expires,
        "folder": folder,
    }


def _evidence(wish: Wish) -> dict[str, Any]:
    evidence: dict[str, Any] = {}
    for key, value in wish.evidence.items():
        if key == "letter" or not key.replace("-", "").replace("_", "").isalnum() or not value.strip():
            hint = "--letter FILE" if key == "letter" else "--evidence registration=NUMBER"
            raise UsageError(f"cannot take evidence '{key}'", where="--evidence", hint=hint)
        evidence[key] = value.strip()
    if wish.letter:
        path = Path(wish.letter)
        try:
            if path.stat().st_size > _MAX_LETTER:
                raise InputError(f"larger than {_MAX_LETTER} bytes", code="too-large", where=str(path))
            data = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"cannot read the letter: {error.strerror}", code="no-such-file", where=str(path)
            ) from error
        if not data:
            raise InputError("the letter is empty", code="bad-letter", where=str(path))
        evidence["letter"] = {"name": path.name, "sha256": hashlib.sha256(data).hexdigest()}
    return evidence


def _variants(desk: Desk, wish: Wish, target: Target, ruling: Ruling, facts: Mapping[str, Any]) -> Iterable[str]:
    known = {t.license for t in ruling.terms}
    for name in wish.variants:
        model = desk.book.require(name)
        other = desk.ruling(model, facts)
        foreign = [t.license for t in other.terms if t.license not in known]
        if foreign or other.decision.verdict != ruling.decision.verdict:
            raise UsageError(
                f"{model.id} is not under the same terms as {target.model.id}"
                + (f": {foreign[0]}" if foreign else f": {other.decision.verdict}"),
                where="--variant",
                hint=f"modelreg accept {model.id} …",
            )
        if model.id != target.model.id:
            yield model.id


def _search(record: License, target: Target, hub: bool) -> Shown:
    from modelreg.texts.fetch import Proof, find_text

    folder = target.files.root if target.files is not None else None
    why = "none is on record"
    for wanted in wanted_of(record):
        try:
            text = find_text(wanted, folder=folder, hub=hub)
        except ModelEnvironmentError as error:
            why = error.message
            continue
        if text.proof is not Proof.NONE:
            return _shown(record.id, text)
        why = f"{text.where} is another text"
    return Shown(record.id, "", "", "not-shown", why=why)


def _shown(license_id: str, text: Any) -> Shown:
    return Shown(license_id, text.where, hashlib.sha256(text.data).hexdigest(), str(text.proof), text.data)


def _unknown(made: Draft, unused: Mapping[str, Path], primary: str) -> Iterable[Shown]:
    """Texts that were given or lie beside the weights and that the registry does not know."""
    license_id = primary or next(t.license for t in made.ruling.terms)
    for path, place in unused.items():
        try:
            data = place.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read: {error.strerror}", code="no-such-file", where=path) from error
        yield Shown(license_id, path, hashlib.sha256(data).hexdigest(), "unknown", data)
    files = made.target.files
    for name, digest in made.target.unknown_texts.items():
        data = (files.read_small(name) if files is not None else None) or b""
        yield Shown(license_id, name, digest, "unknown", data)


def _check_unknown(wish: Wish, found: Sequence[Shown]) -> None:
    unknown = [s for s in found if s.proof == "unknown"]
    accepted = {u.lower() for u in wish.unknown}
    for text in unknown:
        if text.sha256 not in accepted:
            raise InputError(
                f"{text.where} is a text that the registry does not know (sha256 {text.sha256})",
                code="unknown-text",
                where=text.where,
                hint=f"read it; if you accept it as it is: --accept-unknown-text {text.sha256}",
            )
    idle = accepted - {s.sha256 for s in unknown}
    if idle:
        raise UsageError(
            f"no text here has the sha256 {min(idle)}", where="--accept-unknown-text", hint="name it with --text FILE"
        )
