"""Downloads with the real huggingface_hub from a hub on loopback: what is fetched, and each way to fail."""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fake_hub import FakeHub

from modelreg.errors import ExitCode, ModelregError, UsageError
from modelreg.inference import hub_problems as problems
from modelreg.inference.download import Hub
from modelreg.inference.hub_files import Plan, sizes

pytest.importorskip("huggingface_hub")
NAME = "THUDM/tiny"
SHARDS = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
FILES = {
    "config.json": b'{"model_type": "chatglm"}',
    "tokenizer.model": b"t" * 50,
    "tokenizer_config.json": b"{}",
    "modeling_chatglm.py": b"raise SystemExit('remote code')",
    "README.md": b"# Tiny",
    "MODEL_LICENSE": b"terms",
    "model.safetensors.index.json": json.dumps({"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}).encode(),
    SHARDS[0]: b"1" * 3000,
    SHARDS[1]: b"2" * 4000,
    "pytorch_model.bin": b"pickle",
    ".gitattributes": b"*",
}
NEEDED = set(FILES) - {"modeling_chatglm.py", "pytorch_model.bin", ".gitattributes"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setattr(time, "sleep", lambda _: None)  # huggingface_hub waits between its attempts
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def names(plan: Plan) -> set[str]:
    return {f.name for f in plan.files}


def test_what_is_needed_by_commit_and_nothing_else(server: FakeHub, cache: Path) -> None:
    repository = server.add(NAME, FILES)
    hub = Hub(server.url, cache=cache)
    plan = hub.plan(NAME)
    assert (plan.commit, names(plan)) == (repository.commit, NEEDED)
    assert plan.config == {"model_type": "chatglm"}
    assert {f.name for f in plan.missing} == NEEDED - {"config.json", "model.safetensors.index.json"}
    assert plan.bytes_missing == sum(len(FILES[f.name]) for f in plan.missing)
    assert sizes(plan.missing) == "7.1 kB in 6 files"
    assert ("GET", SHARDS[0]) not in server.requests
    told: list[tuple[str, int]] = []
    folder = hub.fetch(plan, lambda name, more: told.append((name, more)))
    assert {p.name for p in folder.iterdir()} == NEEDED
    assert all((folder / name).read_bytes() == FILES[name] for name in NEEDED)
    assert sum(more for name, more in told if name == SHARDS[1]) == 4000
    assert server.requests["GET", "modeling_chatglm.py"] == server.requests["HEAD", "modeling_chatglm.py"] == 0
    again = hub.plan(NAME)
    assert not again.missing
    server.requests.clear()
    assert hub.fetch(again) == folder
    assert not server.requests


def test_offline_takes_the_cache_and_asks_nobody(server: FakeHub, cache: Path) -> None:
    server.add(NAME, FILES)
    online = Hub(server.url, cache=cache)
    folder = online.fetch(online.plan(NAME))
    server.requests.clear()
    offline = Hub(server.url, offline=True, cache=cache)
    plan = offline.plan(NAME)
    assert offline.fetch(plan) == folder
    assert names(plan) == NEEDED
    assert not server.requests
    (folder / SHARDS[1]).unlink()
    with pytest.raises(problems.OfflineError, match=SHARDS[1]):
        offline.plan(NAME)
    with pytest.raises(problems.OfflineError, match=r"lacks config\.json"):
        offline.plan("THUDM/other")
    with pytest.raises(problems.NoRevisionError, match="'v2'") as caught:
        offline.plan(NAME, "v2")
    assert plan.commit in caught.value.hint


def test_safetensors_come_before_pickles_and_pickles_before_nothing(server: FakeHub, cache: Path) -> None:
    bare = {"config.json": b"{}", "pytorch_model.bin": b"p", "quantization_kernels.py": b"", "ggml.gguf": b""}
    server.add(NAME, bare)
    assert names(Hub(server.url, cache=cache).plan(NAME)) == {"config.json", "pytorch_model.bin"}
    server.add(NAME, {**bare, "model.safetensors": b"s"})
    assert names(Hub(server.url, cache=cache).plan(NAME)) == {"config.json", "model.safetensors"}
    server.add(NAME, {"config.json": b"{}", "model.gguf": b"g"})
    with pytest.raises(problems.NothingToLoadError, match=r"it has \.gguf files"):
        Hub(server.url, cache=cache).plan(NAME)
    server.add(NAME, {"model.safetensors": b"s"})
    with pytest.raises(problems.NothingToLoadError, match=r"has no config\.json"):
        Hub(server.url, cache=cache).plan(NAME)
    index = json.dumps({"weight_map": {"a": "../../secret.safetensors"}}).encode()
    server.add(NAME, {"config.json": b"{}", "model.safetensors.index.json": index})
    with pytest.raises(problems.NothingToLoadError, match="does not have"):
        Hub(server.url, cache=cache).plan(NAME)


class Failure(NamedTuple):
    """How the server fails, and what is said of it."""

    how: dict[str, Any]
    error: type[ModelregError]
    words: str
    exit_code: ExitCode = ExitCode.ENVIRONMENT


FAILURES = {
    "gated": Failure({"gated": True}, problems.GatedError, "agree first"),
    "truncated": Failure({"cut": {SHARDS[1]: 100}}, problems.TruncatedDownloadError, "ended early"),
    "wrong hash": Failure({"spoiled": {SHARDS[0]: b"x" * 3000}}, problems.WrongHashError, "sha256"),
    "wrong small file": Failure({"spoiled": {"MODEL_LICENSE": b"tERMS"}}, problems.WrongHashError, "git hash"),
    "out of order": Failure({"status": 500}, problems.HubAnswerError, "500"),
    "slow down": Failure({"status": 429}, problems.HubAnswerError, "slow down"),
    "no headers": Failure({"strip": ("X-Repo-Commit",)}, problems.HubAnswerError, "neither commit nor size"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures(name: str, server: FakeHub, cache: Path) -> None:
    how, error, words, exit_code = FAILURES[name]
    repository = server.add(NAME, FILES, **how)
    hub = Hub(server.url, cache=cache)
    with pytest.raises(error, match=words) as caught:
        hub.fetch(hub.plan(NAME))
    assert caught.value.exit_code == exit_code
    assert caught.value.hint
    assert "Traceback" not in str(caught.value)
    # What is wrong is not kept, what is right is; and mending the server mends the download.
    mended = server.add(NAME, FILES)
    assert mended.commit == repository.commit
    folder = hub.fetch(hub.plan(NAME))
    assert all((folder / n).read_bytes() == FILES[n] for n in NEEDED)


def test_a_shard_that_is_here_is_not_fetched_again(server: FakeHub, cache: Path) -> None:
    server.add(NAME, FILES, cut={SHARDS[1]: 100})
    hub = Hub(server.url, cache=cache)
    with pytest.raises(problems.TruncatedDownloadError):
        hub.fetch(hub.plan(NAME))
    server.add(NAME, FILES)
    server.requests.clear()
    plan = hub.plan(NAME)
    assert [f.name for f in plan.missing] == [SHARDS[1]]
    hub.fetch(plan)
    assert server.requests["GET", SHARDS[0]] == 0
    # A file that was cut off afterwards is noticed by its size.
    (plan.folder / SHARDS[0]).resolve().write_bytes(b"1" * 10)
    assert [f.name for f in hub.plan(NAME).missing] == [SHARDS[0]]
    assert (hub.fetch(hub.plan(NAME)) / SHARDS[0]).read_bytes() == FILES[SHARDS[0]]


def test_a_connection_that_breaks_once_is_continued(
    server: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500)  # 10 MB, in earnest
    server.add(NAME, FILES, drop_once={SHARDS[1]: 1000})
    hub = Hub(server.url, cache=cache)
    folder = hub.fetch(hub.plan(NAME))
    assert (folder / SHARDS[1]).read_bytes() == FILES[SHARDS[1]]
    assert server.ranges == ["bytes=1000-"]


def test_names_that_are_not_there(server: FakeHub, cache: Path) -> None:
    server.add(NAME, FILES)
    hub = Hub(server.url, cache=cache)
    with pytest.raises(problems.NoRepositoryError, match="no repository THUDM/none") as caught:
        hub.plan("THUDM/none")
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    with pytest.raises(problems.NoRevisionError, match="no revision 'v9'"):
        hub.plan(NAME, "v9")
    with pytest.raises(problems.NoRevisionError):
        hub.plan(NAME, "0" * 40)
    with pytest.raises(problems.NoRepositoryError):
        hub.plan("../../etc")
    with pytest.raises(UsageError, match="no address"):
        Hub("mirror")


def test_no_network(cache: Path) -> None:
    with FakeHub() as gone:
        url = gone.url
    with pytest.raises(problems.UnreachableError, match="no connection to") as caught:
        Hub(url, cache=cache).plan(NAME)
    assert "hf-mirror.com" in caught.value.hint


def test_a_full_disk(server: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add(NAME, FILES)
    hub = Hub(server.url, cache=cache)
    plan = hub.plan(NAME)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9000, 8000, 1000))  # type: ignore[attr-defined]
        with pytest.raises(problems.DiskFullError, match="1,000 bytes free"):
            hub.fetch(plan)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "blob")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", full)
    with pytest.raises(problems.DiskFullError, match="no room left"):
        hub.fetch(plan)


def test_a_stored_token_is_not_shown_to_a_named_server(
    server: FakeHub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("hf_stored")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    server.add(NAME, FILES)
    hub = Hub(server.url, cache=cache)
    hub.fetch(hub.plan(NAME))
    assert server.tokens == {""}
    monkeypatch.setenv("HF_TOKEN", "hf_meant")
    Hub(server.url, cache=cache).plan(NAME)
    assert server.tokens == {"", "Bearer hf_meant"}


def test_other_problems_have_their_own_words() -> None:
    from huggingface_hub.errors import OfflineModeIsEnabled

    def said(error: Exception) -> ModelregError:
        return problems.translate(error, NAME, "main", "https://hub.example")

    denied = said(PermissionError(errno.EACCES, "Permission denied", "/cache/x"))
    assert (denied.code, denied.where) == ("cache-not-writable", "/cache/x")
    assert said(OfflineModeIsEnabled("no")).code == "hub-offline"
    assert said(ValueError("odd\nmore")).code == "hub-answer"
    assert "odd" in str(said(ValueError("odd\nmore")))
    assert "more" not in said(ValueError("odd\nmore")).message
