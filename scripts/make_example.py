"""Write the reports of examples/chat-service/ as the commands give them.

usage: python scripts/make_example.py [--check]    --check writes nothing and exits 1 where a report is not current
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "chat-service"
AS_OF = "2026-11-22"
AUDIT = {
    "table": "audit.txt",
    "json": "audit.json",
    "sarif": "audit.sarif",
    "junit": "audit.junit.xml",
    "markdown": "audit.md",
    "html": "audit.html",
    "csv": "audit.csv",
}


def modelreg(*args: str, expected: int) -> str:
    """Run a command in the example and give what it prints."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MODELREG_") or k == "MODELREG_CACHE_DIR"}
    env = {**kept, "PYTHONPATH": str(ROOT), "MODELREG_LANG": "en"}
    command = [sys.executable, "-m", "modelreg", *args, "--as-of", AS_OF]
    done = subprocess.run(command, cwd=EXAMPLE, env=env, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode != expected:
        raise SystemExit(f"modelreg {' '.join(args)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def reports() -> dict[str, str]:
    """File name -> what belongs into it."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / file for name, file in AUDIT.items()}
        asked = [x for name, path in files.items() for x in ("--output", f"{name}={path}")]
        modelreg("audit", "--no-cache", *asked, expected=1)
        found = {AUDIT[name]: path.read_text(encoding="utf-8") for name, path in files.items()}
    found["models.cdx.json"] = modelreg("bom", expected=0)
    found["NOTICE"] = modelreg("notice", expected=0)
    return found


def main() -> int:
    folder = EXAMPLE / "reports"
    made = reports()
    stale = [n for n, text in made.items() if not (folder / n).is_file() or (folder / n).read_bytes() != text.encode()]
    stale += sorted(p.name for p in folder.glob("*") if p.name not in made)
    if "--check" in sys.argv:
        print("\n".join(f"not current: {name}" for name in stale) or "the reports of the example are current")
        return 1 if stale else 0
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_bytes(text.encode())
    print(f"{len(made)} reports")
    return 0


if __name__ == "__main__":
    sys.exit(main())
