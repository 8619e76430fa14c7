"""Chats end to end: recorded ones with the e2e checkpoints and official tokenizers, and our own pieces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import recorded
import tiny_tokenizers
from fakes import ScriptedModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelreg.inference.chat import (
    MAX_LENGTH,
    Piece,
    chat,
    published_sampling,
    stream_chat,
    stream_reply,
)
from modelreg.inference.generate import Limits, generate
from modelreg.inference.prompts import query_ids
from modelreg.inference.replies import process_messages, process_text
from modelreg.inference.sampling import Sampling
from modelreg.inference.tokenizers import Generation, Tokenizer
from modelreg.inference.weights import _open_model

tiny = tiny_tokenizers.tiny
CHATS: tuple[Generation, ...] = ("chatglm", "chatglm2", "chatglm3")
GREEDY = Sampling(do_sample=False)
every_chat = pytest.mark.parametrize("generation", CHATS)
OpenModel = Callable[[Generation], Any]


@pytest.fixture(scope="module")
def e2e(shared_dir: Path) -> OpenModel:
    """The recorded end-to-end checkpoint of a generation, float32 on the CPU, opened once."""
    opened: dict[str, Any] = {}

    def open_model(generation: Generation) -> Any:
        if generation not in opened:
            folder = shared_dir / "goldens" / generation / "e2e"
            opened[generation] = _open_model(folder, dtype="float32", device="cpu")
        return opened[generation]

    return open_model


def plain(history: list[Any]) -> list[Any]:
    """Rounds as JSON has them."""
    return [list(item) if isinstance(item, tuple) else item for item in history]


@pytest.mark.shared
@every_chat
def test_recorded_chats(shared_dir: Path, e2e: OpenModel, generation: Generation) -> None:
    tokenizer, model = recorded.tokenizer(shared_dir, generation), e2e(generation)
    for case in recorded.read(shared_dir, f"{generation}/e2e_chat.json")["chat"]:
        role, length = case.get("role", "user"), case["max_length"]
        prompt = query_ids(tokenizer, case["query"], case["history"], role)
        assert prompt == case["input_ids"]
        limits = Limits(tokenizer.stop_ids, length)
        assert list(generate(model, prompt, GREEDY, limits)) == case["output_ids"]
        got = chat(model, tokenizer, case["query"], case["history"], role=role, sampling=GREEDY, max_length=length)
        assert got.response == case["response"]
        assert plain(got.history) == case["new_history"]
        if "decoded" in case:
            assert tokenizer.decode(case["output_ids"]) == case["decoded"]


@pytest.mark.shared
@every_chat
def test_recorded_streams(shared_dir: Path, e2e: OpenModel, generation: Generation) -> None:
    tokenizer, model = recorded.tokenizer(shared_dir, generation), e2e(generation)
    for case in recorded.read(shared_dir, f"{generation}/e2e_chat.json")["stream_chat"]:
        steps = list(
            stream_chat(
                model, tokenizer, case["query"], case["history"], role=case.get("role", "user"),
                sampling=GREEDY, max_length=case["max_length"],
            )
        )  # fmt: skip
        assert [step.response for step in steps] == case["responses"]
        if "last_history" in case:
            assert plain(steps[-1].history) == case["last_history"]


@pytest.mark.shared
@pytest.mark.parametrize("generation", ["chatglm2", "chatglm3"])
def test_recorded_streams_with_a_cache(shared_dir: Path, e2e: OpenModel, generation: Generation) -> None:
    tokenizer, model = recorded.tokenizer(shared_dir, generation), e2e(generation)
    golden = recorded.read(shared_dir, f"{generation}/e2e_chat.json")["stream_chat_with_cache"]
    cache, history = model.new_cache(), []  # type: tuple[Any, list[Any]]
    for turn in golden["turns"]:
        steps = list(
            stream_chat(
                model, tokenizer, turn["query"], history, sampling=GREEDY,
                max_new_tokens=golden["max_new_tokens"], cache=cache,
            )
        )  # fmt: skip
        assert [step.response for step in steps] == turn["responses"]
        assert cache.length == turn["cache_length_after"]
        history = steps[-1].history
        assert plain(history) == turn["history_after"]


@pytest.mark.shared
@every_chat
def test_recorded_defaults(shared_dir: Path, generation: Generation) -> None:
    tokenizer = recorded.tokenizer(shared_dir, generation)
    defaults = recorded.read(shared_dir, f"{generation}/e2e_chat.json")["defaults"]
    ours = published_sampling(tokenizer)
    for name in ("do_sample", "temperature", "top_p"):
        assert getattr(ours, name) == defaults["chat"][name] == defaults["stream_chat"][name]
    assert ours.top_k == defaults["generation_config"]["top_k"]
    assert MAX_LENGTH[generation] == defaults["chat"]["max_length"]
    assert ours.invalid_score_id == 5
    stops = defaults["chat"].get("eos_token_id", [defaults["generation_config"]["eos_token_id"]])
    assert list(tokenizer.stop_ids) == stops


def pieces_of(tokenizer: Tokenizer, ids: list[int], **options: Any) -> list[Piece]:
    model = ScriptedModel([*ids, tokenizer.eos_token_id], vocab=tokenizer.vocab_size + 20)
    limits = options.pop("limits", Limits(max_new_tokens=len(ids) + 1))
    return list(stream_reply(model, tokenizer, [1], sampling=GREEDY, limits=limits, **options))


shown_text = st.text("你好,!: a\n[训练时间]👍'nt.", max_size=20)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=shown_text)
@pytest.mark.parametrize("name", tiny_tokenizers.NAMES)
def test_pieces_join_to_the_processed_reply(tiny: dict[str, Tokenizer], name: str, text: str) -> None:
    tokenizer = tiny[name]
    ids = tokenizer.encode_ordinary("\n" + text if name in ("chatglm3", "glm4") else text)
    pieces = pieces_of(tokenizer, ids)
    written = tokenizer.decode(ids)
    if name in ("chatglm3", "glm4"):
        expected = process_messages(tokenizer.generation, written, [])[0]
    else:
        expected = process_text(tokenizer.generation, written)
    assert "".join(piece.text for piece in pieces) == expected
    assert [piece.finish_reason for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert (pieces[-1].finish_reason, pieces[-1].tokens) == ("stop", len(ids) + 1)


def test_a_tool_call_names_its_tool(tiny: dict[str, Tokenizer]) -> None:
    call = "```python\ntool_call(city='北京')\n```"
    for name in ("chatglm3", "glm4"):
        pieces = pieces_of(tiny[name], tiny[name].encode_ordinary(f"get_weather\n{call}"))
        assert {piece.tool for piece in pieces if piece.text} == {"get_weather"}
        assert "".join(piece.text for piece in pieces) == call


def test_text_without_a_header_line_is_text(tiny: dict[str, Tokenizer]) -> None:
    for text in ("hello", "hello there", "你好"):
        pieces = pieces_of(tiny["glm4"], tiny["glm4"].encode_ordinary(text))
        assert "".join(piece.text for piece in pieces) == text
        assert pieces[-1].tool is None


def test_stop_strings_end_a_reply(tiny: dict[str, Tokenizer]) -> None:
    tokenizer = tiny["chatglm2"]
    pieces = pieces_of(tokenizer, tokenizer.encode_ordinary("one two three"), stop=["two"])
    assert "".join(piece.text for piece in pieces) == "one"
    assert pieces[-1].finish_reason == "stop"


def test_an_unfinished_character_at_the_limit_is_not_shown(tiny: dict[str, Tokenizer]) -> None:
    for name, tokenizer in tiny.items():
        first = tiny_tokenizers.first_byte(tokenizer)
        ids = [*tokenizer.encode_ordinary("ok."), first + 0xF0, first + 0x9F]
        pieces = pieces_of(tokenizer, ids, limits=Limits(max_new_tokens=len(ids)))
        assert "".join(piece.text for piece in pieces) == "ok.", name
        assert pieces[-1].finish_reason == "length"


def test_streamed_chats_wait_for_whole_characters(tiny: dict[str, Tokenizer]) -> None:
    for name, tokenizer in tiny.items():
        ids = [*tokenizer.encode_ordinary("a👍b"), tokenizer.eos_token_id]
        model = ScriptedModel(ids, vocab=tokenizer.vocab_size + 1)
        texts = [turn.response for turn in stream_chat(model, tokenizer, "q", sampling=GREEDY)]
        assert texts, name
        assert all("\ufffd" not in str(text) for text in texts)


def test_an_unfinished_tool_call_is_streamed_as_text(tiny: dict[str, Tokenizer]) -> None:
    tokenizer = tiny["chatglm3"]
    reply = "track\n```python\ntool_call(symbol='1')\n```"
    ids = [*tokenizer.encode_ordinary(reply), tokenizer.eos_token_id]
    history = [{"role": "system", "content": "x", "tools": []}]
    model = ScriptedModel(ids, vocab=tokenizer.vocab_size)
    turns = list(stream_chat(model, tokenizer, "q", history, sampling=GREEDY))
    assert isinstance(turns[2].response, str)
    assert turns[-1].response == {"name": "track", "parameters": {"symbol": "1"}}
    assert history == [{"role": "system", "content": "x", "tools": []}]
