"""A real server with the demo model, in a process of its own, on a port of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import httpx

SERVED = re.compile(r"is served on (http://\S+)")


class Server(NamedTuple):
    """A running server."""

    url: str
    process: subprocess.Popen[str]
    said: list[str]
    reader: threading.Thread

    def client(self, **options: object) -> httpx.Client:
        """Speaks to it, whatever proxies are set."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=60, **options)  # type: ignore[arg-type]


def start(folder: Path, *options: str, model: str = "chatglm-demo", environ: dict[str, str] | None = None) -> Server:
    """Accept the terms and serve. Raises: AssertionError with what it said, where it does not start."""
    env = {**os.environ, "MODELREG_LEDGER": str(folder / "ledger.jsonl"), "PYTHONUNBUFFERED": "1", **(environ or {})}
    command = [sys.executable, "-m", "modelreg"]
    subprocess.run([*command, "accept", model, "--research", "--yes", "--by", "test"], env=env, check=True,
                   capture_output=True)  # fmt: skip
    process = subprocess.Popen(
        [*command, "run", model, "--research", *(() if "--port" in options else ("--port", "0")), *options],
        env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    said: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        found = SERVED.search(line)
        if found:
            reader = threading.Thread(target=_drain, args=(process, said), daemon=True)
            reader.start()
            return Server(found[1], process, said, reader)
    process.wait(30)
    process.stdout.close()
    raise AssertionError("".join(said))


def stop(server: Server) -> int:
    """End it as an operator would. Returns: the exit status."""
    if server.process.poll() is None:
        server.process.terminate()
    status = server.process.wait(30)
    server.reader.join(10)
    return status


def _drain(process: subprocess.Popen[str], said: list[str]) -> None:
    assert process.stdout is not None
    with process.stdout as lines:
        said.extend(lines)
