"""examples/chat-service: its reports are those that the commands give, and show what its README says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "chat-service"


def test_the_reports_are_current() -> None:
    script = str(ROOT / "scripts" / "make_example.py")
    done = subprocess.run(
        [sys.executable, script, "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nwrite them anew: python scripts/make_example.py"


def test_it_shows_what_its_readme_says() -> None:
    report = json.loads((EXAMPLE / "reports" / "audit.json").read_text(encoding="utf-8"))
    failing = {(f["file"], f["rule_id"], f["model"]) for f in report["findings"] if f["fails"]}
    assert failing == {
        ("deploy/compose.yaml", "prohibited-use", "meta-llama/Llama-3.2-11B-Vision-Instruct"),
        ("deploy/compose.yaml", "denied-by-policy", "meta-llama/Llama-3.2-11B-Vision-Instruct"),
        ("deploy/compose.yaml", "requires-agreement", "Qwen/Qwen2.5-3B-Instruct"),
        ("deploy/compose.yaml", "denied-by-policy", "Qwen/Qwen2.5-3B-Instruct"),
        ("research/compare.py", "denied-by-policy", "Qwen/Qwen2.5-3B-Instruct"),
    }
    told = {f["rule_id"]: f for f in report["findings"]}
    assert told["headroom"]["message"].startswith("baichuan-inc/Baichuan2-13B-Chat: DAU 620,000 of 1,000,000 (62 %)")
    assert [f["suppression"]["status"] for f in report["findings"] if f["suppression"]] == ["accepted"]
    held = next(m for m in report["models"] if m["model"] == "THUDM/chatglm3-6b")
    assert held["verdict"] == "permitted-with-conditions"
    assert held["evidence"]["THUDM/chatglm3-6b"]["registered"]
    assert [u["file"] for u in report["unresolved"]] == ["app/search.py"]
