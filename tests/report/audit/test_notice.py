"""The attribution pack: prescribed lines to the letter, places of texts with commit and hash."""

from __future__ import annotations

import json
from typing import Any

import audit_report_support as support
import pytest

from modelreg.report.audit import notice
from modelreg.report.audit.parts import Context, sound

LLAMA = (
    "Llama 3.1 is licensed under the Llama 3.1 Community License, Copyright © Meta Platforms, Inc. All Rights Reserved."
)


def pack(report: Any = None, lang: str = "en") -> dict[str, Any]:
    return notice.data(report or support.report(), lang, Context(holdings=support.holdings()))


def text(format: str, report: Any = None, lang: str = "en") -> str:
    return notice.render(sound(report or support.report()), lang, Context(holdings=support.holdings()), format)


def test_prescribed_lines_stand_to_the_letter() -> None:
    found = pack()
    assert LLAMA in [one["value"] for one in found["lines"]]
    assert [one["value"] for one in found["display"]] == ["Built with Llama"]
    for format in ("text", "markdown"):
        for lang in ("en", "zh"):
            lines = text(format, lang=lang).splitlines()
            assert LLAMA in lines
            assert "Built with Llama" in lines
    shown = found["display"][0]
    assert shown["models"] == ["meta-llama/Llama-3.1-8B-Instruct"]
    assert shown["asked_by"] == [{"license": "LicenseRef-Llama-3.1", "clause": "1.b.i", "when": ""}]
    assert "interface" in shown["where"]


def test_the_same_line_of_several_models_stands_once() -> None:
    names = ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-70B-Instruct")
    found = pack(support.make([support.finding(n, "a.py", i + 1) for i, n in enumerate(names)]))
    assert len(found["display"]) == 1
    assert found["display"][0]["models"] == sorted(names)


def test_a_rule_for_names() -> None:
    from modelreg.library import decide

    name = "meta-llama/Llama-3.1-8B-Instruct"
    facts = {"use": ["distribute-finetune"], "commercial": True, "fine_tuned": True}
    data = decide(support.catalog(), name, facts, as_of=support.DATE).to_data()
    report = support.make([support.finding(name, "a.py", 1)])
    report = report._replace(models=({**report.models[0], "decision": data},))
    assert [(n["label"], n["value"]) for n in pack(report)["names"]] == [("name-prefix", "Llama")]
    assert "begin with “Llama”" in text("text", report)
    assert "以“Llama”开头" in text("markdown", report, "zh")


def test_where_each_text_is() -> None:
    texts = {one["license"]: one for one in pack()["texts"]}
    place = texts["LicenseRef-Llama-3.1"]["places"][0]
    assert place["url"].startswith("https://github.com/meta-llama/llama-models/blob/")
    assert len(place["commit"]) == 40
    assert len(place["sha256"]) == 64
    shown = text("text")
    for one in texts.values():
        for place in one["places"]:
            assert place.get("sha256", "") in shown
            assert place.get("commit", "") in shown


def test_what_is_not_known_is_said() -> None:
    found = pack()
    assert [one["model"] for one in found["open"]] == ["acme/secret-model"]
    assert not notice.is_complete(found)
    assert "acme/secret-model: not in the registry" in text("text")
    assert notice.is_complete(pack(support.make([support.finding("Qwen/Qwen2.5-7B-Instruct", "a.py", 1)])))


@pytest.mark.parametrize("format", notice.FORMATS)
def test_no_model(format: str) -> None:
    shown = text(format, support.empty())
    assert shown.endswith("\n")
    if format == "json":
        assert json.loads(shown)["models"] == []
    else:
        assert "No model in use was found." in shown


@pytest.mark.parametrize("format", ["text", "markdown"])
def test_hostile_names(format: str) -> None:
    shown = text(format, support.hostile())
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    if format == "markdown":
        assert "<script>" not in shown
        assert "](javascript:" not in shown.replace("\\]", "")


def test_what_is_only_mentioned_needs_no_notice() -> None:
    report = support.make([support.finding("meta-llama/Llama-3.1-8B-Instruct", "README.md", 1, level="mention")])
    assert pack(report)["models"] == []
