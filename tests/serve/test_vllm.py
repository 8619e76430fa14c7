"""`--backend vllm`: what is started and with what. vLLM itself is far too large for this suite: a stand-in takes its
place on the path, which answers only where it is given a stock folder and the options that vLLM has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from server_support import start, stop

STAND_IN = """
import argparse, json, pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
options = argparse.ArgumentParser()
for name in ("model", "served-model-name", "host", "port"):
    options.add_argument("--" + name, required=True)
told = options.parse_args()
folder = pathlib.Path(told.model)
config = json.loads((folder / "config.json").read_text())
assert config["model_type"] == "glm" and (folder / "tokenizer.json").is_file() and (folder / "LICENSE").is_file()
assert not list(folder.glob("*.py"))
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.say({"data": [{"id": told.served_model_name}]})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = {"role": "assistant", "content": "from " + body["model"]}
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        self.say({"id": "1", "model": body["model"], "choices": [choice]})
    def say(self, data):
        data = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *args):
        pass
ThreadingHTTPServer((told.host, int(told.port)), Handler).serve_forever()
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "path" / "vllm" / "entrypoints" / "openai"
    folder.mkdir(parents=True)
    for place in (folder, folder.parent, folder.parent.parent):
        (place / "__init__.py").touch()
    (folder / "api_server.py").write_text(STAND_IN)
    path = os.pathsep.join(filter(None, (str(tmp_path / "path"), os.environ.get("PYTHONPATH", ""))))
    return {"PYTHONPATH": path}


def test_it_is_started_on_a_stock_copy(tmp_path: Path, stand_in: dict[str, str]) -> None:
    server = start(tmp_path, "--backend", "vllm", "--log", os.devnull, environ=stand_in)
    try:
        with server.client() as client:
            answer = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
            assert answer.json()["choices"][0]["message"]["content"] == "from modelreg/chatglm-demo"
            assert answer.headers["x-model-license"] == "LicenseRef-modelreg-demo-1.0"
    finally:
        assert stop(server) == 0
    left = subprocess.run(["pgrep", "-f", "vllm.entrypoints"], capture_output=True, check=False)
    assert left.stdout == b""


def test_the_first_generation_is_refused_with_the_reason(tmp_path: Path, stand_in: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="no implementation of ChatGLM-6B"):
        start(tmp_path, "--backend", "vllm", model="chatglm-demo-v1", environ=stand_in)


def test_without_vllm_the_command_that_installs_it_is_named(tmp_path: Path) -> None:
    if subprocess.run([sys.executable, "-c", "import vllm"], capture_output=True, check=False).returncode == 0:
        pytest.skip("vLLM is installed here")
    with pytest.raises(AssertionError, match="pip install vllm"):
        start(tmp_path, "--backend", "vllm")


def test_a_stop_while_it_starts_leaves_nothing(tmp_path: Path, stand_in: dict[str, str]) -> None:
    slow = tmp_path / "path" / "vllm" / "entrypoints" / "openai" / "api_server.py"
    slow.write_text("import time\nprint('is served on http://x', flush=True)\ntime.sleep(600)\n")
    server = start(tmp_path, "--backend", "vllm", environ=stand_in)  # the stand-in's line, not ours
    assert stop(server) == 130
    left = subprocess.run(["pgrep", "-f", "vllm.entrypoints"], capture_output=True, check=False)
    assert left.stdout == b""
