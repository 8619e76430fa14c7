"""Downloads with the real modelscope package from a ModelScope on loopback; without the package, what is said then."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_modelscope import FakeModelScope

from modelreg.errors import ExitCode, ModelEnvironmentError, ModelregError, UsageError
from modelreg.inference import hub_problems as problems
from modelreg.inference.modelscope import ModelScope

INSTALLED = (
    importlib.util.find_spec("modelscope") is not None and importlib.util.find_spec("modelscope_hub") is not None
)
needs_package = pytest.mark.skipif(not INSTALLED, reason="the modelscope package is not installed (extra modelscope)")
NAME = "owner/tiny"
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
    "configuration.json": b"{}",
}
NEEDED = set(FILES) - {"modeling_chatglm.py", "pytorch_model.bin", "configuration.json"}
# Its constants are read once, when it is imported: no waiting, and no second attempt where that cannot help.
QUICK = {
    "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "0",
    "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "1",
    "MODELSCOPE_API_MAX_RETRIES": "1",
    "MODELSCOPE_HOME": "/nonexistent/modelscope-home",
}


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN", "MODELSCOPE_API_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeModelScope]:
    if INSTALLED:
        from modelscope_hub import _download, _download_control, _legacy_api

        monkeypatch.setattr(_download_control._DownloadControl, "sleep", lambda *_: None)
        monkeypatch.setattr(_download, "DOWNLOAD_RETRY_TIMES", 0)
        monkeypatch.setattr(_legacy_api, "REPO_TREE_PAGE_MAX_ATTEMPTS", 1)
    with FakeModelScope() as running:
        yield running


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@needs_package
def test_what_is_needed_and_nothing_else(server: FakeModelScope, cache: Path) -> None:
    server.add(NAME, {**FILES, "sub/LICENSE": b"elsewhere"})
    hub = ModelScope(server.url, cache=cache)
    plan = hub.plan(NAME)
    assert {f.name for f in plan.files} == NEEDED
    assert (plan.commit, plan.config) == ("master", {"model_type": "chatglm"})
    assert {f.name for f in plan.missing} == NEEDED - {"config.json", "model.safetensors.index.json"}
    assert plan.bytes_missing == sum(len(FILES[f.name]) for f in plan.missing)
    assert server.requests[SHARDS[0]] == 0
    told: list[tuple[str, int]] = []
    folder = hub.fetch(plan, lambda name, more: told.append((name, more)))
    assert folder == cache / "models" / "owner--tiny" / "snapshots" / "master"
    assert {p.name for p in folder.iterdir()} == NEEDED
    assert all((folder / name).read_bytes() == FILES[name] for name in NEEDED)
    assert (SHARDS[0], 0) in told
    assert sum(more for name, more in told if name == SHARDS[1]) == 4000
    assert not set(server.requests) & (set(FILES) - NEEDED)
    server.requests.clear()
    again = hub.plan(NAME)
    assert not again.missing
    assert hub.fetch(again) == folder
    assert not set(server.requests) & set(FILES)
    assert server.tokens == {""}


@needs_package
def test_a_file_that_changed_with_its_size_kept_is_fetched_anew(server: FakeModelScope, cache: Path) -> None:
    server.add(NAME, FILES)
    hub = ModelScope(server.url, cache=cache)
    hub.fetch(hub.plan(NAME))
    server.add(NAME, {**FILES, SHARDS[0]: b"3" * 3000})
    plan = hub.plan(NAME)
    assert [f.name for f in plan.missing] == [SHARDS[0]]
    assert (hub.fetch(plan) / SHARDS[0]).read_bytes() == b"3" * 3000


@needs_package
def test_pickles_where_there_is_nothing_better_and_no_hashes(server: FakeModelScope, cache: Path) -> None:
    server.add(NAME, {"config.json": b"{}", "pytorch_model.bin": b"p", "x.py": b""}, unhashed=True)
    hub = ModelScope(server.url, cache=cache)
    plan = hub.plan(NAME)
    assert {f.name for f in plan.files} == {"config.json", "pytorch_model.bin"}
    assert (hub.fetch(plan) / "pytorch_model.bin").read_bytes() == b"p"
    server.add(NAME, {"config.json": b"{}", "model.gguf": b"g"})
    with pytest.raises(problems.NothingToLoadError, match=r"it has \.gguf files"):
        hub.plan(NAME)


FAILURES: dict[str, tuple[dict[str, Any], type[ModelregError], str]] = {
    "gated": ({"status": 403}, problems.GatedError, "gated or private"),
    "logged out": ({"status": 401}, problems.GatedError, "gated or private"),
    "cut": ({"cut": {SHARDS[1]: 100}}, problems.TruncatedDownloadError, "ended early"),
    "other size": ({"spoiled": {SHARDS[1]: b"2"}}, problems.TruncatedDownloadError, "another size"),
    "wrong hash": ({"spoiled": {SHARDS[0]: b"x" * 3000}}, problems.WrongHashError, "sha256"),
    "out of order": ({"status": 500}, problems.HubAnswerError, "did not give"),
    "slow down": ({"status": 429}, problems.HubAnswerError, "slow down"),
    "listed only": ({"lost": (SHARDS[1],)}, problems.HubAnswerError, "does not have"),
}


@needs_package
@pytest.mark.parametrize("name", FAILURES)
def test_failures(name: str, server: FakeModelScope, cache: Path) -> None:
    how, error, words = FAILURES[name]
    server.add(NAME, FILES, **how)
    hub = ModelScope(server.url, cache=cache)
    with pytest.raises(error, match=words) as caught:
        hub.fetch(hub.plan(NAME))
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert caught.value.hint
    server.add(NAME, FILES)
    folder = hub.fetch(hub.plan(NAME))
    assert all((folder / n).read_bytes() == FILES[n] for n in NEEDED)


@needs_package
def test_names_that_are_not_there(server: FakeModelScope, cache: Path) -> None:
    server.add(NAME, FILES)
    hub = ModelScope(server.url, cache=cache)
    with pytest.raises(problems.NoRepositoryError, match="no repository owner/none") as caught:
        hub.plan("owner/none")
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    with pytest.raises(problems.NoRevisionError, match="no revision 'v9'"):
        hub.plan(NAME, "v9")
    for repository, revision in (("../etc", ""), (NAME, "../x"), ("a/..", "")):
        with pytest.raises((problems.NoRepositoryError, problems.NoRevisionError), match="is no"):
            hub.plan(repository, revision)


@needs_package
def test_no_network_and_no_room(server: FakeModelScope, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeModelScope() as gone:
        url = gone.url
    with pytest.raises(problems.UnreachableError, match="no connection to"):
        ModelScope(url, cache=cache).plan(NAME)
    server.add(NAME, FILES)
    hub = ModelScope(server.url, cache=cache)
    plan = hub.plan(NAME)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9000, 8000, 1000))  # type: ignore[attr-defined]
    with pytest.raises(problems.DiskFullError, match="1,000 bytes free") as caught:
        hub.fetch(plan)
    assert "MODELSCOPE_CACHE" in caught.value.hint


@needs_package
def test_the_environment_names_server_cache_and_token(
    server: FakeModelScope, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add(NAME, FILES)
    monkeypatch.setenv("MODELSCOPE_CACHE", str(cache))
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "meant")
    monkeypatch.setenv("MODELSCOPE_DOMAIN", server.url)
    hub = ModelScope()
    assert (hub.endpoint, hub.cache) == (server.url, cache)
    monkeypatch.delenv("MODELSCOPE_DOMAIN")
    ModelScope(server.url).plan(NAME)
    assert any("meant" in token for token in server.tokens)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelEnvironmentError, match="not installed") as caught:
        ModelScope()
    assert (caught.value.code, caught.value.exit_code) == ("extra-missing", ExitCode.ENVIRONMENT)
    assert 'pip install "modelreg[modelscope]"' in caught.value.hint
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name == "modelscope" else None)
    with pytest.raises(ModelEnvironmentError, match=r"older than 1\.38"):
        ModelScope()


def test_offline_is_refused_and_an_address_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(problems.OfflineError, match="cannot be asked offline") as caught:
        ModelScope(offline=True)
    assert "--weights DIR" in caught.value.hint
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    with pytest.raises(problems.OfflineError):
        ModelScope()
    with pytest.raises(UsageError, match="no address"):
        ModelScope("modelscope")
