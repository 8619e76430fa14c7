"""A random ChatGLM3 of two layers, made on the spot: it talks nonsense, and on and on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONFIG: dict[str, Any] = {
    "model_type": "chatglm", "padded_vocab_size": 640, "hidden_size": 32, "ffn_hidden_size": 40,
    "kv_channels": 8, "num_layers": 2, "num_attention_heads": 4, "multi_query_attention": True,
    "multi_query_group_num": 2, "add_qkv_bias": True, "seq_length": 8192, "eos_token_id": 2, "pad_token_id": 0,
    "torch_dtype": "float16", "tie_word_embeddings": False,
}  # fmt: skip


def make(folder: Path) -> Path:
    """Write the checkpoint and a tokenizer for it."""
    import torch
    from safetensors.torch import save_file

    sys.path.insert(0, str(ROOT / "tests" / "inference"))
    import tiny_tokenizers

    from modelreg.inference.tokenizers import load_tokenizer
    from modelreg.inference.weights import _empty_model

    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.model").write_bytes(tiny_tokenizers.later_model())
    (folder / "tokenizer_config.json").write_text('{"name_or_path": "THUDM/chatglm3-6b"}')
    generator = torch.Generator().manual_seed(1)
    shapes = sorted(_empty_model(CONFIG, "test").state_dict().items())
    tensors = {name: torch.randn(value.shape, generator=generator) * 0.1 for name, value in shapes}
    # A logit of 0 is in the middle of 640, so never among the 50 that are drawn from: no answer ends early.
    tensors["transformer.output_layer.weight"][list(load_tokenizer(folder, "chatglm3").stop_ids)] = 0
    save_file({name: value.half() for name, value in tensors.items()}, folder / "model.safetensors")
    return folder
