"""The quick test agrees with jsonschema on every value; structure that is wrong never crashes the checks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_support import REGISTRY, license_text

from modelreg.errors import InputError
from modelreg.registry import compile, raw, schemas
from modelreg.registry.accept import compile_schema
from modelreg.registry.yaml_strict import parse_yaml

ODD = [
    "1",
    "true",
    "[]",
    "{}",
    "''",
    "silent",
    "not-seen",
    "[1]",
    "{a: 1}",
    "[[]]",
    "-1",
    "[{}]",
    "'7'",
    "[a, a]",
]
ODD += [
    "[{id: 1}]",
    "{value: any}",
    "{value: any, clause: '2'}",
    "{en: a, zh: 中}",
    "LicenseRef-A",
    "Qwen/Qwen-7B",
]
SPOT = re.compile(r"(?<=: )[^{\[\n,}]+|\[[^\[\]\n]*\]|\{[^{}\n]*\}")


def altered(text: str, data: st.DataObject) -> str:
    """A text with one to three of its values replaced."""
    for _ in range(data.draw(st.integers(1, 3))):
        spots = list(SPOT.finditer(text))
        spot = spots[data.draw(st.integers(0, len(spots) - 1))]
        text = text[: spot.start()] + data.draw(st.sampled_from(ODD)) + text[spot.end() :]
    return text


def value_of(text: str) -> Any:
    try:
        return parse_yaml(text).value
    except InputError:
        return None


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_same_answer_as_jsonschema(data: st.DataObject) -> None:
    license_ = value_of(altered(license_text("LicenseRef-A"), data))
    assert schemas.meets("license")(license_) == schemas.validator("license").is_valid(license_)
    registry = value_of(altered(REGISTRY, data))
    models = registry.get("models") if isinstance(registry, dict) else None
    for model in models if isinstance(models, list) else ():
        assert schemas.meets("model")(model) == schemas.validator("model").is_valid(model)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_wrong_structure_never_crashes(draw: st.DataObject, tmp_path: Path) -> None:
    text = altered(REGISTRY, draw)
    for id_ in ("Apache-2.0", "LicenseRef-Readme"):
        (tmp_path / f"{id_}.yaml").write_text(license_text(id_), encoding="utf-8")
    (tmp_path / "LicenseRef-A.yaml").write_text(altered(license_text("LicenseRef-A"), draw), encoding="utf-8")
    (tmp_path / "o.yaml").write_text(text, encoding="utf-8")
    empty: dict[str, Any] = {name: [] for name in raw.LISTS}
    layers = [(str(path), "--registry") for path in sorted(tmp_path.glob("*.yaml"))]
    wrong = ""
    try:
        found = compile.apply_overlays(empty, layers)
    except InputError as error:
        wrong = error.where
    else:
        assert found is not None
        assert dict(compile.pieces(found))["about"]["models"] == 4
    assert not wrong or str(tmp_path) in wrong


@pytest.mark.parametrize("schema", [{"dependentSchemas": {}}, {"$ref": "other.json"}, {"if": {}, "else": {}}])
def test_unknown_keywords_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not known"):
        compile_schema(schema, schema)
