"""`validate`: every problem at once, each with its place, its code and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest
from registry_support import license_text

from modelreg.errors import InputError
from modelreg.registry import sources
from modelreg.registry.load import load_registry
from modelreg.registry.problems import Problem
from modelreg.registry.validate import validate


def edit(data: Path, old: str, new: str, name: str = "registry.yaml") -> None:
    path = data / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def errors(data: Path) -> list[Problem]:
    return [problem for problem in validate([data]) if problem.severity == "error"]


def test_sound(data: Path) -> None:
    assert validate([data]) == []


@pytest.mark.parametrize(
    ("old", "new", "code", "offset", "hint"),
    [
        ("license: LicenseRef-A}", "license: LicenseRef-B}", "unknown-license", 0, "LicenseRef-B.yaml"),
        ("with: [LicenseRef-Readme]", "with: [LicenseRef-X]", "unknown-license", 0, "correct the id"),
        ("clause: Introduction", "clause: Intro", "unknown-clause", 0, "license show LicenseRef-Readme"),
        ("kind: chat", "kind: chatt", "schema", 0, "did you mean chat?"),
        ("    family: chatglm\n", "", "schema", -2, "family"),
        (
            "    family: chatglm\n",
            "    familly: chatglm\n    family: x\n",
            "schema",
            0,
            "did you mean family?",
        ),
        ('to: "2023-07-08"', 'to: "2023-03-14"', "period-order", 0, "first day"),
        ('to: "2023-07-08"', 'to: "2023-08-08"', "period-overlap", 1, "2023-07-08"),
        (', to: "2023-07-08"', "", "period-overlap", 1, "give it to"),
        ('from: "2023-03-14", to', 'from: "2023-02-30", to', "no-such-date", 0, "correct"),
        ('from: "2023-03-14", to', 'from: "2023-3-14", to', "schema", 0, "docs"),
        ("value: 6200000000", "value: 6.2", "schema", 0, "digits only"),
        ("id: Qwen/Qwen1.5-7B", "id: qwen/qwen-7b", "repeated-id", 0, "join"),
        (
            "huggingface: [Qwen/Qwen1.5-7B]",
            "huggingface: [Qwen/Qwen-7B]",
            "repeated-name",
            0,
            "one repository",
        ),
        ("model: Qwen/Qwen-7B, form", "model: Qwen/Qwen-8B, form", "unknown-model", 0, "add the model"),
        ("publisher: zhipu", "publisher: zhi", "unknown-publisher", 0, "publishers"),
        ("candidates: [Qwen/Qwen-7B,", "candidates: [Qwen/Qwen-9B,", "unknown-model", 0, "correct"),
        ("ambiguous:", "ambigous:", "schema", 0, "one of models"),
        ("  - id: Qwen/Qwen-7B", "  - idd: Qwen/Qwen-7B", "schema", 0, "id"),
        ("parameters: silent", "parameters: unknown", "schema", 0, "silent, not-seen, or a mapping"),
    ],
)
def test_registry_faults(data: Path, old: str, new: str, code: str, offset: int, hint: str) -> None:
    before = (data / "registry.yaml").read_text(encoding="utf-8").splitlines()
    edit(data, old, new)
    after = (data / "registry.yaml").read_text(encoding="utf-8").splitlines()
    changed = next(n for n, (a, b) in enumerate(zip(before, after, strict=False), 1) if a != b)
    found = [p for p in errors(data) if p.code == code]
    assert found, errors(data)
    assert found[0].where.startswith(f"{data}/registry.yaml:{changed + offset}:")
    assert hint in found[0].hint


def test_circles(data: Path) -> None:
    edit(data, "    base_models: []\n", "    base_models: [{model: THUDM/chatglm-6b-int4, form: merge}]\n")
    assert [p.code for p in errors(data)] == ["circular-lineage"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('clause: "2"', 'clause: ["2", "3"]', "unknown-clause"),
        ('["main:1-2"]', '["other:1-2"]', "unknown-text"),
        ('["main:1-2"]', '["main:3-2"]', "line-range"),
        ("id: LicenseRef-A", "id: LicenseRef-AA", "file-name"),
        ("value: free", "value: fre", "schema"),
        ("conflicts: []", "conflicts: []\nsupersedes: LicenseRef-Old", "unknown-license"),
        ("upstream: silent", "upstream: [{license: None, clause: '1'}]", "unknown-license"),
        ("use_policy: silent", "use_policy: {license: Policy, clause: '1'}", "unknown-license"),
        ("  hosting: silent\n", "", "schema"),
        ('version: "1"', "version: 1", "schema"),
    ],
)
def test_license_faults(data: Path, old: str, new: str, code: str) -> None:
    edit(data, old, new, "licenses/LicenseRef-A.yaml")
    assert code in [p.code for p in errors(data)]


def test_all_problems_at_once(data: Path) -> None:
    edit(data, "kind: chat", "kind: chatt")
    edit(data, "family: qwen", "famly: qwen")
    edit(data, "value: free", "value: fre", "licenses/LicenseRef-A.yaml")
    (data / "licenses" / "broken.yaml").write_text("a: [", encoding="utf-8")
    assert len(errors(data)) == 5  # the unknown key and the missing one count twice
    with pytest.raises(InputError, match="more"):
        load_registry(data=data)


def test_faults_inside_a_meant_shape(data: Path) -> None:
    edit(data, "approval: none", "approval: nobody, feee: free", "licenses/LicenseRef-A.yaml")
    found = errors(data)
    assert len(found) == 2
    assert all("terms.commercial" in p.message for p in found)


def test_warnings(data: Path) -> None:
    edit(data, "zh: 文本", "zh: text", "licenses/LicenseRef-A.yaml")
    edit(data, '"2023-03-01"', '"2023-06"', "licenses/LicenseRef-A.yaml")
    (data / "licenses" / "MIT.yaml").write_text(license_text("MIT"), encoding="utf-8")
    assert [p.code for p in validate([data])] == ["no-chinese", "unused-license", "period-before-text"]
    load_registry(data=data)


def test_layers_are_checked_over_the_built_in(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "data_folder", lambda: str(data))
    monkeypatch.setattr("modelreg.registry.validate.data_folder", lambda: str(data))
    path = tmp_path / "modelreg.yaml"
    path.write_text("registry:\n  models: [{id: Qwen/Qwen-7B, kind: bse}]\n", encoding="utf-8")
    [problem] = validate([path])
    assert problem.where == f"{path}:2:37"
    assert str(problem).startswith("error[schema]: kind is bse")
    assert validate() == []
