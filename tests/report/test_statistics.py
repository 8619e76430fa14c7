"""The numbers of the READMEs are counted."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from modelreg import registry
from modelreg.i18n import Vocabulary
from modelreg.report.statistics import sentence, statistics

ROOT = Path(__file__).resolve().parents[2]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_statistics", ROOT / "scripts" / "make_statistics.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_counts() -> None:
    reg = registry.open()
    found = statistics(reg.holdings())
    assert found["models"] == len(reg.data.model_ids())
    assert found["licenses"] == found["agreements"] + found["statements"] + found["policies"]
    assert found["families"] == len(reg.families)
    assert 0 < found["unseen"] < found["models"] < found["names"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_sentence(lang: str) -> None:
    part = registry.open().holdings()
    text = sentence(part, Vocabulary(lang))
    assert "{" not in text
    for name, number in statistics(part).items():
        assert f"{number:,}" in text, name


def test_only_what_stands_between_the_marks_changes() -> None:
    module = script()
    old = f"a\n{module.BEGIN}1\n{module.END}\nz\n"
    assert module.fill(old, "2") == f"a\n{module.BEGIN}2\n{module.END}\nz\n"
    with pytest.raises(SystemExit, match="lacks the marks"):
        module.fill("no marks", "2", "README.md")


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readmes_have_the_marks_and_link_the_pages(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    module = script()
    assert module.fill(text, "n", name)
    assert f"docs/registry/{module.FILES[name]}/README.md" in text
