"""Before the handlers: who asks, from where; on every answer the terms. Plain ASGI, so that streams stay streams."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelreg.serve.auth import Keys
from modelreg.serve.problems import RequestError

OPEN = frozenset({"/", "/license", "/healthz", "/readyz", "/openapi.json"})  # with GET: say nothing of conversations
PAGE_HEADERS = {
    # One file with its own style and script, which talks to this server alone.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


class Guard:
    """Host and Origin headers, then the key.

    A page on the web can make a browser ask a server on this machine, also under a name of its own that points
    here; so without keys only known hosts are answered, and a foreign Origin never is.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys, hosts: Collection[str], origins: Collection[str]) -> None:
        self.app, self.keys = app, keys
        self.hosts, self.origins = frozenset(h.lower() for h in hosts), frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._from(headers) or self._who(scope, headers)
        if problem is None:
            await self.app(scope, receive, send)
            return
        extra = {"www-authenticate": "Bearer"} if problem.status == 401 else None
        await JSONResponse(problem.to_data(), problem.status, headers=extra)(scope, receive, send)

    def _from(self, headers: Headers) -> RequestError | None:
        host = _name(headers.get("host", ""))
        if self.hosts and host not in self.hosts:
            return RequestError(
                f"the host '{host[:100]}' is not served here", status=421, code="wrong_host", param="Host"
            )
        origin = headers.get("origin")
        if origin and origin != "null" and origin not in self.origins:
            scheme, _, rest = origin.partition("://")
            if scheme not in ("http", "https") or rest.lower() != headers.get("host", "").lower():
                return _foreign(origin)
        elif origin == "null":
            return _foreign(origin)
        return None

    def _who(self, scope: Scope, headers: Headers) -> RequestError | None:
        if not self.keys or (scope["method"] in ("GET", "HEAD", "OPTIONS") and scope["path"] in OPEN):
            return None
        kind, _, key = headers.get("authorization", "").partition(" ")
        owner = self.keys.owner(key.strip()) if kind.lower() == "bearer" else None
        if owner is None:
            said = "the key is not known here" if kind else "a key is needed: Authorization: Bearer KEY"
            return RequestError(said, status=401, kind="authentication_error", code="invalid_api_key")
        scope.setdefault("state", {})["owner"] = owner
        return None


class Terms:
    """Puts the licence on every answer, and counts answers by path and status."""

    def __init__(
        self, app: ASGIApp, *, headers: list[tuple[bytes, bytes]], counter: Any, routes: frozenset[str]
    ) -> None:
        self.app, self.headers, self.counter, self.routes = app, headers, counter, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self.routes else "other"

        async def with_terms(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self.headers]
                self.counter.labels(path, str(message["status"])).inc()
            await send(message)

        await self.app(scope, receive, with_terms)


def _foreign(origin: str) -> RequestError:
    return RequestError(
        f"pages of {origin[:100]} may not ask here; the operator can allow it with --cors",
        status=403,
        kind="permission_error",
        code="foreign_origin",
        param="Origin",
    )


def _name(host: str) -> str:
    """The name of a Host header without its port."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()
