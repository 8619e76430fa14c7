"""Commands that must feel instant start without torch, transformers or the like: here these raise when imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "transformers", "accelerate", "huggingface_hub", "safetensors", "numpy", "sentencepiece", "tiktoken")
COMMANDS = [
    ["--help"],
    ["--version"],
    ["list"],
    ["list", "--help"],
    ["show", "chatglm-6b"],
    ["check", "chatglm-6b", "--commercial"],
    ["check", "--help"],
    ["compare", "chatglm-6b", "chatglm2-6b"],
    ["license", "list"],
    ["license", "--help"],
    ["explain", "rules"],
    ["validate", "--help"],
    ["terms", "chatglm-6b", "--at", "2023-07-10"],
    ["history", "chatglm-6b"],
    ["diff", "chatglm-6b", "chatglm2-6b"],
    ["check", "TheBloke/chatglm2-6B-AWQ", "--commercial"],
    ["watch", "--help"],
    ["add", "--help"],
    ["export", "chatglm-6b"],
    ["export", "chatglm-6b", "--format", "cyclonedx"],
    ["export", "--help"],
    ["run", "--help"],
    ["accept", "--help"],
    ["revoke", "--help"],
    ["ledger", "list"],
    ["ledger", "--help"],
    ["lock", "--help"],
    ["exec", "--help"],
    ["audit", "--help"],
    ["audit", "examples/chat-service", "--format", "json"],
    ["audit", "examples/chat-service", "--format", "sarif", "--no-cache"],
    ["bom", "examples/chat-service"],
    ["notice", "examples/chat-service"],
    ["policy", "--help"],
    ["policy", "check", "examples/chat-service/modelreg.yaml"],
    ["policy", "explain", "--policy", "examples/chat-service/modelreg.yaml"],
    ["bom", "--help"],
    ["notice", "--help"],
]


@pytest.fixture(scope="module")
def traps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traps")
    for name in HEAVY:
        (folder / f"{name}.py").write_text(f"raise SystemExit('imported {name}')\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_starts_without_heavy_packages(command: list[str], traps: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(traps), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "modelreg", *command],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "imported" not in done.stderr


@pytest.mark.parametrize("command", [["list"], ["check", "chatglm-6b", "--commercial"]], ids=" ".join)
def test_a_warm_start_needs_neither_yaml_nor_jsonschema_nor_rich(command: list[str], tmp_path: Path) -> None:
    for name in ("yaml", "jsonschema", "rich"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('imported {name}')\n", encoding="utf-8")
    warm = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "modelreg", *command], env=warm, capture_output=True, check=False)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "modelreg", *command], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in (0, 1), done.stderr
    assert "imported" not in done.stderr
