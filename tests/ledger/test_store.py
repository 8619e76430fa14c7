"""The ledger's file: appended, torn, repaired, tampered with."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from modelreg.core.canonical import canonical_json, sha256_of
from modelreg.errors import InputError, ModelEnvironmentError
from modelreg.ledger import audit
from modelreg.ledger.audit import compare, examine
from modelreg.ledger.places import Place, account
from modelreg.ledger.records import MAX_LINE, parse, seal
from modelreg.ledger.store import Head, Ledger

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def open_ledger(path: Path) -> Ledger:
    return Ledger(Place(path, "file", str(path)), account=account(), tool="modelreg test", lock_timeout=5)


def revocation(reason: str) -> dict[str, Any]:
    return {"kind": "revoke", "revokes": ["a" * 64], "person": "Ada", "reason": reason}


words = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs")), min_size=1, max_size=30)


class Machine(RuleBasedStateMachine):
    """A ledger beside a plain list: whatever was acknowledged stays, in order; whatever was torn goes aside."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="modelreg-ledger-"))
        self.path = self.folder / "ledger.jsonl"
        self.ledger = open_ledger(self.path)
        self.model: list[str] = []
        self.torn: list[bytes] = []
        self.waiting = b""

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(reasons=st.lists(words, min_size=1, max_size=4))
    def append(self, reasons: list[str]) -> None:
        done = self.ledger.append([revocation(r) for r in reasons], now=NOW)
        assert bool(done.repaired) == bool(self.waiting)
        assert [r.data["reason"] for r in done.records] == reasons
        if self.waiting:
            self.torn.append(self.waiting)
        self.waiting = b""
        self.model += reasons

    @rule(reason=words)
    def refuse_what_is_no_record(self, reason: str) -> None:
        before = self.ledger.read().head
        with pytest.raises(InputError):
            self.ledger.append([revocation(reason), {"kind": "revoke", "person": "Ada"}], now=NOW)
        if self.waiting:
            self.torn.append(self.waiting)
            self.waiting = b""
        assert self.ledger.read().head == before

    @precondition(lambda self: not self.waiting)
    @rule(data=st.binary(min_size=1, max_size=200).filter(lambda b: b"\n" not in b))
    def tear(self, data: bytes) -> None:
        with self.path.open("ab") as stream:
            stream.write(data)
        self.waiting = data

    @precondition(lambda self: self.model and not self.waiting)
    @rule(keep=st.integers(1, 100))
    def die_while_writing(self, keep: int) -> None:
        """What a killed writer leaves: the beginning of a line."""
        line, _ = seal({**revocation("x"), "schema": 1, "seq": 1, "prev": "0" * 64, "time": "2026-06-01T00:00:00Z",
                        "tool": "t", "account": "a"})  # fmt: skip
        with self.path.open("ab") as stream:
            stream.write(line[:keep])
        self.waiting = line[:keep]

    @rule()
    def reopen(self) -> None:
        self.ledger = open_ledger(self.path)

    @invariant()
    def nothing_is_lost(self) -> None:
        snapshot = self.ledger.read()
        assert snapshot.faults == ()
        assert snapshot.torn == len(self.waiting)
        assert [r.data["reason"] for r in snapshot.records if r.kind == "revoke"] == self.model
        assert snapshot.head.records == (len(self.model) + 1 if self.model else 0)
        aside = sorted({p.read_bytes() for p in self.folder.glob("*.torn-*")})
        assert aside == sorted(set(self.torn))


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    ledger = open_ledger(tmp_path_factory.mktemp("chain") / "ledger.jsonl")
    for i in range(12):
        ledger.append([revocation(f"reason {i}")], now=NOW)
    return ledger.path.read_bytes().splitlines()


def kinds(lines: list[bytes]) -> list[tuple[str, int]]:
    return [(f.kind, f.seq) for f in examine(lines)[1]]


SUPPRESS = [HealthCheck.function_scoped_fixture]


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 12), data=st.data())
def test_an_edited_byte_is_found(chain: list[bytes], at: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain[at]) - 1))
    new = data.draw(st.integers(0, 255).filter(lambda b: b not in (chain[at][place], 10)))
    line = chain[at][:place] + bytes([new]) + chain[at][place + 1 :]
    faults = examine([*chain[:at], line, *chain[at + 1 :]])[1]
    assert any(f.line in (at + 1, at + 2) or f.seq == at for f in faults)


@settings(max_examples=30, deadline=None)
@given(at=st.integers(1, 11))
def test_an_edited_record_with_a_new_hash_is_named(chain: list[bytes], at: int) -> None:
    data = {k: v for k, v in parse(chain[at]).items() if k != "hash"}
    forged = {**data, "reason": "another"}
    line = canonical_json({**forged, "hash": sha256_of(forged)})
    assert kinds([*chain[:at], line, *chain[at + 1 :]]) == [(audit.EDITED, at)]


@settings(max_examples=30, deadline=None)
@given(at=st.integers(0, 11))
def test_a_removed_record_is_named(chain: list[bytes], at: int) -> None:
    assert kinds([*chain[:at], *chain[at + 1 :]]) == [(audit.REMOVED, at)]


@settings(max_examples=30, deadline=None)
@given(at=st.integers(0, 12), to=st.integers(0, 12))
def test_a_moved_record_is_named(chain: list[bytes], at: int, to: int) -> None:
    lines = list(chain)
    lines.insert(to, lines.pop(at))
    found = kinds(lines)
    if at == to:
        assert found == []
    elif abs(at - to) == 1:  # of two that changed places, either may be called the one that moved
        assert found in ([(audit.MOVED, at)], [(audit.MOVED, to)])
    else:
        assert found == [(audit.MOVED, at)]


@settings(max_examples=30, deadline=None)
@given(at=st.integers(0, 12), to=st.integers(0, 13))
def test_a_repeated_record_is_named(chain: list[bytes], at: int, to: int) -> None:
    lines = list(chain)
    lines.insert(to, chain[at])
    assert kinds(lines) == [(audit.INSERTED, at)]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_shuffle_goes_unseen(chain: list[bytes], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(13)))
    assert bool(kinds([chain[i] for i in order])) == (order != list(range(13)))


def test_a_cut_tail_shows_only_against_a_noted_head(chain: list[bytes]) -> None:
    records, _ = examine(chain)
    head = Head(13, records[-1].hash)
    shorter, faults = examine(chain[:-2])
    assert faults == []
    cut = compare(shorter, head.records, head.hash)
    assert cut is not None
    assert cut.kind == audit.CUT
    assert compare(records, head.records, head.hash) is None
    assert compare(records, 5, records[4].hash) is None
    assert compare(records, 5, "0" * 64) is not None
    assert Head.parse(str(head)) == head


@pytest.mark.parametrize("text", ["", "5", "x:" + "0" * 64, "-1:" + "0" * 64, "5:abc"])
def test_a_head_that_is_none(text: str) -> None:
    with pytest.raises(InputError):
        Head.parse(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("reason"),
        lambda d: d.update(extra=1),
        lambda d: d.update(revokes=["x"]),
        lambda d: d.update(revokes="a" * 64),
        lambda d: d.update(reason="a\x1b[31m"),
        lambda d: d.update(reason="a‮b"),
        lambda d: d.update(reason=""),
        lambda d: d.update(reason="x" * 5000),
        lambda d: d.update(reason="\ud800"),
        lambda d: d.update(reason=float("nan")),
        lambda d: d.update(kind="grant"),
        lambda d: d.update(kind=["revoke"]),
    ],
)
def test_what_is_no_record_is_not_written(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    payload = revocation("r")
    change(payload)
    ledger = open_ledger(tmp_path / "ledger.jsonl")
    with pytest.raises(InputError, match="recorded"):
        ledger.append([payload], now=NOW)
    assert ledger.read().records == ()


def test_a_record_that_is_too_long(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "ledger.jsonl")
    with pytest.raises(InputError, match="bytes"):
        ledger.append([{**revocation("r"), "revokes": ["a" * 64] * (MAX_LINE // 60)}], now=NOW)


def test_a_damaged_last_record_is_never_written_after(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "ledger.jsonl")
    ledger.append([revocation("r")], now=NOW)
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b'"r"', b'"s"'))
    before = ledger.path.read_bytes()
    with pytest.raises(InputError, match="damaged"):
        ledger.append([revocation("t")], now=NOW)
    assert ledger.path.read_bytes() == before


def test_a_full_disk_acknowledges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(tmp_path / "ledger.jsonl")
    ledger.append([revocation("r")], now=NOW)
    before = ledger.path.read_bytes()
    true = os.write

    def full(handle: int, data: bytes) -> int:
        true(handle, data[:40])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ModelEnvironmentError, match="nothing was recorded"):
        ledger.append([revocation("t")], now=NOW)
    monkeypatch.undo()
    assert ledger.path.read_bytes() == before
    ledger.append([revocation("u")], now=NOW)
    assert ledger.read().faults == ()


def test_an_fsync_that_fails_acknowledges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(tmp_path / "ledger.jsonl")
    ledger.append([revocation("r")], now=NOW)
    before = ledger.path.read_bytes()

    def broken(handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(ModelEnvironmentError):
        ledger.append([revocation("t")], now=NOW)
    assert ledger.path.read_bytes() == before


def test_threads_take_turns(tmp_path: Path) -> None:
    ledgers = [open_ledger(tmp_path / "ledger.jsonl") for _ in range(6)]
    errors: list[BaseException] = []

    def work(ledger: Ledger) -> None:
        try:
            for i in range(10):
                ledger.append([revocation(str(i))], now=NOW)
                assert ledger.read().faults == ()
        except BaseException as error:  # noqa: BLE001 - carried to the test's thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(x,)) for x in ledgers]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert len(ledgers[0].read().records) == 61


def test_a_living_holder_is_waited_for_and_named(tmp_path: Path) -> None:
    import fcntl

    ledger = open_ledger(tmp_path / "ledger.jsonl")
    ledger.lock_timeout = 0.1
    with (tmp_path / "ledger.jsonl.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(ModelEnvironmentError) as caught:
            ledger.append([revocation("r")], now=NOW)
        assert caught.value.code == "ledger-busy"
        assert ledger.read().records == ()
    ledger.append([revocation("r")], now=NOW)


def test_files_are_private_in_the_user_s_folder(tmp_path: Path) -> None:
    path = tmp_path / "data" / "modelreg" / "ledger.jsonl"
    ledger = Ledger(Place(path, "user", account()), account=account(), tool="t")
    ledger.append([revocation("r")], now=NOW)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
