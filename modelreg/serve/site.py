"""What every server of ours answers, whoever computes: the page, the model and its terms, health, metrics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from modelreg.serve import guard
from modelreg.serve.auth import Keys
from modelreg.serve.describe import description
from modelreg.serve.log import Log
from modelreg.serve.metrics import CONTENT_TYPE, Metrics
from modelreg.serve.problems import RequestError
from modelreg.serve.terms import ServedTerms
from modelreg.serve.worker import Stats

PAGE = Path(__file__).with_name("page.html")
SSE = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no"}


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
class Site(ABC):
    """The routes that need no model, and what the others share."""

    terms: ServedTerms
    settings: Settings
    metrics: Metrics
    log: Log
    created: int

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether requests are taken."""

    @property
    @abstractmethod
    def stats(self) -> Stats:
        """What waits and runs."""

    @abstractmethod
    def figures(self) -> dict[str, Any]:
        """For the page: `defaults` (temperature, top_p), `max_tokens`, `context`; None where it is not known."""

    @abstractmethod
    def start(self) -> None:
        """Begin to work, before the first request."""

    @abstractmethod
    def drain(self, seconds: float) -> None:
        """Take no more requests and end those that still run after `seconds`."""

    @abstractmethod
    def stop(self) -> None:
        """Give everything back."""

    @abstractmethod
    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""

    @abstractmethod
    async def completions(self, request: Request) -> Response:
        """POST /v1/completions."""

    @abstractmethod
    async def published(self, request: Request) -> Response:
        """POST /: as api.py of ChatGLM-6B."""

    @abstractmethod
    async def published_stream(self, request: Request) -> Response:
        """POST /stream: the same, piece by piece."""

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
        ready = self.ready
        return JSONResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)

    async def metrics_text(self, request: Request) -> Response:  # noqa: ARG002
        """GET /metrics."""
        return Response(self.metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def state(self, request: Request) -> Response:  # noqa: ARG002
        """GET /state: what the page shows."""
        stats = self.stats
        return JSONResponse(
            {
                "model": self.terms.model,
                "name": self.terms.name,
                "license": self.terms.license,
                "display": list(self.terms.display),
                "served": self.settings.served,
                **self.figures(),
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
            "max_model_len": self.figures()["context"],
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


def _too_large(limit: int) -> RequestError:
    return RequestError(f"the body is larger than {limit} bytes", status=413, code="body_too_large")
