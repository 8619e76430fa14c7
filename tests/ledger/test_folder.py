"""Real generations, told by their configurations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelreg.desk import Desk
from modelreg.errors import RefusedError
from modelreg.ledger.folder import known_configs

V1 = dict(known_configs()["THUDM/chatglm-6b"]["config"])
V2 = dict(known_configs()["THUDM/chatglm2-6b"]["config"])
INT4 = {**V1, "quantization_bit": 4}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(str(tmp_path / "ledger.jsonl"))


def folder(tmp_path: Path, config: Any, card: str = "") -> Path:
    place = tmp_path / "some-name"
    place.mkdir()
    (place / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    (place / "pytorch_model.bin").write_bytes(b"x")
    if card:
        (place / "README.md").write_text(card, encoding="utf-8")
    return place


@pytest.mark.parametrize(
    ("config", "card", "model"),
    [
        (V1, "", "THUDM/chatglm-6b"),
        ({**V1, "quantization_bit": 0}, "", "THUDM/chatglm-6b"),
        ({**V1, "_name_or_path": "THUDM/chatglm-6b"}, "", "THUDM/chatglm-6b"),
        ({**V1, "_name_or_path": "/home/user/output/checkpoint-3000"}, "", "THUDM/chatglm-6b"),
        ({**V1, "vocab_size": 150528}, "", "THUDM/chatglm-6b@v0.1.0"),
        (INT4, "", "THUDM/chatglm-6b-int4"),
        ({**INT4, "quantization_embeddings": True}, "", "THUDM/chatglm-6b-int4-qe"),
        ({**V1, "quantization_bit": 8}, "# ChatGLM-6B-INT8\n", "THUDM/chatglm-6b-int8"),
        ({**V2, "_name_or_path": "THUDM/chatglm2-6b"}, "", "THUDM/chatglm2-6b"),
        ({**V2, "_name_or_path": "zai-org/chatglm3-6b"}, "# ChatGLM3-6B\n", "THUDM/chatglm3-6b"),
        (V2, "---\nlanguage:\n- zh\n- en\n---\n# CodeGeeX2-6B\n", "THUDM/codegeex2-6b"),
    ],
)
def test_found(desk: Desk, tmp_path: Path, config: Any, card: str, model: str) -> None:
    assert desk.look(folder(tmp_path, config, card)).model.id == model


@pytest.mark.parametrize(
    ("config", "card", "code"),
    [
        (V2, "", "unidentified-model"),  # ChatGLM2, ChatGLM3 and CodeGeeX2 have the same figures
        ({**V1, "_name_or_path": "someone/chatglm-law"}, "", "unidentified-model"),
        (V1, "---\nbase_model: THUDM/chatglm2-6b\n---\n", "unidentified-model"),
        (V1, "---\nbase_model:\n  - someone/thing\n---\n", "unidentified-model"),
        ({**V1, "pre_seq_len": 128}, "", "unidentified-model"),
        ({**V1, "image_length": 32}, "", "unidentified-model"),
        ({**V2, "_name_or_path": "THUDM/chatglm-6b"}, "", "folder-contradicts"),
        ({**V1, "_name_or_path": "THUDM/chatglm2-6b"}, "", "folder-contradicts"),
        ({**V1, "num_layers": 27, "_name_or_path": "THUDM/chatglm-6b"}, "", "folder-contradicts"),
        ({**V1, "num_layers": "28"}, "", "unidentified-model"),
        ({**V2, "rope_ratio": 50, "_name_or_path": "THUDM/chatglm3-6b"}, "", "folder-contradicts"),
        ({**V2, "_name_or_path": "THUDM/chatglm2-6b"}, "# ChatGLM3-6B\n", "names-differ"),
        ("[]", "", "unidentified-model"),
        ("{", "", "unidentified-model"),
        ("[" * 100_000, "", "unidentified-model"),
        ({}, "", "unidentified-model"),
        ({"_name_or_path": ["THUDM/chatglm-6b"]}, "", "unidentified-model"),
    ],
)
def test_not_found(desk: Desk, tmp_path: Path, config: Any, card: str, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        desk.look(folder(tmp_path, config, card))
    assert caught.value.code == code
    assert "--as" in caught.value.hint


def test_a_variant_whose_config_bears_its_sister_s_name(desk: Desk, tmp_path: Path) -> None:
    place = folder(tmp_path, {**V2, "rope_ratio": 50, "_name_or_path": "THUDM/chatglm3-6b"})
    assert desk.look(place, as_model="THUDM/chatglm3-6b-32k").model.id == "THUDM/chatglm3-6b-32k"
    with pytest.raises(RefusedError):
        desk.look(place, as_model="THUDM/glm-4-9b")


def test_every_known_config_is_of_a_model_of_the_registry(desk: Desk) -> None:
    for model in known_configs():
        assert desk.book.model(model) is not None, model
