"""vLLM started on a stock copy of the weights: no custom code, and the gate was passed before."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from modelreg.cli._backends import refuse_first_generation
from modelreg.cli._output import Output
from modelreg.cli._stock import write_copy
from modelreg.desk import Desk
from modelreg.errors import ModelEnvironmentError

if TYPE_CHECKING:
    from modelreg.ledger.gate import Grant
    from modelreg.serve.proxy import Upstream

START_SECONDS = 900.0
_STOP_SECONDS = 20.0


def start(out: Output, desk: Desk, grant: Grant) -> tuple[Upstream, Callable[[], None]]:
    """Convert, start `vllm serve` on a free port of this machine, wait until it answers.

    Returns: the engine, and what ends it.
    Raises: RefusedError for ChatGLM-6B; ModelEnvironmentError where it ends early or does not answer.
    """
    from modelreg.inference.models import architecture
    from modelreg.inference.models.config import read_config
    from modelreg.serve.proxy import HttpUpstream

    if grant.folder is None:
        raise AssertionError("bug: the gate was not asked about the files")
    refuse_first_generation(architecture(read_config(grant.folder)))
    place = Path(tempfile.mkdtemp(prefix="modelreg-vllm-"))
    write_copy(out, desk, grant, place / "model", "glm")
    port = _free_port()
    name = grant.model
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(place / "model"),
        "--served-model-name", name, "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    out.warn(out.words("run-vllm", url=f"http://127.0.0.1:{port}"))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr)

    def stop() -> None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(place, ignore_errors=True)

    try:
        _wait(process, port)
    except BaseException:
        stop()
        raise
    return HttpUpstream(f"http://127.0.0.1:{port}", name), stop


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < until:
            if process.poll() is not None:
                raise ModelEnvironmentError(
                    f"vLLM ended with status {process.returncode}; its words are above", code="vllm",
                    where="--backend vllm",
                )  # fmt: skip
            with contextlib.suppress(httpx.HTTPError):
                if client.get(f"http://127.0.0.1:{port}/v1/models").is_success:
                    return
            time.sleep(0.5)
    raise ModelEnvironmentError(f"vLLM did not answer in {START_SECONDS:.0f} s", code="vllm", where="--backend vllm")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
