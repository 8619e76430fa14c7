"""The compiled form: fresh or made anew, whatever happens to its file."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from registry_support import license_text

from modelreg.errors import InputError
from modelreg.registry import cache, compile, sources
from modelreg.registry.cache import Buffer, Compiled, CorruptError
from modelreg.registry.load import Registry, load_registry

Load = Callable[..., Registry]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One item for each time that YAML was compiled."""
    done: list[str] = []
    real = compile.compile_folder

    def counted(folder: str) -> object:
        done.append(folder)
        return real(folder)

    monkeypatch.setattr(compile, "compile_folder", counted)
    return done


def only_file(folder: Path) -> Path:
    [path] = folder.iterdir()
    return path


def test_compiled_once(load: Load, compilations: list[str], cache_folder: Path) -> None:
    assert load().digest == load().digest == load().digest
    assert len(compilations) == 1
    assert only_file(cache_folder).read_bytes().startswith(cache.MAGIC)


def test_a_changed_source_is_seen(load: Load, data: Path, compilations: list[str]) -> None:
    before = load().digest
    path = data / "licenses" / "LicenseRef-A.yaml"
    path.write_text(license_text("LicenseRef-A").replace('version: "1"', 'version: "2"'), encoding="utf-8")
    assert load().digest != before
    path.unlink()
    with pytest.raises(InputError, match="LicenseRef-A"):
        load()
    assert len(compilations) == 3


def test_a_source_written_this_moment_is_not_kept(load: Load, data: Path, cache_folder: Path) -> None:
    now = time.time_ns() // 10**9 * 10**9  # whole seconds: the clock of the file system may be coarse
    os.utime(data / "registry.yaml", ns=(now, now))
    load()
    assert not cache_folder.exists()


def test_every_damage_is_mended(load: Load, cache_folder: Path) -> None:
    digest = load().digest
    path = only_file(cache_folder)
    whole = path.read_bytes()
    generator = random.Random(7)  # noqa: S311  # the same damage on every run
    damaged = [
        b"",
        whole[:100],
        whole[:-1],
        whole + b"x",
        b"\x80\x04K\x01.",
        cache.MAGIC,
        cache.MAGIC + b"9" * 24,
    ]
    for _ in range(150):
        at = generator.randrange(len(whole))
        damaged.append(whole[:at] + bytes([whole[at] ^ (1 << generator.randrange(8))]) + whole[at + 1 :])
    for data in damaged:
        path.write_bytes(data)
        registry = load()
        assert registry.digest == digest
        assert [m["id"] for m in registry.models()] == registry.model_ids()
        assert len(list(registry.licenses())) == 3


def test_damaged_base_below_an_overlay(load: Load, tmp_path: Path, cache_folder: Path) -> None:
    over = tmp_path / "o.yaml"
    over.write_text("models: [{id: Qwen/Qwen-7B, name: X}]", encoding="utf-8")
    load()
    path = only_file(cache_folder)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))
    assert load(over).model("Qwen/Qwen-7B")["name"] == "X"


def test_cache_that_is_no_use(load: Load, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = load().digest
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    for folder in (blocked, blocked / "below", Path("/proc/nothing")):
        monkeypatch.setenv("MODELREG_CACHE_DIR", str(folder))
        assert load().digest == digest
    assert load_registry(data=data, use_cache=False).digest == digest
    folder = tmp_path / "as-folder"
    monkeypatch.setenv("MODELREG_CACHE_DIR", str(folder))
    load()
    name = only_file(folder)
    name.unlink()
    name.mkdir()
    assert load().digest == digest


def test_old_temporary_files_are_removed(load: Load, cache_folder: Path) -> None:
    cache_folder.mkdir()
    old, young = cache_folder / "a.1.2.tmp", cache_folder / "b.1.2.tmp"
    for path in (old, young):
        path.write_text("", encoding="utf-8")
    os.utime(old, (1, 1))
    load()
    assert not old.exists()
    assert young.exists()


def test_deleted_while_open(load: Load, cache_folder: Path) -> None:
    load()
    registry = load()
    only_file(cache_folder).unlink()
    assert len(list(registry.models())) == 4


def test_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache.folder({"HOME": "/h"}) == "/h/.cache/modelreg"
    assert cache.folder({"HOME": "/h", "XDG_CACHE_HOME": "/x"}) == "/x/modelreg"
    assert cache.folder({"HOME": "/h", "XDG_CACHE_HOME": "relative"}) == "/h/.cache/modelreg"
    assert cache.folder({"HOME": "/h", "MODELREG_CACHE_DIR": "/c"}) == "/c"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.folder({"HOME": "/h"}) == "/h/Library/Caches/modelreg"
    monkeypatch.setattr(sys, "platform", "win32")
    assert cache.folder({}) is None


def test_prebuilt(
    load: Load, data: Path, tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = load().digest
    compilations.clear()
    monkeypatch.setenv("MODELREG_CACHE_DIR", str(tmp_path / "other"))
    compile.build_compiled(data / sources.PREBUILT, str(data))
    compilations.clear()
    for path in data.rglob("*"):  # an installer gives files the time of installation
        os.utime(path)
    assert load().digest == digest
    assert compilations == []
    assert not (tmp_path / "other").exists()
    later = time.time() + 600
    os.utime(data / "registry.yaml", (later, later))
    assert load().digest == digest
    assert len(compilations) == 1


def test_pack_and_read() -> None:
    packed = cache.pack("s", [("a", {"x": [1, "中"]}), ("b", None)])
    compiled = Compiled(Buffer(packed))
    assert (compiled.signature, compiled.piece("a"), compiled.piece("b")) == ("s", {"x": [1, "中"]}, None)
    assert "a" in compiled
    assert "c" not in compiled
    with pytest.raises(CorruptError):
        Compiled(Buffer(packed[:-1]))


RACER = """
import os, random, sys
from modelreg.registry.load import load_registry
data, folder, seed = sys.argv[1:4]
generator = random.Random(seed)
for _ in range(12):
    registry = load_registry(data=data)
    assert [m["id"] for m in registry.models()] == registry.model_ids() and len(registry.license_ids()) == 3
    if generator.random() < 0.4:
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            try:
                path = os.path.join(folder, name)
                if generator.random() < 0.5:
                    os.unlink(path)
                else:
                    with open(path, "r+b") as stream:
                        stream.truncate(generator.randrange(2000))
            except OSError:
                pass
print(registry.digest)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be deleted there")
def test_eight_processes_race(data: Path, cache_folder: Path, load: Load) -> None:
    digest = load().digest
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    racers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", RACER, str(data), str(cache_folder), str(seed)],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(8)
    ]
    for racer in racers:
        out, err = racer.communicate(timeout=120)
        assert (racer.returncode, out.strip(), err) == (0, digest, "")
    assert not [path for path in cache_folder.iterdir() if path.suffix == ".tmp"]
    assert load().digest == digest
