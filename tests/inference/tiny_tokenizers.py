"""Small tokenizers made on the spot, in each generation's file layout."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from modelreg.inference.tokenizers import Tokenizer
from modelreg.inference.tokenizers.chatglm import ChatGLMTokenizer
from modelreg.inference.tokenizers.chatglm2 import ChatGLM2Tokenizer, ChatGLM3Tokenizer
from modelreg.inference.tokenizers.glm4 import GLM4Tokenizer

NAMES = ("chatglm", "chatglm2", "chatglm3", "glm4")
TEXT = [
    "The text of a license says what it permits. Don't stop, isn't it? We've seen it, they're here.",
    "许可证的文本说明它允许什么。你好，世界！这是一个小的分词器，用来测试流式解码。",
    "a b c d e f g 1 2 3 . , ; : ! ? ' \" ( ) [ ] < > | _ blank tab round user assistant",
]


def train(**options: Any) -> bytes:
    """A SentencePiece model of a few hundred pieces with byte fallback."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT * 8), model_writer=model, vocab_size=480, model_type="bpe",
        byte_fallback=True, character_coverage=1.0, hard_vocab_limit=False, minloglevel=2,
        num_threads=1, **options,
    )  # fmt: skip
    return model.getvalue()


def later_model() -> bytes:
    """In the layout of ChatGLM2's and 3's tokenizer.model: text is taken as it is."""
    return train(normalization_rule_name="identity", remove_extra_whitespaces=False, pad_id=-1, bos_id=1, eos_id=2)


def first_model() -> bytes:
    """In the layout of ChatGLM-6B's ice_text.model: line breaks and blanks are pieces."""
    return train(
        normalization_rule_name="nmt_nfkc", pad_id=3, bos_id=1, eos_id=2,
        control_symbols=["[MASK]", "[gMASK]", "[sMASK]", "<unused_0>", "<sop>", "<eop>"],
        user_defined_symbols=["<n>", "<|tab|>", *(f"<|blank_{k}|>" for k in range(2, 81))],
    )  # fmt: skip


def ranks() -> bytes:
    """In the layout of GLM-4's tokenizer.model: every byte and some merges."""
    tokens = [bytes([byte]) for byte in range(256)]
    tokens += [b"th", b"the", b" l", b"\xe4\xbd", b"\xe4\xbd\xa0", b"\xf0\x9f", b"\x91\x8d", b"  ", b"\n\n"]
    return b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens))


def make(folder: Path) -> dict[str, Tokenizer]:
    """One tokenizer a generation, from files written to `folder`."""
    first, later, bpe = folder / "ice_text.model", folder / "tokenizer.model", folder / "ranks.model"
    first.write_bytes(first_model())
    later.write_bytes(later_model())
    bpe.write_bytes(ranks())
    return {
        "chatglm": ChatGLMTokenizer(first),
        "chatglm2": ChatGLM2Tokenizer(later),
        "chatglm3": ChatGLM3Tokenizer(later),
        "glm4": GLM4Tokenizer(bpe),
    }


def first_byte(tokenizer: Tokenizer) -> int:
    """The id of byte 0; the other bytes follow it."""
    if isinstance(tokenizer, GLM4Tokenizer):
        return 0
    pieces = tokenizer._sp  # type: ignore[attr-defined]  # the only way to the piece table
    return int(pieces.piece_to_id("<0x00>"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokenizer]:
    """A small tokenizer of each generation."""
    return make(tmp_path_factory.mktemp("tokenizers"))
