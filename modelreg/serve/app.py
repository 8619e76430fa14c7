"""The HTTP application (Starlette): routes, and the one place where errors become answers.

Starlette and uvicorn because they are small, well kept and what the field runs; the protocol is ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from modelreg.errors import ModelregError
from modelreg.serve import guard, original
from modelreg.serve.answers import DONE, ChatForm, Form, TextForm, event
from modelreg.serve.auth import Keys
from modelreg.serve.describe import description
from modelreg.serve.log import Log
from modelreg.serve.metrics import CONTENT_TYPE, Metrics
from modelreg.serve.orders import OrderBook
from modelreg.serve.problems import RequestError, from_modelreg
from modelreg.serve.protocol import ChatRequest, CompletionRequest, OriginalRequest, read
from modelreg.serve.terms import ServedTerms
from modelreg.serve.worker import Channel, Worker

PAGE = Path(__file__).with_name("page.html")
SSE = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no"}
CLOSED = 499  # nginx's status for a client that went away: for the log alone


class Settings(NamedTuple):
    """How the server is reached.

    Attributes:
        hosts: names that the Host header may have, empty for any (a key is then needed).
        origins: other origins whose pages may ask; body: most bytes of a request.
        served: what the page shows: quantization, device and the like.
    """

    keys: Keys
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    body: int = 4 * 2**20
    served: dict[str, Any] = {}  # noqa: RUF012 - read only


@dataclass
class Serving:
    """Everything that the handlers use."""

    worker: Worker
    orders: OrderBook
    terms: ServedTerms
    settings: Settings
    metrics: Metrics
    log: Log
    created: int

    # POST

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        asked = read(ChatRequest, await self.body(request))
        model = self.check_model(asked.model)
        orders = await _work(self.orders.chat, asked)
        offered = () if asked.tool_choice == "none" else asked.tools or ()
        form = ChatForm(model, self.orders.tokenizer, orders, frozenset(t.function.name for t in offered))
        return await self.answer(request, form, "chat", stream=bool(asked.stream), usage=_usage(asked))

    async def completions(self, request: Request) -> Response:
        """POST /v1/completions."""
        asked = read(CompletionRequest, await self.body(request))
        model = self.check_model(asked.model)
        orders = await _work(self.orders.completions, asked)
        echo = [""] * len(orders)
        if asked.echo:
            tokenizer = self.orders.tokenizer
            told = [p if isinstance(p, str) else tokenizer.decode(p) for p in asked.prompts()]
            echo = [text for text in told for _ in range(asked.n or 1)]
        form = TextForm(model, self.orders.tokenizer, orders, echo)
        return await self.answer(request, form, "text_completion", stream=bool(asked.stream), usage=_usage(asked))

    async def published(self, request: Request) -> Response:
        """POST /: as api.py of ChatGLM-6B."""
        asked = read(OriginalRequest, await self.body(request))
        order = await _work(self.orders.original, asked)
        form = original.OriginalForm(asked, self.orders.tokenizer, order)
        return await self.answer(request, form, "chat", stream=False, usage=False)

    async def published_stream(self, request: Request) -> Response:
        """POST /stream: the same, piece by piece."""
        asked = read(OriginalRequest, await self.body(request))
        order = await _work(self.orders.original, asked)
        form = original.OriginalForm(asked, self.orders.tokenizer, order)
        return await self.answer(request, form, "chat", stream=True, usage=False)

    async def embeddings(self, request: Request) -> Response:
        """POST /v1/embeddings: refused."""
        await self.body(request)
        raise RequestError(
            f"{self.terms.name} answers in text; it makes no embeddings", code="embeddings_not_offered", param="model"
        )

    # GET

    async def page(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature, here and below
        """GET /: the page."""
        return HTMLResponse(PAGE.read_text(encoding="utf-8"), headers=guard.PAGE_HEADERS)

    async def models(self, request: Request) -> Response:  # noqa: ARG002
        """GET /v1/models."""
        return JSONResponse({"object": "list", "data": [self.model_data()]})

    async def model(self, request: Request) -> Response:
        """GET /v1/models/NAME."""
        self.check_model(request.path_params["name"])
        return JSONResponse(self.model_data())

    async def license(self, request: Request) -> Response:  # noqa: ARG002
        """GET /license: the terms of what is served."""
        return JSONResponse(self.terms.to_data())

    async def health(self, request: Request) -> Response:  # noqa: ARG002
        """GET /healthz: the process lives."""
        return JSONResponse({"status": "ok"})

    async def readiness(self, request: Request) -> Response:  # noqa: ARG002
        """GET /readyz: it takes requests."""
        ready = self.worker.ready
        return JSONResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)

    async def metrics_text(self, request: Request) -> Response:  # noqa: ARG002
        """GET /metrics."""
        return Response(self.metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def state(self, request: Request) -> Response:  # noqa: ARG002
        """GET /state: what the page shows."""
        stats = self.worker.stats
        defaults = self.orders.defaults
        return JSONResponse(
            {
                "model": self.terms.model,
                "name": self.terms.name,
                "license": self.terms.license,
                "display": list(self.terms.display),
                "served": self.settings.served,
                "defaults": {"temperature": defaults.temperature, "top_p": defaults.top_p},
                "max_tokens": self.orders.caps.max_tokens,
                "context": self.orders.caps.context,
                "waiting": stats.waiting,
                "running": stats.running,
            }
        )

    async def described(self, request: Request) -> Response:  # noqa: ARG002
        """GET /openapi.json."""
        return JSONResponse(description(self.terms, keys=bool(self.settings.keys)))

    # What they share

    def model_data(self) -> dict[str, Any]:
        """The entry of /v1/models, with the terms beside OpenAI's fields."""
        terms = self.terms
        return {
            "id": terms.model,
            "object": "model",
            "created": self.created,
            "owned_by": terms.publisher,
            "root": terms.model,
            "max_model_len": self.orders.caps.context,
            "license": terms.license,
            "license_url": "/license",
            "display": list(terms.display),
        }

    def check_model(self, name: str | None) -> str:
        """The name that answers carry. Raises: RequestError 404 for another model."""
        if not name or name == self.terms.model:
            return self.terms.model
        if name.lower() in {a.lower() for a in self.terms.aliases}:
            return name
        raise RequestError(
            f"the model '{name[:100]}' is not served here; '{self.terms.model}' is",
            status=404,
            code="model_not_found",
            param="model",
        )

    async def body(self, request: Request) -> bytes:
        """The body, at most `settings.body` bytes. Raises: RequestError 413."""
        limit, data = self.settings.body, bytearray()
        told = request.headers.get("content-length", "")
        if told.isdigit() and int(told) > limit:
            raise _too_large(limit)
        async for piece in request.stream():
            data += piece
            if len(data) > limit:
                raise _too_large(limit)
        return bytes(data)

    async def answer(self, request: Request, form: Form, operation: str, *, stream: bool, usage: bool) -> Response:
        """Put the orders in line and answer with what comes, whole or as a stream."""
        channel = self.worker.submit(form.orders, asyncio.get_running_loop())
        call = _Call(self, request, form, operation)
        if stream:
            return StreamingResponse(call.streamed(channel, usage=usage), headers=SSE)
        return JSONResponse(await call.whole(channel))


class _Call:
    """One request that is being answered: what is measured and logged of it."""

    def __init__(self, serving: Serving, request: Request, form: Form, operation: str) -> None:
        self.serving, self.request, self.form, self.operation = serving, request, form, operation
        self.started = time.monotonic()
        self.first: float | None = None

    async def whole(self, channel: Channel) -> dict[str, Any]:
        """The whole answer; given up when the client goes away."""
        gone = asyncio.ensure_future(self._gone())
        answer = asyncio.ensure_future(self.form.whole(channel))
        status = "ok"
        try:
            done, _ = await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
            if answer not in done:
                status = "disconnected"
                raise ClientDisconnect
            return answer.result()
        except RequestError as error:
            status = error.code or "error"
            raise
        finally:
            channel.cancel()
            for task in (gone, answer):
                task.cancel()
            await asyncio.gather(gone, answer, return_exceptions=True)
            self._note(status)

    async def streamed(self, channel: Channel, *, usage: bool) -> AsyncIterator[bytes]:
        """The events; an error on the way is the last event, as the status went out long before."""
        status = "disconnected"
        try:
            async for piece in self.form.stream(channel, usage=usage):
                if self.first is None:
                    self.first = time.monotonic() - self.started
                yield piece
            status = "ok"
        except RequestError as error:
            status = error.code or "error"
            yield event(error.to_data())
            yield DONE
        finally:
            channel.cancel()
            self._note(status)

    async def _gone(self) -> None:
        while True:
            message = await self.request.receive()
            if message["type"] == "http.disconnect":
                return

    def _note(self, status: str) -> None:
        seconds = time.monotonic() - self.started
        usage = self.form.usage()
        prompt, output = usage["prompt_tokens"], usage["completion_tokens"]
        metrics = self.serving.metrics
        metrics.done(self.operation, seconds, "" if status == "ok" else status)
        if status == "ok":
            metrics.tokens(self.operation, prompt, output, self.first, seconds)
        self.serving.log.answer(
            self.request, self.form, operation=self.operation, status=status, seconds=seconds, first=self.first
        )


def build(serving: Serving, *, on_stop: Callable[[], None]) -> Starlette:
    """The application. Args: on_stop: called when the server has closed its connections."""
    s = serving
    routes = [
        Route("/", s.page, methods=["GET"]),
        Route("/", s.published, methods=["POST"]),
        Route("/stream", s.published_stream, methods=["POST"]),
        Route("/v1/chat/completions", s.chat, methods=["POST"]),
        Route("/v1/completions", s.completions, methods=["POST"]),
        Route("/v1/embeddings", s.embeddings, methods=["POST"]),
        Route("/v1/models", s.models, methods=["GET"]),
        Route("/v1/models/{name:path}", s.model, methods=["GET"]),
        Route("/license", s.license, methods=["GET"]),
        Route("/healthz", s.health, methods=["GET"]),
        Route("/readyz", s.readiness, methods=["GET"]),
        Route("/metrics", s.metrics_text, methods=["GET"]),
        Route("/state", s.state, methods=["GET"]),
        Route("/openapi.json", s.described, methods=["GET"]),
    ]
    middleware = [
        Middleware(guard.Terms, headers=s.terms.headers(), counter=s.metrics.requests, routes=frozenset(_paths(routes)))
    ]
    if s.settings.origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(s.settings.origins),
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type"],
                expose_headers=["x-model", "x-model-license", "x-model-display"],
                max_age=600,
            )
        )
    middleware.append(Middleware(guard.Guard, keys=s.settings.keys, hosts=s.settings.hosts, origins=s.settings.origins))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001
        yield
        on_stop()

    handlers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        RequestError: _refused,
        ModelregError: _failed,
        HTTPException: _http,
        ClientDisconnect: _left,
        Exception: _bug,
    }
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers, lifespan=lifespan)


def _paths(routes: list[Route]) -> list[str]:
    return [route.path for route in routes]


def _usage(asked: ChatRequest | CompletionRequest) -> bool:
    return asked.stream_options is not None and bool(asked.stream_options.include_usage)


async def _work(make: Callable[[Any], Any], asked: Any) -> Any:
    """Tokenising a long prompt takes milliseconds to seconds: not in the event loop."""
    return await asyncio.get_running_loop().run_in_executor(None, make, asked)


def _too_large(limit: int) -> RequestError:
    return RequestError(f"the body is larger than {limit} bytes", status=413, code="body_too_large")


async def _refused(request: Request, error: RequestError) -> Response:
    headers = {"retry-after": str(error.retry_after)} if error.retry_after else None
    data = error.to_data()
    if request.url.path in ("/", "/stream"):  # scripts of 2023 look at `status`
        data = {"response": "", "history": [], "status": error.status, "time": original.now(), **data}
    return JSONResponse(data, error.status, headers=headers)


async def _failed(request: Request, error: ModelregError) -> Response:
    return await _refused(request, from_modelreg(error))


async def _http(request: Request, error: HTTPException) -> Response:
    problem = RequestError(
        f"{request.method} {request.url.path[:200]}: {error.detail}", status=error.status_code, code="not_found"
    )
    if error.status_code == 405:
        problem.code = "method_not_allowed"
    return JSONResponse(problem.to_data(), error.status_code, headers=error.headers)


async def _left(request: Request, error: ClientDisconnect) -> Response:  # noqa: ARG001
    return Response(status_code=CLOSED)


async def _bug(request: Request, error: Exception) -> Response:  # noqa: ARG001
    traceback.print_exception(error)
    problem = RequestError("internal error", status=500, kind="server_error", code="internal_error")
    return Response(json.dumps(problem.to_data()), 500, media_type="application/json")
