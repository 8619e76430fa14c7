"""Start-up cost of the commands that must feel instant: CPU time of the whole process as a ratio to `python -c pass`.

usage: python benchmarks/cold_start.py [RUNS]

Interleaved runs, medians; run it where modelreg is installed. The ratio travels between machines, milliseconds do not.
"""

from __future__ import annotations

import os
import pty
import resource
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "--help": ["--help"],
    "list": ["list"],
    "check": ["check", "chatglm-6b", "--commercial"],
    "show": ["show", "chatglm-6b"],
    "explain": ["explain", "thresholds"],
}
LIMITS = {"--help": 8, "list": 10, "check": 10, "list on a terminal": 18, "check on a terminal": 18}


def cpu(command: list[str], *, terminal: bool = False) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if terminal:
        leader, follower = pty.openpty()
        process = subprocess.Popen(command, stdout=follower, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        os.close(follower)
        while True:
            try:
                if not os.read(leader, 65536):
                    break
            except OSError:
                break
        process.wait()
        os.close(leader)
    else:
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    base = [sys.executable, "-c", "pass"]
    tool = [sys.executable, "-m", "modelreg"]
    cases = {name: (tool + args, False) for name, args in COMMANDS.items()}
    cases["list on a terminal"] = ([*tool, "list"], True)
    cases["check on a terminal"] = (tool + COMMANDS["check"], True)
    for command, terminal in cases.values():
        cpu(command, terminal=terminal)  # fill caches
    times: dict[str, list[float]] = {name: [] for name in ("pass", *cases)}
    for _ in range(runs):
        times["pass"].append(cpu(base))
        for name, (command, terminal) in cases.items():
            times[name].append(cpu(command, terminal=terminal))
    unit = statistics.median(times["pass"])
    print(f"python -c pass: {unit * 1000:.1f} ms CPU (median of {runs})")
    for name in cases:
        ratio = statistics.median(times[name]) / unit
        limit = LIMITS.get(name)
        print(
            f"{name:22} {statistics.median(times[name]) * 1000:7.1f} ms  {ratio:5.1f}x"
            + (f"  (limit {limit})" if limit else "")
        )
    script = "import sys; from modelreg.cli.app import run; sys.exit(run(sys.argv[1:]))"
    lines = '{"id": 1, "model": "THUDM/chatglm-6b", "facts": {"use": ["product"], "commercial": true}}\n' * 10_000
    started = time.perf_counter()
    batch = [sys.executable, "-c", script, "check", "--batch", "-", "--format", "jsonl"]
    subprocess.run(batch, input=lines.encode(), stdout=subprocess.DEVNULL, check=False)
    print(f"10,000 checks in one process: {time.perf_counter() - started:.1f} s (limit 10)")


if __name__ == "__main__":
    main()
