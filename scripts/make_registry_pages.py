"""Write docs/registry/: the registry as pages, English and Chinese, a page for each licence and each family.

usage: python scripts/make_registry_pages.py [--check] [--out FOLDER]

--check writes nothing and exits 1 where a page is missing, not current, or no longer wanted. Everything comes from the
loaded registry, never from the layout of its files; the user's overlays stay out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from modelreg import registry
from modelreg.report.pages.build import pages

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "registry"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    wanted = dict(pages(registry.open(environ={}).holdings()))
    folder: Path = args.out
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*.md")}
    stale = [path for path, text in wanted.items() if path not in present or read(folder / path) != text]
    gone = sorted(present - set(wanted))
    if args.check:
        for path in [*stale, *gone][:20]:
            print(f"not current: {path}")
        total = len(stale) + len(gone)
        print(f"{total} pages are not current: make docs" if total else "the registry pages are current")
        return 1 if total else 0
    for path in stale:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(wanted[path], encoding="utf-8", newline="\n")
    for path in gone:
        (folder / path).unlink()
    size = sum(len(text.encode()) for text in wanted.values())
    print(f"{len(wanted)} pages, {size:,} bytes; {len(stale)} written, {len(gone)} removed")
    return 0


def read(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


if __name__ == "__main__":
    sys.exit(main())
