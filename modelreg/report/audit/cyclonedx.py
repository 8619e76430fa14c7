"""CycloneDX 1.6 or 1.7: the models in use as an ML-BOM, each with the places where the tree names it.

Built of the same pieces as the export of the registry (`report.export.cyclonedx`). A text outside the SPDX list stands
as `license.name`, never as `license.id`; bases stand in `pedigree.ancestors`, since CycloneDX has no relation for them
(specification issue 284).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from modelreg._version import __version__
from modelreg.core.finding import USE, AuditReport, Finding
from modelreg.core.holdings import NOASSERTION
from modelreg.errors import UsageError
from modelreg.i18n.audit import AuditWords
from modelreg.report.audit.bom import Base, Entry, entries, project_name, purl_of, serial
from modelreg.report.audit.parts import NOTHING, Context, cut, shown_values, visible
from modelreg.report.export.cyclonedx import SPACE, card, identity, license_entry, prop, references

VERSIONS = ("1.6", "1.7")
_CONFIDENCE = {"certain": 1, "likely": 0.8, "possible": 0.5}
_ROOT = "audited-tree"


def render(report: AuditReport, language: str = "en", context: Context = NOTHING) -> str:
    """The document, with sorted keys and a final newline. Raises: UsageError for a version that is not written."""
    return json.dumps(document(report, language, context), ensure_ascii=False, sort_keys=True, indent=2) + "\n"


def document(report: AuditReport, language: str = "en", context: Context = NOTHING) -> dict[str, Any]:
    """The document as data; the same report gives the same serial number."""
    version = context.spec_version
    if version not in VERSIONS:
        raise UsageError(f"no CycloneDX {version} here", where="--spec-version", hint="one of: " + ", ".join(VERSIONS))
    found = entries(report, context)
    root = {"type": "application", "name": project_name(report), "bom-ref": _ROOT}
    facts = [prop(f"fact:{name}", _word(value)) for name, value in sorted(report.facts.items())]
    holdings = [prop("registry-digest", context.holdings.digest)] if context.holdings is not None else []
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{version}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, serial(report, f'cyclonedx {version}'))}",
        "version": 1,
        "metadata": {
            "timestamp": f"{report.as_of}T00:00:00Z",
            "tools": {"components": [{"type": "application", "name": "modelreg", "version": __version__}]},
            "component": root,
            "properties": [prop("as-of", report.as_of), *holdings, *facts],
        },
        "components": [_component(entry, report, AuditWords(language), context) for entry in found],
        "dependencies": [
            {"ref": _ROOT, "dependsOn": [_ref(e) for e in found]},
            *({"ref": _ref(e)} for e in found),
        ],
        "compositions": [{"aggregate": "incomplete", "assemblies": [_ROOT]}],
    }


def _ref(entry: Entry) -> str:
    return f"model:{entry.ref}"


def _component(entry: Entry, report: AuditReport, words: AuditWords, context: Context) -> dict[str, Any]:
    view, part = entry.view, context.holdings
    found: dict[str, Any] = identity(entry.model) if entry.model is not None else _named(view.model or view.name)
    found["bom-ref"] = _ref(entry)
    found["scope"] = "required" if view.level == USE else "optional" if view.level == "option" else "excluded"
    purl = purl_of(entry) or found.get("purl", "")
    if purl:
        found["purl"] = purl
    if entry.revision:
        found["version"] = cut(visible(entry.revision), 1024)  # the schema's limit
    found["licenses"] = [
        license_entry(entry.declared, part, "declared"),
        *(license_entry(x, part, "concluded") for x in entry.concluded or (NOASSERTION,)),
    ]
    if entry.model is not None:
        found["modelCard"] = card(entry.model)
        publisher = part.publishers.get(entry.model.publisher) if part is not None else None
        if publisher:
            found["supplier"] = {"name": publisher["name"]}
            found["publisher"] = publisher["name"]
        places = list(references(part, entry.model, report.as_of)) if part is not None else []
        if places:
            found["externalReferences"] = places
    else:
        found["modelCard"] = {}
    if entry.bases:
        form = str((view.decision.get("lineage") or {}).get("form") or "")
        notes = "The terms of these hold as well: their weights are inside." + (f" Form: {form}." if form else "")
        found["pedigree"] = {"ancestors": [_ancestor(base, context) for base in entry.bases], "notes": notes}
    found["evidence"] = {
        "identity": [_identified(entry, purl)],
        "occurrences": [_occurrence(f, words) for f in entry.places],
    }
    if not entry.places:
        del found["evidence"]
    found["properties"] = list(_properties(entry))
    return found


def _named(name: str) -> dict[str, Any]:
    group, _, rest = name.rpartition("/")
    found = {"type": "machine-learning-model", "name": rest or name}
    return {**found, "group": group} if group else found


def _ancestor(base: Base, context: Context) -> dict[str, Any]:
    found = identity(base.model) if base.model is not None else _named(base.id)
    return {**found, "licenses": [license_entry(base.license, context.holdings, "concluded")]}


def _identified(entry: Entry, purl: str) -> dict[str, Any]:
    confidence = max(_CONFIDENCE.get(f.reference.confidence, 0.5) for f in entry.places) if entry.places else 0.5
    value = purl or entry.view.model or entry.view.name
    return {
        "field": "purl" if purl else "name",
        "confidence": confidence,
        "concludedValue": value,
        "methods": [{"technique": "source-code-analysis", "confidence": confidence, "value": entry.view.name}],
    }


def _occurrence(finding: Finding, words: AuditWords) -> dict[str, Any]:
    r = finding.reference
    found: dict[str, Any] = {"location": r.file}
    if r.line >= 1:
        found["line"] = r.line
    if r.column >= 1:
        found["additionalContext"] = (
            f"{words.level(r.level)}; {r.place}; {words('line')} {r.line}:{r.column}; {cut(r.text, 300)}"
        )
    return found


def _properties(entry: Entry) -> Iterator[dict[str, str]]:
    view = entry.view
    yield prop("verdict", view.verdict or "none")
    yield prop("level", view.level)
    yield prop("registry", view.model or "not listed")
    if entry.model is not None:
        code = entry.model.code_license or str(entry.model.entry.get("code_license") or "silent")
        yield prop("code-license", code)
    yield prop("weight-license", entry.declared)
    for text in entry.texts:
        yield prop("read-together-with", text)
    for base in entry.bases:
        yield prop("upstream-license", f"{base.license} ({base.id})")
    for condition in view.decision.get("conditions") or ():
        if condition.get("role") in ("duty", "permission"):
            values = shown_values(condition)
            place = ", ".join(p for p in (condition.get("license"), condition.get("clause")) if p)
            text = f"{condition['label']}" + (f": {values}" if values else "") + (f" ({place})" if place else "")
            yield prop(str(condition["role"]), cut(text, 1000))
    if entry.left_out:
        yield prop("occurrences-left-out", str(entry.left_out))
    for fact in view.decision.get("missing_facts") or ():
        yield prop("missing-fact", str(fact))


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
