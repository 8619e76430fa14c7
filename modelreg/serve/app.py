"""The HTTP application (Starlette): routes, and the one place where errors become answers.

Starlette and uvicorn because they are small, well kept and what the field runs; the protocol is ours.
"""

from __future__ import annotations

import contextlib
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modelreg.errors import ModelregError
from modelreg.serve import guard, original
from modelreg.serve.problems import RequestError, from_modelreg
from modelreg.serve.site import Site

CLOSED = 499  # nginx's status for a client that went away: for the log alone


def build(site: Site) -> Starlette:
    """The application; stops the site when the server has closed its connections."""
    s = site
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
        site.stop()

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
