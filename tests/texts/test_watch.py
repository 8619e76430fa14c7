"""Eighty texts on a loopback hub, twenty of them changed: nineteen are reported rightly, new line ends are not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import (
    COMMIT,
    Shelf,
    clause_line,
    make_record,
    make_text,
    overlay_yaml,
    reply,
    serve,
    shelf_server,
    sleepy,
)

ROOT = Path(__file__).resolve().parents[2]
COUNT = 80
NOTE = "A preface that is no part of the text.\n\n"


def _id(number: int) -> str:
    return f"LicenseRef-Heron-{number:02}"


def _host(number: int) -> str:
    return "hub" if number % 4 == 1 else "github"


def _repository(number: int) -> str:
    return f"acme/heron-{number:02}"


def _is_part(number: int) -> bool:
    return number % 4 == 3


def _path(number: int) -> str:
    return "README.md" if _is_part(number) else "MODEL_LICENSE" if number % 2 else "licences/LICENSE.txt"


class World:
    """The records, the server's files, and the changes made to them."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.texts = [make_text(n, chinese=n % 5 == 0) for n in range(COUNT)]
        self.records = []
        for n, text in enumerate(self.texts):
            place: dict[str, Any] = {"repository": f"{'hf' if _host(n) == 'hub' else 'github'}:{_repository(n)}"}
            if _is_part(n):
                block = {
                    "path": _path(n),
                    "commit": COMMIT,
                    "commit_date": "2024-01-01",
                    "first_line": 3,
                    "last_line": 15,
                }
                place |= {"blocks": [block], "exactness": "embedded in another file"}
            else:
                place |= {"path": _path(n), "commit": COMMIT, "commit_date": "2024-01-01"}
            self.records.append(make_record(_id(n), text, place, language="zh" if n % 5 == 0 else "en"))
            self.put(n, self._file(n, text))

    def _file(self, n: int, text: str) -> str:
        return f"{NOTE}{text}\n## Usage\n\nMore about herons.\n" if _is_part(n) else text

    def put(self, n: int, text: str, *, old: bool = True) -> None:
        self.shelf.put(_host(n), _repository(n), _path(n), text.encode(), old=old)

    def edit(self, n: int, text: str) -> None:
        self.put(n, self._file(n, text), old=False)

    def one_word(self, n: int, clause: int = 3) -> None:
        lines = self.texts[n].split("\n")
        at = clause_line(clause) - 1
        if n % 5 == 0:
            lines[at] = lines[at][:40] + "鸟" + lines[at][41:]
        else:
            words = lines[at].split(" ")
            words[20] = "Zebra"
            lines[at] = " ".join(words)
        self.edit(n, "\n".join(lines))

    def move(self, n: int, to: str, text: str | None = None) -> None:
        self.shelf.drop(_host(n), _repository(n), _path(n))
        self.shelf.put(_host(n), _repository(n), to, (text or self.texts[n]).encode(), old=False)

    def new(self, n: int, path: str, text: str) -> None:
        self.shelf.put(_host(n), _repository(n), path, text.encode(), old=False)


# kind of finding -> texts: eight with one word changed in a clause, three new files, three moved, four translations
# (two in files of their own), one gone; and one with new line ends only.
EXPECTED = {
    "changed": {1, 2, 3, 4, 10, 11, 20, 21},
    "new-file": {24, 25, 26},
    "moved": {30, 32, 33},
    "translation-added": {36, 37, 40, 41},
    "missing": {44},
}
CRLF = 48


@pytest.fixture(scope="module")
def world() -> World:
    world = World()
    for n in EXPECTED["changed"]:
        world.one_word(n)
    for n in EXPECTED["new-file"]:
        world.new(n, f"{'licences/' if n % 2 == 0 else ''}LICENSE-2.0", make_text(1000 + n, chinese=n % 5 == 0))
    world.move(30, "LICENSE")
    world.move(32, "legal/licences/LICENSE.txt")
    world.move(33, "LICENSE-MODEL.md", world.texts[33].replace("\n5. ", "\n5. Zebra ", 1))
    world.new(36, "licences/LICENSE_zh.txt", make_text(1036, chinese=True))
    world.new(37, "MODEL_LICENSE.zh-CN.md", make_text(1037, chinese=True))
    world.edit(40, world.texts[40] + "\n\n" + make_text(1040))
    world.edit(41, world.texts[41] + "\n\n" + make_text(1041, chinese=True))
    world.shelf.drop(_host(44), _repository(44), _path(44))
    world.edit(CRLF, world.texts[CRLF].replace("\n", "\r\n"))
    return world


@pytest.fixture(scope="module")
def base(world: World) -> Iterator[str]:
    with shelf_server(world.shelf) as url:
        yield url


@pytest.fixture(scope="module")
def overlay(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("watch") / "herons.yaml"
    path.write_text(overlay_yaml(world.records), encoding="utf-8")
    return path


def _run(overlay: Path, base: str, *args: str, numbers: range = range(COUNT)) -> subprocess.CompletedProcess[str]:
    named = [part for n in numbers for part in ("--license", _id(n))]
    return subprocess.run(
        [
            sys.executable, "-m", "modelreg", "watch", "--registry", str(overlay), "--endpoint", f"{base}/hub",
            "--github-raw", f"{base}/raw", *named, *args,
        ],
        capture_output=True, text=True, encoding="utf-8", check=False, timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), "http_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(overlay: Path, base: str) -> Any:
    done = _run(overlay, base, "--format", "json")
    assert done.returncode == 1, done.stderr
    return json.loads(done.stdout)


def test_nineteen_of_twenty_are_reported_rightly(report: Any) -> None:
    found: dict[str, set[int]] = {}
    for finding in report["findings"]:
        found.setdefault(finding["kind"], set()).add(int(finding["licenses"][0][-2:]))
    assert found == EXPECTED
    assert sum(map(len, found.values())) == len(report["findings"]) == 19
    assert [x["license"] for x in report["layout"]] == [_id(CRLF)]
    assert report["could_not_look"] == []
    # A text beside which a new file stands is itself as recorded.
    assert len(report["same"]) == COUNT - 20 + len(EXPECTED["new-file"]) + 2


def test_the_clause_and_the_words_are_named(report: Any, world: World) -> None:
    for finding in report["findings"]:
        if finding["kind"] != "changed":
            continue
        n = int(finding["licenses"][0][-2:])
        assert [c["clause"] for c in finding["clauses"]] == ["3"], finding
        [words] = finding["clauses"][0]["words"]
        assert words["now"] == ("鸟" if n % 5 == 0 else "Zebra")
        assert words["was"]
        offset = 2 if _is_part(n) else 0
        assert words["lines"] == [clause_line(3) + offset] * 2
        assert finding["outside"] == []


def test_moved_files_name_both_places(report: Any) -> None:
    moved = {int(f["licenses"][0][-2:]): f for f in report["findings"] if f["kind"] == "moved"}
    assert moved[30]["moved_to"] == "github:acme/heron-30/LICENSE"
    assert moved[30]["place"] == "github:acme/heron-30/licences/LICENSE.txt"
    assert moved[30]["clauses"] == []
    assert moved[33]["moved_to"] == "hub:acme/heron-33/LICENSE-MODEL.md"
    assert [c["clause"] for c in moved[33]["clauses"]] == ["5"]


def test_human_chinese_markdown_and_a_pull_request(overlay: Path, base: str, tmp_path: Path) -> None:
    body = tmp_path / "body.md"
    done = _run(overlay, base, "-v", "--pr-body", str(body))
    assert done.returncode == 1
    assert "clause 3 (Title 3): “" in done.stdout
    assert "→ “Zebra” (line 7)" in done.stdout
    assert "only wrapping, line ends or signs differ" in done.stdout
    assert "19 finding(s)" in done.stderr
    text = body.read_text(encoding="utf-8")
    assert text.startswith("# Licence texts changed upstream (20")
    assert text.count("\n## ") == 20  # 19 findings and what to do
    assert "- [ ] " in text
    quiet = _run(overlay, base, "--lang", "zh")
    assert "已移动" in quiet.stdout
    assert _id(CRLF) not in quiet.stdout
    assert _run(overlay, base, "--format", "markdown", numbers=range(1, 2)).stdout.startswith("## ")


def test_nothing_changed(overlay: Path, base: str, tmp_path: Path) -> None:
    body = tmp_path / "body.md"
    done = _run(overlay, base, "--pr-body", str(body), numbers=range(60, 70))
    assert done.returncode == 0, done.stderr
    assert "every text is as recorded" in done.stdout
    assert "every one is as recorded" in body.read_text(encoding="utf-8")


def test_without_the_old_text_the_clause_is_still_named(overlay: Path, world: World) -> None:
    shelf = Shelf()
    shelf.listings = False
    shelf.files = {k: v for k, v in world.shelf.files.items() if not k[2]}
    with shelf_server(shelf) as base:
        report = json.loads(_run(overlay, base, "--format", "json", numbers=range(1, 12)).stdout)
        by_number = {int(f["licenses"][0][-2:]): f for f in report["findings"]}
        assert set(by_number) == {1, 2, 3, 4, 10, 11}
        for n, finding in by_number.items():
            assert [c["clause"] for c in finding["clauses"]] == ["3"]
            if not _is_part(n):
                [words] = finding["clauses"][0]["words"]
                assert words["lines"] == [clause_line(3)] * 2
                assert "鸟" in words["now"] or "Zebra" in words["now"]
        # Without listings a file that is gone is sought under the usual names.
        moved = json.loads(_run(overlay, base, "--format", "json", numbers=range(30, 31)).stdout)["findings"]
        assert [(f["kind"], f["moved_to"]) for f in moved] == [("moved", "github:acme/heron-30/LICENSE")]


def test_a_file_that_became_another_known_text(overlay: Path, world: World) -> None:
    shelf = Shelf()
    shelf.put("github", _repository(52), _path(52), world.texts[53].encode())
    with shelf_server(shelf) as base:
        done = _run(overlay, base, "--format", "json", numbers=range(52, 53))
    [finding] = json.loads(done.stdout)["findings"]
    assert (finding["kind"], finding["identified"]) == ("other-text", [_id(53)])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda h: reply(h, b"x", 500), "HTTP 500"),
        (lambda h: reply(h, b"x", 403), "HTTP 403"),
        (lambda h: reply(h, b"a" * 2_500_000), "more than 2000000 bytes"),
        (lambda h: _redirect(h, "file:///etc/hostname"), "not allowed"),
        (lambda h: _redirect(h, "ftp://127.0.0.1/x"), "another kind of address"),
        (lambda h: _redirect(h, h.path), "redirect"),
        (lambda h: _cut_short(h), "cut short"),
        (lambda h: h.wfile.write(b"nonsense\r\n\r\n"), "broken answer"),
    ],
    ids=["500", "403", "endless", "redirect-to-file", "redirect-to-ftp", "redirect-loop", "cut-short", "no-http"],
)
def test_bad_servers_are_named_and_end(answer: Any, reason: str, overlay: Path) -> None:
    with serve(answer) as base:
        done = _run(overlay, base, "--format", "json", numbers=range(52, 54))
    assert done.returncode == 5, done.stderr
    failures = json.loads(done.stdout)["could_not_look"]
    assert [f["licenses"] for f in failures] == [[_id(52)], [_id(53)]]
    assert reason in failures[0]["reason"]


def _redirect(handler: Any, to: str) -> None:
    handler.send_response(302)
    handler.send_header("Location", to)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _cut_short(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b"The first")


def test_a_dead_host_costs_one_wait_and_the_others_are_done(overlay: Path, world: World, base: str) -> None:
    begin = time.monotonic()
    with serve(sleepy) as dead:
        args = ["--format", "json", "--timeout", "1", "--endpoint", dead]
        done = _run(overlay, base, *args)
    assert done.returncode == 1
    assert time.monotonic() - begin < 30
    report = json.loads(done.stdout)
    hosts = {f["place"].partition(":")[0] for f in report["could_not_look"]}
    assert hosts == {"hub"}, [f for f in report["could_not_look"] if f["place"].startswith("github")]
    assert len(report["could_not_look"]) == 20
    assert "timed out" in report["could_not_look"][0]["reason"]
    assert {f["kind"] for f in report["findings"]} == set(EXPECTED)
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    gone = _run(overlay, f"http://127.0.0.1:{port}", numbers=range(52, 60))
    assert gone.returncode == 5
    assert "could not look" in gone.stdout


def test_no_more_time_than_was_given(overlay: Path) -> None:
    begin = time.monotonic()
    with serve(sleepy) as dead:
        done = _run(overlay, dead, "--timeout", "20", "--max-time", "2", "--format", "json", numbers=range(40, 60))
    assert done.returncode == 5
    assert time.monotonic() - begin < 15
    assert len(json.loads(done.stdout)["could_not_look"]) == 20


def test_a_folder_of_copies(overlay: Path, world: World, tmp_path: Path) -> None:
    for (_, repository, revision), files in world.shelf.files.items():
        (tmp_path / repository).mkdir(parents=True, exist_ok=True)
        for path, data in files.items() if not revision else ():
            target = tmp_path / repository / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    done = _run(overlay, "http://127.0.0.1:9", "--folder", str(tmp_path), "--format", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    kinds = {f["kind"] for f in report["findings"]}
    assert {"changed", "moved", "translation-added", "missing"} <= kinds
    assert [x["license"] for x in report["layout"]] == [_id(CRLF)]
    assert report["could_not_look"] == []


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["--endpoint", "ftp://x"], 2),
        (["--timeout", "0"], 2),
        (["--folder", "/no/such"], 3),
        (["--license", "LicenseRef-None"], 3),
    ],
)
def test_wrong_options(args: list[str], status: int, overlay: Path) -> None:
    done = _run(overlay, "http://127.0.0.1:9", *args, numbers=range(1))
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
