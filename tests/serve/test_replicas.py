"""Two replicas under Ray Serve: one is killed and nothing is lost; without the acknowledgement none starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from server_support import start, stop

pytest.importorskip("ray.serve", reason="the extra modelreg[ray] is not installed")
pytestmark = pytest.mark.slow
BODY = {"messages": [{"role": "user", "content": "What is a model licence?"}], "temperature": 0, "max_tokens": 12}


def replicas() -> list[int]:
    """Process ids of the replicas."""
    found = subprocess.run(["pgrep", "-f", "ray::ServeReplica"], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def test_a_replica_may_die(tmp_path: Path) -> None:
    server = start(tmp_path, "--log", os.devnull, "--replicas", "2", "--threads", "1")
    try:
        with server.client() as client:
            expected = client.post("/v1/chat/completions", json=BODY).json()["choices"][0]["message"]["content"]
            assert expected.startswith("A model license")
            assert len(replicas()) == 2

            def ask(number: int) -> tuple[int, Any]:
                if number == 20:
                    os.kill(replicas()[0], signal.SIGKILL)
                answer = client.post("/v1/chat/completions", json=BODY)
                return answer.status_code, answer.json()

            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(ask, range(60)))
            assert {status for status, _ in answers} <= {200, 503}
            for status, data in answers:
                if status == 200:
                    assert data["choices"][0]["message"]["content"] == expected
                else:
                    assert data["error"]["code"] == "engine_unreachable"
            assert sum(status == 200 for status, _ in answers) >= 55
            with client.stream("POST", "/v1/chat/completions", json={**BODY, "stream": True}) as stream:
                assert stream.read().endswith(b"data: [DONE]\n\n")
            assert client.post("/", json={"prompt": "What is a model licence?"}).json()["response"]
    finally:
        stop(server)
    assert replicas() == []


def test_no_replica_without_the_acknowledgement(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "modelreg", "run", "chatglm-demo", "--research", "--port", "0", "--replicas", "2"],
        env={**os.environ, "MODELREG_LEDGER": str(tmp_path / "empty.jsonl")},
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 4, done.stderr


def test_a_replica_asks_the_gate_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only the front: what a replica runs refuses on its own."""
    from modelreg.cli._backends import make_replica
    from modelreg.errors import NotAcceptedError

    plan = {
        "ledger": str(tmp_path / "empty.jsonl"), "registry": [], "facts": {"use": ["research"], "commercial": False},
        "target": "chatglm-demo", "weights": None, "as_model": "", "organisation": "", "dtype": "auto",
        "device": "cpu", "bits": 0, "quant": "none", "serving": {},
    }  # fmt: skip
    with pytest.raises(NotAcceptedError):
        make_replica(plan)
