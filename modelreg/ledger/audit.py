"""What is wrong with a chain of records, by name: edited, moved, removed, inserted.

Two independent marks are compared: the number that a record was given, and the hash of the record before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from modelreg.ledger.records import GENESIS, SHORT_ID, BadRecordError, Record, parse, sealed

EDITED, MOVED, REMOVED, INSERTED, UNREADABLE = "edited", "moved", "removed", "inserted", "unreadable"
FOREIGN_START = "foreign-start"
CUT = "cut"  # by comparison with a noted head only


class Fault(NamedTuple):
    """One thing that is wrong.

    line: 1-based line of the file at or before which it was found; record: id, or "" where none can be read;
    seq: the number that the record has or had; detail: words for a message.
    """

    kind: str
    line: int
    record: str
    seq: int
    detail: str = ""

    def to_data(self) -> dict[str, Any]:
        return self._asdict()


class _Line(NamedTuple):
    number: int
    data: Mapping[str, Any]
    sound: bool  # its hash is its own

    @property
    def seq(self) -> int:
        return int(self.data["seq"])

    @property
    def hash(self) -> str:
        return str(self.data["hash"])

    def fault(self, kind: str, detail: str = "") -> Fault:
        return Fault(kind, self.number, self.hash[:SHORT_ID], self.seq, detail)


def examine(lines: Sequence[bytes]) -> tuple[list[Record], list[Fault]]:
    """The records of some lines (without line ends) and all faults, in the order of the file.

    A cut tail leaves no fault: the chain alone cannot show it (see `compare`).
    """
    read: list[_Line] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, 1):
        try:
            data = parse(line)
        except BadRecordError as error:
            faults.append(Fault(UNREADABLE, number, "", -1, str(error)))
            continue
        read.append(_Line(number, data, sealed(data)))
        if not read[-1].sound:
            faults.append(read[-1].fault(EDITED, "its content does not give its hash"))
    records = [Record(line.data) for line in read]
    if not faults and _linked(read):
        return records, []
    unreadable = len(lines) - len(read)
    faults += _order(read, unreadable)
    faults.sort(key=lambda f: (f.line, f.seq))
    return records, faults


def _linked(read: Sequence[_Line]) -> bool:
    prev = GENESIS
    for seq, line in enumerate(read):
        if line.seq != seq or line.data["prev"] != prev:
            return False
        prev = line.hash
    return True


def _order(read: Sequence[_Line], unreadable: int) -> list[Fault]:
    faults: list[Fault] = []
    by_seq: dict[int, list[_Line]] = {}
    for line in read:
        by_seq.setdefault(line.seq, []).append(line)
    # Of several records with one number, the one that its neighbours name is the true one; of equal ones, the one
    # that stands right after the record that it names.
    true: dict[int, _Line] = {}
    above = {line.number: before.hash for before, line in pairwise(read)}
    for seq, rivals in by_seq.items():
        followers = {f.data["prev"] for f in by_seq.get(seq + 1, ())}
        before = {b.hash for b in by_seq.get(seq - 1, ())} if seq else {GENESIS}

        def weight(r: _Line, followers: set[str] = followers, before: set[str] = before) -> tuple[Any, ...]:
            stands = above.get(r.number, GENESIS) == r.data["prev"]
            return (r.hash in followers, r.sound, r.data["prev"] in before, stands, -r.number)

        best = max(rivals, key=weight)
        true[seq] = best
        faults += [r.fault(INSERTED, f"there is another record {seq}") for r in rivals if r is not best]
    kept = sorted(true.values(), key=lambda line: line.number)
    in_place = _longest_increasing([line.seq for line in kept])
    faults += [line.fault(MOVED) for i, line in enumerate(kept) if i not in in_place]
    highest = max(true, default=-1)
    missing = [seq for seq in range(highest) if seq not in true]
    # A line that cannot be read stands for one that is missing: that one is named already.
    if len(missing) > unreadable:
        for seq in missing:
            after = next(true[s] for s in range(seq + 1, highest + 1) if s in true)
            named = str(after.data["prev"])[:SHORT_ID] if after.seq == seq + 1 else ""
            faults.append(Fault(REMOVED, after.number, named, seq, f"it stood before line {after.number}"))
    for seq, line in true.items():
        before_it = true.get(seq - 1)
        if seq == 0 and line.data["prev"] != GENESIS:
            faults.append(line.fault(FOREIGN_START, "the first record names one before it"))
        elif before_it is not None and line.data["prev"] != before_it.hash and before_it.sound:
            detail = f"record {seq} was written after another one (hash {str(line.data['prev'])[:SHORT_ID]})"
            faults.append(before_it.fault(EDITED, detail))
    return faults


def _longest_increasing(values: Sequence[int]) -> set[int]:
    """Positions of one longest increasing subsequence (patience sorting)."""
    tails: list[int] = []
    at: list[int] = []
    back: list[int] = []
    for i, value in enumerate(values):
        place = bisect_left(tails, value)
        if place == len(tails):
            tails.append(value)
            at.append(i)
        else:
            tails[place] = value
            at[place] = i
        back.append(at[place - 1] if place else -1)
    found: set[int] = set()
    i = at[-1] if at else -1
    while i >= 0:
        found.add(i)
        i = back[i]
    return found


def compare(records: Sequence[Record], count: int, digest: str) -> Fault | None:
    """Hold a chain against a head that was noted: the only way to see a tail that was cut off or rewritten."""
    if count == 0:
        return None
    if len(records) < count:
        return Fault(CUT, len(records), digest[:SHORT_ID], count - 1, f"{count - len(records)} records are gone")
    if records[count - 1].hash != digest:
        there = records[count - 1]
        return Fault(CUT, count, there.id, there.seq, f"record {count - 1} was {digest[:SHORT_ID]} when it was noted")
    return None
