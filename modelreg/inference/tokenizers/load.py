"""Choose the tokenizer of a model folder from its files, and open it. Nothing in the folder is executed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelreg.inference.tokenizers.base import (
    GENERATIONS,
    Generation,
    Tokenizer,
    TokenizerError,
    TokenizerMissingError,
    UnknownGenerationError,
)  # fmt: skip
from modelreg.inference.tokenizers.chatglm import ChatGLMTokenizer
from modelreg.inference.tokenizers.chatglm2 import ChatGLM2Tokenizer, ChatGLM3Tokenizer
from modelreg.inference.tokenizers.glm4 import GLM4Tokenizer
from modelreg.inference.tokenizers.sentencepieces import open_sentencepiece, read_tokenizer_file

FIRST = "ice_text.model"
LATER = "tokenizer.model"
# What the March 2023 revision put in front of the text vocabulary, and its tokenizer's default.
IMAGE_TOKENS = 20000
_RANK_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")
_NAMES: tuple[tuple[str, Generation], ...] = (
    ("chatglm3", "chatglm3"), ("chatglm2", "chatglm2"), ("codegeex2", "chatglm2"), ("glm-4", "glm4"),
    ("chatglm-6b", "chatglm"), ("visualglm", "chatglm"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Detected:
    """A generation and what told it, in words for people."""

    generation: Generation
    reason: str


def load_tokenizer(folder: Path | str, generation: Generation | None = None) -> Tokenizer:
    """Open the tokenizer of a model folder.

    Args:
        folder: holds `ice_text.model` or `tokenizer.model`, and usually config.json, tokenizer_config.json.
        generation: overrides the detection (ChatGLM2 and 3 differ in nothing that is reliable).
    Raises: TokenizerMissingError, TokenizerError, UnknownGenerationError, ModelEnvironmentError.
    """
    folder = Path(folder)
    if generation is None:
        generation = detect_generation(folder).generation
    if generation not in GENERATIONS:
        raise UnknownGenerationError(
            f"there is no generation {generation!r}; there are {', '.join(GENERATIONS)}", where="generation"
        )
    if generation == "chatglm":
        path = folder / FIRST if (folder / FIRST).exists() else folder / LATER
        _need(path, folder, FIRST)
        return ChatGLMTokenizer(path, _image_tokens(folder, path))
    path = folder / LATER
    _need(path, folder, LATER)
    if generation == "glm4":
        return GLM4Tokenizer(path, _added_tokens(folder))
    return ChatGLM3Tokenizer(path) if generation == "chatglm3" else ChatGLM2Tokenizer(path)


def detect_generation(folder: Path) -> Detected:
    """Tell the generation from the files alone; the folder's own name is never looked at.

    Raises: UnknownGenerationError with the option that settles it.
    """
    config = _json(folder / "config.json")
    own = _json(folder / "tokenizer_config.json")
    if (folder / FIRST).exists():
        return Detected("chatglm", f"{FIRST} is there")
    if "position_encoding_2d" in config or "inner_hidden_size" in config:
        return Detected("chatglm", "config.json has the keys of ChatGLM-6B")
    path = folder / LATER
    if path.exists() and _RANK_LINE.match(read_tokenizer_file(path)[:400]):
        return Detected("glm4", f"{LATER} holds tiktoken ranks")
    named = [str(source.get(key, "")) for source in (config, own) for key in ("_name_or_path", "name_or_path")]
    name = " ".join(named)
    for part, generation in _NAMES:
        if part in name.lower():
            return Detected(generation, f"its configuration names {name.split()[0]}")
    if "chat_template" in own or "<|user|>" in json.dumps(own.get("added_tokens_decoder", {})):
        return Detected("chatglm3", "tokenizer_config.json has ChatGLM3's roles")
    # As published: 8192 for ChatGLM3-6B, 32768 for ChatGLM2-6B (and for both long variants).
    if config.get("seq_length") == 8192:
        return Detected("chatglm3", "config.json has seq_length 8192")
    if config.get("seq_length") == 32768 and "rope_ratio" not in config:
        return Detected("chatglm2", "config.json has seq_length 32768")
    raise UnknownGenerationError(
        "the files do not tell which ChatGLM generation this is",
        where=str(folder),
        hint=f"name it: --generation, one of {', '.join(GENERATIONS)}",
    )


def _need(path: Path, folder: Path, name: str) -> None:
    if not path.exists():
        found = sorted(entry.name for entry in folder.iterdir())[:12] if folder.is_dir() else []
        raise TokenizerMissingError(
            f"no {name} in the folder; it holds {', '.join(found) or 'nothing'}",
            where=str(folder),
            hint="fetch the model's tokenizer files into the same folder",
        )


def _json(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one if there is no such file."""
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TokenizerError(f"cannot read {path.name}: {error}", where=str(path)) from None
    if not isinstance(value, dict):
        raise TokenizerError(f"{path.name} holds no JSON object", where=str(path))
    return value


def _image_tokens(folder: Path, path: Path) -> int:
    """How many image ids come before the text: what the files say, else what their ids imply."""
    own, config = _json(folder / "tokenizer_config.json"), _json(folder / "config.json")
    count = own.get("num_image_tokens")
    if count is None and isinstance(config.get("bos_token_id"), int):
        count = config["bos_token_id"] - int(open_sentencepiece(path).piece_to_id("<sop>"))
    if count is None:
        count = IMAGE_TOKENS if own else 0
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= 1_000_000:
        raise TokenizerError(f"num_image_tokens is {count!r}; expected 0 or 20000", where=str(folder))
    return count


def _added_tokens(folder: Path) -> dict[str, int] | None:
    """Names and ids from tokenizer_config.json's added_tokens_decoder; None if it has none."""
    table = _json(folder / "tokenizer_config.json").get("added_tokens_decoder")
    if not table:
        return None
    try:
        return {str(entry["content"]): int(token) for token, entry in table.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise TokenizerError(
            "added_tokens_decoder is not a table of ids", where=str(folder / "tokenizer_config.json")
        ) from None
