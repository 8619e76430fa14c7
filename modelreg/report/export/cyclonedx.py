"""CycloneDX 1.6: a machine-learning-model component for each model, with a model card.

CycloneDX has no place for the licence of the code beside that of the weights, for statements that settle terms beside
a licence, or for the terms of a base (specification issue 284). So `licenses` holds the licence of the weights alone,
`pedigree.ancestors` the bases whose terms hold as well, and properties of the name space `modelreg:` the rest. A text
outside the SPDX list stands as `license.name`, never as `license.id`; what could not be seen is NOASSERTION.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from modelreg._version import __version__
from modelreg.core.holdings import NOASSERTION, Holdings, license_url, on_spdx_list, purl
from modelreg.core.model import Model, Period

SPACE = uuid.UUID("b6ff46a5-6d4e-5b5e-9a07-3b8b5f7b4a51")  # names the serial numbers made here


def text(part: Holdings, as_of: str) -> str:
    """The document, with sorted keys and a final newline.

    Args:
        part: the models that were asked for become components; their ancestors go into pedigrees.
        as_of: ISO date whose licences count.
    """
    return json.dumps(document(part, as_of), ensure_ascii=False, sort_keys=True, indent=2) + "\n"


def document(part: Holdings, as_of: str) -> dict[str, Any]:
    """The document as data. The same registry, models and date give the same serial number."""
    serial = uuid.uuid5(SPACE, "\n".join([part.digest, as_of, *part.asked]))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": f"{as_of}T00:00:00Z",
            "tools": {"components": [{"type": "application", "name": "modelreg", "version": __version__}]},
            "properties": [prop("registry-digest", part.digest), prop("as-of", as_of)],
        },
        "components": [component(part, part.models[id_], as_of) for id_ in part.asked],
    }


def component(part: Holdings, model: Model, as_of: str) -> dict[str, Any]:
    """One model with its card, its ancestors and its licence on the date."""
    found: dict[str, Any] = {
        **identity(model),
        "bom-ref": model.id,
        "licenses": [license_choice(part, part.period(model, as_of), "declared")],
        "modelCard": card(model),
        "properties": list(_properties(part, model, as_of)),
    }
    publisher = part.publishers.get(model.publisher)
    if publisher:
        found["supplier"] = {"name": publisher["name"]}
        found["publisher"] = publisher["name"]
    places = list(references(part, model, as_of))
    if places:
        found["externalReferences"] = places
    ancestors = [
        {**identity(parent), "licenses": [license_choice(part, period, "concluded")]}
        for parent, period in part.upstream(model, as_of)
    ]
    if ancestors:
        found["pedigree"] = {
            "ancestors": ancestors,
            "notes": "The terms of these hold as well: their weights are inside.",
        }
    return found


def identity(model: Model) -> dict[str, Any]:
    """Type, group, name, version and purl of a model of the registry."""
    group, _, rest = model.id.rpartition("/")
    name, _, revision = rest.partition("@")
    found: dict[str, Any] = {"type": "machine-learning-model", "name": name}
    if group:
        found["group"] = group
    if revision:
        found["version"] = revision
    address = purl(model)
    if address:
        found["purl"] = address
    return found


def license_choice(part: Holdings, period: Period | None, acknowledgement: str) -> dict[str, Any]:
    """The licence of a period of a model's weights, as an entry of `licenses`."""
    return license_entry(period.license if period else NOASSERTION, part, acknowledgement)


def license_entry(id_: str, part: Holdings | None, acknowledgement: str) -> dict[str, Any]:
    """One entry of `licenses`: `id` for what the SPDX list has, `name` for everything else.

    Args:
        part: where title and address of the text stand, if at hand; acknowledgement: declared or concluded.
    """
    # `id` takes identifiers of the SPDX list alone; NOASSERTION is none.
    found: dict[str, Any] = {"id" if on_spdx_list(id_, part) else "name": id_, "acknowledgement": acknowledgement}
    record = part.licenses.get(id_) if part is not None else None
    if record is not None:
        url = license_url(record)
        if url:
            found["url"] = url
        found["properties"] = [prop("title", record.title), prop("covers", "weights")]
    return {"license": found}


def card(model: Model) -> dict[str, Any]:
    """`modelCard`: what the registry knows of its kind, architecture and modalities."""
    runtime = model.entry.get("runtime")
    parameters: dict[str, Any] = {
        "task": str(model.entry["kind"]),
        "architectureFamily": model.family,
        "inputs": [{"format": modality} for modality in model.modalities],
    }
    if isinstance(runtime, Mapping) and "architecture" in runtime:
        parameters["modelArchitecture"] = str(runtime["architecture"])
    return {"modelParameters": parameters}


def _properties(part: Holdings, model: Model, as_of: str) -> Iterator[dict[str, str]]:
    period = part.period(model, as_of)
    yield prop("weight-license", period.license if period else NOASSERTION)
    yield prop("code-license", model.code_license or str(model.entry.get("code_license") or "silent"))
    for beside in period.beside if period else ():
        yield prop("license-statement", beside)
    for record in part.texts(model, as_of):
        if record.kind == "use-policy":
            yield prop("use-policy", record.id)
    commercial = next((c for c in (r.value("commercial") for r in _offer(part, model, as_of)) if c), None)
    if commercial:
        yield prop("commercial-use", str(commercial))
    for parent, inherited in part.upstream(model, as_of):
        yield prop("upstream-license", f"{inherited.license if inherited else NOASSERTION} ({parent.id})")
    for base in model.bases:
        yield prop("base-model", f"{base.model} ({base.form})")
    parameters = model.entry.get("parameters")
    if isinstance(parameters, Mapping):
        yield prop("parameters", str(parameters["value"]))
    for conflict in model.conflicts:
        yield prop("conflict", str(conflict["id"]))


def _offer(part: Holdings, model: Model, as_of: str) -> list[Any]:
    # A statement of the licensor takes the place of the text's own term: statements before the licence.
    texts = [r for r in part.texts(model, as_of) if r.kind != "use-policy"]
    return [*texts[1:], *texts[:1]]


def references(part: Holdings, model: Model, as_of: str) -> Iterator[dict[str, str]]:
    """`externalReferences`: the repositories of a model and the addresses of its texts."""
    names = model.entry.get("names") or {}
    for name in names.get("huggingface") or ():
        yield {"type": "distribution", "url": f"https://huggingface.co/{name}"}
    for name in names.get("modelscope") or ():
        yield {"type": "distribution", "url": f"https://modelscope.cn/models/{name}"}
    for name in names.get("github") or ():
        yield {"type": "vcs", "url": f"https://github.com/{name}"}
    for record in part.texts(model, as_of):
        url = license_url(record)
        if url:
            yield {"type": "license", "url": url, "comment": record.id}


def prop(name: str, value: str) -> dict[str, str]:
    """A property of our name space."""
    return {"name": f"modelreg:{name}", "value": value}
