"""Run the `modelreg` commands of the READMEs and compare what they print with what the READMEs show.

In a ```console block, a line `$ modelreg …` is run; each line below it must begin a line of the output, in order;
`...` skips.
Exit status 1 names every line that is no longer true.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def blocks(text: str) -> list[tuple[str, list[str]]]:
    """(command, lines shown) of every command of the tool."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found:
                found[-1][1].append(line)
    return [(c, lines) for c, lines in found if c.startswith("modelreg ")]


def check(name: str) -> list[str]:
    faults = []
    folder = tempfile.mkdtemp()
    ledger = str(Path(folder, "ledger.jsonl"))
    env = {**os.environ, "MODELREG_LANG": "en", "PYTHONPATH": str(ROOT), "MODELREG_LEDGER": ledger}
    for command, shown in blocks((ROOT / name).read_text(encoding="utf-8")):
        args = shlex.split(command)[1:]
        done = subprocess.run(
            [sys.executable, "-m", "modelreg", *args],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=env,
            check=False,
        )
        if done.returncode not in (0, 1, 4) or (shown and done.returncode == 4):
            faults.append(f"{name}: `{command}` ends with {done.returncode}: {done.stderr.strip()}")
            continue
        rest = done.stdout.splitlines()
        for line in shown:
            if line.strip() in ("...", ""):
                continue
            place = next((i for i, out in enumerate(rest) if out.strip().startswith(line.strip())), None)
            if place is None:
                faults.append(f"{name}: `{command}` no longer prints: {line}")
            else:
                rest = rest[place + 1 :]
    return faults


def main() -> int:
    faults = check("README.md") + check("README.zh-CN.md")
    print("\n".join(faults) or "the READMEs' commands print what they show")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
