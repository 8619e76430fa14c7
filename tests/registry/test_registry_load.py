"""The loaded registry: uniform shape, variants, overlays and their order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelreg.errors import InputError, ModelEnvironmentError
from modelreg.registry import sources
from modelreg.registry.load import Registry, load_registry

Load = Callable[..., Registry]
NEW_MODEL = """\
  - id: acme/private
    name: Private
    family: acme
    publisher: acme
    names: {other: [our-model]}
    kind: chat
    modalities: [text]
    parameters: silent
    code_license: silent
    weight_license: not-seen
    base_models: [{model: THUDM/chatglm-6b, form: fine-tune}]
"""


def overlay(tmp_path: Path, text: str, name: str = "over.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_uniform_shape(load: Load) -> None:
    registry = load()
    assert registry.model_ids() == [
        "THUDM/chatglm-6b",
        "THUDM/chatglm-6b-int4",
        "Qwen/Qwen-7B",
        "Qwen/Qwen1.5-7B",
    ]
    model = registry.model("Qwen/Qwen-7B")
    assert model["names"] == {"huggingface": ["Qwen/Qwen-7B"], "modelscope": [], "github": ["QwenLM/Qwen"],
                              "ollama": ["qwen:7b"], "other": []}  # fmt: skip
    assert (model["released"], model["data_license"], model["runtime"]) == ("silent", "silent", "silent")
    assert model["weight_license"][0] == {
        "from": "2023-08-03", "to": None, "license": "Apache-2.0", "with": [], "source": None, "note": None,
    }  # fmt: skip
    assert [set(m) for m in registry.models()] == [set(model)] * 4
    assert registry.license("LicenseRef-A")["terms"]["commercial"]["clause"] == ["2"]
    assert registry.model("THUDM/chatglm-6b")["runtime"]["memory"] == {"fp16": 13, "int4": 5.5, "unit": "GiB"}
    assert registry.model("THUDM/chatglm-6b")["origin"] == {
        "source": "built-in",
        "at": "registry.yaml:7:5",
        "overrides": [],
    }


def test_variant_inherits(load: Load) -> None:
    registry = load()
    parent, variant = registry.model("THUDM/chatglm-6b"), registry.model("THUDM/chatglm-6b-int4")
    assert parent["variants"] == ["THUDM/chatglm-6b-int4"]
    assert (variant["parent"], variant["form"]) == ("THUDM/chatglm-6b", "quantised")
    assert variant["weight_license"] == parent["weight_license"]
    assert variant["base_models"] == [{"model": "THUDM/chatglm-6b", "form": "quantised", "source": None, "note": None}]
    assert variant["names"]["other"] == []
    assert variant["origin"]["at"] == "registry.yaml:27:9"


def test_lookups(load: Load) -> None:
    registry = load()
    assert registry.has_model("Qwen/Qwen-7B")
    assert not registry.has_license("nothing")
    assert [record["id"] for record in registry.licenses()] == [
        "Apache-2.0",
        "LicenseRef-A",
        "LicenseRef-Readme",
    ]
    assert registry.publishers["zhipu"]["owners"][0] == "THUDM"
    assert registry.ambiguous == {"qwen": ["Qwen/Qwen-7B", "Qwen/Qwen1.5-7B"]}
    assert registry.rows()[0]["parameters"] == 6200000000
    assert registry.license_rows()["LicenseRef-A"]["terms"]["commercial"] == {
        "value": "free",
        "approval": "none",
    }
    assert registry.fingerprints() == {}
    assert repr(registry.resolve("chatglm 6b")) == "Found('THUDM/chatglm-6b', 'name', '')"
    with pytest.raises(KeyError, match="not in the registry"):
        registry.model("nothing")


def test_overlay_adds(load: Load, tmp_path: Path) -> None:
    path = overlay(tmp_path, "publishers: [{id: acme, name: Acme, owners: [acme]}]\nmodels:\n" + NEW_MODEL)
    for _ in range(2):  # compiled, then from the cache
        registry = load(path)
        model = registry.model("acme/private")
        assert model["origin"] == {"source": "overlay", "at": f"{path}:3:5", "overrides": []}
        assert repr(registry.resolve("our-model")) == "Found('acme/private', 'name', '')"
        assert registry.rows()[-1]["source"] == "overlay"
    assert not load().has_model("acme/private")
    assert load().digest != registry.digest


def test_overlay_overrides_a_term(load: Load, tmp_path: Path) -> None:
    path = overlay(
        tmp_path,
        "licenses:\n  - id: LicenseRef-A\n    terms:\n      commercial: {value: prohibited}\n      forum: not-seen\n",
    )
    record = load(path).license("LicenseRef-A")
    assert record["terms"]["commercial"] == {"value": "prohibited", "approval": "none", "clause": ["2"]}
    assert record["origin"]["source"] == "built-in"
    assert record["origin"]["overrides"] == [
        {"path": "terms.commercial.value", "at": f"{path}:4:27", "was": "free"},
        {"path": "terms.forum", "at": f"{path}:5:14", "was": "silent"},
    ]


def test_overlay_of_a_parent_reaches_its_variants(load: Load, tmp_path: Path) -> None:
    path = overlay(
        tmp_path,
        "models:\n  - id: THUDM/chatglm-6b\n    weight_license: not-seen\n    names: {other: [our-glm]}\n"
        "    variants: [{id: THUDM/chatglm-6b-int8, name: I8, form: quantised, names: {}}]\n"
        "  - id: THUDM/chatglm-6b-int4\n    name: Changed\n",
    )
    registry = load(path)
    variant = registry.model("THUDM/chatglm-6b-int4")
    assert variant["weight_license"] == "not-seen"
    assert [note["path"] for note in variant["origin"]["overrides"]] == ["name", "weight_license"]
    assert registry.model("THUDM/chatglm-6b")["names"]["other"] == ["chatglm1-6b", "our-glm"]
    assert registry.model("THUDM/chatglm-6b")["variants"] == [
        "THUDM/chatglm-6b-int4",
        "THUDM/chatglm-6b-int8",
    ]
    assert registry.model("THUDM/chatglm-6b-int8")["weight_license"] == "not-seen"


def test_precedence(load: Load, tmp_path: Path) -> None:
    def naming(name: str) -> str:
        return f"models:\n  - {{id: Qwen/Qwen-7B, name: {name}}}\n"

    first, second = overlay(tmp_path, naming("env1"), "1.yaml"), overlay(tmp_path, naming("env2"), "2.yaml")
    project = overlay(
        tmp_path,
        "use: {commercial: true}\nregistry:\n  models: [{id: Qwen/Qwen-7B, name: project}]\n",
        "modelreg.yaml",
    )
    option = overlay(tmp_path, naming("option"), "3.yaml")
    env = {**os.environ, "MODELREG_REGISTRY": f"{first}{os.pathsep}{second}"}

    def name(*overlays: Path, with_project: bool) -> str:
        registry = load(*overlays, environ=env, project=project if with_project else None)
        return str(registry.model("Qwen/Qwen-7B")["name"])

    assert name(with_project=False) == "env2"
    assert name(with_project=True) == "project"
    assert name(option, with_project=True) == "option"
    assert name(option, first, with_project=True) == "env1"


def test_project_without_a_registry_section(load: Load, tmp_path: Path, cache_folder: Path) -> None:
    project = overlay(tmp_path, "use: {commercial: true}\n", "modelreg.yaml")
    os.utime(project, (1, 1))
    for _ in range(2):
        assert load(project=project).digest == load().digest
    assert len(list(cache_folder.iterdir())) == 2


def test_overlay_folder(load: Load, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    (folder / "licenses").mkdir(parents=True)
    (folder / "licenses" / "LicenseRef-A.yaml").write_text("id: LicenseRef-A\ntitle: Ours\n", encoding="utf-8")
    (folder / "registry.yaml").write_text("models: [{id: Qwen/Qwen-7B, name: Ours}]\n", encoding="utf-8")
    registry = load(folder)
    assert registry.license("LicenseRef-A")["title"] == registry.model("Qwen/Qwen-7B")["name"] == "Ours"


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("models: [{id: Qwen/Qwen-7B, kind: bas}]", "schema", ":1:35"),
        ("models: [{id: new, name: New}]", "schema", ":1:10"),
        ("models: [{id: Qwen/Qwen-7B, base_models: [{model: x, form: merge}]}]", "unknown-model", ":1:51"),
        ("licenses: [{id: LicenseRef-A, terms: {commercial: {clause: '9'}}}]", "unknown-clause", ":1:60"),
        ("modles: []", "schema", ":1:1"),
        ("models: 1", "schema", ":1:9"),
        ("models: [1]", "schema", ":1:10"),
        ("models: [{id: Qwen/Qwen-7B, name: a}, {id: Qwen/Qwen-7B, name: b}]", "repeated-id", ":1:44"),
        ("a: 1\na: 2", "yaml-repeated-key", ":2:1"),
    ],
)
def test_wrong_overlays(load: Load, tmp_path: Path, text: str, code: str, where: str) -> None:
    path = overlay(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.code == code
    assert caught.value.where == f"{path}{where}"
    assert caught.value.hint


def test_missing_overlay(load: Load) -> None:
    with pytest.raises(InputError) as caught:
        load(environ={"MODELREG_REGISTRY": "/nowhere.yaml"})
    assert caught.value.where == "MODELREG_REGISTRY"


def test_find_project(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "modelreg.yaml").write_text("{}", encoding="utf-8")
    assert sources.find_project(inner) == str(tmp_path / "modelreg.yaml")
    (tmp_path / "a" / ".git").mkdir()
    assert sources.find_project(inner) is None


def test_no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "PACKAGE", str(tmp_path / "modelreg" / "registry"))
    with pytest.raises(ModelEnvironmentError):
        load_registry()


def test_cached_path_imports_nothing_heavy(load: Load, data: Path) -> None:
    load()
    heavy = (
        "yaml",
        "jsonschema",
        "rich",
        "dataclasses",
        "pathlib",
        "hashlib",
        "urllib.parse",
        "tempfile",
        "inspect",
    )
    code = (
        "import sys; from modelreg.registry.load import load_registry\n"
        f"r = load_registry(data={str(data)!r}); r.resolve('chatglm-6b'); r.model('Qwen/Qwen-7B'); r.rows()\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"
