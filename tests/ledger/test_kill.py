"""Eight processes accept and revoke and are killed at random moments, while readers read.

A worker writes what it was told was recorded to a file of its own, after `append` returned; the parent kills it with
SIGKILL, starts another, and at the end every acknowledged record must be in the ledger, and the chain sound.

By hand, for the number of kills that the project promises:
    python tests/ledger/test_kill.py 1000
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest

WORKER = """
import os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from modelreg.ledger.places import Place, account
from modelreg.ledger.store import Ledger

path, said, number = Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND), sys.argv[3]
ledger = Ledger(Place(path, "file", str(path)), account=account(), tool="modelreg test")
text = {"license": "LicenseRef-X", "model": "lab/x", "texts": {"main": "b" * 64}, "digest": "c" * 64}
accept = {"kind": "accept", "model": "lab/x", "variants": [], "revision": "", "registry": "d" * 64, "terms": [text],
          "shown": [], "use": {"commercial": True, "uses": []}, "facts": {"commercial": True}, "verdict": "permitted",
          "permission": "", "conditions": [], "provenance": [], "organisation": "", "evidence": {}, "expires": "",
          "folder": None}
i = 0
while True:
    i += 1
    done = ledger.append([{**accept, "person": f"worker {number} turn {i}"}], now=datetime.now(UTC))
    os.write(said, (done.records[0].hash + "\\n").encode())
    revoke = {"kind": "revoke", "revokes": [done.records[0].hash], "person": "w", "reason": f"{number} {i}"}
    done = ledger.append([revoke], now=datetime.now(UTC))
    os.write(said, (done.records[0].hash + "\\n").encode())
"""
READER = """
import sys, time
from pathlib import Path
from modelreg.ledger.places import Place, account
from modelreg.ledger.store import Ledger

path = Path(sys.argv[1])
ledger = Ledger(Place(path, "file", str(path)), account=account(), tool="modelreg test")
last = reads = 0
while not Path(sys.argv[2]).exists():
    snapshot = ledger.read()
    assert not snapshot.faults, snapshot.faults
    assert len(snapshot.records) >= last, "records vanished"
    last, reads = len(snapshot.records), reads + 1
    time.sleep(0.05)
print(reads)
"""


class Result(NamedTuple):
    kills: int
    acknowledged: int
    lost: int
    records: int
    faults: int
    torn_files: int
    reads: int
    reader_failures: int
    seconds: float


def campaign(folder: Path, kills: int, seconds: float, *, workers: int = 8, seed: int = 1) -> Result:
    """Kill until the number of kills or the time is reached."""
    random_ = random.Random(seed)  # noqa: S311
    ledger, stop = folder / "ledger.jsonl", folder / "stop"
    said = [folder / f"said-{n}" for n in range(workers)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}

    def start(number: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", WORKER, str(ledger), str(said[number]), str(number)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    began = time.monotonic()
    running = [start(n) for n in range(workers)]
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(ledger), str(stop)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    killed = 0
    try:
        while killed < kills and time.monotonic() - began < seconds:
            time.sleep(random_.expovariate(1 / 0.15))  # a worker lives for a second or so, and starts in a tenth
            number = random_.randrange(workers)
            process = running[number]
            if process.poll() is not None:  # a worker never ends by itself
                error = process.stderr.read().decode() if process.stderr else ""
                raise AssertionError(f"worker {number} ended by itself: {error}")
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
            running[number] = start(number)
    finally:
        for process in running:
            process.kill()
            process.communicate()
        stop.touch()
        outputs = [r.communicate() for r in readers]
    from modelreg.ledger.places import Place, account
    from modelreg.ledger.store import Ledger

    snapshot = Ledger(Place(ledger, "file", str(ledger)), account=account(), tool="t").read()
    there = {r.hash for r in snapshot.records}
    told = [line for file in said if file.exists() for line in file.read_text().split("\n")[:-1]]
    return Result(
        killed,
        len(told),
        sum(h not in there for h in told),
        len(snapshot.records),
        len(snapshot.faults),
        len(list(folder.glob("*.torn-*"))),
        sum(int(o or b"0") for o, _ in outputs),
        sum(r.returncode != 0 for r in readers),
        round(time.monotonic() - began, 1),
    )


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_killed_writers_lose_nothing(tmp_path: Path) -> None:
    result = campaign(tmp_path, kills=100, seconds=30)
    assert result.kills > 5
    assert result.acknowledged > 0
    assert (result.lost, result.faults, result.reader_failures) == (0, 0, 0), result


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        sys.stdout.write(f"{campaign(Path(name), int(sys.argv[1]), 1800)}\n")
