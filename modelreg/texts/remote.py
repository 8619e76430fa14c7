"""Bytes from the net, with bounds: a time for each answer, a size, and a memory of hosts that do not answer.

Plain HTTP on purpose: raw files need no account, start without huggingface_hub, and work with any hub's endpoint.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

from modelreg.errors import UsageError

MAX_TEXT = 2_000_000  # bytes of a text; the longest licence known is 0.1 MB, a README 0.3 MB
MAX_LISTING = 8_000_000  # bytes of a listing of files
_PATIENCE = 4  # failures in a row of a host that has answered before
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class NotThere(Exception):  # noqa: N818 - a finding, not a failure
    """The host answered that there is no such file."""


class CouldNotLook(Exception):  # noqa: N818
    """The host did not answer, refused, or answered with more than is read. Says why."""


class Remote:
    """Fetches over HTTP and HTTPS. Safe to use from several threads.

    Args:
        timeout: seconds for each connection and each wait for more bytes.
        max_time: seconds for everything together.
    """

    def __init__(self, timeout: float = 10.0, max_time: float = 300.0) -> None:
        self.timeout = timeout
        self.deadline = time.monotonic() + max_time
        self.requests = 0
        self._dead: dict[str, str] = {}
        self._patience: dict[str, int] = {}  # host -> failures that are still borne; one that has answered gets more
        self._lock = threading.Lock()

    def get(self, url: str, *, limit: int = MAX_TEXT, head: int = 0) -> bytes:
        """The body behind a URL.

        Args:
            limit: bytes that are read at most; head: ask only for the first so many (a part is then enough).
        Raises:
            NotThere, CouldNotLook.
        """
        host = urlsplit(url).netloc
        if host in self._dead:
            raise CouldNotLook(f"{host} did not answer before: {self._dead[host]}")
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise CouldNotLook("no time left (see --max-time)")
        with self._lock:
            self.requests += 1
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "modelreg-watch"})  # noqa: S310 - see endpoint()
            if head:
                request.add_header("Range", f"bytes=0-{head - 1}")
            with _opener(host).open(request, timeout=min(self.timeout, left)) as answer:
                data = self._read(answer, head or limit, cut=bool(head))
                self._patience[host] = _PATIENCE
                return data
        except urllib.error.HTTPError as error:
            error.close()
            self._patience[host] = _PATIENCE
            if error.code in (404, 410):
                raise NotThere(url) from error
            raise CouldNotLook(f"HTTP {error.code} {error.reason}") from error
        except (urllib.error.URLError, OSError, ValueError, EOFError) as error:
            self._failed(host, error)
        except Exception as error:
            # http.client's own errors (a broken status line, a body cut short) have no other common root.
            if type(error).__module__ != "http.client":
                raise
            raise CouldNotLook(f"broken answer: {type(error).__name__}") from error

    def json(self, url: str) -> Any:
        """The JSON value behind a URL. Raises: NotThere, CouldNotLook."""
        try:
            return json.loads(self.get(url, limit=MAX_LISTING))
        except (ValueError, RecursionError) as error:
            raise CouldNotLook(f"no JSON: {url}") from error

    def _read(self, answer: Any, limit: int, *, cut: bool) -> bytes:
        # A server that sends a byte now and then would hold us for ever: the clock is looked at between parts.
        stop = min(self.deadline, time.monotonic() + 3 * self.timeout)
        data = bytearray()
        while part := answer.read1(65536):
            data += part
            if len(data) > limit:
                if cut:
                    return bytes(data[:limit])
                raise CouldNotLook(f"more than {limit} bytes")
            if time.monotonic() > stop:
                raise CouldNotLook("the answer came too slowly")
        expected = answer.length  # what http.client still waits for
        if expected and not cut:
            raise CouldNotLook("the answer was cut short")
        return bytes(data)

    def _failed(self, host: str, error: BaseException) -> NoReturn:
        cause = getattr(error, "reason", None) or error
        reason = " ".join(str(cause).split())[:200] or type(error).__name__
        if isinstance(error, urllib.error.URLError | TimeoutError | ConnectionError):
            with self._lock:
                self._patience[host] = self._patience.get(host, 1) - 1
                if self._patience[host] <= 0:  # one wait for a dead host is enough
                    self._dead.setdefault(host, reason)
        raise CouldNotLook(reason) from error


class _OnlyHttp(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only: a hub must not send us to file: or ftp:."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.HTTPError(newurl, code, "redirect to another kind of address", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(host: str) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_OnlyHttp()]
    if (urlsplit(f"//{host}").hostname or "") in _LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))  # a proxy has another loopback than ours
    return urllib.request.build_opener(*handlers)


def endpoint(url: str, option: str) -> str:
    """A base URL without its final slash.

    Raises:
        UsageError: not http or https.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(f"not a web address: '{url}'", where=option, hint=f"{option} https://huggingface.co")
    return url.rstrip("/")


def escape(path: str) -> str:
    """A path inside a URL: everything but `/` escaped."""
    return quote(path, safe="/")


def strings(value: Any, key: str) -> list[str]:
    """The texts under a key of each mapping of a list; whatever else an answer holds is left out."""
    found = (item.get(key) for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()
    return [text for text in found if isinstance(text, str)]
