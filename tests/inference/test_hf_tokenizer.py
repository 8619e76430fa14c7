"""AutoTokenizer gives the recorded ids, texts and batches, without network or remote code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import recorded

from modelreg.inference.tokenizers import GENERATIONS, Generation

pytest.importorskip("transformers")


@pytest.fixture
def auto(shared_dir: Path, tmp_path: Path) -> Any:
    """Open a generation's official tokenizer by AutoTokenizer, from a folder as published."""
    import transformers

    from modelreg.inference.hf_tokenizer import register_tokenizers

    class Config(transformers.PretrainedConfig):  # type: ignore[no-untyped-call]
        model_type = "chatglm"

    transformers.AutoConfig.register("chatglm", Config, exist_ok=True)
    register_tokenizers(Config)

    def open_it(generation: Generation) -> Any:
        goldens = shared_dir / "goldens"
        own = "chatglm3-6b" if generation == "chatglm3" else recorded.FOLDERS[generation]
        folder = tmp_path / generation
        folder.mkdir()
        for file in (goldens / "tokenizers" / recorded.FOLDERS[generation]).iterdir():
            shutil.copyfile(file, folder / file.name)
        shutil.copyfile(goldens / "tokenizers" / own / "tokenizer_config.json", folder / "tokenizer_config.json")
        (folder / "config.json").write_text(json.dumps({"model_type": "chatglm"}))
        return transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)

    return open_it


@pytest.mark.shared
@pytest.mark.parametrize("generation", GENERATIONS)
def test_auto_tokenizer(shared_dir: Path, tmp_path: Path, auto: Any, generation: Generation) -> None:
    tokenizer = auto(generation)
    assert tokenizer.native.generation == generation
    golden = recorded.read(shared_dir, f"{generation}/tokenizer.json")
    for case in golden["cases"]:
        assert tokenizer.encode(case["text"], add_special_tokens=False) == case["ids"]
        assert tokenizer(case["text"])["input_ids"] == case["ids_with_special"]
        assert tokenizer.tokenize(case["text"]) == case["tokens"]
        assert tokenizer.decode(case["ids"]) == case["decoded"]
        assert tokenizer.decode(case["ids_with_special"], skip_special_tokens=True) == case["decoded_skip_special"]
    for name in ("vocab_size", "pad_token_id", "eos_token_id", "padding_side"):
        assert getattr(tokenizer, name) == golden["attributes"][name]
    for case in recorded.read(shared_dir, f"{generation}/tokenizer_batch.json")["cases"]:
        batch = tokenizer(case["texts"], padding=True, return_tensors="pt")
        assert batch["input_ids"].tolist() == case["input_ids"]
        assert batch["position_ids"].tolist() == case["position_ids"]
        mask = case.get("attention_mask", case.get("attention_mask_true_means_masked"))
        assert batch["attention_mask"].tolist() == mask
    tokenizer.save_pretrained(tmp_path / "saved")
    again = type(tokenizer).from_pretrained(tmp_path / "saved", generation=generation)
    assert again.encode("你好") == tokenizer.encode("你好")


@pytest.mark.shared
def test_glm4_chat_template(shared_dir: Path, auto: Any) -> None:
    tokenizer = auto("glm4")
    for case in recorded.read(shared_dir, "glm4/chat_prompts.json")["cases"]:
        got = tokenizer.apply_chat_template(case["messages"], add_generation_prompt=True, return_dict=False)
        assert got == case["ids_add_generation_prompt_true"]
        text = tokenizer.apply_chat_template(case["messages"], add_generation_prompt=True, tokenize=False)
        assert text == case["text"]
