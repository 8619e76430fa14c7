"""The conversation itself: what is remembered, forgotten, cut and shown."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from modelreg.cli import _talk
from modelreg.cli._output import Output
from modelreg.errors import InputError
from modelreg.inference.problems import ContextLengthError
from modelreg.inference.sampling import Sampling
from modelreg.inference.tokenizers import load_tokenizer
from modelreg.inference.weights import _open_model


@pytest.fixture(scope="module")
def opened(tiny: Path) -> Any:
    return _open_model(tiny, dtype="float32", device="cpu"), load_tokenizer(tiny, "chatglm3")


def speaker(opened: Any, **settings: Any) -> _talk.Speaker:
    values = {"sampling": Sampling(do_sample=False), "context": 400, "name": "Tiny", "max_new_tokens": 4, **settings}
    return _talk.Speaker(Output("human", ("human",)), *opened, _talk.Settings(**values))


def test_rounds_are_remembered_and_the_oldest_forgotten(opened: Any, capsys: pytest.CaptureFixture[str]) -> None:
    one = speaker(opened, context=130, system="be brief")
    for number in range(6):
        said = one.ask(f"question number {number}")
        assert one.history[-2:] == [
            {"role": "user", "content": f"question number {number}"},
            {"role": "assistant", "content": said.text},
        ]
    assert "question number 0" not in str(one.history)
    assert 2 <= len(one.history) < 12
    shown = capsys.readouterr()
    assert "are forgotten" in shown.err
    assert "cut after 4 tokens" in shown.err
    assert shown.out.count("\n") >= 6
    with pytest.raises(ContextLengthError, match="takes 130"):
        one.ask("word " * 200)


def test_what_was_said_before_ctrl_c_is_kept(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one = speaker(opened, max_new_tokens=200)
    pieces = 0

    def write(text: str) -> None:
        nonlocal pieces
        pieces += bool(text.strip())
        if pieces == 3:
            pieces += 1
            raise KeyboardInterrupt

    monkeypatch.setattr(_talk, "write", write)
    with pytest.raises(KeyboardInterrupt):
        one.ask("hi")
    assert [m["role"] for m in one.history] == ["user", "assistant"]
    assert one.history[1]["content"]


class Screen(io.TextIOWrapper):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_not_steered_by_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a\x1b[2J\u202eb\u3000c\u00a0d\t👨\u200d👩\r\n"
    for kind, expected in ((Screen, "a[2Jb\u3000c\u00a0d\t👨\u200d👩\n"), (io.TextIOWrapper, text)):
        stream = kind(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", stream)
        _talk.write(text)
        assert stream.buffer.getvalue().decode() == expected  # type: ignore[attr-defined]


def test_nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf \n")))
    with pytest.raises(InputError, match="stdin is empty"):
        _talk.read_question(None)
    assert _talk.read_question(" hi") == " hi"


def test_a_further_turn_computes_what_is_new_alone(opened: Any, capsys: pytest.CaptureFixture[str]) -> None:
    talks, forgets = speaker(opened, stats=True, speculate=3), speaker(opened)
    for number in range(3):
        question = f"question number {number}"
        forgets.memory.clear()
        assert talks.ask(question).text == forgets.ask(question).text
        assert bool(talks.memory.reused) == bool(number)
        assert forgets.memory.reused == 0
    shown = capsys.readouterr().err
    assert "of the prompt were known" in shown
    assert "guessed tokens were right" in shown


def test_an_interrupted_answer_leaves_a_memory_that_is_true(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    talks, fresh = speaker(opened, max_new_tokens=30), speaker(opened, max_new_tokens=30)
    pieces = 0

    def write(text: str) -> None:
        nonlocal pieces
        pieces += 1
        if pieces == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_talk, "write", write)
        with pytest.raises(KeyboardInterrupt):
            talks.ask("tell me more")
    fresh.history = list(talks.history)
    assert talks.ask("go on").text == fresh.ask("go on").text
    assert talks.memory.reused
