"""Where the registry, the engine, the texts and the ledger meet: what the gate compares, worked out once.

Used by the Python API, by the commands and by the hooks of `modelreg exec`. Starts without torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from modelreg._version import __version__
from modelreg.book import Book, open_book
from modelreg.core.canonical import sha256_of
from modelreg.core.facts import USES, parse_facts
from modelreg.core.model import Model
from modelreg.decision.engine import Subject, decide, texts_in_force, use_of
from modelreg.errors import ModelregError, RefusedError, UsageError
from modelreg.ledger import folder as folders
from modelreg.ledger import gate, match, packed, places
from modelreg.ledger.files import FileSet, take
from modelreg.ledger.gate import Grant, Ruling, Terms, Use
from modelreg.ledger.records import Record
from modelreg.ledger.seals import Seals
from modelreg.ledger.signing import ALLOWED_SIGNERS
from modelreg.ledger.store import Ledger

ENV_ORGANISATION = "MODELREG_ORGANISATION"
ENV_SIGNERS = "MODELREG_ALLOWED_SIGNERS"
_DEPTH = 4  # adapters on adapters
_SIDE_FORMS = ("adapter", "delta")  # forms that are opened together with the weights of their base


class Target(NamedTuple):
    """What somebody wants to open, after a look at it.

    Attributes:
        model: registry id; revision: "" if not known; files, witness, digest: of a local folder.
        assigned: only `--as` (now or recorded) says what it is; how: by what it was identified.
        bases: ids of models whose weights are opened as well, or the folders they lie in.
        unknown_texts: licence texts beside the weights that are not those of the registry: file -> sha256.
    """

    model: Model
    revision: str = ""
    files: FileSet | None = None
    witness: folders.Witness | None = None
    digest: str = ""
    assigned: bool = False
    how: str = "name"
    bases: tuple[str, ...] = ()
    unknown_texts: Mapping[str, str] = {}


class Desk:
    """One registry, one ledger, one clock.

    Args:
        ledger: file named by the user; overlays: as for `open_book`; now: aware, the clock's time if None.
        environ: os.environ if None.
    """

    def __init__(
        self,
        ledger: str | None = None,
        overlays: Sequence[str] = (),
        *,
        project: str | None = None,
        now: datetime | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._overlays, self._project = tuple(overlays), project
        self.environ = os.environ if environ is None else environ
        self.now = (now or datetime.now(UTC)).astimezone(UTC)
        self.account = places.account()
        place = places.find_place(ledger, environ=self.environ)
        self.ledger = Ledger(place, account=self.account, tool=f"modelreg {__version__}")

    @cached_property
    def book(self) -> Book:
        return open_book(self._overlays, self._project)

    @cached_property
    def seals(self) -> Seals:
        """The key of this account, and the hashes that it remembers."""
        return Seals(self.environ)

    @property
    def today(self) -> str:
        return self.now.strftime("%Y-%m-%d")

    @property
    def allowed_signers(self) -> Path | None:
        """Who must have signed, if anyone: the file beside the ledger, which no variable overrides."""
        beside = self.ledger.path.with_name(ALLOWED_SIGNERS)
        named = self.environ.get(ENV_SIGNERS, "")
        return beside if beside.is_file() else Path(named) if named else None

    # --- what the registry says ---------------------------------------------------------------------------------

    def ruling(self, model: Model, facts: Mapping[str, Any], revision: str = "") -> Ruling:
        """The engine's answer today, the texts that it rests on, and the kind of use."""
        subject = Subject(model.id, model, revision=revision)
        checked = parse_facts(dict(facts), where="facts")
        decision = decide(subject, checked, self.today, self.book)
        bundles = texts_in_force(subject, checked, self.today, self.book)
        terms: dict[tuple[str, str], Terms] = {}
        for bundle in bundles:
            owner = bundle.model.id if bundle.model else model.id
            for record in bundle.everything:
                terms.setdefault((owner, record.id), _terms(record.record, owner))
        return Ruling(decision, tuple(terms.values()), Use(*use_of(checked)))

    def resolve(self, name: str) -> str | None:
        found = self.book.find(name)
        return found.id if found is not None else None

    def runtime(self, model: str) -> Mapping[str, Any]:
        found = self.book.model(model)
        value = found.entry.get("runtime") if found is not None else None
        return value if isinstance(value, Mapping) else {}

    def parent(self, model: str) -> str:
        found = self.book.model(model)
        return str(found.entry.get("parent") or "") if found is not None else ""

    @cached_property
    def _ids(self) -> tuple[str, ...]:
        # Only entries with figures can be told by them: a handful of hundreds.
        known = folders.known_configs()
        return tuple(i for i in self.book.registry.model_ids() if i in known or "hidden_size" in self.runtime(i))

    def ids(self) -> Iterable[str]:
        return self._ids

    def ancestors(self, model: Model) -> list[str]:
        """Ids of everything that a model descends from."""
        found: list[str] = []
        todo = [model]
        while todo:
            for base in todo.pop().bases:
                if base.model not in found:
                    found.append(base.model)
                    parent = self.book.model(base.model)
                    todo += [parent] if parent is not None else []
        return found

    def relatives(self, model: Model) -> list[str]:
        """The entry that a variant belongs to, and its other variants."""
        parent = model.entry.get("parent")
        head = self.book.model(str(parent)) if parent else model
        return [head.id, *(head.entry.get("variants") or ())] if head is not None else []

    # --- what is to be opened -----------------------------------------------------------------------------------

    def look(self, target: str | os.PathLike[str], *, as_model: str = "", of: str = "", revision: str = "") -> Target:
        """Find out what a name or a folder is.

        Args:
            target: a name, or the path of a folder that is there (then its name counts for nothing).
            as_model: what the user says that the folder is; of: the model whose files these should be.
        Raises:
            RefusedError: it cannot be told, or the files say otherwise. InputError: the folder cannot be read.
        """
        text = os.fspath(target)
        path = Path(text)
        if _is_there(path):
            return self._look_inside(path if path.is_dir() else path.absolute().parent, as_model, of)
        if as_model:
            raise UsageError(
                "--as is for local folders", where=text, hint="add the name to a registry: --registry FILE"
            )
        subject = self.book.subject(text, revision or None)
        if subject.model is None:
            near = subject.candidates or subject.suggestions
            known = f"one of: {', '.join(near)}; or " if near else ""
            raise RefusedError(
                f"several models go by '{text}'" if subject.candidates else f"no model '{text}' in the registry",
                code="unidentified-model",
                where=text,
                hint=f"{known}add it with its base: --registry FILE (docs/registry-format.md)",
            )
        here = bundled(subject.model.id)
        if here is not None:
            return self._look_inside(here, "", subject.model.id)
        # A branch or a tag is no revision: what it points to changes.
        commit = subject.revision if is_commit(subject.revision) else ""
        return Target(subject.model, commit, bases=self._side_bases(subject.model))

    def _look_inside(self, path: Path, as_model: str, of: str, depth: int = 0) -> Target:
        if depth > _DEPTH:
            raise RefusedError("adapters that name each other", code="unidentified-model", where=str(path))
        files = take(path)
        copy = packed.examine(files, self.seals)
        witness = folders.question(files)
        claimed = self.book.require(of).id if of else ""
        digest, assigned = "", False
        try:
            if as_model:
                model, how, assigned = self.book.require(as_model), f"--as {as_model}", True
                digest = copy.digest if copy else files.digest()
            else:
                identity = folders.identify(witness, self, claimed)
                model, how = self.book.require(identity.model), identity.how
                if any(a.data["folder"] and match.names_model(a, model.id) for a in self._acceptances()):
                    digest = copy.digest if copy else files.digest()
        except RefusedError as unknown:
            digest = copy.digest if copy else files.digest()
            recorded = [a for a in self._acceptances() if a.data["folder"] and a.data["folder"]["digest"] == digest]
            found = self.book.model(str(recorded[0].data["model"])) if recorded else None
            if found is None or as_model:
                raise unknown from None
            model, how, assigned = found, f"recorded in {recorded[0].id}", True
        if copy:
            packed.check_model(copy, model.id, path)
        if claimed and model.id != claimed:
            raise RefusedError(
                f"the folder holds {model.id}, not {claimed}", code="folder-contradicts", where=str(path), hint=how
            )
        if assigned:
            folders.check_claim(witness, model.id, self.ancestors(model), self.relatives(model), self)
        bases = self._side_bases(model)
        if witness.is_adapter:
            bases = (*bases, self._adapter_base(witness, model, depth))
        unknown_texts = self._unknown_texts(witness, model)
        revision = copy.revision if copy else ""
        return Target(model, revision, files, witness, digest, assigned, how, bases, unknown_texts)

    def _acceptances(self) -> Sequence[Record]:
        snapshot = self.ledger.read()
        return match.state_of(snapshot.records).acceptances

    def _side_bases(self, model: Model) -> tuple[str, ...]:
        return tuple(b.model for b in model.bases if b.form in _SIDE_FORMS)

    def _adapter_base(self, witness: folders.Witness, model: Model, depth: int = 0) -> str:
        """The model that an adapter was made for: what its configuration names, else what it was said to be."""
        name = witness.adapter_base or next((n for _, n in witness.base_names), "")
        if name and _is_there(Path(name)):
            return self._look_inside(Path(name), "", "", depth + 1).model.id
        found = self.resolve(name) if name else None
        if found is not None:
            return found
        line = [b.model for b in model.bases if b.form in _SIDE_FORMS]
        return line[0] if line else model.id

    def _unknown_texts(self, witness: folders.Witness, model: Model) -> dict[str, str]:
        if not witness.licences:
            return {}
        import hashlib

        from modelreg.texts.fetch import Proof, Wanted, prove
        from modelreg.texts.fingerprint import Fingerprint

        wanted = []
        for record in self._records_of(model):
            prints = (record.get("fingerprints") or {}).get("texts") or {}
            hashes = [str(t["sha256"]) for t in (record.get("texts") or {}).values() if t.get("sha256")]
            marks = tuple(Fingerprint.from_data(p, where=str(record["id"])) for p in prints.values())
            wanted.append(Wanted(sha256s=tuple(hashes), fingerprints=marks))
        unknown = {}
        for name, data in witness.licences.items():
            if all(prove(data, one) is Proof.NONE for one in wanted):
                unknown[name] = hashlib.sha256(data).hexdigest()
        return unknown

    def _records_of(self, model: Model) -> Iterable[Mapping[str, Any]]:
        """Licence records whose texts may lie beside these weights: all terms of the line, and the code's licence."""
        for owner in (model, *(self.book.model(a) for a in self.ancestors(model))):
            if owner is None:
                continue
            period = owner.period_at(self.today)
            ids = [
                *([period.license, *period.beside] if period else ()),
                *([owner.code_license] if owner.code_license else ()),
            ]
            for license_id in ids:
                record = self.book.license(license_id)
                if record is not None:
                    yield record.record

    # --- the gate -----------------------------------------------------------------------------------------------

    def require(
        self,
        target: str | os.PathLike[str],
        facts: Mapping[str, Any],
        *,
        of: str = "",
        cached: str | os.PathLike[str] | None = None,
        as_model: str = "",
        revision: str = "",
        organisation: str = "",
        adapters: Sequence[str | os.PathLike[str]] = (),
        base: str | os.PathLike[str] | None = None,
    ) -> Grant:
        """Let a target pass the gate; see `modelreg.require`."""
        found = self.look(target, as_model=as_model, of=of, revision=revision)
        if cached is not None:
            found = self._with_cache(found, Path(cached))
        again = self._again(
            target,
            facts,
            of=of,
            cached=cached,
            as_model=as_model,
            revision=revision,
            organisation=organisation,
            adapters=adapters,
            base=base,
        )
        bases: list[Grant] = []
        for name in found.bases:
            # The base's own files are named beside the adapter, or its name alone is asked for.
            there = base if base is not None else name
            bases.append(self._base(found.model.id, name, there, facts, organisation))
        request = gate.Request(
            model=found.model.id,
            facts=dict(facts),
            account=self.account,
            revision=found.revision,
            organisation=organisation or self.environ.get(ENV_ORGANISATION, ""),
            files=found.files,
            digest=found.digest,
            assigned=found.assigned,
            unknown_texts=found.unknown_texts,
            bases=found.bases,
            allowed_signers=self.allowed_signers,
            how=found.how,
        )

        def judge(with_facts: Mapping[str, Any]) -> Ruling:
            return self.ruling(found.model, with_facts, found.revision)

        grant = gate.require(request, self.ledger, judge, now=self.now, bases=bases, renew=again)
        if adapters:
            side = [self.require(a, facts, organisation=organisation, base=target) for a in adapters]
            grant = gate.require(request, self.ledger, judge, now=self.now, bases=[*bases, *side], renew=again)
        return grant

    def require_by_name(self, model: Model, facts: Mapping[str, Any], *, revision: str, organisation: str) -> Grant:
        """Ask the gate about a model of the registry whose files are nowhere at hand: what an audit wants to know.

        Raises: as `require`.
        """
        request = gate.Request(
            model=model.id,
            facts=dict(facts),
            account=self.account,
            revision=revision,
            organisation=organisation,
            allowed_signers=self.allowed_signers,
        )
        return gate.require(request, self.ledger, lambda given: self.ruling(model, given, revision), now=self.now)

    def _base(
        self, model: str, name: str, there: str | os.PathLike[str], facts: Mapping[str, Any], organisation: str
    ) -> Grant:
        try:
            grant = self.require(there, facts, organisation=organisation)
        except ModelregError as error:
            error.message = f"{model} works on the weights of {name}: {error.message}"
            if error.code == "not-accepted":
                error.code = "base-not-accepted"
            raise
        if grant.model != name:
            raise RefusedError(
                f"{model} was made for {name}, not for {grant.model}", code="wrong-base", where=os.fspath(there)
            )
        return grant

    def _with_cache(self, found: Target, path: Path) -> Target:
        """A folder that the Hub's cache, or ours of packed copies, keeps for a name: it must not say otherwise."""
        files = take(path)
        copy = packed.examine(files, self.seals)
        witness = folders.question(files)
        model = found.model
        folders.check_claim(witness, model.id, self.ancestors(model), self.relatives(model), self)
        bases = (*found.bases, self._adapter_base(witness, model)) if witness.is_adapter else found.bases
        unknown = self._unknown_texts(witness, model)
        found = found._replace(files=files, witness=witness, bases=bases, unknown_texts=unknown, how="the Hub's cache")
        if copy:
            packed.check_model(copy, model.id, path)
            if copy.revision and found.revision and copy.revision != found.revision:
                raise RefusedError(
                    f"this copy was packed from commit {copy.revision[:12]}, not {found.revision[:12]}",
                    code="folder-contradicts",
                    where=str(path),
                )
            found = found._replace(digest=copy.digest if copy.sealed else "", how="a packed copy")
        return found

    def _again(self, target: str | os.PathLike[str], facts: Mapping[str, Any], **asked: Any) -> Callable[[], Grant]:
        def renew() -> Grant:
            desk = Desk(str(self.ledger.path), self._overlays, project=self._project, environ=self.environ)
            return desk.require(target, facts, **asked)

        return renew


def is_commit(revision: str) -> bool:
    """Whether a revision is a commit: at least seven hexadecimal digits."""
    return 7 <= len(revision) <= 64 and not set(revision) - set("0123456789abcdef")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a path, or holds what no path has
        return False


def bundled(model: str) -> Path | None:
    """The folder of a model that comes in this package (the demo model), or None."""
    owner, _, name = model.partition("/")
    folder = Path(__file__).parent / "_demo" / name
    inside = owner == "modelreg" and folder.parent.name == "_demo" and (folder / "config.json").is_file()
    return folder if inside else None


def facts_for(use: str | Sequence[str] | None, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Facts from the short form `use=`: commercial, non-commercial, or uses as `check --use` takes them.

    Raises:
        UsageError: a use that is not known. InputError: a fact that is wrong.
    """
    given = dict(facts or {})
    named: list[str] = []
    for word in [use] if isinstance(use, str) else list(use or ()):
        if word in ("commercial", "non-commercial"):
            given["commercial"] = word == "commercial"
        elif word in USES:
            named.append(word)
            if word == "research":
                given.setdefault("commercial", False)
        else:
            raise UsageError(
                f"no use '{word}'", where="use", hint="commercial, non-commercial or one of: " + ", ".join(USES)
            )
    if named:
        given["use"] = named
    return dict(parse_facts(given, where="use"))


def _terms(record: Mapping[str, Any], model: str) -> Terms:
    prints: Mapping[str, Any] = (record.get("fingerprints") or {}).get("texts") or {}
    texts = {
        key: str(text.get("sha256") or (prints.get(key) or {}).get("sha256") or "") or None
        for key, text in (record.get("texts") or {}).items()
    }
    return Terms(str(record["id"]), model, texts, sha256_of(_without_places(record["terms"])))


def _without_places(value: Any) -> Any:
    """Terms alone: notes may be put better without anything being changed."""
    if isinstance(value, Mapping):
        return {k: _without_places(v) for k, v in value.items() if k not in ("note", "source", "origin")}
    return [_without_places(v) for v in value] if isinstance(value, list | tuple) else value
