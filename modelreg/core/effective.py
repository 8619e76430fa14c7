"""The terms that several texts give together: the licence, the licensor's statements beside it, its policies. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelreg.core.license import NOT_SEEN, License

# Every term of a licence record, in the order of answers (docs/registry-format.md).
TERMS = (
    "covers", "use_scope", "research_use", "commercial", "registration", "thresholds", "excluded_entities", "grant",
    "territory", "duties", "use_restrictions", "use_policy", "training_other_models", "outputs", "hosting", "trademark",
    "litigation_termination", "termination", "updates", "personal_information", "indemnity", "contact",
    "governing_law", "forum", "upstream",
)  # fmt: skip


def effective(records: Sequence[License], policies: Sequence[License] = ()) -> dict[str, Any]:
    """Term -> what holds: the first record that states it (statements stand before the text), lists of all together.

    Each term carries the id of its record under `stated_in`.

    Args:
        records: statements first, then the licence; policies: those that it incorporates; only their lists count.
    """
    out: dict[str, Any] = {}
    for name in TERMS:
        stated = [(r, r.terms[name]) for r in records if isinstance(r.terms.get(name), Mapping)]
        items = [_placed(r, item) for r in (*records, *policies) for item in r.items(name)]
        if stated:
            out[name] = _placed(*stated[0])
        elif items:
            out[name] = items
        else:
            unseen = not records or any(r.state(name) == NOT_SEEN for r in records)
            out[name] = NOT_SEEN if unseen else "silent"
    return out


def _placed(record: License, term: Mapping[str, Any]) -> dict[str, Any]:
    return {**term, "stated_in": record.id}
