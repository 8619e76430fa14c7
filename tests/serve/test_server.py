"""The server as scripts, operators and attackers meet it: over real sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_support import Server, start, stop

QUESTION = "What is a model licence?"
ANSWER = "A model license is the text in which the licensor says what is permitted with the weights"


def chat(text: str = QUESTION, **options: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, **options}


def streamed(client: httpx.Client, body: dict[str, Any]) -> tuple[str, list[str]]:
    """The text of a stream and its finish reasons. Raises: AssertionError for a stream that breaks off."""
    text, reasons, ended = "", [], False
    with client.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as response:
        assert response.status_code == 200, response.read()
        for line in response.iter_lines():
            if line == "data: [DONE]":
                ended = True
            elif line.startswith("data: "):
                data = json.loads(line[6:])
                assert "error" not in data, data
                for choice in data["choices"]:
                    text += choice["delta"].get("content") or ""
                    reasons += [choice["finish_reason"]] if choice["finish_reason"] else []
    assert ended
    return text, reasons


def test_the_published_api(server: Server) -> None:
    """The curl line of the ChatGLM-6B repository, and its keys."""
    with server.client() as client:
        first = client.post("/", json={"prompt": QUESTION, "history": []})
        assert set(first.json()) == {"response", "history", "status", "time"}
        assert first.json()["status"] == 200
        assert first.json()["response"].startswith(ANSWER)
        assert first.json()["history"] == [[QUESTION, first.json()["response"]]]
        time.strptime(first.json()["time"], "%Y-%m-%d %H:%M:%S")
        second = client.post("/", json={"prompt": "你好", "history": first.json()["history"], "top_p": 0.7})
        assert len(second.json()["history"]) == 2
        # api.py took any content type
        raw = client.post("/", content=json.dumps({"prompt": QUESTION}), headers={"content-type": "text/plain"})
        assert raw.status_code == 200


def test_the_published_api_streams(server: Server) -> None:
    with server.client() as client:
        said = client.post("/stream", json={"prompt": QUESTION, "history": []}).text
    events = [json.loads(line[6:]) for line in said.splitlines() if line.startswith("data: ")]
    assert events[-1]["finished"] is True
    assert "".join(e["delta"] for e in events) == events[-1]["response"]
    assert events[-1]["history"] == [[QUESTION, events[-1]["response"]]]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'{"prompt": "x", "top_p": 7}', "top_p"),
        (b'{"prompt": "x", "history": [["a"]]}', "history"),
        (b'{"prompt": "\\ud800"}', None),
        (b"\xff\xfe{}", None),
        (b'{"history": []}', "prompt"),
        (b"[" * 100_000, None),
    ],
)
def test_what_is_wrong_is_named(server: Server, body: bytes, param: str | None) -> None:
    with server.client() as client:
        answer = client.post("/", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == param


def test_every_answer_states_the_terms(server: Server) -> None:
    with server.client() as client:
        for path in ("/", "/v1/models", "/healthz", "/nowhere"):
            assert client.get(path).headers["x-model-license"] == "LicenseRef-modelreg-demo-1.0"
        terms = client.get("/license").json()
    assert terms["decision"]["verdict"].startswith("permitted")
    assert terms["acknowledgement"]
    assert set(terms["lines"]) == {"en", "zh"}


def test_health_metrics_and_description(server: Server) -> None:
    with server.client() as client:
        client.post("/v1/chat/completions", json=chat(max_tokens=3))
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").status_code == 200
        text = client.get("/metrics").text
        described = client.get("/openapi.json").json()
    for name in (
        "gen_ai_server_request_duration_seconds",
        "gen_ai_client_token_usage_tokens",
        "modelreg_requests_running",
    ):
        assert name in text
    assert "/v1/chat/completions" in described["paths"]


def test_foreign_pages_and_hosts_are_refused(server: Server) -> None:
    with server.client() as client:
        foreign = client.post("/", json={"prompt": "x"}, headers={"origin": "https://evil.example"})
        own = client.post("/v1/chat/completions", json=chat(max_tokens=1), headers={"origin": server.url})
        rebound = client.get("/v1/models", headers={"host": "evil.example"})
    assert (foreign.status_code, own.status_code, rebound.status_code) == (403, 200, 421)


def test_many_streams_at_once_are_each_right(server: Server) -> None:
    """40 of them (200 by scripts/load_server.py), with seeds of their own: none crossed, none cut."""
    bodies = [
        chat(q, seed=i, temperature=1.3, top_p=1)
        for i in range(10)
        for q in (QUESTION, "你好", "ChatGLM-6B 可以商用吗？", "Who are you?")
    ]
    with server.client() as client:
        alone = [streamed(client, body) for body in bodies[:8]]
        with ThreadPoolExecutor(40) as pool:
            together = list(pool.map(lambda body: streamed(client, body), bodies))
    assert together[:8] == alone
    assert all(reasons in (["stop"], ["length"]) for _, reasons in together)


def test_clients_that_vanish_leave_nothing(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps(chat("Tell me everything", stream=True, max_tokens=400, temperature=2, top_p=1)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for _ in range(30):
        with socket.create_connection((host, int(port)), timeout=30) as gone:
            gone.sendall(head + body)
            gone.recv(300)
    with server.client() as client:
        begun = time.monotonic()
        assert streamed(client, chat())[0].startswith(ANSWER)
        assert time.monotonic() - begun < 10
        for _ in range(50):
            state = client.get("/state").json()
            if state["running"] == state["waiting"] == 0:
                break
            time.sleep(0.1)
        assert (state["running"], state["waiting"]) == (0, 0)


def test_a_full_line_is_told(tmp_path: Path) -> None:
    server = start(tmp_path, "--log", os.devnull, "--batch", "1", "--queue", "2")
    try:
        with server.client() as client, ThreadPoolExecutor(12) as pool:
            long = chat("Tell me everything", max_tokens=300, temperature=2, top_p=1)
            answers = list(pool.map(lambda i: client.post("/v1/chat/completions", json={**long, "seed": i}), range(12)))
        codes = sorted({a.status_code for a in answers})
        assert codes == [200, 429]
        refused = next(a for a in answers if a.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1
    finally:
        stop(server)


def test_keys(tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("# for the team\nalice: correct-horse-battery\n", encoding="utf-8")
    server = start(tmp_path, "--log", str(tmp_path / "log.jsonl"), "--keys", str(keys))
    try:
        with server.client() as client:
            assert client.get("/v1/models").status_code == 401
            assert client.get("/v1/models", headers={"authorization": "Bearer wrong-key-wrong"}).status_code == 401
            assert client.get("/healthz").status_code == 200
            good = {"authorization": "Bearer correct-horse-battery"}
            assert client.post("/v1/chat/completions", json=chat("secret words", max_tokens=2), headers=good).is_success
        said = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
        assert said[0]["key"] == "alice"
        assert "secret words" not in (tmp_path / "log.jsonl").read_text()
    finally:
        assert stop(server) == 0


def test_a_stop_ends_streams_cleanly(tmp_path: Path) -> None:
    server = start(tmp_path, "--log", os.devnull)
    done: list[tuple[str, list[str]]] = []
    with server.client() as client:
        reader = threading.Thread(
            target=lambda: done.append(
                streamed(client, chat("Tell me everything", max_tokens=200, temperature=1.6, top_p=1))
            )
        )
        reader.start()
        time.sleep(0.4)
        server.process.send_signal(signal.SIGTERM)
        reader.join(30)
    assert len(done) == 1
    assert done[0][1] in (["stop"], ["length"])
    assert stop(server) == 0


def test_a_bind_beyond_this_machine_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="key-needed"):
        start(tmp_path, "--host", "0.0.0.0")  # noqa: S104 - that it is refused is the point


def test_an_address_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(AssertionError, match="cannot listen"):
            start(tmp_path, "--port", str(taken.getsockname()[1]))
