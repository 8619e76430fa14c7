"""Where an official text comes from, and that nothing is believed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from texts_support import INVENTED, TRADITIONAL

from modelreg.errors import InputError, ModelEnvironmentError
from modelreg.texts import fetch
from modelreg.texts.fetch import Proof, Wanted, find_text, from_database, from_folder, from_hub, prove
from modelreg.texts.fingerprint import fingerprint

DATA = INVENTED.encode()
MARK = fingerprint(DATA)
WANTED = Wanted(
    text_id="heron",
    fingerprints=(MARK,),
    repository="hf:heron/heron-7b",
    path="MODEL_LICENSE",
    url="https://example.org/heron",
    scancode_key="heron-1.0",
)


def test_prove_says_what_matched() -> None:
    by_hash = Wanted(sha256s=(MARK.sha256,), normalized_sha256s=(MARK.normalized_sha256,))
    for wanted in (WANTED, by_hash):
        assert prove(DATA, wanted) is Proof.SHA256
        assert prove(INVENTED.translate(TRADITIONAL).encode("gb18030"), wanted) is Proof.NORMALISED
        assert prove(DATA + b" more", wanted) is Proof.NONE
        assert prove(b"%PDF-1.7", wanted) is Proof.NONE
    assert prove(DATA, Wanted()) is Proof.NONE


def test_a_file_that_the_user_names(tmp_path: Path) -> None:
    path = tmp_path / "any.txt"
    path.write_bytes(DATA)
    assert find_text(WANTED, file=path) == fetch.OfficialText(DATA, str(path), Proof.SHA256)
    path.write_text("Another paper altogether.", encoding="utf-8")
    assert find_text(WANTED, file=path).proof is Proof.NONE
    path.write_bytes(b"%PDF-1.7")
    with pytest.raises(InputError, match="PDF"):
        find_text(WANTED, file=path)
    with pytest.raises(InputError, match="cannot read"):
        find_text(WANTED, file=tmp_path / "none.txt")


def test_a_part_of_a_file_is_cut_out(tmp_path: Path) -> None:
    path = tmp_path / "NOTICE"
    path.write_text(f"Two papers.\n\n{INVENTED}\nAnd another one.\n", encoding="utf-8")
    found = find_text(WANTED, file=path)
    assert found.proof is Proof.NORMALISED
    assert found.data.decode().strip() == INVENTED.strip()
    assert found.where == f"{path}#L3-L{2 + len(INVENTED.strip().splitlines())}"


@pytest.mark.parametrize("name", ["LICENSE", "MODEL_LICENSE", "licence.txt", "COPYING", "docs.md", "许可协议.txt"])
def test_a_model_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "LICENSE-CODE").write_text("The code is under other terms.", encoding="utf-8")
    (tmp_path / "COPYING.md").write_bytes(bytes(range(256)))  # not text
    (tmp_path / name).write_bytes(DATA)
    found = from_folder(tmp_path, WANTED)
    assert found is not None
    assert (Path(found.where).name, found.proof) == (name, Proof.SHA256)


def test_the_licence_section_of_a_readme(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "# Heron\n\n## 许可 License\n\nAsk the maker.\n\n### More\n\nx\n\n## Thanks\n\nAll.\n",
        encoding="utf-8",
    )
    found = from_folder(tmp_path, WANTED)
    assert found is not None
    assert found.proof is Proof.NONE
    assert found.data.decode() == "## 许可 License\n\nAsk the maker.\n\n### More\n\nx\n\n"
    (tmp_path / "README.md").write_text(f"# Heron\n\n{INVENTED}\n## Thanks\n", encoding="utf-8")
    found = from_folder(tmp_path, WANTED)
    assert found is not None
    assert found.proof is Proof.NORMALISED


def test_a_folder_without_a_licence(tmp_path: Path) -> None:
    assert from_folder(tmp_path, WANTED) is None
    with pytest.raises(ModelEnvironmentError) as caught:
        find_text(WANTED, folder=tmp_path, database=False)
    assert caught.value.code == "text-not-found"
    assert "https://example.org/heron" in caught.value.hint
    with pytest.raises(InputError):
        from_folder(tmp_path / "none", WANTED)


@pytest.fixture
def scancode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed ScanCode package that cannot be imported."""
    if importlib.util.find_spec("licensedcode") is not None:
        pytest.skip("a real ScanCode is installed")
    package = tmp_path / "site" / "licensedcode"
    (package / "data" / "licenses").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return package / "data" / "licenses"


def test_an_installed_licence_database(scancode: Path) -> None:
    assert from_database(WANTED) is None
    (scancode / "heron-1.0.LICENSE").write_bytes(b"---\nkey: heron-1.0\nname: Heron\n---\n\n" + DATA)
    found = find_text(WANTED)
    assert (found.data, found.proof) == (DATA, Proof.SHA256)
    assert "licensedcode" not in sys.modules
    (scancode / "heron-1.0.LICENSE").write_bytes(b"---\r\nkey: x\r\n---\r\nOther words.\r\n")
    assert find_text(WANTED).proof is Proof.NONE


@pytest.mark.parametrize("key", ["../heron", "a/b", "", ".hidden", "x\0y"])
def test_a_key_never_leaves_the_database(key: str, scancode: Path) -> None:
    (scancode.parent / "heron.LICENSE").write_bytes(DATA)
    assert from_database(Wanted(scancode_key=key)) is None


def test_the_hub_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelEnvironmentError) as caught:
        find_text(WANTED, database=False, hub=True)
    assert caught.value.code == "extra-missing"
    assert "modelreg[hub]" in caught.value.hint


@pytest.mark.parametrize("repository", ["", "github:heron/heron", "not a name", "a/b/c"])
def test_other_hosts_are_not_asked(repository: str) -> None:
    assert from_hub(Wanted(repository=repository)) is None


class _Hub(BaseHTTPRequestHandler):
    """As much of the Hub as hf_hub_download needs: one repository with one file."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        found = self.path.startswith("/heron/heron-7b/resolve/") and self.path.endswith("/LICENSE")
        self.send_response(200 if found else 404)
        if not found:
            known = self.path.startswith("/heron/heron-7b/")
            self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("ETag", f'"{hashlib.sha256(DATA).hexdigest()}"')
        self.send_header("Content-Length", str(len(DATA) if found else 0))
        self.end_headers()
        if found and body:
            self.wfile.write(DATA)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture
def hub() -> Iterator[str]:
    """A Hub on this machine; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


# huggingface_hub reads the environment when it is imported, so each case is a process of its own.
PROGRAM = """
import sys
from modelreg.errors import ModelEnvironmentError
from modelreg.texts.fetch import Wanted, find_text
assert "huggingface_hub" not in sys.modules
wanted = Wanted(text_id="heron", sha256s=(sys.argv[1],), repository=sys.argv[2], path=sys.argv[3])
try:
    found = find_text(wanted, database=False, hub=True)
    print(found.proof, found.where, len(found.data))
except ModelEnvironmentError as error:
    print(error.code)
"""


def _ask(tmp_path: Path, environment: dict[str, str], repository: str, path: str = "") -> str:
    pytest.importorskip("huggingface_hub")
    environment = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HF_HOME": str(tmp_path / "hf"),
        **environment,
    }
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k.lower()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, MARK.sha256, repository, path],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


def test_the_hub_is_asked_and_its_cache_works_offline(hub: str, tmp_path: Path) -> None:
    answer = f"sha256 hf:heron/heron-7b@main/LICENSE {len(DATA)}"
    assert _ask(tmp_path, {"HF_ENDPOINT": hub}, "hf:heron/heron-7b") == answer
    assert _ask(tmp_path, {"HF_HUB_OFFLINE": "1"}, "heron/heron-7b", "LICENSE") == answer


def test_the_hub_refuses_or_is_offline(hub: str, tmp_path: Path) -> None:
    assert _ask(tmp_path, {"HF_ENDPOINT": hub}, "heron/unknown") == "hub-unreachable"
    assert _ask(tmp_path, {"HF_HUB_OFFLINE": "1"}, "heron/heron-7b") == "hub-unreachable"


@pytest.mark.slow  # huggingface_hub tries again for some 20 seconds
def test_nobody_answers(tmp_path: Path) -> None:
    assert _ask(tmp_path, {"HF_ENDPOINT": "http://127.0.0.1:9"}, "heron/heron-7b") == "hub-unreachable"
