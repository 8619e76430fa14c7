"""ChatGLM2, ChatGLM3 and GLM-4 as transformers' `glm`: the layout that vLLM, transformers and OpenVINO read natively.

The networks are the same; names differ, the fused projection is cut in three, and nothing is computed anew.
Source: section 4 of the project's specification; tests compare the logits of transformers' GlmForCausalLM.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modelreg.inference.checkpoint import Checkpoint, find_checkpoint
from modelreg.inference.filling import IGNORED_ENDINGS, PREFIX_ENCODER
from modelreg.inference.models import architecture
from modelreg.inference.models.chatglm2 import ChatGLM2Config
from modelreg.inference.models.config import CONFIG_NAME, read_config
from modelreg.inference.problems import ConfigError, MissingTensorsError
from modelreg.inference.tokenizers import Tokenizer

SHARD_BYTES = 2 * 10**9
Told = Callable[[str, str, int, int], None]  # (phase, name, bytes done, bytes in all)

_RENAMED = (
    ("transformer.encoder.layers.", "model.layers."),
    ("transformer.encoder.final_layernorm.", "model.norm."),
    ("transformer.embedding.word_embeddings.", "model.embed_tokens."),
    ("transformer.output_layer.", "lm_head."),
    (".self_attention.dense.", ".self_attn.o_proj."),
    (".mlp.dense_h_to_4h.", ".mlp.gate_up_proj."),
    (".mlp.dense_4h_to_h.", ".mlp.down_proj."),
)
_QKV = ".self_attention.query_key_value."


def read_source(folder: Path) -> tuple[ChatGLM2Config, Checkpoint]:
    """The configuration and weights of a checkpoint that stock layouts can express.

    Raises: ConfigError for one that they cannot (ChatGLM-6B, quantized, P-Tuning, LayerNorm); WeightsError.
    """
    values = read_config(folder)
    where = str(folder / CONFIG_NAME)
    if architecture(values, where) == "chatglm":
        raise ConfigError(
            "ChatGLM-6B has no stock layout: other engines know no prompt that sees itself in both directions",
            where=where,
            hint="modelreg run serves it with our own engine",
        )
    config = ChatGLM2Config.from_dict(values, where)
    for wrong, what in (
        (config.quantization_bit, "the checkpoint is quantized in the published scheme"),
        (config.pre_seq_len, "the checkpoint has a P-Tuning prefix"),
        (not config.rmsnorm, "the network uses LayerNorm"),
        (config.apply_residual_connection_post_layernorm, "the residual is taken behind the norm"),
        (config.add_bias_linear, "the linear layers have biases"),
        (not config.post_layer_norm, "the network has no last norm"),
    ):
        if wrong:
            raise ConfigError(f"{what}, which the stock layout cannot express", where=where)
    return config, find_checkpoint(folder)


def tensors(config: ChatGLM2Config, checkpoint: Checkpoint) -> Iterator[tuple[str, Tensor]]:
    """The tensors under their published names, those that are computed anew left out; few are held at once.

    Raises: MissingTensorsError, ConfigError for a P-Tuning prefix among the weights.
    """
    seen = 0
    for path, piece in checkpoint.pieces():
        for name, tensor in piece.items():
            if name.endswith(IGNORED_ENDINGS):
                continue
            if name.startswith(PREFIX_ENCODER):
                raise ConfigError("the checkpoint has a P-Tuning prefix", where=str(path))
            seen += 1
            yield name, tensor
    wanted = config.num_layers * (6 + int(config.add_qkv_bias)) + 3
    if seen != wanted:
        raise MissingTensorsError(
            f"the files hold {seen} tensors; {wanted} are expected",
            where=str(checkpoint.folder),
            hint="fetch them again",
        )


def stock_config(config: ChatGLM2Config, tokenizer: Tokenizer, dtype: torch.dtype) -> dict[str, Any]:
    """The config.json of `glm`."""
    rope: dict[str, Any] = {
        "rope_type": "default", "rope_theta": config.rope_base, "partial_rotary_factor": 0.5,
    }  # fmt: skip
    if config.rope_interpolation != 1:
        rope |= {"rope_type": "linear", "factor": config.rope_interpolation}
    return {
        "architectures": ["GlmForCausalLM"],
        "model_type": "glm",
        "vocab_size": config.padded_vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.ffn_hidden_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_key_value_heads,
        "head_dim": config.kv_channels,
        "hidden_act": "silu",
        "attention_bias": config.add_qkv_bias,
        "attention_dropout": 0.0,
        "rms_norm_eps": config.layernorm_epsilon,
        "max_position_embeddings": config.seq_length,
        "partial_rotary_factor": 0.5,
        "rope_theta": config.rope_base,
        "rope_parameters": rope,
        "tie_word_embeddings": False,
        "eos_token_id": list(tokenizer.stop_ids),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
        "torch_dtype": str(dtype).removeprefix("torch."),
        "use_cache": True,
    }


def stock_tensors(config: ChatGLM2Config, name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """One published tensor as the stock layout has it: renamed, or cut in three."""
    new = name
    for old, stock in _RENAMED:
        new = new.replace(old, stock)
    if _QKV not in new:
        yield new, tensor
        return
    heads, groups, channels = config.num_attention_heads, config.num_key_value_heads, config.kv_channels
    if config.multi_query_attention:
        parts = torch.split(tensor, [heads * channels, groups * channels, groups * channels])
    else:  # per head: q, k, v of head 0, then of head 1, ...
        parts = tuple(p.flatten(0, 1) for p in tensor.view(heads, 3, channels, *tensor.shape[1:]).unbind(1))
    for letter, part in zip("qkv", parts, strict=True):
        yield new.replace(_QKV, f".self_attn.{letter}_proj."), part


def write(folder: Path, out: Path, tokenizer: Tokenizer, told: Told) -> int:
    """Write config.json, the weights in shards, and the tokenizer into an empty folder.

    Args: folder: of the checkpoint; told: progress.
    Returns: bytes of the weights. Raises: ConfigError, WeightsError, OSError.
    """
    from safetensors.torch import save_file

    from modelreg.inference.stock.tokenizer import save

    config, checkpoint = read_source(folder)
    total, done, size = checkpoint.nbytes(), 0, 0
    shard: dict[str, Tensor] = {}
    places: dict[str, str] = {}
    files: list[str] = []
    dtype = torch.float32

    def flush() -> None:
        nonlocal size
        if shard:
            file = f"model-{len(files) + 1:05d}.safetensors"
            save_file(shard, out / file, metadata={"format": "pt"})
            places.update(dict.fromkeys(shard, file))
            files.append(file)
            shard.clear()
            size = 0

    written = 0
    for name, tensor in tensors(config, checkpoint):
        dtype = tensor.dtype
        for new, part in stock_tensors(config, name, tensor):
            shard[new] = part.contiguous()
            size += part.nbytes
            written += part.nbytes
        done = min(total, done + tensor.nbytes)
        told("pack", name, done, total)
        if size >= SHARD_BYTES:
            flush()
    flush()
    index = {"metadata": {"total_size": written}, "weight_map": dict(sorted(places.items()))}
    _json(out / "model.safetensors.index.json", index)
    described = stock_config(config, tokenizer, dtype)
    _json(out / CONFIG_NAME, described)
    generation = {"eos_token_id": described["eos_token_id"], "pad_token_id": described["pad_token_id"]}
    _json(out / "generation_config.json", generation | {"do_sample": True, "temperature": 0.8, "top_p": 0.8})
    save(tokenizer, out, context=config.seq_length)
    return written


def _json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
