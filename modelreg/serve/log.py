"""What is written about requests: a JSON line each, without what was said unless that is asked for."""

from __future__ import annotations

import datetime
import json
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from starlette.requests import Request

from modelreg.errors import ModelEnvironmentError

if TYPE_CHECKING:
    from modelreg.serve.answers import Form


class Log:
    """Where requests are recorded.

    Args:
        file: appended to; None for stderr. contents: also what was asked and answered.
        quiet: nothing at all.
    Raises: ModelEnvironmentError where the file cannot be opened.
    """

    def __init__(self, file: Path | None = None, *, contents: bool = False, quiet: bool = False) -> None:
        self.contents, self._lock = contents, threading.Lock()
        self._stream: IO[str] | None = None if quiet else sys.stderr
        if file is not None and not quiet:
            try:
                self._stream = file.open("a", encoding="utf-8", buffering=1)
            except OSError as error:
                raise ModelEnvironmentError(
                    f"the log cannot be opened: {error.strerror}", code="log", where=str(file), hint="--log FILE"
                ) from None

    def answer(
        self, request: Request, form: Form, *, operation: str, status: str, seconds: float, first: float | None
    ) -> None:
        """Record one answer of our own engine."""
        usage = form.usage()
        more: dict[str, Any] = {
            "id": form.id,
            "finish": [c.finish for c in form.choices],
            "cached_tokens": usage["prompt_tokens_details"]["cached_tokens"],
        }
        if first is not None:
            more["first_token_seconds"] = round(first, 3)
        if self.contents:
            more["prompt"] = [form.tokenizer.decode(list(order.prompt)) for order in form.orders[:1]]
            more["answers"] = [c.text for c in form.choices]
        self.line(
            request, operation=operation, status=status, seconds=seconds, prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"], **more,
        )  # fmt: skip

    def line(self, request: Request, *, operation: str, status: str, seconds: float, **more: Any) -> None:
        """Write one line."""
        if self._stream is None:
            return
        line: dict[str, Any] = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "path": request.url.path,
            "client": request.client.host if request.client else "",
            "key": getattr(request.state, "owner", ""),
            "operation": operation,
            "status": status,
            "seconds": round(seconds, 3),
            **more,
        }
        text = json.dumps(line, ensure_ascii=False) + "\n"
        with self._lock:
            try:
                self._stream.write(text)
            except (OSError, ValueError, UnicodeError):
                self._stream = None  # a log that cannot be written must not stop the answers
                print("modelreg: the request log cannot be written any more", file=sys.stderr)  # noqa: T201

    def close(self) -> None:
        """Close a file that was opened."""
        if self._stream is not None and self._stream is not sys.stderr:
            self._stream.close()
