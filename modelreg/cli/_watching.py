"""Which texts `watch` looks at, and what it found as data. Joins registry and texts for the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelreg.cli._book import Book
from modelreg.texts.findings import Finding, Report
from modelreg.texts.places import GITHUB, KnownText, Place, known_texts


def all_texts(book: Book) -> dict[str, list[KnownText]]:
    """Licence id -> its texts."""
    out: dict[str, list[KnownText]] = {}
    for id_ in book.registry.license_ids():
        record = book.license(id_)
        if record is not None:
            out[id_] = list(known_texts(record))
    return out


def in_force(book: Book) -> dict[str, list[str]]:
    """Licence id -> models that are under it now; policies and statements included. What nobody is under is absent."""
    out: dict[str, list[str]] = {}
    for row in book.registry.rows():
        periods = row["weight_license"] if isinstance(row["weight_license"], list) else ()
        for period in periods:
            if not (period.get("to") or None):
                for id_ in (period["license"], *(period.get("with") or ())):
                    out.setdefault(id_, []).append(str(row["id"]))
        if isinstance(row["code_license"], str) and book.registry.has_license(row["code_license"]):
            out.setdefault(row["code_license"], [])
    for id_ in list(out):
        record = book.license(id_)
        policy = record.value("use_policy", "license") if record else None
        if isinstance(policy, str) and book.registry.has_license(policy):
            out.setdefault(policy, []).extend(m for m in out[id_] if m not in out.get(policy, ()))
    return out


def past_ids(book: Book, current: Mapping[str, Sequence[str]]) -> set[str]:
    """Records of texts that have been replaced: superseded, or only in periods that ended."""
    superseded = {str(r["supersedes"]) for r in book.registry.license_rows().values() if r["supersedes"]}
    once: set[str] = set()
    for row in book.registry.rows():
        for period in row["weight_license"] if isinstance(row["weight_license"], list) else ():
            once |= {period["license"], *(period.get("with") or ())}
    return {i for i in book.registry.license_ids() if i not in current and (i in superseded or i in once)}


def at_slugs(texts: Sequence[KnownText], names: Mapping[str, str]) -> list[KnownText]:
    """The texts as files of one flat folder, `<slug>.txt` each, as the reference collection is laid out.

    Args:
        names: slug -> name of its file.
    """
    from dataclasses import replace

    out = []
    for text in texts:
        place = Place(GITHUB, "", names.get(text.slug, f"{text.slug}.txt"))
        out.append(replace(text, places=((place, ""),), part=False))
    return out


def report_data(report: Report, date: str) -> dict[str, Any]:
    """The contract of `watch --format json`."""
    return {
        "date": date,
        "same": [{"license": i, "place": str(p)} for i, p in report.same],
        "layout": [{"license": i, "place": str(p)} for i, p in report.layout],
        "findings": [_finding(f) for f in report.findings],
        "could_not_look": [
            {"place": str(f.place), "reason": f.reason, "licenses": list(f.licenses)} for f in report.failures
        ],
        "unwatched": [{"license": i, "reason": why} for i, why in report.unwatched],
        "past": report.past,
        "remarks": report.remarks,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "licenses": list(finding.licenses),
        "place": str(finding.place),
        "page": finding.page,
        "moved_to": str(finding.target) if finding.target else None,
        "identified": list(finding.identified),
        "clauses": [
            {
                "clause": c.passage.clause,
                "title": dict(c.passage.title),
                "summary": dict(c.passage.summary),
                "words": [w.to_data() for w in c.words],
            }
            for c in finding.clauses
        ],
        "outside": [w.to_data() for w in finding.outside],
        "note": finding.note,
    }
