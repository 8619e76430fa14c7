"""The embedded demo models answer, in both languages, through the same code as the real ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from modelreg.inference.chat import chat, stream_reply
from modelreg.inference.generate import Limits
from modelreg.inference.prompts import conversation_ids
from modelreg.inference.sampling import Sampling
from modelreg.inference.tokenizers import detect_generation, load_tokenizer
from modelreg.inference.weights import _open_model

ROOT = Path(__file__).resolve().parents[2]
DEMOS = {"chatglm-demo": "chatglm3", "chatglm-demo-v1": "chatglm"}
GREEDY = Sampling(do_sample=False)
ASKED = {
    "Can ChatGLM-6B be used commercially?": "commercial use",
    "is military use of chatglm-6b permitted?": "military",
    "What is modelreg?": "modelreg",
    "ChatGLM3-6B 可以商用吗？": "登记",
    "ChatGLM 可以用于军事吗？": "军事",
    "你是谁？": "演示",
    "今天天气怎么样？": "超出",
}
every_demo = pytest.mark.parametrize("name", DEMOS)


@pytest.fixture(scope="module")
def demos() -> dict[str, Any]:
    """Tokenizer and model of each demo."""
    folders = {name: ROOT / "modelreg" / "_demo" / name for name in DEMOS}
    return {
        name: (load_tokenizer(folder), _open_model(folder, dtype="float32", device="cpu"))
        for name, folder in folders.items()
    }


@every_demo
def test_it_is_small_and_told_by_its_files(name: str) -> None:
    folder = ROOT / "modelreg" / "_demo" / name
    assert detect_generation(folder).generation == DEMOS[name]
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4.5e6


@every_demo
def test_it_answers(demos: dict[str, Any], name: str) -> None:
    tokenizer, model = demos[name]
    for question, expected in ASKED.items():
        response, _ = chat(model, tokenizer, question, sampling=GREEDY, max_new_tokens=120)
        assert expected in str(response), (question, response)


@every_demo
def test_it_streams_the_same_answer_after_a_history(demos: dict[str, Any], name: str) -> None:
    tokenizer, model = demos[name]
    talk = [
        {"role": "user", "content": "hello"},
        {
            "role": "assistant",
            "content": "Hello! I am the modelreg demo model. Ask me what model licenses say.",
        },
        {"role": "user", "content": "what is modelreg?"},
    ]
    prompt = conversation_ids(tokenizer, talk)
    pieces = list(stream_reply(model, tokenizer, prompt, sampling=GREEDY, limits=Limits(max_new_tokens=120)))
    assert "terms of open-weights models" in "".join(piece.text for piece in pieces)
    assert pieces[-1].finish_reason == "stop"


def test_the_corpus_says_what_texts_say() -> None:
    """No answer advises, and every question has one answer."""
    sys.path.insert(0, str(ROOT / "scripts"))
    from train_demo_model import read_topics

    topics = read_topics()
    questions = [question.lower() for topic in topics for question in topic.questions]
    assert len(questions) > 500
    assert len(set(questions)) == len(questions)
    for topic in topics:
        assert "you may " not in topic.answer.lower()
        assert "你可以" not in topic.answer
