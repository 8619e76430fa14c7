"""Post-processing and tool calls against recorded results; hostile calls run nothing."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
import recorded
from hypothesis import given
from hypothesis import strategies as st

from modelreg.errors import ModelregError
from modelreg.inference.openai_demo import convert_messages, read_reply, request_sampling
from modelreg.inference.replies import (
    FullWidthMarks,
    ToolCallSyntaxError,
    TrainingTime,
    parse_call,
    parse_json_call,
    process_messages,
    process_text,
)


@pytest.mark.shared
@pytest.mark.parametrize("generation", ["chatglm", "chatglm2"])
def test_recorded_texts(shared_dir: Path, generation: Any) -> None:
    for case in recorded.read(shared_dir, f"{generation}/e2e_chat.json")["process_response"]:
        assert process_text(generation, case["raw"]) == case["processed"]


@pytest.mark.shared
def test_recorded_chatglm3_replies(shared_dir: Path) -> None:
    for case in recorded.read(shared_dir, "chatglm3/e2e_chat.json")["process_response"]:
        if "raises" in case:
            with pytest.raises(getattr(builtins, case["raises"])):
                process_messages("chatglm3", case["output"], case["history"])
            continue
        content, history = process_messages("chatglm3", case["output"], case["history"])
        assert content == case["content"]
        assert history == case["new_history"]


@pytest.mark.shared
def test_recorded_api_demo(shared_dir: Path) -> None:
    golden = recorded.read(shared_dir, "chatglm3/openai_demo.json")
    for case in golden["process_response"]:
        if "raises" in case:
            with pytest.raises(getattr(builtins, case["raises"])):
                read_reply(case["output"], case["use_tool"])
        else:
            assert read_reply(case["output"], case["use_tool"]) == case["result"]
    for case in golden["messages"]:
        assert convert_messages(case["messages"], case["tools"]) == case["converted"]
    defaults, ours = golden["request_defaults"], request_sampling()
    for name in ("temperature", "top_p", "repetition_penalty"):
        assert getattr(ours, name) == defaults[name]
    assert request_sampling(temperature=1e-5).greedy


@pytest.mark.parametrize(
    "code",
    [
        "__import__('os').system('true')",
        "tool_call(x=__import__('os'))",
        "tool_call(x=open('/etc/passwd').read())",
        "tool_call(x=(lambda: 1)())",
        "tool_call(x=f'{1}')",
        "tool_call(1)",
        "tool_call(**open('x'))",
        "tool_call(**{1: 2})",
        "tool_call(x=[)",
        "(tool_call)(x=1)(y=2)",
        "tool_call(x=" + "(" * 5000 + "1" + ")" * 5000 + ")",
        "tool_call(x=" + "-" * 20000 + "1)",
        "x = 1",
        "tool_call(x='\x00')",
        "tool_call(x=" + "9" * 200_000 + ")",
    ],
)
def test_nothing_but_literal_calls_is_read(code: str) -> None:
    with pytest.raises(ToolCallSyntaxError) as caught:
        parse_call(f"```python\n{code}\n```")
    assert isinstance(caught.value, ModelregError)
    assert str(caught.value).startswith("error[tool-call]")


def test_literal_calls() -> None:
    code = "tool_call(a='北京', b=-1.5, c=[1, {'d': None}], **{'e': (True,)})"
    assert parse_call(f"```python\n{code}\n```") == {
        "a": "北京", "b": -1.5, "c": [1, {"d": None}], "e": (True,),
    }  # fmt: skip


def test_odd_escapes_do_not_warn() -> None:
    assert parse_call("```\ntool_call(a='\\d')\n```") == {"a": "\\d"}


def test_glm4_calls_are_json() -> None:
    talk: list[dict[str, Any]] = [
        {"role": "system", "content": "", "tools": [{}]},
        {"role": "user", "content": "q"},
    ]
    content, history = process_messages("glm4", 'get_weather\n{"city": "北京"}', talk)
    assert content == {"name": "get_weather", "parameters": {"city": "北京"}}
    assert history[-1] == {"role": "assistant", "metadata": "get_weather", "content": '{"city": "北京"}'}
    assert len(talk) == 2
    with pytest.raises(ToolCallSyntaxError):
        parse_json_call("[" * 100_000)


@given(text=st.text("你好,!?:;a [训练时间]1", max_size=20), cut=st.integers(0, 20))
def test_rewrites_may_be_cut_where_they_say(text: str, cut: int) -> None:
    for rewrite in (FullWidthMarks(), TrainingTime()):
        safe = len(text[:cut]) - rewrite.undecided(text[:cut])
        assert rewrite.apply(text[:safe]) + rewrite.apply(text[safe:]) == rewrite.apply(text)
