"""Write the numbers of the registry into the READMEs, between their `statistics` marks.

usage: python scripts/make_statistics.py [--check]      --check writes nothing and exits 1 where a number is not current
"""

from __future__ import annotations

import sys
from pathlib import Path

from modelreg import registry
from modelreg.i18n import Vocabulary
from modelreg.report.statistics import sentence

ROOT = Path(__file__).resolve().parent.parent
FILES = {"README.md": "en", "README.zh-CN.md": "zh"}
BEGIN, END = "<!-- statistics: scripts/make_statistics.py -->\n", "<!-- /statistics -->"


def fill(text: str, numbers: str, name: str = "") -> str:
    """The text with the numbers between its marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{name} lacks the marks {BEGIN.strip()} and {END}")
    return f"{head}{begin}{numbers}\n{end}{tail}"


def main() -> int:
    part = registry.open(environ={}).holdings()
    stale = []
    for name, lang in FILES.items():
        path = ROOT / name
        old = path.read_text(encoding="utf-8")
        new = fill(old, sentence(part, Vocabulary(lang)), name)
        if new != old:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(new, encoding="utf-8")
    if "--check" in sys.argv:
        print("\n".join(f"the numbers are not current: {n}: make docs" for n in stale) or "the numbers are current")
        return 1 if stale else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
