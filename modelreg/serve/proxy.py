"""The same gate, keys, log, terms and POST / in front of another engine: any server that speaks OpenAI's API.

A request is tried again, elsewhere where there are several, as long as nothing of its answer was given out; after that
a break is told as an error event. So no request is lost silently.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from modelreg.serve.answers import DONE, event
from modelreg.serve.original import body_of, now
from modelreg.serve.problems import RequestError, closing
from modelreg.serve.protocol import ChatRequest, CompletionRequest, OriginalRequest, as_json, read
from modelreg.serve.site import SSE, Site
from modelreg.serve.worker import Stats

TRIES = 3
PAUSE_SECONDS = 0.5  # before trying again


@dataclass
class Answer:
    """What an engine says: status, type, and the body in pieces."""

    status: int
    kind: str
    pieces: AsyncIterator[bytes]


class EngineGoneError(Exception):
    """The engine did not answer, or broke off."""


class Upstream(ABC):
    """Another engine."""

    name: str = ""  # of the model, as it is called there

    @abstractmethod
    async def send(self, path: str, body: bytes) -> Answer:
        """Ask. Raises: EngineGoneError before the first byte; the pieces raise it after that."""

    @abstractmethod
    async def ready(self) -> bool:
        """Whether it takes requests."""

    @abstractmethod
    async def close(self) -> None:
        """Let go."""


class HttpUpstream(Upstream):
    """A server that speaks OpenAI's API (vLLM, llama.cpp, transformers serve, Ray Serve, another modelreg).

    Args:
        url: with or without /v1; name: of the model there, "" to ask the server; key: for Authorization.
    """

    def __init__(self, url: str, name: str = "", key: str = "") -> None:
        self.base = url.rstrip("/").removesuffix("/v1")
        self.name = name
        headers = {"authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(600, connect=10)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
        self._client = httpx.AsyncClient(base_url=self.base, headers=headers, timeout=timeout, limits=limits)

    async def send(self, path: str, body: bytes) -> Answer:
        """See `Upstream.send`."""
        request = self._client.build_request("POST", path, content=body, headers={"content-type": "application/json"})
        try:
            response = await self._client.send(request, stream=True)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise EngineGoneError(f"{self.base}: {error or type(error).__name__}") from None
        return Answer(response.status_code, response.headers.get("content-type", ""), self._pieces(response))

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for piece in response.aiter_bytes():
                yield piece
        except httpx.TransportError as error:
            raise EngineGoneError(f"{self.base} broke off: {error or type(error).__name__}") from None
        finally:
            await response.aclose()

    async def ready(self) -> bool:
        """See `Upstream.ready`; learns the model's name at the first time."""
        try:
            answer = await self._client.get("/v1/models", timeout=5)
            found = answer.json()["data"] if answer.is_success else []
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return False
        if not self.name and found:
            self.name = str(found[0]["id"])
        return bool(found)

    async def close(self) -> None:
        """See `Upstream.close`."""
        await self._client.aclose()


@dataclass
class Proxy(Site):
    """The routes over another engine.

    Attributes: most: requests at once; further ones get a 429.
    """

    upstream: Upstream
    most: int = 256
    _running: int = field(default=0, init=False)
    _done: int = field(default=0, init=False)
    _tokens: int = field(default=0, init=False)
    _draining: bool = field(default=False, init=False)
    _cut_at: float = field(default=float("inf"), init=False)

    @property
    def ready(self) -> bool:
        """See `Site.ready`: as far as this process knows; GET /readyz asks the engine."""
        return not self._draining

    @property
    def stats(self) -> Stats:
        """See `Site.stats`."""
        return Stats(0, self._running, self._done, self._tokens)

    def figures(self) -> dict[str, Any]:
        """See `Site.figures`; the engine's limits are its own."""
        return {"defaults": {"temperature": None, "top_p": None}, "max_tokens": None, "context": None}

    def start(self) -> None:
        """See `Site.start`."""

    def drain(self, seconds: float) -> None:
        """See `Site.drain`; answers that still run then end with an error event."""
        self._draining = True
        self._cut_at = min(self._cut_at, time.monotonic() + seconds)

    def stop(self) -> None:
        """See `Site.stop`."""
        self.log.close()

    async def readiness(self, request: Request) -> Response:  # noqa: ARG002
        """GET /readyz."""
        ready = self.ready and await self.upstream.ready()
        return JSONResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)

    async def chat(self, request: Request) -> Response:
        """See `Site.chat`."""
        body = await self.body(request)
        asked = read(ChatRequest, body)
        asked.refuse()
        return await self._forward(request, "/v1/chat/completions", json.loads(body), asked.model, bool(asked.stream))

    async def completions(self, request: Request) -> Response:
        """See `Site.completions`."""
        body = await self.body(request)
        asked = read(CompletionRequest, body)
        asked.refuse()
        return await self._forward(request, "/v1/completions", json.loads(body), asked.model, bool(asked.stream))

    async def published(self, request: Request) -> Response:
        """See `Site.published`."""
        asked = read(OriginalRequest, await self.body(request))
        with self._counted():
            answer = await self._send("/v1/chat/completions", _chat_of(asked, self.upstream.name))
            data = await _whole(answer)
        if answer.status != 200:
            raise _told(answer.status, data)
        text = str(data["choices"][0]["message"].get("content") or "")
        return JSONResponse(body_of(asked, text))

    async def published_stream(self, request: Request) -> Response:
        """See `Site.published_stream`."""
        asked = read(OriginalRequest, await self.body(request))
        body = {**_chat_of(asked, self.upstream.name), "stream": True}
        counted = self._counted()
        counted.__enter__()
        try:
            answer = await self._send("/v1/chat/completions", body)
        except BaseException:
            counted.__exit__(None, None, None)
            raise
        return StreamingResponse(self._published_events(asked, answer, counted), headers=SSE)

    async def _published_events(
        self, asked: OriginalRequest, answer: Answer, counted: contextlib.AbstractContextManager[None]
    ) -> AsyncIterator[bytes]:
        text = ""
        try:
            async for data in _events(answer.pieces):
                choices = data.get("choices") or [{}]
                piece = str((choices[0].get("delta") or {}).get("content") or "")
                if piece:
                    text += piece
                    yield event({"delta": piece, "finished": False, "response": text, "status": 200})
            yield event({"delta": "", "finished": True, **body_of(asked, text)})
        except EngineGoneError as error:
            problem = _gone(error)
            yield event({"response": text, "status": problem.status, "time": now(), **problem.to_data()})
        finally:
            counted.__exit__(None, None, None)

    # What they share

    async def _forward(
        self, request: Request, path: str, body: dict[str, Any], model: str | None, stream: bool
    ) -> Response:
        name = self.check_model(model)
        body["model"] = self.upstream.name or name
        started = time.monotonic()
        counted = self._counted()
        counted.__enter__()
        try:
            answer = await self._send(path, body)
            if stream and answer.status == 200:
                return StreamingResponse(
                    self._streamed(request, path, body, answer, name, started, counted), headers=SSE
                )
            data = await _whole(answer)
        except BaseException:
            counted.__exit__(None, None, None)
            raise
        counted.__exit__(None, None, None)
        said = _text_of(data) if self.log.contents else ""
        self._note(request, path, answer.status, data.get("usage") or {}, started, asked=body, said=said)
        if answer.status != 200:
            raise _told(answer.status, data)
        data["model"] = name
        return JSONResponse(data)

    async def _streamed(
        self,
        request: Request,
        path: str,
        body: dict[str, Any],
        answer: Answer,
        name: str,
        started: float,
        counted: contextlib.AbstractContextManager[None],
    ) -> AsyncIterator[bytes]:
        usage: Mapping[str, Any] = {}
        status, said = 200, ""
        try:
            async for data in _events(answer.pieces):
                if "model" in data:
                    data["model"] = name
                usage = data.get("usage") or usage
                said += _text_of(data) if self.log.contents else ""
                yield event(data)
                if time.monotonic() > self._cut_at:
                    status = 503
                    yield event(closing().to_data())
                    break
            yield DONE
        except EngineGoneError as error:
            problem = _gone(error)
            status = problem.status
            yield event(problem.to_data())
            yield DONE
        finally:
            counted.__exit__(None, None, None)
            self._note(request, path, status, usage, started, asked=body, said=said)

    async def _send(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Ask, and ask again while the engine cannot be reached. Raises: RequestError 503."""
        data = as_json(body).encode("utf-8", "replace")
        problem: EngineGoneError | None = None
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS * attempt)
            try:
                answer = await self.upstream.send(path, data)
                return Answer(answer.status, answer.kind, await _begun(answer.pieces))
            except EngineGoneError as error:
                problem = error
        raise _gone(problem or EngineGoneError(""))

    @contextlib.contextmanager
    def _counted(self) -> Any:
        if self._draining:
            raise closing()
        if self._running >= self.most:
            raise RequestError(
                f"{self._running} requests are running already", status=429, kind="rate_limit_exceeded",
                code="queue_full", retry_after=2,
            )  # fmt: skip
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._done += 1

    def _note(
        self,
        request: Request,
        path: str,
        status: int,
        usage: Mapping[str, Any],
        started: float,
        *,
        asked: Mapping[str, Any],
        said: str,
    ) -> None:
        seconds = time.monotonic() - started
        operation = "chat" if "chat" in path else "text_completion"
        prompt, output = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
        self._tokens += output
        self.metrics.done(operation, seconds, "" if status == 200 else str(status))
        if usage:
            self.metrics.tokens(operation, prompt, output, None, seconds)
        more: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": output}
        if self.log.contents:
            more |= {"prompt": asked.get("messages") or asked.get("prompt"), "answers": [said]}
        told = "ok" if status == 200 else str(status)
        self.log.line(request, operation=operation, status=told, seconds=seconds, **more)


def _text_of(data: Mapping[str, Any]) -> str:
    """The text of the first choice, of an answer or a chunk."""
    choice = (data.get("choices") or [{}])[0]
    part = choice.get("message") or choice.get("delta") or choice
    return str(part.get("content") or part.get("text") or "")


def _chat_of(asked: OriginalRequest, name: str) -> dict[str, Any]:
    """The published request as a chat completion."""
    messages: list[dict[str, Any]] = []
    for item in asked.history or ():
        if isinstance(item, list) and len(item) == 2 and all(isinstance(x, str) for x in item):
            messages += [{"role": "user", "content": item[0]}, {"role": "assistant", "content": item[1]}]
        elif isinstance(item, dict) and isinstance(item.get("role"), str):
            messages.append({"role": item["role"], "content": str(item.get("content") or "")})
        else:
            raise RequestError("history holds [question, answer] pairs", param="history", code="invalid_value")
    messages.append({"role": "user", "content": asked.prompt})
    body: dict[str, Any] = {"model": name, "messages": messages}
    body["top_p"] = asked.top_p or 0.7
    body["temperature"] = min(asked.temperature or 0.95, 2.0)
    if asked.max_length:
        body["max_tokens"] = asked.max_length  # the engine alone can count the prompt
    return body


async def _begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, once the first is there: until then a broken engine can be replaced by another."""
    try:
        first = await anext(pieces)
    except StopAsyncIteration:
        first = b""

    async def rest() -> AsyncIterator[bytes]:
        if first:
            yield first
        async for piece in pieces:
            yield piece

    return rest()


async def _whole(answer: Answer) -> dict[str, Any]:
    try:
        data = b"".join([piece async for piece in answer.pieces])
    except EngineGoneError as error:
        raise _gone(error) from None
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"error": {"message": data[:300].decode("utf-8", "replace")}}


async def _events(pieces: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """The data of server-sent events, up to [DONE]. Raises: EngineGoneError where they break off."""
    rest = b""
    async for piece in pieces:
        rest += piece.replace(b"\r\n", b"\n")
        *lines, rest = rest.split(b"\n")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            with contextlib.suppress(ValueError):
                found = json.loads(data)
                if isinstance(found, dict):
                    yield found
    raise EngineGoneError("the engine's stream ended before its end was told")


def _gone(error: EngineGoneError) -> RequestError:
    return RequestError(
        f"the engine cannot be reached: {error}",
        status=503,
        kind="server_error",
        code="engine_unreachable",
        retry_after=5,
    )


def _told(status: int, data: Mapping[str, Any]) -> RequestError:
    """The engine's own refusal, in our form; its faults become ours."""
    error = data.get("error") or {}
    message = error.get("message") if isinstance(error, Mapping) else error
    message = str(message or data.get("message") or data.get("detail") or "the engine refused")[:1000]
    if status >= 500:
        return RequestError(f"the engine failed: {message}", status=503, kind="server_error", code="engine_failed")
    param = error.get("param") if isinstance(error, Mapping) else None
    code = error.get("code") if isinstance(error, Mapping) else None
    return RequestError(message, status=status, param=param, code=str(code) if code else None)
