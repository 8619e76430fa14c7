"""`modelreg export`, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_support import run


@pytest.mark.parametrize("format", ["json", "cyclonedx", "spdx", "osadl-json"])
def test_formats_are_json(format: str) -> None:
    done = run("export", "chatglm-6b", "--format", format, "--as-of", "2026-01-01")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert "LicenseRef-ChatGLM-6B-2023-07-08" in done.stdout
    assert done.stderr == ""


def test_jsonl_and_checklist() -> None:
    lines = run("export", "chatglm-6b", "--format", "jsonl").stdout.splitlines()
    assert json.loads(lines[0])["asked"] == ["THUDM/chatglm-6b"]
    text = run("export", "vicuna-7b-v1.5", "--format", "osadl", "--as-of", "2026-01-01").stdout
    assert "# LicenseRef-Llama-2:" in text
    assert "# LicenseRef-Llama-2-Use-Policy:" in text
    zh = run("export", "--license", "licenseref-llama-2", "--format", "osadl", "--lang", "zh").stdout
    assert "须提供许可证副本" in zh


def test_everything_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "registry.json"
    assert run("export", "--output", str(target)).returncode == 0
    assert len(json.loads(target.read_text(encoding="utf-8"))["models"]) > 100


def test_wrong_usage() -> None:
    assert run("export", "no-such-model-at-all").returncode == 3
    assert run("export", "--format", "xml").returncode == 2
    assert run("export", "--license", "MIT").returncode == 2
    assert run("export", "chatglm-6b", "--license", "MIT", "--format", "osadl").returncode == 2
    assert run("export", "--license", "no-such", "--format", "osadl").returncode == 3
