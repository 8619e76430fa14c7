"""Which known names are near to one that is not known: for suggestions, never for decisions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelreg.registry.spelling import MAX_LENGTH, key

MOST = 5
# How the makers of copies mark them: `chatglm-6b-GGUF` is near to `chatglm-6b`.
_COPY = re.compile(
    r"(?:[-._](?:i1|gguf|ggml|gptq|awq|exl2|mlx|onnx|[1-8]bit|int[48]|i?q[1-8][a-z0-9_]*))+$", re.IGNORECASE
)


def suggest(index: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Ids of the models whose names are nearest by edit distance.

    Args:
        index: from `index.build_index`; name: as typed, with or without an owner.
    Returns: at most 5 ids, nearest first; none where nothing is near.
    """
    if len(name) > MAX_LENGTH:
        return ()
    last = name.rpartition("/")[2]
    return _near(index, key(_COPY.sub("", last))[:64]) or _near(index, key(last)[:64])


def _near(index: Mapping[str, Any], wanted: str) -> tuple[str, ...]:
    if len(wanted) < 2:
        return ()
    limit = max(1, min(6, len(wanted) // 3))
    pairs = {wanted[i : i + 2] for i in range(len(wanted) - 1)}
    scored: dict[int, tuple[float, int]] = {}
    for table in ("other", "bare", "ollama", "github_bare", "ambiguous"):
        for known, hits in index[table].items():
            known = known.rpartition("/")[2]
            starts = len(wanted) > 2 and known.startswith(wanted)
            if not starts and abs(len(known) - len(wanted)) > limit:
                continue
            if not starts and len(pairs) > 3 and sum(pair in known for pair in pairs) * 2 < len(pairs):
                continue
            score = 1.0 if starts and known != wanted else float(distance(wanted, known, limit))
            if score > limit:
                continue
            for number in (hits,) if isinstance(hits, int) else hits:
                best = (score, abs(len(known) - len(wanted)))
                if number not in scored or best < scored[number]:
                    scored[number] = best
    ranked = sorted(scored, key=lambda number: (*scored[number], number))
    return tuple(index["ids"][number] for number in ranked[:MOST])


def distance(a: str, b: str, limit: int) -> int:
    """Edits (insert, delete, replace, swap of neighbours) from a to b; any number above `limit` once it
    is passed.

    Source: optimal string alignment, Boytsov, "Indexing methods for approximate dictionary searching"
    (2011), 2.1.
    """
    if a == b:
        return 0
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        before, last = last, row
    return last[-1]
