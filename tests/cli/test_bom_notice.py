"""`modelreg bom` and `modelreg notice`, end to end on a small tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_support import run
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DATE = ("--as-of", "2026-01-01")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "config.yaml").write_text(
        "model: THUDM/chatglm2-6b\nmodels:\n  - meta-llama/Llama-3.1-8B-Instruct\n  - TheBloke/Yi-34B-GGUF\n"
    )
    (root / "modelreg.yaml").write_text("use:\n  commercial: true\n  use: [product]\n")
    (root / "README.md").write_text("Like Qwen/Qwen2.5-7B-Instruct.\n")
    return root


@pytest.mark.parametrize("version", ["1.6", "1.7"])
def test_bom_as_cyclonedx(tree: Path, tmp_path: Path, version: str) -> None:
    file = tmp_path / "models.cdx.json"
    done = run("bom", str(tree), "--spec-version", version, "--output", str(file), *DATE)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    text = file.read_text(encoding="utf-8")
    kind = {"1.6": SchemaVersion.V1_6, "1.7": SchemaVersion.V1_7}[version]
    assert JsonStrictValidator(kind).validate_str(text) is None
    found = {c["bom-ref"]: c for c in json.loads(text)["components"]}
    assert set(found) == {
        "model:THUDM/chatglm2-6b", "model:meta-llama/Llama-3.1-8B-Instruct", "model:TheBloke/Yi-34B-GGUF"
    }  # fmt: skip
    places = found["model:THUDM/chatglm2-6b"]["evidence"]["occurrences"]
    assert [(o["location"], o["line"]) for o in places] == [("config.yaml", 1)]
    assert found["model:TheBloke/Yi-34B-GGUF"]["pedigree"]["ancestors"][0]["name"] == "Yi-34B"


def test_bom_as_spdx_and_other_levels(tree: Path) -> None:
    done = run("bom", str(tree), "--format", "spdx", "--level", "mention", "--level", "use,option", *DATE)
    assert done.returncode == 0, done.stderr
    names = [e["name"] for e in json.loads(done.stdout)["@graph"] if e["type"] == "ai_AIPackage"]
    assert "Qwen/Qwen2.5-7B-Instruct" in names
    assert run("bom", str(tree), "--format", "spdx", *DATE).stdout == run("bom", str(tree), "-f", "spdx", *DATE).stdout


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("bom", "--spec-version", "1.5"), 2, "--spec-version"),
        (("bom", "--format", "spdx", "--spec-version", "1.6"), 2, "3.0.1"),
        (("bom", "--format", "xml"), 2, "cyclonedx, spdx"),
        (("bom", "--level", "all"), 2, "use, option"),
        (("bom", "no-such-folder"), 3, "no-such-folder"),
        (("bom", "--as-of", "yesterday"), 2, "YYYY-MM-DD"),
        (("notice", "--format", "html"), 2, "text, markdown, json"),
        (("notice", "--fact", "no_such_fact=1"), 3, "no_such_fact"),
        (("notice", "--output", "no/such/folder/NOTICE"), 3, "NOTICE"),
    ],
)
def test_wrong_usage(tree: Path, arguments: tuple[str, ...], status: int, said: str) -> None:
    done = run(*arguments, cwd=tree)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_notice(tree: Path) -> None:
    done = run("notice", str(tree), *DATE)
    assert done.returncode == 0, done.stderr
    assert "Built with Llama" in done.stdout.splitlines()
    assert "LicenseRef-ChatGLM2-6B-2023-07-14" in done.stdout
    assert "Qwen" not in done.stdout
    zh = run("notice", str(tree), "--format", "markdown", "--lang", "zh", *DATE)
    assert "## 须展示的字样" in zh.stdout
    pack = json.loads(run("notice", str(tree), "--format", "json", *DATE).stdout)
    assert pack["facts"]["commercial"] is True
    assert [one["value"] for one in pack["display"]] == ["Built with Llama"]


def test_a_notice_with_an_unknown_model_is_not_complete(tree: Path) -> None:
    (tree / "a.py").write_text("model = AutoModel.from_pretrained('northwind-ai/secret-7b')\n")
    done = run("notice", str(tree), *DATE)
    assert done.returncode == 1
    assert "northwind-ai/secret-7b: not in the registry" in done.stdout


def test_an_empty_tree(tmp_path: Path) -> None:
    assert json.loads(run("bom", str(tmp_path), *DATE).stdout)["components"] == []
    done = run("notice", str(tmp_path), *DATE)
    assert done.returncode == 0
    assert "No model in use was found." in done.stdout
