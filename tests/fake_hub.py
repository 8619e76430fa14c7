"""A small Hugging Face Hub on loopback: enough of its HTTP for the real huggingface_hub, and its ways to fail.

with FakeHub() as hub:
    hub.add("THUDM/tiny", {"config.json": b"{}", "model.safetensors": b"..."})
    hub.url, hub.requests
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

LARGE = (".safetensors", ".bin", ".model")  # kept by LFS


@dataclass
class Repository:
    """One repository with one commit.

    Attributes:
        gated: every file is refused; cut: file -> bytes after which the connection ends, each time;
        drop_once: the same, the first time only; spoiled: file -> what is sent instead;
        status: an HTTP error that answers everything; strip: headers that a bad mirror forgets.
    """

    files: dict[str, bytes]
    commit: str
    branches: tuple[str, ...] = ("main",)
    gated: bool = False
    cut: dict[str, int] = field(default_factory=dict)
    drop_once: dict[str, int] = field(default_factory=dict)
    spoiled: dict[str, bytes] = field(default_factory=dict)
    status: int = 0
    strip: tuple[str, ...] = ()


class FakeHub:
    """The server; a context manager. `requests` counts (method, file or kind); `ranges` lists Range headers."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: Counter[tuple[str, str]] = Counter()
        self.ranges: list[str] = []
        self.tokens: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, name: str, files: Mapping[str, bytes], **how: Any) -> Repository:
        """Publish a repository; its commit follows from its content."""
        commit = hashlib.sha1(
            json.dumps({n: git_hash(b) for n, b in files.items()}).encode(), usedforsecurity=False
        ).hexdigest()
        self.repositories[name] = Repository(dict(files), commit, **how)
        return self.repositories[name]

    def __enter__(self) -> Self:
        # Polled often, so that shutdown() returns at once.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def git_hash(content: bytes) -> str:
    """Git's name of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            hub.tokens.add(self.headers.get("Authorization") or "")
            parts = self.path.split("?")[0].strip("/").split("/")
            api = parts[:2] == ["api", "models"]
            if api:
                parts = parts[2:]
            repository = hub.repositories.get("/".join(parts[:2]))
            rest = parts[2:]
            if repository is None:
                self._refuse(401 if not api else 404, "RepoNotFound", "Repository not found")
            elif repository.status:
                self._refuse(repository.status, "", "out of order")
            elif api:
                self._api(repository, rest)
            elif rest[:1] == ["resolve"]:
                self._file(repository, rest[1], "/".join(rest[2:]))
            else:
                self._refuse(404, "", "")

        def _api(self, repository: Repository, rest: list[str]) -> None:
            kind = rest[0] if rest else "revision"
            revision = rest[1] if len(rest) > 1 else "main"
            hub.requests[self.command, kind] += 1
            if revision not in (*repository.branches, repository.commit):
                self._refuse(404, "RevisionNotFound", "Invalid rev id")
                return
            if kind == "tree":
                self._json([_entry(name, content) for name, content in repository.files.items()])
            else:
                siblings = [{"rfilename": name} for name in repository.files]
                about = {"id": "x/y", "sha": repository.commit, "siblings": siblings, "tags": [], "private": False}
                self._json(about)

        def _file(self, repository: Repository, revision: str, name: str) -> None:
            hub.requests[self.command, name] += 1
            if repository.gated:
                self._refuse(403, "GatedRepo", "Access to model is restricted")
            elif revision not in (*repository.branches, repository.commit):
                self._refuse(404, "RevisionNotFound", "Invalid rev id")
            elif name not in repository.files:
                self._refuse(404, "EntryNotFound", "Entry not found")
            else:
                self._send(repository, name)

        def _send(self, repository: Repository, name: str) -> None:
            content = repository.files[name]
            headers = {"X-Repo-Commit": repository.commit, "ETag": f'"{git_hash(content)}"', "Accept-Ranges": "bytes"}
            if name.endswith(LARGE):
                headers["X-Linked-Etag"] = f'"{hashlib.sha256(content).hexdigest()}"'
                headers["X-Linked-Size"] = str(len(content))
            for forgotten in repository.strip:
                headers.pop(forgotten, None)
            body = repository.spoiled.get(name, content)
            start = 0
            wanted = self.headers.get("Range", "")
            if wanted.startswith("bytes="):
                hub.ranges.append(wanted)
                start = int(wanted.removeprefix("bytes=").split("-")[0])
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            if self.command == "HEAD":
                return
            end = repository.cut.get(name)
            if end is None and not start:
                end = repository.drop_once.pop(name, None)
            self.wfile.write(body[start:end])
            if end is not None:
                self.close_connection = True

        def _json(self, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _refuse(self, status: int, code: str, message: str) -> None:
            self.send_response(status)
            if code:
                self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", message)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


def _entry(name: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": git_hash(content)}
    if name.endswith(LARGE):
        digest = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
    return entry
