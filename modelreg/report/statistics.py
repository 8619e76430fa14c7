"""How much the registry holds: counted, never typed."""

from __future__ import annotations

from modelreg.core.holdings import Holdings
from modelreg.i18n import Vocabulary


def statistics(part: Holdings) -> dict[str, int]:
    """Numbers of the whole registry.

    Args:
        part: `Catalog.holdings()`.
    Returns: models (variants included), families, publishers, names (on hubs and as people write them), unseen (models
        whose terms could not be had), licences by kind, texts (official files or sections), clauses, histories (models
        whose terms changed).
    """
    models, records = part.models.values(), part.licenses.values()
    kinds = [r.kind for r in records]
    return {
        "models": len(models),
        "families": len({m.family for m in models}),
        "publishers": len({m.publisher for m in models}),
        "names": sum(len(set(names)) for m in models for names in (m.entry.get("names") or {}).values()),
        "unseen": sum(not m.periods for m in models),
        "histories": sum(len({p.license for p in m.periods}) > 1 for m in models),
        "licenses": len(kinds),
        "agreements": sum(k in ("model-license", "commercial-agreement", "software-license") for k in kinds),
        "statements": kinds.count("statement"),
        "policies": kinds.count("use-policy"),
        "texts": sum(len(r.record.get("texts") or ()) for r in records),
        "clauses": sum(len(r.record.get("clauses") or ()) for r in records),
    }


def sentence(part: Holdings, words: Vocabulary) -> str:
    """The numbers in words, as the READMEs and the index of the pages give them."""
    return words("page.counts", **{name: f"{number:,}" for name, number in statistics(part).items()})
