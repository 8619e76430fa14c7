"""SPDX 3.0.1, read back by the bindings that SPDX makes of its model."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pytest
from export_support import DATE, catalog, everything, sample

from modelreg.core.holdings import Holdings
from modelreg.report.export import spdx


def read(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from spdx_python_model import v3_0_1 as model
    objects = model.SHACLObjectSet()
    model.JSONLDDeserializer().read(io.BytesIO(text.encode()), objects)
    return model, objects


@pytest.mark.parametrize("part", [everything(), sample()], ids=["everything", "sample"])
def test_the_bindings_read_it(part: Holdings) -> None:
    model, objects = read(spdx.text(part, DATE))
    packages = list(objects.foreach_type(model.ai_AIPackage))
    assert len(packages) == len(part.models)
    assert not objects.link()  # no reference points nowhere


def test_exactly_one_declared_and_one_concluded_licence() -> None:
    graph = spdx.document(sample(), DATE)["@graph"]
    packages = [e["spdxId"] for e in graph if e["type"] == "ai_AIPackage"]
    for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
        relations = [e for e in graph if e.get("relationshipType") == kind]
        assert sorted(r["from"] for r in relations) == sorted(packages)
        assert all(len(r["to"]) == 1 for r in relations)


def expressions(*ids: str) -> dict[str, dict[str, Any]]:
    graph = spdx.document(catalog().holdings(ids), DATE)["@graph"]
    return {
        e["simplelicensing_licenseExpression"]: e for e in graph if e["type"] == "simplelicensing_LicenseExpression"
    }


def test_concluded_adds_the_terms_of_the_base() -> None:
    whole = everything()
    model = next(
        m
        for m in whole.models.values()
        for _, period in whole.upstream(m, DATE)
        if period and whole.period(m, DATE) and whole.period(m, DATE).license != period.license  # type: ignore[union-attr]
    )
    both = [e for e in expressions(model.id) if " AND " in e]
    assert both
    assert both[0].startswith(str(whole.period(model, DATE).license))  # type: ignore[union-attr]


def test_every_custom_name_has_an_address() -> None:
    found = expressions("THUDM/chatglm-6b")["LicenseRef-ChatGLM-6B-2023-07-08"]
    entry = found["simplelicensing_customIdToUri"][0]
    assert entry["key"] == "LicenseRef-ChatGLM-6B-2023-07-08"
    assert entry["value"].startswith("https://")


def test_unseen_is_no_assertion() -> None:
    model = next(m for m in everything().models.values() if not m.periods and not m.bases)
    graph = spdx.document(catalog().holdings([model.id]), DATE)["@graph"]
    assert {e["to"][0] for e in graph if "License" in e.get("relationshipType", "")} == {spdx.NO_ASSERTION}
