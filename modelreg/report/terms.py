"""Terms in words short enough for a table cell, and whole for a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from modelreg.core.effective import TERMS as TERMS
from modelreg.core.license import License, Term
from modelreg.i18n import Words

METRICS = {"mau": "MAU", "dau": "DAU", "visits": "visits", "devices": "devices", "revenue": "revenue"}


def settled(records: Sequence[License], name: str) -> tuple[License, Any] | None:
    """The first record that states a term (statements before the text), and what it states."""
    for record in records:
        value = record.terms.get(name)
        if isinstance(value, Mapping | list):
            return record, value
    return None


def commercial_cell(records: Sequence[License], words: Words) -> str:
    """How commercial use stands."""
    found = settled(records, "commercial")
    if found is None:
        scope = settled(records, "use_scope")
        if scope is not None and scope[1]["value"] != "any":
            return words("commercial-prohibited")
        return words("not-seen" if any(r.state("commercial") == "not-seen" for r in records) else "silent")
    term = found[1]
    text = words("commercial-" + term["value"])
    return f"{text} ({term['approval']})" if term["approval"] != "none" else text


def cap_cell(records: Sequence[License], words: Words) -> str:
    """The limits, e.g. `MAU > 100,000,000`."""
    caps = []
    for record in records:
        for term in record.items("thresholds"):
            sign = ">" if term["crossed"] == "above" else "≥"
            caps.append(f"{METRICS[term['metric']]} {sign} {term['value']:,}")
    if caps:
        return "; ".join(dict.fromkeys(caps))
    return words("not-seen") if any(r.state("thresholds") == "not-seen" for r in records) else "-"


def court_cell(records: Sequence[License], words: Words) -> str:
    """Court or arbitral body, or that there is none."""
    found = settled(records, "forum")
    if found is None:
        return words("not-seen") if any(r.state("forum") == "not-seen" for r in records) else "-"
    forum = found[1]
    return str(forum.get("name_zh") or forum["name"]) if words.lang == "zh" else str(forum["name"])


def term_text(value: Any, words: Words) -> Iterator[tuple[str, str]]:
    """A term as (text, clause) pairs: one for a mapping, one for each entry of a list."""
    if isinstance(value, str):
        yield words(value) if value in ("silent", "not-seen") else value, ""
    elif isinstance(value, list):
        for item in value:
            yield _mapping(item, words), _clause(item)
    else:
        yield _mapping(value, words), _clause(value)


def _mapping(term: Term, words: Words) -> str:
    shown = {k: v for k, v in term.items() if k not in ("clause", "value", "note") and v not in ([], "")}
    parts = [f"{key}: {_value(v, words)}" for key, v in shown.items()]
    if "value" in term:
        value = _value(term["value"], words)
        parts.insert(0, value)
    text = "; ".join(parts)
    return f"{text} ({words.pick(term['note'])})" if "note" in term else text


def _value(value: Any, words: Words) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return words.pick(value) if "en" in value else _mapping(value, words)
    if isinstance(value, list):
        return ", ".join(_value(v, words) for v in value)
    return words(value) if value in ("silent", "not-seen") else str(value)


def _clause(term: Mapping[str, Any]) -> str:
    clause = term.get("clause") or ""
    return clause if isinstance(clause, str) else ", ".join(clause)


def parameters_text(value: Any, words: Words) -> str:
    """`6.24 B` of a count of parameters."""
    if not isinstance(value, Mapping):
        return words(value or "silent")
    count = value["value"]
    return f"{count / 1e9:.3g} B" if count >= 1e9 else f"{count / 1e6:.3g} M"


def source_text(source: Any) -> str:
    """Where a model fact stands."""
    if not isinstance(source, Mapping):
        return ""
    if "license" in source:
        clause = _clause(source)
        return f"{source['license']}, {clause}" if clause else str(source["license"])
    date = f" ({source['date']})" if "date" in source else ""
    return f"{source.get('url', '')}{date}"


def names_of(entry: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """(hub, names) of an entry, hubs without names left out."""
    for hub, names in (entry.get("names") or {}).items():
        if names:
            yield hub, ", ".join(names)
