"""The OpenAPI 3.1 description of the server, made from the classes that read the requests."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from modelreg._version import __version__
from modelreg.serve.protocol import ChatRequest, CompletionRequest, OriginalRequest
from modelreg.serve.terms import ServedTerms

_POSTS: dict[str, tuple[str, type[BaseModel] | None]] = {
    "/": ("Answer as the published api.py does", OriginalRequest),
    "/stream": ("The same as server-sent events", OriginalRequest),
    "/v1/chat/completions": ("Chat completion", ChatRequest),
    "/v1/completions": ("Text completion", CompletionRequest),
    "/v1/embeddings": ("Not offered; always refused", None),
}
_GETS = {
    "/": ("The page", "text/html"),
    "/v1/models": ("The model that is served, with its terms", "application/json"),
    "/license": ("The terms of the model", "application/json"),
    "/state": ("What the page shows", "application/json"),
    "/healthz": ("The process lives", "application/json"),
    "/readyz": ("Requests are taken", "application/json"),
    "/metrics": ("Prometheus metrics", "text/plain"),
    "/openapi.json": ("This description", "application/json"),
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_STATUSES = {
    "400": "The request is wrong",
    "401": "A key is needed",
    "403": "The terms or the origin do not allow it",
    "404": "No such model or path",
    "413": "The body is too large",
    "421": "The host is not served here",
    "429": "The line is full",
    "503": "Shutting down, or the model failed",
}


def description(terms: ServedTerms, *, keys: bool) -> dict[str, Any]:
    """The document. Args: keys: whether requests need one."""
    kinds = [(model, "validation") for _, model in _POSTS.values() if model is not None]
    _, made = models_json_schema(
        sorted(set(kinds), key=lambda k: k[0].__name__),  # type: ignore[arg-type]
        ref_template="#/components/schemas/{model}",
    )
    schemas = {**made.get("$defs", {}), "Error": _ERROR}
    paths: dict[str, Any] = {}
    for path, (summary, kind) in _GETS.items():
        paths.setdefault(path, {})["get"] = _operation(path, summary, kind, None)
    for path, (summary, model) in _POSTS.items():
        streams = path != "/" and model is not None
        kind = "application/json" if path != "/stream" else "text/event-stream"
        paths.setdefault(path, {})["post"] = _operation(path, summary, kind, model, streams=streams)
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": f"modelreg: {terms.name}",
            "version": __version__,
            "description": "The model's terms: GET /license",
            "license": {"name": terms.license, "url": "/license"},
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if keys:
        whole["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        whole["security"] = [{"bearer": []}]
    return whole


def _operation(
    path: str, summary: str, kind: str, model: type[BaseModel] | None, *, streams: bool = False
) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "The answer", "content": {kind: {}}}
    if streams:
        answer["content"]["text/event-stream"] = {}
    error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    responses: dict[str, Any] = {"200": answer}
    responses.update({status: {"description": text, **error} for status, text in _STATUSES.items()})
    if path == "/readyz":
        responses["503"] = {"description": "Not ready", "content": {"application/json": {}}}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if model is not None:
        schema = {"$ref": f"#/components/schemas/{model.__name__}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif path == "/v1/embeddings":
        operation["requestBody"] = {"content": {"application/json": {"schema": {"type": "object"}}}}
    return operation
