"""The models of a report as a bill of materials sees them: what each is, declared and concluded licences, bases.

Declared is what the licensor of the weights states; concluded is what bears on the use after the lineage was looked
at. An unknown model declares nothing and concludes nothing: NOASSERTION, never somebody else's licence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from modelreg.core.canonical import sha256_of
from modelreg.core.finding import AuditReport, Finding
from modelreg.core.holdings import NOASSERTION, Holdings
from modelreg.core.model import Model
from modelreg.core.verdict import UNDETERMINED
from modelreg.report.audit.parts import Context, ModelView, models_of

OCCURRENCES = 1000  # places of one model that a document names
_BESIDE = ("statement", "use-policy", "commercial-agreement")


class Base(NamedTuple):
    """A model whose terms bear on another: its id, the registry's entry if there is one, its licence."""

    id: str
    model: Model | None
    license: str


class Entry(NamedTuple):
    """One model of the bill.

    Attributes:
        ref: unique in the document. model: the registry's entry, or None. declared: licence id or NOASSERTION.
        concluded: the licences that hold together; empty where that could not be settled.
        texts: ids of statements and policies that are read together with the licence.
        revision: the one that every place names, or "". places: findings, each place once, at most OCCURRENCES.
        left_out: how many places more there are.
    """

    ref: str
    view: ModelView
    model: Model | None
    declared: str
    concluded: tuple[str, ...]
    bases: tuple[Base, ...]
    texts: tuple[str, ...]
    revision: str
    places: tuple[Finding, ...]
    left_out: int


def entries(report: AuditReport, context: Context) -> list[Entry]:
    """The models at the levels of `context.levels`, by name."""
    found, used = [], set()
    for view in sorted(models_of(report), key=lambda v: v.model or v.name):
        if view.level not in context.levels:
            continue
        ref = base = view.model or view.name
        number = 1
        while ref in used:
            number += 1
            ref = f"{base}#{number}"
        used.add(ref)
        found.append(_entry(ref, view, report.as_of, context.holdings))
    return found


def serial(report: AuditReport, format: str) -> str:
    """A digest of what a document says: names the document, so that equal ones have equal names."""
    places = [[f.fingerprint, f.model, f.reference.file, f.reference.line] for f in report.findings]
    models = sorted((_plain(m) for m in report.models), key=lambda m: (str(m.get("model")), str(m.get("name"))))
    return sha256_of([format, report.root, report.as_of, dict(report.facts), sorted(places), models])


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _entry(ref: str, view: ModelView, date: str, part: Holdings | None) -> Entry:
    model = part.models.get(view.model) if part is not None and view.model else None
    licenses = [x for x in view.decision.get("licenses") or () if isinstance(x, Mapping)]
    own = [x for x in licenses if not x.get("via")]
    declared = _main(own) if view.model else NOASSERTION
    bases = _bases(view, model, licenses, date, part)
    settled = bool(view.decision) and declared != NOASSERTION
    if not view.model and bases and view.verdict != UNDETERMINED:
        # A copy that the engine carried to its base: its own terms were not seen, those of the base hold for sure.
        settled = True
    names = [x for x in (declared, *(b.license for b in bases)) if x != NOASSERTION or view.model]
    concluded = tuple(dict.fromkeys(names)) if settled and NOASSERTION not in names else ()
    texts = tuple(dict.fromkeys(str(x["license"]) for x in licenses if x.get("kind") in _BESIDE))
    revisions = {f.reference.revision for f in view.findings}
    places = list({(f.reference.file, f.reference.line, f.reference.column): f for f in view.findings}.values())
    return Entry(
        ref,
        view,
        model,
        declared,
        concluded,
        bases,
        tuple(t for t in texts if t != declared),
        revisions.pop() if len(revisions) == 1 else "",
        tuple(places[:OCCURRENCES]),
        max(0, len(places) - OCCURRENCES),
    )


def _main(licenses: list[Mapping[str, Any]]) -> str:
    """The licence among the texts; a statement where there is nothing else."""
    real = [x for x in licenses if x.get("kind") not in _BESIDE]
    rest = [x for x in licenses if x.get("kind") == "statement"]
    return str((real or rest)[0]["license"]) if real or rest else NOASSERTION


def _bases(
    view: ModelView, model: Model | None, licenses: list[Mapping[str, Any]], date: str, part: Holdings | None
) -> tuple[Base, ...]:
    by_via: dict[str, list[Mapping[str, Any]]] = {}
    for one in licenses:
        if one.get("via"):
            by_via.setdefault(str(one["via"]), []).append(one)
    found = {id_: Base(id_, part.models.get(id_) if part else None, _main(texts)) for id_, texts in by_via.items()}
    if model is not None and part is not None:
        for parent, period in part.upstream(model, date):
            found.setdefault(parent.id, Base(parent.id, parent, period.license if period else NOASSERTION))
    for id_ in (view.decision.get("lineage") or {}).get("bases") or ():
        found.setdefault(id_, Base(id_, part.models.get(id_) if part else None, NOASSERTION))
    return tuple(found[id_] for id_ in sorted(found))


def purl_of(entry: Entry) -> str:
    """The package URL, with the commit where every place names one; "" for what is in no hub of the standard."""
    purl = entry.view.purl
    if not re.fullmatch(r"pkg:[a-z]+/[\w./%+~@-]+", purl, re.ASCII):
        return ""
    if "@" not in purl and is_commit(entry.revision):
        purl += f"@{entry.revision.lower()}"
    return purl


def is_commit(revision: str) -> bool:
    """Whether a revision is a whole commit hash: the only version that the purl type `huggingface` knows."""
    return re.fullmatch(r"[0-9a-fA-F]{40}", revision) is not None


def project_name(report: AuditReport) -> str:
    """What to call the tree that was audited."""
    name = report.root.rstrip("/").rpartition("/")[2]
    return name if name not in ("", ".", "..") else "project"
