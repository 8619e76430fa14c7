"""Load on a running server: many streams at once, clients that vanish, more requests than it takes.

    modelreg run chatglm-demo --research --queue 400 --log /dev/null
    python benchmarks/serve_load.py http://127.0.0.1:8000 --pid PID --streams 200 --vanish 1000

Checks that every stream is complete and says what it says alone with the same seed, that clients which go away leave
no thread, memory or place behind, and that overload is answered with 429. Prints figures; exit status 1 on a fault.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx

QUESTIONS = ("What is a model licence?", "你好", "ChatGLM-6B 可以商用吗？", "Who are you?", "Tell me everything")


def body(index: int, tokens: int = 60) -> dict[str, Any]:
    """A request of its own: question and seed."""
    question = QUESTIONS[index % len(QUESTIONS)]
    return {
        "messages": [{"role": "user", "content": question}],
        "seed": index // len(QUESTIONS),
        "temperature": 1.3,
        "top_p": 1.0,
        "max_tokens": tokens,
        "stream": True,
    }


async def stream(client: httpx.AsyncClient, request: dict[str, Any]) -> tuple[str, float]:
    """The text and the seconds to its first piece. Raises: RuntimeError for a stream that broke off."""
    text, first, ended, begun = "", 0.0, False, time.perf_counter()
    async with client.stream("POST", "/v1/chat/completions", json=request) as response:
        if response.status_code != 200:
            raise RuntimeError(f"{response.status_code}: {(await response.aread())[:200]!r}")
        async for line in response.aiter_lines():
            if line == "data: [DONE]":
                ended = True
            elif line.startswith("data: "):
                data = json.loads(line[6:])
                if "error" in data:
                    raise RuntimeError(str(data["error"]))
                for choice in data["choices"]:
                    piece = choice["delta"].get("content")
                    if piece:
                        first = first or time.perf_counter() - begun
                        text += piece
    if not ended:
        raise RuntimeError("the stream broke off")
    return text, first


async def vanish(url: str, count: int) -> None:
    """Open streams and go away in the middle."""
    host, port = url.removeprefix("http://").split(":")
    data = json.dumps(body(4, 400)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(data)}\r\n\r\n".encode()

    async def one(gate: asyncio.Semaphore) -> None:
        async with gate:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(head + data)
            await reader.read(300)
            writer.close()

    gate = asyncio.Semaphore(16)
    await asyncio.gather(*(one(gate) for _ in range(count)))


def process(pid: int) -> tuple[int, int, int]:
    """Threads, resident KiB and open files of the server."""
    told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return int(told["Threads"]), int(told["VmRSS"].split()[0]), files


async def run(url: str, pid: int, streams: int, vanishing: int) -> int:
    """All three. Returns: the number of faults."""
    faults = 0
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=600, limits=limits) as client:
        requests = [body(i) for i in range(streams)]
        alone = [await stream(client, request) for request in requests]
        begun = time.perf_counter()
        together = await asyncio.gather(*(stream(client, r) for r in requests), return_exceptions=True)
        seconds = time.perf_counter() - begun
        broken = [t for t in together if isinstance(t, BaseException)]
        crossed = [i for i, t in enumerate(together) if not isinstance(t, BaseException) and t[0] != alone[i][0]]
        faults += len(broken) + len(crossed)
        print(f"{streams} streams at once in {seconds:.1f} s: {len(broken)} broken, {len(crossed)} other than alone")
        for problem in broken[:3]:
            print("  ", problem)
        before = process(pid) if pid else (0, 0, 0)
        begun = time.perf_counter()
        await vanish(url, vanishing)
        seconds = time.perf_counter() - begun
        text, first = await stream(client, requests[0])
        await asyncio.sleep(1)
        after = process(pid) if pid else (0, 0, 0)
        state = (await client.get("/state")).json()
        print(
            f"{vanishing} clients that vanished in {seconds:.1f} s: the next answer began after {first:.2f} s; "
            f"threads {before[0]} -> {after[0]}, resident {before[1]} -> {after[1]} KiB, "
            f"files {before[2]} -> {after[2]}, "
            f"running {state['running']}, waiting {state['waiting']}"
        )
        faults += text != alone[0][0] or after[0] > before[0] or state["running"] or state["waiting"]
        answers = await asyncio.gather(
            *(client.post("/v1/chat/completions", json={**body(4, 200), "stream": False}) for _ in range(600))
        )
        codes = {code: sum(a.status_code == code for a in answers) for code in {a.status_code for a in answers}}
        print(f"600 at once: {codes}")
        faults += not set(codes) <= {200, 429}
    return int(faults)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--pid", type=int, default=0)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--vanish", type=int, default=1000)
    told = parser.parse_args()
    return 1 if asyncio.run(run(told.url.rstrip("/"), told.pid, told.streams, told.vanish)) else 0


if __name__ == "__main__":
    raise SystemExit(main())
