"""Folders: which generation they are, and what is said of files that are missing, cut short or wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny_tokenizers

from modelreg.errors import ExitCode
from modelreg.inference.tokenizers import (
    TokenizerError,
    TokenizerMissingError,
    UnknownGenerationError,
    detect_generation,
    load_tokenizer,
)


def folder_of(tmp_path: Path, later: bool = True, config: Any = None, own: Any = None) -> Path:
    if later:
        (tmp_path / "tokenizer.model").write_bytes(tiny_tokenizers.later_model())
    for name, values in (("config.json", config), ("tokenizer_config.json", own)):
        if values is not None:
            (tmp_path / name).write_text(values if isinstance(values, str) else json.dumps(values))
    return tmp_path


@pytest.mark.parametrize(
    ("config", "own", "generation"),
    [
        ({"_name_or_path": "THUDM/chatglm3-6b-32k"}, None, "chatglm3"),
        ({"_name_or_path": "THUDM/chatglm2-6b"}, None, "chatglm2"),
        ({}, {"name_or_path": "THUDM/chatglm3-6b"}, "chatglm3"),
        ({"_name_or_path": "codegeex2-6b"}, None, "chatglm2"),
        ({"seq_length": 8192}, None, "chatglm3"),
        ({"seq_length": 32768}, None, "chatglm2"),
        ({}, {"chat_template": "{{ x }}"}, "chatglm3"),
    ],
)
def test_detection(tmp_path: Path, config: Any, own: Any, generation: str) -> None:
    folder = folder_of(tmp_path, config=config, own=own)
    found = detect_generation(folder)
    assert (found.generation, load_tokenizer(folder).generation) == (generation, generation)
    assert found.reason


def test_first_generation_and_ranks_are_told_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(tiny_tokenizers.ranks())
    assert load_tokenizer(tmp_path).generation == "glm4"
    (tmp_path / "ice_text.model").write_bytes(tiny_tokenizers.first_model())
    assert load_tokenizer(tmp_path).generation == "chatglm"


@pytest.mark.parametrize(
    ("config", "own", "offset"),
    [
        (None, None, 0),
        (None, {}, 0),
        (None, {"name_or_path": "x"}, 20000),
        (None, {"num_image_tokens": 7}, 7),
        ("bos", None, 20000),
    ],
)
def test_image_tokens(tmp_path: Path, config: Any, own: Any, offset: int) -> None:
    (tmp_path / "ice_text.model").write_bytes(tiny_tokenizers.first_model())
    plain = load_tokenizer(tmp_path)
    if config == "bos":
        config = {"bos_token_id": 20000 + plain.special_token_ids["<sop>"]}
    folder = folder_of(tmp_path, later=False, config=config, own=own)
    assert load_tokenizer(folder).pad_token_id == plain.pad_token_id + offset


def test_an_undecided_folder_asks(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, config={"seq_length": 32768, "rope_ratio": 50})
    with pytest.raises(UnknownGenerationError) as caught:
        load_tokenizer(folder)
    assert "--generation" in str(caught.value)
    assert caught.value.exit_code is ExitCode.ENVIRONMENT
    assert load_tokenizer(folder, "chatglm2").generation == "chatglm2"
    with pytest.raises(UnknownGenerationError, match="chatglm9"):
        load_tokenizer(folder, "chatglm9")  # type: ignore[arg-type]


@pytest.mark.parametrize("generation", ["chatglm", "chatglm2", "glm4"])
def test_missing_files(tmp_path: Path, generation: Any) -> None:
    (tmp_path / "readme.txt").write_text("x")
    with pytest.raises(TokenizerMissingError, match=r"readme\.txt"):
        load_tokenizer(tmp_path, generation)
    with pytest.raises(TokenizerMissingError):
        load_tokenizer(tmp_path / "absent", generation)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
        (b"<html>not found</html>", "not a SentencePiece model"),
        (tiny_tokenizers.later_model()[:3000], "not a SentencePiece model"),
    ],
)
def test_files_that_are_no_model(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "tokenizer.model").write_bytes(data)
    with pytest.raises(TokenizerError, match=said) as caught:
        load_tokenizer(tmp_path, "chatglm3")
    assert caught.value.where == str(tmp_path / "tokenizer.model")
    assert caught.value.hint


def test_another_generations_model(tmp_path: Path) -> None:
    (tmp_path / "ice_text.model").write_bytes(tiny_tokenizers.later_model())
    with pytest.raises(TokenizerError, match=r"lacks the ChatGLM-6B tokens .*<sop>"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"IQ== 0\nIg==\n", "got b'Ig=='"),
        (b"IQ== 0\n!!! 1\n", "base64"),
        (b"IQ== 0\nIg== one\n", "rank"),
        (b"IQ== 0\nIg== 2\n", "2 ranks"),
        (tiny_tokenizers.ranks()[:900], "do not run|expected"),
    ],
)
def test_bad_ranks(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "tokenizer.model").write_bytes(data)
    with pytest.raises(TokenizerError, match=said):
        load_tokenizer(tmp_path, "glm4")


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000])
def test_bad_json(tmp_path: Path, text: str) -> None:
    with pytest.raises(TokenizerError, match=r"config\.json"):
        load_tokenizer(folder_of(tmp_path, config=text))


def test_bad_tokenizer_configs(tmp_path: Path) -> None:
    (tmp_path / "ice_text.model").write_bytes(tiny_tokenizers.first_model())
    with pytest.raises(TokenizerError, match="num_image_tokens"):
        load_tokenizer(folder_of(tmp_path, later=False, own={"num_image_tokens": "many"}))
    (tmp_path / "tokenizer.model").write_bytes(tiny_tokenizers.ranks())
    for table, said in (([1], "table"), ({"266": {"content": "<sop>"}}, "share ids")):
        with pytest.raises(TokenizerError, match=said):
            load_tokenizer(folder_of(tmp_path, later=False, own={"added_tokens_decoder": table}), "glm4")


def test_lone_surrogates_are_taken_as_replacement_characters(tmp_path: Path) -> None:
    for tokenizer in tiny_tokenizers.make(tmp_path).values():
        ids = tokenizer.encode("a\ud800b", add_special_tokens=False)
        assert ids == tokenizer.encode("a\ufffdb", add_special_tokens=False)
        assert tokenizer.tokenize("a\ud800b")


def test_text_parts_start_without_torch() -> None:
    """Prompts and tokenizers are read by commands that must not wait for torch."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import modelreg.inference.prompts, modelreg.inference.replies, modelreg.inference.streaming\n"
        "import modelreg.inference.tokenizers\n"
        "print(sorted({'torch', 'sentencepiece', 'tiktoken'} & {n for n, m in sys.modules.items() if m}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
