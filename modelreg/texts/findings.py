"""What a look at the places of texts brings, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelreg.texts.compare import ClauseChange, Words
from modelreg.texts.places import KnownText, Place

# kinds of findings, public names
CHANGED, ADDED, TRANSLATION, MOVED, MISSING, NEW_FILE, OTHER_TEXT = (
    "changed", "added", "translation-added", "moved", "missing", "new-file", "other-text",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something that is not as recorded.

    Attributes:
        kind: changed, added (new words beside all the recorded ones), translation-added, moved, missing, new-file,
            other-text (another recorded text stands there now).
        place: the recorded place; of a new file its own. page: where people see it.
        licenses: ids of the records concerned.
        clauses, outside: changed words, by cited clause and of no cited clause.
        target: where a text moved to; identified: licence ids that the file is recognised as.
        note: what else there is to say.
    """

    kind: str
    place: Place
    page: str
    licenses: tuple[str, ...]
    clauses: tuple[ClauseChange, ...] = ()
    outside: tuple[Words, ...] = ()
    target: Place | None = None
    identified: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Failure:
    """A place that could not be looked at."""

    place: Place
    reason: str
    licenses: tuple[str, ...]


@dataclass
class Report:
    """What a look at all places brought.

    Attributes:
        same: (licence id, place) as recorded; layout: the same words, wrapped or encoded otherwise.
        findings, failures: in order of place.
        unwatched: (licence id, why) of texts that no place is recorded of; past: ids that no model is under any more.
        remarks: repositories whose files could not be listed, so that new ones were not looked for.
    """

    same: list[tuple[str, Place]] = field(default_factory=list)
    layout: list[tuple[str, Place]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unwatched: list[tuple[str, str]] = field(default_factory=list)
    past: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def join(self, other: Report) -> None:
        """Add what was found of another repository."""
        self.same += other.same
        self.layout += other.layout
        self.findings += other.findings
        self.failures += other.failures
        self.past += other.past
        self.remarks += other.remarks

    def order(self) -> None:
        """The same order whatever answered first."""
        self.same.sort()
        self.layout.sort()
        self.findings.sort(key=lambda f: (f.place, f.kind, f.licenses))
        self.failures.sort(key=lambda f: (f.place, f.licenses))
        self.remarks.sort()
        self.past = sorted(set(self.past))


@dataclass(frozen=True)
class Repository:
    """What is recorded of one repository: the texts to look at, and all that is known of its paths and of all texts."""

    host: str
    name: str
    watched: tuple[KnownText, ...]
    recorded: frozenset[str]  # paths of all records, past ones too
    by_hash: Mapping[str, tuple[str, ...]]  # sha256 of bytes, and of letters -> licence ids
