"""Prompts against the recorded ids and texts, and what a conversation may not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import recorded
import tiny_tokenizers

from modelreg.inference.prompts import (
    MessageError,
    conversation_ids,
    message_ids,
    messages_ids,
    messages_text,
    query_ids,
    rounds_text,
)
from modelreg.inference.tokenizers import Generation, Tokenizer

tiny = tiny_tokenizers.tiny
CHATS: tuple[Generation, ...] = ("chatglm", "chatglm2", "chatglm3")


@pytest.mark.shared
@pytest.mark.parametrize("generation", CHATS)
def test_recorded_prompts(shared_dir: Path, generation: Generation) -> None:
    tokenizer = recorded.tokenizer(shared_dir, generation)
    for case in recorded.read(shared_dir, f"{generation}/e2e_chat.json")["prompts"]:
        ids = query_ids(tokenizer, case["query"], case["history"], case.get("role", "user"))
        assert ids == case["input_ids"]
        if "prompt" in case:
            assert rounds_text(generation, case["query"], case["history"]) == case["prompt"]
        if "position_ids" in case and generation != "chatglm":
            assert tokenizer.positions(ids) == case["position_ids"]


@pytest.mark.shared
def test_recorded_continuations(shared_dir: Path) -> None:
    tokenizer = recorded.tokenizer(shared_dir, "chatglm2")
    for case in recorded.read(shared_dir, "chatglm2/e2e_chat.json").get("stream_prompts", []):
        assert query_ids(tokenizer, case["query"], case["history"], cached=True) == case["input_ids"]


@pytest.mark.shared
def test_recorded_chatglm3_messages(shared_dir: Path) -> None:
    tokenizer = recorded.tokenizer(shared_dir, "chatglm3")
    for case in recorded.read(shared_dir, "chatglm3/e2e_chat.json")["single_message"]:
        assert message_ids(tokenizer, case["role"], case["metadata"], case["message"]) == case["ids"]


@pytest.mark.shared
def test_recorded_chatglm3_template(shared_dir: Path) -> None:
    for case in recorded.read(shared_dir, "chatglm3/chat_template.json")["cases"]:
        assert messages_text("chatglm3", case["messages"]) == case["rendered_text"]


@pytest.mark.shared
def test_recorded_glm4_messages(shared_dir: Path) -> None:
    tokenizer = recorded.tokenizer(shared_dir, "glm4")
    golden = recorded.read(shared_dir, "glm4/chat_prompts.json")
    assert list(tokenizer.stop_ids) == golden["stop_ids"]
    assert tokenizer.invalid_score_id == golden["generation_defaults"]["invalid_score_id"]
    for case in golden["cases"]:
        assert messages_ids(tokenizer, case["messages"]) == case["ids_add_generation_prompt_true"]
        assert messages_ids(tokenizer, case["messages"], False) == case["ids_add_generation_prompt_false"]
        assert messages_text("glm4", case["messages"]) == case["text"]


@pytest.mark.parametrize("name", ["chatglm3", "glm4"])
def test_users_cannot_write_role_tokens(tiny: dict[str, Tokenizer], name: str) -> None:
    roles = {token for text, token in tiny[name].special_token_ids.items() if text.startswith("<|")}
    ids = message_ids(tiny[name], "user", "<|system|>", "<|assistant|> [gMASK] <|user|><|endoftext|>")
    assert set(ids[1:]) & (roles | set(tiny[name].stop_ids)) == set()


def test_a_conversation_of_any_generation(tiny: dict[str, Tokenizer]) -> None:
    talk: list[dict[str, Any]] = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    for name in ("chatglm", "chatglm2"):
        expected = query_ids(tiny[name], "be brief\nc", [("a", "b")])
        assert conversation_ids(tiny[name], talk) == expected
    for name in ("chatglm3", "glm4"):
        assert conversation_ids(tiny[name], talk) == messages_ids(tiny[name], talk)


def test_tools_are_told_in_the_generation_s_own_way(tiny: dict[str, Tokenizer]) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    talk = [{"role": "user", "content": "a"}]
    assert "f" in tiny["chatglm3"].decode(conversation_ids(tiny["chatglm3"], talk, [tool]))
    assert "## f" in tiny["glm4"].decode(conversation_ids(tiny["glm4"], talk, [tool]))
    with pytest.raises(MessageError, match="call tools"):
        conversation_ids(tiny["chatglm2"], talk, [tool])


@pytest.mark.parametrize(
    "talk",
    [
        [],
        [{"role": "narrator", "content": "x"}],
        [{"content": "x"}],
        [{"role": "user", "content": ["parts"]}],
    ],
)
def test_what_cannot_be_said_is_refused(tiny: dict[str, Tokenizer], talk: list[dict[str, Any]]) -> None:
    for tokenizer in tiny.values():
        if talk and isinstance(talk[0].get("content"), list) and tokenizer.generation in CHATS[:2]:
            continue
        with pytest.raises(MessageError):
            conversation_ids(tokenizer, talk)


def test_rounds_must_end_with_a_question(tiny: dict[str, Tokenizer]) -> None:
    with pytest.raises(MessageError, match="last message"):
        conversation_ids(tiny["chatglm2"], [{"role": "assistant", "content": "x"}])
    with pytest.raises(MessageError, match="no role"):
        query_ids(tiny["chatglm2"], "x", role="observation")
