"""A hub and GitHub's raw files on the loopback, and texts that stand there: nothing leaves the machine."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from modelreg.core.effective import TERMS
from modelreg.texts.fingerprint import digest_lines, fingerprint

COMMIT = "c0ffee" + "0" * 34
_WORDS = [
    "licensee", "grant", "model", "weights", "share", "notice", "copy", "research", "form", "heron", "river", "stone",
    "paper", "letter", "garden", "lamp", "window", "harbour", "signal", "copper", "meadow", "ladder", "winter",
    "orchard", "pencil", "thunder", "basket", "velvet", "compass", "island", "feather", "lantern",
]  # fmt: skip
_HAN = "模型权重许可使用研究登记副本声明公众服务作者页面修改说明书面答复网站限制用户每日条件法院湖泊森林山川河流灯塔"


class Shelf:
    """Files by (host, repository, revision); the newest revision is ""."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str, str], dict[str, bytes]] = {}
        self.listings = True
        self.about: dict[str, dict[str, Any]] = {}  # what the hub's API says beside the list of files
        self.asked: list[str] = []

    def put(self, host: str, repository: str, path: str, data: bytes, *, old: bool = True) -> None:
        """A file as it stands now, and (with `old`) at the recorded commit."""
        for revision in ("", COMMIT) if old else ("",):
            self.files.setdefault((host, repository, revision), {})[path] = data

    def drop(self, host: str, repository: str, path: str) -> None:
        del self.files[host, repository, ""][path]

    def answer(self, path: str) -> bytes | None:
        self.asked.append(path)
        parts = unquote(urlsplit(path).path).strip("/").split("/")
        if parts[0] == "raw" and parts[1] == "repos":
            files = self._at("github", "/".join(parts[2:4]), parts[6])
            return _json({"tree": [{"path": p} for p in files]}) if files is not None and self.listings else None
        if parts[0] == "raw":
            files = self._at("github", "/".join(parts[1:3]), parts[3])
            return (files or {}).get("/".join(parts[4:]))
        if parts[1:3] == ["api", "models"]:
            revision = parts[6] if len(parts) > 6 else ""
            files = self._at("hub", "/".join(parts[3:5]), revision)
            if files is None or not self.listings:
                return None
            about = self.about.get("/".join(parts[3:5]), {})
            return _json({"sha": revision or COMMIT, "siblings": [{"rfilename": p} for p in files], **about})
        files = self._at("hub", "/".join(parts[1:3]), parts[4])
        return (files or {}).get("/".join(parts[5:]))

    def _at(self, host: str, repository: str, revision: str) -> dict[str, bytes] | None:
        return self.files.get((host, repository, "" if revision in ("HEAD", "main") else revision))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@contextmanager
def serve(answer: Any) -> Iterator[str]:
    """A server on the loopback; `answer(handler)` writes each reply. Gives the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True
        block_on_close = False

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(handler: BaseHTTPRequestHandler, data: bytes | None, status: int = 200) -> None:
    """Send bytes, or 404 for None."""
    handler.send_response(404 if data is None else status)
    handler.send_header("Content-Length", str(len(data or b"")))
    handler.end_headers()
    handler.wfile.write(data or b"")


@contextmanager
def shelf_server(shelf: Shelf) -> Iterator[str]:
    with serve(lambda handler: reply(handler, shelf.answer(handler.path))) as base:
        yield base


def sleepy(handler: BaseHTTPRequestHandler) -> None:
    """A host that takes the question and never answers."""
    time.sleep(30)


def make_text(seed: int, *, chinese: bool = False) -> str:
    """A text of six clauses that exists nowhere else."""
    pick = random.Random(seed)  # noqa: S311 - no secret
    lines = [f"The {pick.choice(_WORDS).title()}-{seed} Weights Paper", ""]
    for clause in range(1, 7):
        if chinese:
            body = "".join(pick.choice(_HAN) for _ in range(70))
        else:
            body = " ".join(pick.choice(_WORDS) for _ in range(45))
        lines += [f"{clause}. {body}.", ""]
    return "\n".join(lines)


def clause_line(clause: int) -> int:
    """The line of a clause in `make_text`."""
    return 1 + 2 * clause


def make_record(license_id: str, text: str, place: dict[str, Any], *, language: str = "en") -> dict[str, Any]:
    """A licence record with fingerprints, as scripts/fill_fingerprints.py makes them; clauses 2, 3 and 5 are cited."""
    data = text.encode()
    prints = fingerprint(data).to_data()
    cited = ("2", "3", "5")
    both = {"en": "said", "zh": "要点"}
    entry = {"slug": license_id.lower(), "language": [language], "sha256": prints["sha256"], **place}
    entry.setdefault("exactness", "verbatim file")
    digests = {
        c: [{"text": "main", **digest_lines(text, clause_line(int(c)), clause_line(int(c))).to_data()}] for c in cited
    }
    return {
        "id": license_id,
        "kind": "model-license",
        "title": license_id,
        "version": "1",
        "licensor": "silent",
        "languages": [language],
        "released": "2024-01-01",
        "summary": both,
        "texts": {"main": entry},
        "clauses": {
            c: {
                "title": {"en": f"Title {c}", "zh": f"第{c}条"},
                "summary": both,
                "at": [f"main:{clause_line(int(c))}-{clause_line(int(c))}"],
            }
            for c in cited
        },
        "terms": {**dict.fromkeys(TERMS, "silent"), "use_scope": {"value": "any", "clause": "2"}},
        "conflicts": [],
        "fingerprints": {"texts": {"main": prints}, "clauses": digests},
    }


class _Quoting(yaml.SafeDumper):
    """Every text quoted, as strict YAML wants dates and numbers to be; no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _quoted(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"')


_Quoting.add_representer(str, _quoted)


def overlay_yaml(records: list[dict[str, Any]]) -> str:
    return yaml.dump({"licenses": records}, Dumper=_Quoting, allow_unicode=True, sort_keys=False, width=100_000)
