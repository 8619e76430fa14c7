"""Write docs/rules/: one page per decision rule, from its docstring, its summaries and the reasons it gives.

usage: python scripts/make_rule_pages.py [--check]      --check writes nothing and exits 1 where a page is not current
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from modelreg.decision.rules import ALL_RULES
from modelreg.i18n import en, zh

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "rules"


def page(rule_id: str) -> str:
    module = ALL_RULES[rule_id]
    source = inspect.getsource(module)
    codes = [c for c in en.REASONS if f'"{c}"' in source]
    labels = sorted({x for x in re.findall(r'"([a-z][a-z-]+)"', source) if x in en.CONDITIONS})
    lines = [
        f"# {rule_id}",
        "",
        module.SUMMARY["en"],
        "",
        module.SUMMARY["zh"],
        "",
        inspect.cleandoc(module.__doc__),
        "",
    ]
    if codes:
        lines += ["## Reasons", "", "| code | English | 中文 |", "| --- | --- | --- |"]
        lines += [f"| `{c}` | {en.REASONS[c]} | {zh.REASONS[c]} |" for c in codes] + [""]
    if labels:
        lines += ["## Conditions", "", "| label | English | 中文 |", "| --- | --- | --- |"]
        lines += [f"| `{x}` | {en.CONDITIONS[x]} | {zh.CONDITIONS[x]} |" for x in labels] + [""]
    return "\n".join(lines)


def main() -> int:
    pages = {FOLDER / f"{rule_id}.md": page(rule_id) for rule_id in ALL_RULES}
    index = ["# Rules", "", "Every rule looks at every text; the strictest finding is the verdict.", ""]
    index += [f"- [{i}]({i}.md): {m.SUMMARY['en']}" for i, m in ALL_RULES.items()]
    pages[FOLDER / "README.md"] = "\n".join(index) + "\n"
    stale = [p for p, text in pages.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    stale += [p for p in FOLDER.glob("*.md") if p not in pages]
    if "--check" in sys.argv:
        print("\n".join(f"not current: {p.name}" for p in stale) or "the rule pages are current")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.md"):
        if path not in pages:
            path.unlink()
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    print(f"{len(pages)} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
