"""`modelreg export MODEL FOLDER --format glm|gguf`: the gate, the terms of passing on, what travels along."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def modelreg(*words: str, ledger: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modelreg", *words],
        env={**os.environ, "MODELREG_LEDGER": str(ledger)},
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.jsonl"
    assert modelreg("accept", "chatglm-demo", "--research", "--yes", "--by", "t", ledger=path).returncode == 0
    return path


def test_the_gate_comes_first(tmp_path: Path) -> None:
    done = modelreg(
        "export", "chatglm-demo", str(tmp_path / "x"), "--format", "glm", "--research", ledger=tmp_path / "l"
    )
    assert done.returncode == 4
    assert not (tmp_path / "x").exists()


def test_the_licence_travels_along(tmp_path: Path, ledger: Path) -> None:
    out = tmp_path / "glm"
    done = modelreg("export", "chatglm-demo", str(out), "--format", "glm", "--research", ledger=ledger)
    assert done.returncode == 0, done.stderr
    assert "licence-copy" in done.stdout  # what passing it on demands
    assert {"LICENSE", "NOTICE", "config.json", "tokenizer.json"} <= {p.name for p in out.iterdir()}
    assert "The terms of modelreg/chatglm-demo hold" in (out / "NOTICE").read_text()
    again = modelreg("export", "chatglm-demo", str(out), "--format", "glm", "--research", ledger=ledger)
    assert again.returncode == 3


def test_gguf(tmp_path: Path, ledger: Path) -> None:
    pytest.importorskip("gguf")
    out = tmp_path / "gguf"
    done = modelreg(
        "export", "chatglm-demo", str(out), "--format", "gguf", "--gguf-type", "q8_0", "--research", "--private",
        ledger=ledger,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (out / "chatglm-demo-q8_0.gguf").read_bytes()[:4] == b"GGUF"


@pytest.mark.parametrize(
    "words", [["x", "--format", "glm"], ["chatglm-demo", "x", "--format", "gguf", "--gguf-type", "q9"]]
)
def test_wrong_usage(words: list[str], ledger: Path) -> None:
    assert modelreg("export", *words, ledger=ledger).returncode == 2
