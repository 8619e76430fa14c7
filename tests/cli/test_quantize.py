"""`modelreg quantize`, and the copies that `run --quant` keeps: whole or not there, refused when changed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cli_support import ROOT, run
from gate_support import TINY, Gate

pytest.importorskip("torch")
kernels = pytest.importorskip("modelreg.inference.kernels")
if not kernels.available():
    pytest.skip(f"no compiled kernels: {kernels.why_not()}", allow_module_level=True)

DEMO = "chatglm-demo"
QUESTION = "What is modelreg?"


def one(command: str, *args: str | os.PathLike[str]) -> tuple[int, str]:
    """A command in this process: its status and nothing else (capsys has the rest)."""
    from modelreg.cli.app import run as app

    return app([command, *map(os.fspath, args)]), ""


@pytest.fixture
def demo(gate: Gate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gate:
    gate.accept(DEMO)
    monkeypatch.setenv("MODELREG_CACHE_DIR", str(tmp_path / "cache"))
    return gate


def test_nothing_is_packed_before_the_terms_are_acknowledged(gate: Gate, tmp_path: Path) -> None:
    done = run("quantize", DEMO, "--out", str(tmp_path / "p"))
    assert done.returncode == 4
    assert "modelreg accept chatglm-demo --research" in done.stderr
    assert not (tmp_path / "p").exists()


def test_the_copy_answers_and_carries_what_must_travel(
    demo: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "p"
    assert one("quantize", DEMO, "--quant", "int4", "--mixed", "--out", out, "--format", "json")[0] == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["scheme"], said["head"], said["licence_texts"]) == ("int4-g32", "int8-g32", ["LICENSE"])
    assert said["passing_on"]["verdict"] == "permitted-with-conditions"
    assert "mark-changes" in said["passing_on"]["conditions"]
    source = ROOT / "modelreg" / "_demo" / "chatglm-demo"
    for name in ("LICENSE", "config.json", "tokenizer.model", "tokenizer_config.json"):
        assert (out / name).read_bytes() == (source / name).read_bytes()
    notice = (out / "NOTICE").read_text()
    assert "modelreg/chatglm-demo" in notice
    assert "int4-g32" in notice
    manifest = json.loads((out / "packed.json").read_text())
    assert manifest["model"] == "modelreg/chatglm-demo"
    assert set(manifest["source"]["files"]) == {p.name for p in source.iterdir() if p.is_file()}
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".packing")]
    assert one("run", out, "--prompt", QUESTION, "--greedy")[0] == 0
    assert "modelreg" in capsys.readouterr().out


def test_the_card_and_notice_of_the_source_go_along_with_what_was_changed(
    demo: Gate, tiny: Path, tmp_path: Path
) -> None:
    source = shutil.copytree(tiny, tmp_path / "source")
    (source / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Tiny\n")
    (source / "NOTICE").write_text("Made by tests.\n")
    (source / "modeling_x.py").write_text("raise SystemExit\n")
    demo.accept(source, "--as", TINY)
    out = tmp_path / "p"
    assert one("quantize", source, "--as", TINY, "--out", out)[0] == 0
    assert (out / "README.md").read_text().startswith("---\nlicense: apache-2.0\n---\n# Tiny\n\n## Changes\n")
    assert (out / "NOTICE").read_text().startswith("Made by tests.\n\nThe weights in packed.safetensors")
    assert not (out / "modeling_x.py").exists()
    assert one("run", out, "--prompt", "1", "--max-new-tokens", "3", "--generation", "chatglm3")[0] == 0


def test_a_changed_copy_is_refused(demo: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "p"
    assert one("quantize", DEMO, "--out", out)[0] == 0
    file = out / "packed.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    capsys.readouterr()
    assert one("run", out, "--prompt", "hi")[0] == 4
    assert "packed-changed" in capsys.readouterr().err


WRONG: list[tuple[list[str], int, str]] = [
    ([DEMO, "--quant", "int3", "--out", "p"], 2, "one of: int4, int8"),
    ([DEMO, "--mixed", "--head", "int4", "--out", "p"], 2, "--mixed means --head int8"),
    ([DEMO, "--scheme", "q4_0", "--out", "p"], 3, "no scheme 'q4_0'"),
    ([DEMO, "--quant", "int8", "--scheme", "int4-g32", "--out", "p"], 3, "no scheme of int8"),
    ([DEMO, "--head", "int5", "--out", "p"], 3, "no scheme 'int5'"),
    ([DEMO, "--out", "taken"], 3, "there is something here already"),
    (["no-such-model", "--out", "p"], 1, "unidentified-model"),
    ([DEMO], 2, "--out"),
]


@pytest.mark.parametrize(("args", "code", "words"), WRONG, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_what_is_wrong_is_told_and_leaves_nothing(
    demo: Gate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    code: int,
    words: str,
) -> None:
    work = tmp_path / "work"
    (work / "taken").mkdir(parents=True)
    (work / "taken" / "x").write_text("x")
    monkeypatch.chdir(work)
    assert one("quantize", *args)[0] == code
    assert words in capsys.readouterr().err
    assert [p.name for p in work.iterdir()] == ["taken"]


def test_a_copy_is_not_packed_again(demo: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert one("quantize", DEMO, "--out", tmp_path / "p")[0] == 0
    assert one("quantize", tmp_path / "p", "--out", tmp_path / "q")[0] == 3
    assert "packed copy already" in capsys.readouterr().err
    assert one("run", tmp_path / "p", "--quant", "int8", "--prompt", "hi")[0] == 3


def test_the_source_changes_while_it_is_packed(
    demo: Gate, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from modelreg.inference.packed import make

    source = shutil.copytree(tiny, tmp_path / "source")
    demo.accept(source, "--as", TINY)
    whole = make.run

    def touched(*args: Any) -> None:
        whole(*args)
        os.utime(source / "model.safetensors")

    monkeypatch.setattr(make, "run", touched)
    assert one("quantize", source, "--as", TINY, "--out", tmp_path / "p")[0] == 4
    assert "files-changed" in capsys.readouterr().err
    assert not [p for p in tmp_path.iterdir() if "p" in p.suffixes or p.name == "p" or "packing" in p.name]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_leaves_nothing(demo: Gate, tiny: Path, tmp_path: Path) -> None:
    demo.accept(tiny, "--as", TINY)
    (tmp_path / "work").mkdir()
    slow = tmp_path / "slow"
    slow.mkdir()
    # In the child every tensor takes its time, so that the signal comes in the middle.
    (slow / "sitecustomize.py").write_text(
        "import threading\n"
        "def patch():\n"
        "    import time\n"
        "    from modelreg.inference import kernels\n"
        "    whole = kernels.pack\n"
        "    kernels.pack = lambda *a: (open('begun', 'w').close(), time.sleep(1), whole(*a))[-1]\n"
        "import os\n"
        "if os.environ.get('SLOW'): patch()\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(slow), str(ROOT)]), "SLOW": "1"}
    command = [sys.executable, "-m", "modelreg", "quantize", str(tiny), "--as", TINY, "--out", "p"]
    child = subprocess.Popen(command, cwd=tmp_path / "work", env=env, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not (tmp_path / "work" / "begun").exists() and time.monotonic() < end and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130, said
    assert [p.name for p in (tmp_path / "work").iterdir()] == ["begun"]


def test_what_a_killed_process_left_goes_with_the_next(demo: Gate, tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".p.{dead.pid}.packing"
    left.mkdir()
    (left / "packed.safetensors").write_bytes(b"half")
    assert one("quantize", DEMO, "--out", tmp_path / "p")[0] == 0
    assert not left.exists()


def test_run_keeps_a_copy_and_finds_it_again(demo: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = (DEMO, "--quant", "int4", "--scheme", "int4-g32-asym", "--prompt", QUESTION, "--greedy")
    assert one("run", *args)[0] == 0
    first = capsys.readouterr()
    assert "Packing the weights once" in first.err
    (copy,) = (tmp_path / "cache" / "packed").iterdir()
    assert one("run", *args)[0] == 0
    second = capsys.readouterr()
    assert "Packing" not in second.err
    assert str(copy) in second.err
    assert second.out == first.out
    with (copy / "packed.safetensors").open("ab") as file:
        file.write(b"x")
    assert one("run", *args)[0] == 0
    third = capsys.readouterr()
    assert "made again" in third.err
    assert third.out == first.out
    assert one("run", *args, "--no-cache")[0] == 0
    fourth = capsys.readouterr()
    assert fourth.out == first.out
    assert str(copy) not in fourth.err


def test_a_cached_copy_does_not_outlive_its_acknowledgement(demo: Gate, tmp_path: Path) -> None:
    args = (DEMO, "--quant", "int8", "--scheme", "int8-row", "--prompt", "hi")
    assert one("run", *args)[0] == 0
    (copy,) = (tmp_path / "cache" / "packed").iterdir()
    assert one("revoke", DEMO, "--by", "T", "--reason", "r")[0] == 0
    assert one("run", *args)[0] == 4
    assert one("run", copy, "--prompt", "hi")[0] == 4
