"""SPDX 3.0.1 (JSON-LD): the tree and the models that it depends on, each with one declared and one concluded licence.

Built of the same pieces as the export of the registry (`report.export.spdx`). The AI profile is claimed only where
every package has what it asks for (supplier, download location, version, purpose, release time).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from modelreg.core.finding import AuditReport, Finding
from modelreg.core.holdings import NOASSERTION
from modelreg.core.model import Model
from modelreg.i18n.audit import AuditWords
from modelreg.report.audit.bom import Entry, entries, is_commit, project_name, purl_of, serial
from modelreg.report.audit.parts import NOTHING, Context, cut, visible
from modelreg.report.export.spdx import (
    NO_ASSERTION,
    element,
    expression_id,
    license_expression,
    package,
    relation,
    whole,
)

_AI_PROFILE = ("suppliedBy", "software_downloadLocation", "software_packageVersion", "releaseTime")
_PLACES = 50  # lines of one annotation


def render(report: AuditReport, language: str = "en", context: Context = NOTHING) -> str:
    """The document, with sorted keys and a final newline."""
    return json.dumps(document(report, language, context), ensure_ascii=False, sort_keys=True, indent=2) + "\n"


def document(report: AuditReport, language: str = "en", context: Context = NOTHING) -> dict[str, Any]:
    """The document as data; the same report gives the same bytes."""
    space = f"https://modelreg.dev/spdx/audit/{serial(report, 'spdx')[:32]}"
    graph = _Graph(report, AuditWords(language), context, space)
    elements = list(graph.elements())
    packages = [e for e in elements if e["type"] == "ai_AIPackage"]
    profiles = ["core", "software", "simpleLicensing"]
    if packages and all(key in one for one in packages for key in _AI_PROFILE):
        profiles.append("ai")
    return whole(
        space, report.as_of, f"modelreg audit of {project_name(report)}", [graph.root], elements, tuple(profiles)
    )


class _Graph:
    def __init__(self, report: AuditReport, words: AuditWords, context: Context, space: str) -> None:
        self.report = report
        self.words = words
        self.part = context.holdings
        self.space = space
        self.root = f"{space}/project"
        self.entries = entries(report, context)
        # Bases that the tree does not use itself stand in the document as well: something descends from them.
        self.ids = {e.view.model: self._id(e.ref) for e in self.entries if e.view.model}
        self.others = {base.id: base for e in self.entries for base in e.bases if base.id not in self.ids}

    def _id(self, ref: str) -> str:
        return f"{self.space}/model/{quote(ref, safe='/')}"

    def elements(self) -> Iterator[dict[str, Any]]:
        yield element(
            "software_Package", self.root, name=project_name(self.report), software_primaryPurpose="application"
        )
        yield from self._publishers()
        expressions: set[str] = set()
        relations: list[dict[str, Any]] = []
        for entry in self.entries:
            id_ = self._id(entry.ref)
            yield element("ai_AIPackage", id_, **self._package(entry))
            yield from self._notes(entry, id_)
            relations += self._licenses(id_, entry.declared, " AND ".join(entry.concluded), expressions)
            if entry.bases:
                parents = [self.ids.get(b.id) or self._id(f"base/{b.id}") for b in entry.bases]
                relations.append(relation(id_, "descendantOf", parents))
        for base in self.others.values():
            id_ = self._id(f"base/{base.id}")
            yield element("ai_AIPackage", id_, **self._known(base.model, base.id))
            relations += self._licenses(
                id_, base.license, "" if base.license == NOASSERTION else base.license, expressions
            )
        for expression in sorted(expressions):
            yield license_expression(expression, self.space, self.part)
        if self.entries:
            found = relation(self.root, "dependsOn", [self._id(e.ref) for e in self.entries])
            yield {**found, "completeness": "noAssertion"}
        yield from relations

    def _publishers(self) -> Iterator[dict[str, Any]]:
        known = self.part.publishers if self.part is not None else {}
        models = [
            m for m in (*(e.model for e in self.entries), *(b.model for b in self.others.values())) if m is not None
        ]
        for id_ in sorted({m.publisher for m in models} & set(known)):
            yield element("Organization", f"{self.space}/publisher/{quote(id_)}", name=known[id_]["name"])

    def _known(self, model: Model | None, name: str) -> dict[str, Any]:
        if model is not None:
            return package(model, self.part, self.space)
        return {"name": name, "software_primaryPurpose": "model"}

    def _package(self, entry: Entry) -> dict[str, Any]:
        found = self._known(entry.model, entry.view.model or entry.view.name)
        purl = purl_of(entry)
        if purl:
            found["software_packageUrl"] = purl
        if entry.revision:
            found["software_packageVersion"] = visible(entry.revision)
            if is_commit(entry.revision) and "software_downloadLocation" in found:
                found["software_downloadLocation"] += f"/tree/{entry.revision}"
        return found

    def _licenses(self, id_: str, declared: str, concluded: str, expressions: set[str]) -> Iterator[dict[str, Any]]:
        for kind, expression in (("hasDeclaredLicense", declared), ("hasConcludedLicense", concluded)):
            if expression in ("", NOASSERTION):
                yield relation(id_, kind, [NO_ASSERTION])
            else:
                expressions.add(expression)
                yield relation(id_, kind, [expression_id(self.space, expression)])

    def _notes(self, entry: Entry, id_: str) -> Iterator[dict[str, Any]]:
        """Where the tree names the model, and what was decided: as annotations, since no element is meant for it."""
        view = entry.view
        lines = [self._place(f) for f in entry.places[:_PLACES]]
        more = len(entry.places) - len(lines) + entry.left_out
        if more:
            lines.append(self.words("more-places", count=more))
        if lines:
            yield self._note(id_, "places", "\n".join(lines))
        parts = [f"verdict: {view.verdict or 'none'}"]
        parts += [f"read together with: {text}" for text in entry.texts]
        parts += [
            f"{c['role']}: {c['label']} ({', '.join(p for p in (c.get('license'), c.get('clause')) if p)})"
            for c in view.decision.get("conditions") or ()
            if c.get("role") in ("duty", "permission", "limit")
        ]
        yield self._note(id_, "decision", "\n".join(parts))

    def _note(self, id_: str, what: str, statement: str) -> dict[str, Any]:
        return element("Annotation", f"{id_}#{what}", annotationType="other", subject=id_, statement=statement)

    def _place(self, finding: Finding) -> str:
        r = finding.reference
        return f"{visible(r.file)}:{r.line}:{r.column}: {r.level} ({visible(cut(r.text, 200))})"
