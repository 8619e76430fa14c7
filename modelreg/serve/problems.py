"""What a request can be refused for, as OpenAI's clients expect it: one tree, mapped to HTTP in app.py alone."""

from __future__ import annotations

from typing import Any

from modelreg.errors import ExitCode, ModelregError


class RequestError(Exception):
    """A request that is answered with an error.

    Args:
        message: what was got and what is expected; param: the field at fault, as a JSON path.
        status: of HTTP; kind: OpenAI's `type`; code: OpenAI's `code`.
        retry_after: seconds, where trying again makes sense.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.kind = message, status, kind
        self.code, self.param, self.retry_after = code, param, retry_after

    def to_data(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def busy(waiting: int, seconds: int) -> RequestError:
    """The queue is full."""
    return RequestError(
        f"{waiting} requests are waiting already; try again in about {seconds} s",
        status=429,
        kind="rate_limit_exceeded",
        code="queue_full",
        retry_after=seconds,
    )


def closing() -> RequestError:
    """The server is being stopped."""
    return RequestError(
        "the server is shutting down", status=503, kind="server_error", code="shutting_down", retry_after=5
    )


def from_modelreg(error: ModelregError) -> RequestError:
    """Our own errors: what the user can mend is a 400, the rest a 500 or 503."""
    text = error.message + (f" ({error.hint})" if error.hint else "")
    if error.exit_code in (ExitCode.USAGE, ExitCode.BAD_INPUT):
        return RequestError(text, code=error.code.replace("-", "_"), param=error.where or None)
    if error.code == "context-length":
        return RequestError(text, code="context_length_exceeded", param="messages")
    if error.exit_code == ExitCode.BUG:
        return RequestError("internal error", status=500, kind="server_error", code="internal_error")
    if error.exit_code in (ExitCode.NO, ExitCode.NOT_ACCEPTED):
        return RequestError(text, status=403, kind="permission_error", code=error.code.replace("-", "_"))
    return RequestError(text, status=503, kind="server_error", code=error.code.replace("-", "_"), retry_after=30)
