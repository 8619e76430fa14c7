"""The head of a GGUF file, whole, cut, and not one at all."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from modelreg.texts.gguf import base_names, read_metadata


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def gguf_file(pairs: dict[str, str | int | list[str]]) -> bytes:
    """A file with metadata and no tensors."""
    out = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs))
    for key, value in pairs.items():
        out += _text(key)
        if isinstance(value, str):
            out += struct.pack("<I", 8) + _text(value)
        elif isinstance(value, int):
            out += struct.pack("<II", 4, value)
        else:
            out += struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    return out


WHOLE = gguf_file(
    {
        "general.architecture": "llama",
        "tokenizer.ggml.tokens": ["a", "b", "c"],
        "general.base_model.count": 2,
        "general.base_model.0.name": "Heron",
        "general.base_model.0.repo_url": "https://huggingface.co/acme/heron-7b",
        "general.base_model.1.name": "Stork 7B",
    }
)


def test_names_and_numbers() -> None:
    found = read_metadata(WHOLE + b"\0" * 64)
    assert found["general.architecture"] == "llama"
    assert "tokenizer.ggml.tokens" not in found
    assert base_names(found) == ("https://huggingface.co/acme/heron-7b", "Stork 7B")


def test_a_cut_head_gives_what_it_has() -> None:
    for size in range(len(WHOLE)):
        found = read_metadata(WHOLE[:size])
        assert set(found) <= set(read_metadata(WHOLE))
    assert read_metadata(b"PK\3\4") == {}
    assert base_names({}) == ()
    assert base_names({"general.base_model.count": 1 << 60}) == ()


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read_metadata(data)
    read_metadata(b"GGUF" + struct.pack("<IQQ", 3, 1, 5) + data)
