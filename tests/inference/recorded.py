"""Read the recorded JSON files and open the official tokenizers beside them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from modelreg.inference.tokenizers import Generation, Tokenizer, load_tokenizer

FOLDERS: dict[Generation, str] = {
    "chatglm": "chatglm-6b", "chatglm2": "chatglm2-6b", "chatglm3": "chatglm2-6b", "glm4": "glm-4-9b-chat",
}  # fmt: skip


@cache
def read(shared: Path, name: str) -> Any:
    """One golden file, parsed."""
    return json.loads((shared / "goldens" / name).read_text(encoding="utf-8"))


@cache
def tokenizer(shared: Path, generation: Generation) -> Tokenizer:
    """The official tokenizer (ChatGLM3 uses ChatGLM2's file)."""
    return load_tokenizer(shared / "goldens" / "tokenizers" / FOLDERS[generation], generation)
