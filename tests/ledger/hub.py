"""A hub on the loopback interface: enough of the Hugging Face API for huggingface_hub 2.4 and transformers 5."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Repositories by name, files by path; `asked` lists every request."""

    daemon_threads = True

    def __init__(self, repositories: Mapping[str, Mapping[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.asked: list[str] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        self.server.asked.append(f"{self.command} {self.path}")

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        for name, files in self.server.repositories.items():
            if path.startswith(f"api/models/{name}"):
                rest = path.removeprefix(f"api/models/{name}").lstrip("/")
                self._api(name, files, rest)
                return
            if path.startswith(f"{name}/resolve/"):
                file = path.removeprefix(f"{name}/resolve/").partition("/")[2]
                if file in files:
                    self._send(files[file], {"ETag": f'"{_etag(files[file])}"', "X-Repo-Commit": COMMIT})
                else:
                    self._send(b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, 404)
                return
        self._send(b"{}", {"X-Error-Code": "RepoNotFound"}, 404)

    def _api(self, name: str, files: Mapping[str, bytes], rest: str) -> None:
        if rest.startswith("tree/"):
            tree = [{"type": "file", "path": p, "size": len(d), "oid": _etag(d)} for p, d in files.items()]
            self._send(json.dumps(tree).encode(), {"Content-Type": "application/json"})
            return
        info = {"_id": "1", "id": name, "modelId": name, "sha": COMMIT, "private": False, "gated": False, "tags": [],
                "downloads": 0, "likes": 0, "siblings": [{"rfilename": p} for p in files]}  # fmt: skip
        self._send(json.dumps(info).encode(), {"Content-Type": "application/json"})

    def _send(self, body: bytes, headers: Mapping[str, str], status: int = 200) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _etag(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


@contextmanager
def serving(repositories: Mapping[str, Mapping[str, bytes]]) -> Iterator[Hub]:
    hub = Hub(repositories)
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
