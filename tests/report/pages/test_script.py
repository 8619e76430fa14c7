"""scripts/make_registry_pages.py: writes, checks, and takes away what is no longer wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "make_registry_pages.py"), *args],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


def test_write_and_check(tmp_path: Path) -> None:
    out = ("--out", str(tmp_path))
    assert run("--check", *out).returncode == 1
    assert run(*out).returncode == 0
    assert run("--check", *out).stdout == "the registry pages are current\n"
    page = tmp_path / "en" / "licenses" / "MIT.md"
    page.write_text(page.read_text(encoding="utf-8") + "edited\n", encoding="utf-8")
    (tmp_path / "en" / "licenses" / "Gone.md").write_text("x", encoding="utf-8")
    checked = run("--check", *out)
    assert checked.returncode == 1
    assert "en/licenses/MIT.md" in checked.stdout
    assert "en/licenses/Gone.md" in checked.stdout
    assert "1 written, 1 removed" in run(*out).stdout
    assert run("--check", *out).returncode == 0
