"""The built-in registry for the tests of exports, and a part of it that has one of everything."""

from __future__ import annotations

from functools import cache

from modelreg import registry
from modelreg.core.holdings import Holdings

DATE = "2026-01-01"


@cache
def catalog() -> registry.Catalog:
    return registry.open()


@cache
def everything() -> Holdings:
    return catalog().holdings()


@cache
def sample() -> Holdings:
    """Models of many kinds: each 40th, one with a revision, one unseen, some with ancestors."""
    whole = everything()
    ids = list(whole.models)[::40]
    ids += [next(i for i in whole.models if "@" in i)]
    ids += [next(m.id for m in whole.models.values() if not m.periods)]
    ids += [m.id for m in whole.models.values() if list(whole.upstream(m, DATE))][:5]
    return catalog().holdings(ids)
