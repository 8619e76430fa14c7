"""SPDX 3.0.1 (JSON-LD): an AIPackage for each model, with exactly one declared and one concluded licence.

Declared is the licence of the weights on the date; concluded adds (AND) those of the bases whose weights are inside.
Texts outside the SPDX list are `LicenseRef-` names, bound to a web address by `customIdToUri`: no text is copied.
The AI profile is not claimed as conformed to: it asks for a release time and a version that many models do not have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from modelreg._version import __version__
from modelreg.core.holdings import NOASSERTION, SPDX_CUSTOM, Holdings, license_url, on_spdx_list, purl
from modelreg.core.model import Model

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
NO_ASSERTION = "expandedlicensing_NoAssertionLicense"
INFO = "_:creation"


def text(part: Holdings, as_of: str) -> str:
    """The document, with sorted keys and a final newline; `as_of` is the ISO date whose licences count."""
    return json.dumps(document(part, as_of), ensure_ascii=False, sort_keys=True, indent=2) + "\n"


def document(part: Holdings, as_of: str) -> dict[str, Any]:
    """The document as data; the same registry, models and date give the same bytes."""
    space = f"https://modelreg.dev/spdx/{part.digest[:16]}/{as_of}"
    graph = _Graph(part, as_of, space)
    elements = list(graph.elements())
    roots = [graph.model_id(part.models[id_]) for id_ in part.asked]
    return whole(space, as_of, "modelreg export", roots, elements)


def whole(
    space: str,
    as_of: str,
    name: str,
    roots: list[str],
    elements: list[dict[str, Any]],
    profiles: tuple[str, ...] = ("core", "software", "simpleLicensing"),
) -> dict[str, Any]:
    """A document around elements: context, who made it, and the list of what is in it.

    Args:
        space: beginning of every id of the document; roots: ids of what it is about.
    """
    root = {
        "type": "SpdxDocument",
        "spdxId": f"{space}/document",
        "creationInfo": INFO,
        "name": name,
        "profileConformance": list(profiles),
        "rootElement": roots,
        "element": [e["spdxId"] for e in elements],
    }
    agent = f"{space}/modelreg"
    head = [
        {
            "type": "CreationInfo",
            "@id": INFO,
            "specVersion": "3.0.1",
            "created": f"{as_of}T00:00:00Z",
            "createdBy": [agent],
        },
        {"type": "SoftwareAgent", "spdxId": agent, "creationInfo": INFO, "name": f"modelreg {__version__}"},
    ]
    return {"@context": CONTEXT, "@graph": [*head, root, *elements]}


def element(kind: str, id_: str, **more: Any) -> dict[str, Any]:
    """One element of the graph."""
    return {"type": kind, "spdxId": id_, "creationInfo": INFO, **more}


def relation(source: str, kind: str, to: list[str]) -> dict[str, Any]:
    """A relationship of an element, complete; one of a kind an element."""
    id_ = f"{source}#{kind}"
    return element(
        "Relationship", id_, **{"from": source, "to": to, "relationshipType": kind, "completeness": "complete"}
    )


def expression_id(space: str, expression: str) -> str:
    return f"{space}/license/{quote(expression.replace(' AND ', '+'))}"


def license_expression(expression: str, space: str, part: Holdings | None) -> dict[str, Any]:
    """A licence expression, each `LicenseRef-` in it bound to a web address of its text."""
    custom, names = [], []
    for id_ in expression.split(" AND "):
        record = part.licenses.get(id_) if part is not None else None
        name = id_
        if not on_spdx_list(id_, part):
            name = id_ if id_.startswith(SPDX_CUSTOM) else SPDX_CUSTOM + id_
            url = license_url(record) if record else ""
            custom.append({"type": "DictionaryEntry", "key": name, "value": url or f"{space}/text/{quote(name)}"})
        names.append(name)
    found: dict[str, Any] = {"simplelicensing_licenseExpression": " AND ".join(names)}
    if custom:
        found["simplelicensing_customIdToUri"] = custom
    return element("simplelicensing_LicenseExpression", expression_id(space, expression), **found)


def package(model: Model, part: Holdings | None, space: str) -> dict[str, Any]:
    """What an AIPackage says of a model of the registry."""
    publishers = part.publishers if part is not None else {}
    found: dict[str, Any] = {
        "name": model.id,
        "software_primaryPurpose": "model",
        "ai_typeOfModel": [str(model.entry["kind"])],
        "comment": f"code licence: {model.code_license or model.entry.get('code_license') or 'silent'}",
    }
    released = str(model.entry.get("released") or "")
    if len(released) == 10:
        found["releaseTime"] = f"{released}T00:00:00Z"
    revision = model.id.partition("@")[2]
    if revision:
        found["software_packageVersion"] = revision
    address = purl(model)
    if address:
        found["software_packageUrl"] = address
        found["software_downloadLocation"] = "https://huggingface.co/" + quote(
            address.removeprefix("pkg:huggingface/").partition("@")[0]
        )
    if model.publisher in publishers:
        found["suppliedBy"] = f"{space}/publisher/{quote(model.publisher)}"
    return found


class _Graph:
    def __init__(self, part: Holdings, as_of: str, space: str) -> None:
        self.part = part
        self.as_of = as_of
        self.space = space

    def model_id(self, model: Model) -> str:
        return f"{self.space}/model/{quote(model.id, safe='/')}"

    def elements(self) -> Iterator[dict[str, Any]]:
        used = sorted({m.publisher for m in self.part.models.values()} & set(self.part.publishers))
        for id_ in used:
            yield element(
                "Organization", f"{self.space}/publisher/{quote(id_)}", name=self.part.publishers[id_]["name"]
            )
        expressions: dict[str, str] = {}
        relations: list[dict[str, Any]] = []
        for model in self.part.models.values():
            yield self._package(model)
            for kind, expression in zip(
                ("hasDeclaredLicense", "hasConcludedLicense"), self._licenses(model), strict=True
            ):
                target = NO_ASSERTION
                if expression:
                    target = expressions.setdefault(expression, expression_id(self.space, expression))
                relations.append(relation(self.model_id(model), kind, [target]))
            parents = [self.model_id(parent) for parent, _ in self.part.upstream(model, self.as_of)]
            if parents:
                relations.append(relation(self.model_id(model), "descendantOf", parents))
        for expression in sorted(expressions):
            yield license_expression(expression, self.space, self.part)
        yield from relations

    def _package(self, model: Model) -> dict[str, Any]:
        return element("ai_AIPackage", self.model_id(model), **package(model, self.part, self.space))

    def _licenses(self, model: Model) -> tuple[str, str]:
        """Declared and concluded expression; "" where some part of it could not be seen."""
        period = self.part.period(model, self.as_of)
        declared = period.license if period else ""
        inherited = [p.license if p else NOASSERTION for _, p in self.part.upstream(model, self.as_of)]
        if not declared or NOASSERTION in inherited:
            return declared, ""
        return declared, " AND ".join(dict.fromkeys([declared, *inherited]))
