"""Measure identification: names of all reference texts in several forms, sizes, times, names of other files.

usage: fingerprint_check.py FOLDER_OF_TEXTS [OTHER_FILE_OR_FOLDER ...]
"""

import re
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from modelreg.errors import ModelregError
from modelreg.texts.fingerprint import decode, fingerprint
from modelreg.texts.identify import best, identify, neighbours

FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda t: t,
    "wrapped at 60": lambda t: textwrap.fill(t, 60),
    "crlf": lambda t: t.replace("\n", "\r\n"),
    "without title": lambda t: re.sub(r"\A\s*[^\n]*(\n|\Z)", "", t),
    "without title, wrapped": lambda t: textwrap.fill(re.sub(r"\A\s*[^\n]*(\n|\Z)", "", t), 60),
    "traditional quotes": lambda t: t.translate(str.maketrans("“”\"‘’'", "「」「『』『")),
}

texts = {p.stem: p.read_bytes() for p in sorted(Path(sys.argv[1]).glob("*.txt"))}
start = time.perf_counter()
known = {k: fingerprint(v) for k, v in texts.items()}
print(f"{len(known)} texts fingerprinted in {time.perf_counter() - start:.2f} s")
print(f"{sum(len(f.packed) for f in known.values())} characters of base64")
everything = {**known, **neighbours()}
start = time.perf_counter()
print(f"{sum(len(f.shingles) for f in everything.values())} shingles unpacked", end=" ")
print(f"in {time.perf_counter() - start:.3f} s")

for form, change in FORMS.items():
    wrong, slowest = [], 0.0
    for slug, data in texts.items():
        start = time.perf_counter()
        decision = best(identify(change(decode(data)).encode(), everything))
        slowest = max(slowest, time.perf_counter() - start)
        if decision.text_ids != (slug,):
            wrong.append(f"{slug} -> {decision.text_ids or 'none'}")
    print(
        f"{form}: {len(texts) - len(wrong)} of {len(texts)} right, slowest {slowest:.3f} s",
        *wrong,
        sep="\n  ",
    )

for place in map(Path, sys.argv[2:]):
    for path in sorted(p for p in ([place] if place.is_file() else place.rglob("*")) if p.is_file()):
        try:
            decision = best(identify(path.read_bytes(), everything))
        except ModelregError as error:
            print(f"{path}: {error.code}")
            continue
        m = decision.match
        how = f"{m.kind} {m.score:.3f} lines {m.first_line}-{m.last_line}, {m.extra:.0%} around" if m else ""
        print(f"{path}: {' or '.join(decision.text_ids) or '-'} ({decision.outcome}; {how})")
