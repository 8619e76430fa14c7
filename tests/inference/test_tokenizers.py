"""The official tokenizers against recorded ids and texts: exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import recorded

from modelreg.inference.tokenizers import GENERATIONS, Generation
from modelreg.inference.tokenizers.chatglm import ChatGLMTokenizer

pytestmark = pytest.mark.shared
every_generation = pytest.mark.parametrize("generation", GENERATIONS)


@every_generation
def test_attributes_and_special_ids(shared_dir: Path, generation: Generation) -> None:
    golden = recorded.read(shared_dir, f"{generation}/tokenizer.json")
    ours = recorded.tokenizer(shared_dir, generation)
    assert {name: getattr(ours, name) for name in golden["attributes"]} == golden["attributes"]
    expected = golden["special_token_ids"]
    assert {name: ours.special_token_ids[name] for name in expected} == expected


@every_generation
def test_encode_and_decode(shared_dir: Path, generation: Generation) -> None:
    ours = recorded.tokenizer(shared_dir, generation)
    for case in recorded.read(shared_dir, f"{generation}/tokenizer.json")["cases"]:
        got: dict[str, Any] = {
            "ids": ours.encode(case["text"], add_special_tokens=False),
            "ids_with_special": ours.encode(case["text"]),
            "tokens": ours.tokenize(case["text"]),
            "decoded": ours.decode(case["ids"]),
            "decoded_with_special": ours.decode(case["ids_with_special"]),
            "decoded_skip_special": ours.decode(case["ids_with_special"], skip_special_tokens=True),
        }
        assert got == {name: case[name] for name in got}, case["text"]


@every_generation
def test_padded_batches(shared_dir: Path, generation: Generation) -> None:
    ours = recorded.tokenizer(shared_dir, generation)
    for case in recorded.read(shared_dir, f"{generation}/tokenizer_batch.json")["cases"]:
        batch = ours.batch(case["texts"])
        assert batch.input_ids == case["input_ids"]
        assert batch.position_ids == case["position_ids"]
        mask = case.get("attention_mask", case.get("attention_mask_true_means_masked"))
        assert batch.attention_mask == mask


def test_chatglm_encode_switches(shared_dir: Path) -> None:
    ours = recorded.tokenizer(shared_dir, "chatglm")
    assert isinstance(ours, ChatGLMTokenizer)
    for case in recorded.read(shared_dir, "chatglm/tokenizer.json")["encode_options"]:
        assert ours.encode_text(case["text"], linebreak=False) == case["encode_no_linebreak"]
        assert ours.encode_text(case["text"], whitespaces=False) == case["encode_no_whitespaces"]
        assert ours.encode_text(case["text"], add_dummy_prefix=False) == case["encode_no_dummy_prefix"]


def test_chatglm3_role_tokens(shared_dir: Path) -> None:
    ours = recorded.tokenizer(shared_dir, "chatglm3")
    golden = recorded.read(shared_dir, "chatglm3/tokenizer.json")
    for case in golden["encode_special_tokens_true"]:
        assert ours.encode(case["text"], add_special_tokens=False, allow_special=True) == case["ids"]
    for case in golden["decode_role_ids"]:
        assert ours.decode(case["ids"]) == case["decoded"]


def test_the_march_2023_revision_shifts_every_id(shared_dir: Path) -> None:
    path = shared_dir / "goldens/tokenizers/chatglm-6b/ice_text.model"
    old, new = ChatGLMTokenizer(path, num_image_tokens=20000), ChatGLMTokenizer(path)
    text = "你好，世界\n  a <n> [MASK] b"
    assert old.encode(text) == [token + 20000 for token in new.encode(text)]
    assert old.decode(old.encode(text)) == new.decode(new.encode(text))
    assert old.vocab_size == new.vocab_size + 20000
    assert (old.gmask_token_id, old.bos_token_id, old.eos_token_id) == (150001, 150004, 150005)
    assert old.decode([12]) == "<image_12>"
