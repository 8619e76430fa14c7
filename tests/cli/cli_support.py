"""Run the command line as a user does: a fresh process, stdout, stderr and status apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def run(*args: str, cwd: Path | None = None, stdin: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-m", "modelreg", *args],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        input=stdin if stdin is not None else "",
        env={**os.environ, "PYTHONPATH": path, **env},
        timeout=60,
        check=False,
    )


def run_json(*args: str, **kwargs: Any) -> Any:
    done = run(*args, "--format", "json", **kwargs)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)
