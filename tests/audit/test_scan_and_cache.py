"""Files through detectors: order, processes, what was cached, what fails in one file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import audit_support
import pytest
from audit_support import run, write

from modelreg.audit import cache as caches
from modelreg.audit import scan
from modelreg.audit.source import Lexicon, Source
from modelreg.core.finding import AuditReport, Reference, Unresolved

USE = {"use": ["product"], "commercial": True}
FORM, FREE = "THUDM/chatglm-6b", "Qwen/Qwen2.5-7B-Instruct"


@pytest.fixture
def seen(tree: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that the detector was given, in order."""
    paths: list[str] = []

    def detect(source: Source, lexicon: Lexicon) -> Iterator[Reference | Unresolved]:
        paths.append(source.path)
        yield from audit_support.detect(source, lexicon)

    monkeypatch.setattr(scan, "detector", lambda kind: detect if kind == "text" else None)
    return paths


def settle(root: Path) -> None:
    """Make files old enough for their times to be trusted."""
    past = time.time() - 10
    for path in root.rglob("*.txt"):
        os.utime(path, (past, past))


def again(root: Path) -> AuditReport:
    return run(root, None, USE, cache=True)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "folder", lambda _environ: str(tmp_path / "cache"))


def test_an_unchanged_file_is_not_looked_at_again(tree: Path, seen: list[str]) -> None:
    write(tree, {"a.txt": f"use: {FORM}\n", "b.txt": f"use: {FREE}\n"})
    first = again(tree)
    assert sorted(seen) == ["a.txt", "b.txt"]
    seen.clear()
    assert again(tree) == first
    assert seen == []
    write(tree, {"b.txt": f"use: {FORM}\n"})
    assert [f.model for f in again(tree).findings] == [FORM, FORM]
    assert seen == ["b.txt"]


def test_a_change_of_the_same_length_and_time_is_seen(tree: Path, seen: list[str]) -> None:
    write(tree, {"a.txt": f"use: {FORM}\n"})
    settle(tree)
    first = again(tree)
    before = (tree / "a.txt").stat()
    (tree / "a.txt").write_text(f"use: {FORM[:-2]}7b\n", encoding="utf-8")
    os.utime(tree / "a.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert again(tree) != first


def test_a_file_that_another_one_asked_for_counts(tree: Path, seen: list[str]) -> None:
    write(tree, {"a.txt": "include: names.inc\n", "names.inc": f"use: {FORM}\n"})
    assert [f.model for f in again(tree).findings if f.reference.file == "a.txt"] == [FORM]
    write(tree, {"names.inc": f"use: {FREE}\n"})
    assert [f.model for f in again(tree).findings if f.reference.file == "a.txt"] == [FREE]
    (tree / "names.inc").unlink()
    assert again(tree).findings == ()


def test_a_file_that_was_missing_and_appears_counts(tree: Path, seen: list[str]) -> None:
    write(tree, {"a.txt": "include: names.inc\n"})
    assert again(tree).findings == ()
    write(tree, {"names.inc": f"use: {FORM}\n"})
    assert [f.reference.file for f in again(tree).findings if f.reference.file == "a.txt"] == ["a.txt"]


@pytest.mark.parametrize("damage", ["empty", "garbage", "cut", "flipped", "other"])
def test_a_damaged_cache_is_no_cache(tree: Path, tmp_path: Path, seen: list[str], damage: str) -> None:
    write(tree, {"a.txt": f"use: {FORM}\n"})
    settle(tree)
    first = again(tree)
    (file,) = (tmp_path / "cache").glob("audit-*.json")
    data = file.read_bytes()
    file.write_bytes(
        {
            "empty": b"",
            "garbage": b"\xff" * 100,
            "cut": data[:-5],
            "flipped": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
            "other": caches._MAGIC + b"0000000000\n[]",
        }[damage]
    )
    seen.clear()
    assert again(tree) == first
    assert seen == ["a.txt"]


def test_another_version_of_the_detectors_looks_again(
    tree: Path, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, {"a.txt": f"use: {FORM}\n"})
    again(tree)
    monkeypatch.setattr("modelreg.audit.run.signature", lambda _digest: "another")
    again(tree)
    assert seen == ["a.txt", "a.txt"]


def test_a_cache_that_cannot_be_written_does_no_harm(tree: Path, tmp_path: Path, seen: list[str]) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")
    write(tree, {"a.txt": f"use: {FORM}\n"})
    assert again(tree) == again(tree)


def test_many_audits_at_once_share_a_cache(tree: Path, seen: list[str]) -> None:
    write(tree, {f"{n}.txt": f"use: {FORM}\n" for n in range(20)})
    reports: list[AuditReport] = []
    threads = [threading.Thread(target=lambda: reports.append(again(tree))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 4
    assert all(r == reports[0] for r in reports)


def test_the_number_of_processes_changes_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "LARGE", 1)
    monkeypatch.setattr(scan, "_CHUNK", 600)
    write(tree, {f"d{n % 7}/{n}.txt": f"use: {FORM}\noption: {FREE}\nunresolved: x{n}\n" for n in range(60)})
    one = run(tree, None, USE, jobs=1)
    assert run(tree, None, USE, jobs=3) == one
    assert len(one.findings) == 120


def test_a_detector_that_fails_hides_its_file_only(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def detect(source: Source, lexicon: Lexicon) -> Iterator[Reference | Unresolved]:
        if source.path == "bad.txt":
            raise RecursionError
        yield from audit_support.detect(source, lexicon)

    monkeypatch.setattr(scan, "detector", lambda _kind: detect)
    report = run(write(tree, {"bad.txt": "x", "good.txt": f"use: {FORM}\n"}), None, USE)
    assert [f.reference.file for f in report.findings] == ["good.txt"]
    assert [(s.file, s.reason) for s in report.skipped] == [("bad.txt", "detector-failed")]


def test_a_detector_that_hangs_is_given_up(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def detect(source: Source, lexicon: Lexicon) -> Iterator[Reference | Unresolved]:
        if source.path == "slow.txt":
            time.sleep(30)
        yield from audit_support.detect(source, lexicon)

    monkeypatch.setattr(scan, "detector", lambda _kind: detect)
    monkeypatch.setattr(scan, "_SECONDS", 0.2)
    report = run(write(tree, {"slow.txt": "x", "good.txt": f"use: {FORM}\n"}), None, USE, guard=True)
    assert [(s.file, s.reason) for s in report.skipped] == [("slow.txt", "timeout")]


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from audit_support import run
from modelreg.audit import scan
from modelreg.errors import ModelEnvironmentError
parent = os.getpid()
def detect(source, lexicon):
    if os.getpid() != parent:
        os._exit(9)
    yield
scan.detector = lambda kind: detect
scan.LARGE = 1
try:
    run(Path(sys.argv[1]), None, {"use": ["product"]}, jobs=2)
except ModelEnvironmentError as error:
    print(error.code)
"""


def test_a_killed_process_is_said_and_not_waited_for(tree: Path) -> None:
    """In a program of its own: the tests' may have threads by now, and then nothing is forked."""
    write(tree, {"a.txt": "x", "b.txt": "y"})
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tree), str(Path(__file__).parent)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "process-killed", done.stderr


def test_fingerprints_stay_when_lines_are_added_above(tree: Path) -> None:
    before = {f.fingerprint for f in run(write(tree, {"a.txt": f"use: {FORM}\nuse: {FORM}\n"}), None, USE).findings}
    after = {
        f.fingerprint
        for f in run(write(tree, {"a.txt": f"\n\n{'x' * 9}\nuse: {FORM}\n\nuse: {FORM}\n"}), None, USE).findings
    }
    assert before == after
    assert len(before) == 2
    moved = {f.fingerprint for f in run(write(tree, {"a.txt": "", "b.txt": f"use: {FORM}\n"}), None, USE).findings}
    assert not moved & before


def test_what_is_told_of_a_model_as_a_whole_does_not_depend_on_its_place(tree: Path) -> None:
    facts = {**USE, "dau": 620_000, "written_permission": True}
    write(tree, {"b.txt": "use: baichuan-inc/Baichuan2-7B-Chat\n"})
    before = [f.fingerprint for f in run(tree, None, facts).findings if f.rule_id == "headroom"]
    write(tree, {"a.txt": "use: baichuan-inc/Baichuan2-7B-Chat\n"})
    after = [f.fingerprint for f in run(tree, None, facts).findings if f.rule_id == "headroom"]
    assert before == after
    assert len(before) == 1
