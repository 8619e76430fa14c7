"""A small ModelScope on loopback: the requests that the real modelscope package makes to list and to download.

with FakeModelScope() as server:
    server.add("owner/tiny", {"config.json": b"{}", "model.safetensors": b"..."})
    server.url, server.requests
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
from urllib.parse import parse_qs, urlsplit


@dataclass
class Repository:
    """One repository.

    Attributes:
        status: an HTTP error that answers everything; cut: file -> bytes after which the connection ends, each time;
        spoiled: file -> what is sent instead; unhashed: the listing names no sha256; lost: files that are only listed.
    """

    files: dict[str, bytes]
    branches: tuple[str, ...] = ("master",)
    status: int = 0
    cut: dict[str, int] = field(default_factory=dict)
    spoiled: dict[str, bytes] = field(default_factory=dict)
    unhashed: bool = False
    lost: tuple[str, ...] = ()


class FakeModelScope:
    """The server; a context manager. `requests` counts files and kinds of questions; `tokens` lists credentials."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: Counter[str] = Counter()
        self.tokens: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, name: str, files: Mapping[str, bytes], **how: Any) -> Repository:
        self.repositories[name] = Repository(dict(files), **how)
        return self.repositories[name]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(server: FakeModelScope) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            server.tokens.add((self.headers.get("Authorization") or "") + (self.headers.get("Cookie") or ""))
            address = urlsplit(self.path)
            asked = {key: values[0] for key, values in parse_qs(address.query).items()}
            parts = address.path.strip("/").split("/")
            if parts[:2] not in (["api", "v1"], ["openapi", "v1"]) or parts[2:3] != ["models"]:
                server.requests["other"] += 1  # internalAccelerationInfo: whether this is a machine of Aliyun's
                self._json({"Code": 200, "Data": {}})
                return
            name, rest = "/".join(parts[3:5]), parts[5:]
            repository = server.repositories.get(name)
            if repository is None:
                self._refuse(404, "model not found")
            elif repository.status:
                server.requests["refused"] += 1
                self._refuse(repository.status, "out of order")
            elif not rest:
                server.requests["about"] += 1
                self._json({"Code": 200, "success": True, "data": {"id": name}, "Data": {"Name": parts[4]}})
            elif asked.get("Revision") not in repository.branches:
                self._refuse(404, "no such revision")
            elif rest == ["repo", "files"]:
                server.requests["files"] += 1
                files = [_entry(n, b, repository) for n, b in repository.files.items()]
                self._json({"Code": 200, "Data": {"Files": files}, "Success": True})
            else:
                self._file(repository, asked.get("FilePath", ""))

        def _file(self, repository: Repository, name: str) -> None:
            server.requests[name] += 1
            if name not in repository.files or name in repository.lost:
                self._refuse(404, "no such file")
                return
            body = repository.spoiled.get(name, repository.files[name])
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            end = repository.cut.get(name)
            self.wfile.write(body[start:end])
            if end is not None:
                self.close_connection = True

        def _refuse(self, status: int, words: str) -> None:
            self._json({"Code": status, "Message": words, "Success": False}, status)

        def _json(self, value: object, status: int = 200) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _entry(name: str, content: bytes, repository: Repository) -> dict[str, Any]:
    digest = "" if repository.unhashed else hashlib.sha256(content).hexdigest()
    return {"Path": name, "Name": name, "Size": len(content), "Sha256": digest, "Type": "blob", "Revision": "0" * 40}
