"""ChatGLM2, ChatGLM3 and GLM-4 as GGUF (architecture `chatglm`), for llama.cpp and what builds on it.

The `gguf` package (llama.cpp's own) writes the format and quantizes; what is ours is the table of names and the
vocabulary. Source of the keys: github.com/ggml-org/ggml, docs/gguf.md.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from modelreg.errors import ModelEnvironmentError
from modelreg.inference.models.chatglm2 import ChatGLM2Config
from modelreg.inference.stock.glm import Told, read_source, tensors
from modelreg.inference.stock.tokenizer import TEMPLATES, byte_letters, merge_pairs
from modelreg.inference.tokenizers import Tokenizer
from modelreg.inference.tokenizers.chatglm2 import ChatGLM2Tokenizer
from modelreg.inference.tokenizers.glm4 import GLM4Tokenizer

TYPES = ("f16", "q8_0", "q4_0")
_FILE_TYPES = {"f16": 1, "q4_0": 2, "q8_0": 7}
_LAYER = (
    ("input_layernorm.", "attn_norm."),
    ("self_attention.query_key_value.", "attn_qkv."),
    ("self_attention.dense.", "attn_output."),
    ("post_attention_layernorm.", "ffn_norm."),
    ("mlp.dense_h_to_4h.", "ffn_up."),
    ("mlp.dense_4h_to_h.", "ffn_down."),
)
_OUTSIDE = {
    "transformer.embedding.word_embeddings.weight": "token_embd.weight",
    "transformer.encoder.final_layernorm.weight": "output_norm.weight",
    "transformer.output_layer.weight": "output.weight",
}


def need_gguf() -> None:
    """Raises: ModelEnvironmentError where the package is missing."""
    if importlib.util.find_spec("gguf") is None:
        raise ModelEnvironmentError(
            "the package gguf is not installed", code="extra-missing", where="--format gguf", hint="pip install gguf"
        )


def write(folder: Path, out: Path, tokenizer: Tokenizer, told: Told, *, kind: str, name: str, license_id: str) -> int:
    """Write one GGUF file.

    Args: out: the file; kind: one of TYPES; name, license_id: go into its metadata.
    Returns: bytes. Raises: ConfigError, WeightsError, ModelEnvironmentError, OSError.
    """
    need_gguf()
    gguf: Any = importlib.import_module("gguf")
    config, checkpoint = read_source(folder)
    writer = gguf.GGUFWriter(str(out), "chatglm", use_temp_file=True)
    writer.add_name(name)
    writer.add_license(license_id)
    _figures(writer, config)
    writer.add_file_type(_FILE_TYPES[kind])
    if isinstance(tokenizer, GLM4Tokenizer):
        _ranks(gguf, writer, tokenizer, config.padded_vocab_size)
    elif isinstance(tokenizer, ChatGLM2Tokenizer):
        _pieces(gguf, writer, tokenizer, config.padded_vocab_size)
    writer.add_chat_template(TEMPLATES[tokenizer.generation])
    total, done = checkpoint.nbytes(), 0
    for published, tensor in tensors(config, checkpoint):
        _add(gguf, writer, _renamed(published), tensor, kind)
        done = min(total, done + tensor.nbytes)
        told("pack", published, done, total)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file(progress=False)
    writer.close()
    return out.stat().st_size


def _figures(writer: Any, config: ChatGLM2Config) -> None:
    writer.add_context_length(config.seq_length)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.ffn_hidden_size)
    writer.add_block_count(config.num_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.layernorm_epsilon)
    writer.add_rope_dimension_count(config.kv_channels // 2)
    writer.add_rope_freq_base(config.rope_base)
    if config.rope_interpolation != 1:
        writer.add_rope_scaling_type("linear")
        writer.add_rope_scaling_factor(config.rope_interpolation)
    writer.add_add_bos_token(False)


def _renamed(name: str) -> str:
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    new = name.replace("transformer.encoder.layers.", "blk.")
    for old, stock in _LAYER:
        new = new.replace(old, stock)
    return new


def _add(gguf: Any, writer: Any, name: str, tensor: Any, kind: str) -> None:
    values = tensor.float().numpy()
    if values.ndim == 1:
        writer.add_tensor(name, values)
        return
    wanted = gguf.GGMLQuantizationType[kind.upper()]
    if kind != "f16" and values.shape[-1] % 32:
        wanted = gguf.GGMLQuantizationType.F16
    if name == "output.weight" and kind == "q4_0":
        wanted = gguf.GGMLQuantizationType.Q8_0  # the head decides between words: it keeps more bits
    data = gguf.quants.quantize(values, wanted)
    writer.add_tensor(name, data, raw_dtype=wanted)


def _pieces(gguf: Any, writer: Any, tokenizer: ChatGLM2Tokenizer, size: int) -> None:
    """The SentencePiece vocabulary; rows above it are unused."""
    types = gguf.TokenType
    texts, scores, kinds = [], [], []
    controls = {tokenizer.sp_bos_id: "<bos>", tokenizer.sp_eos_id: "<eos>"}
    for token, (piece, score) in enumerate(tokenizer.pieces()):
        kind = types.NORMAL
        if token == tokenizer.sp_unk_id:
            kind = types.UNKNOWN
        elif token in controls:
            kind = types.CONTROL
        elif piece.startswith("<0x") and len(piece) == 6:
            kind = types.BYTE
        texts.append(piece)
        scores.append(score)
        kinds.append(kind)
    for name in tokenizer.added:
        texts.append(name)
        scores.append(0.0)
        kinds.append(types.CONTROL)
    while len(texts) < size:
        texts.append(f"[PAD{len(texts)}]")
        scores.append(0.0)
        kinds.append(types.UNUSED)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(texts)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_add_space_prefix(True)
    _ends(writer, tokenizer)


def _ranks(gguf: Any, writer: Any, tokenizer: GLM4Tokenizer, size: int) -> None:
    """The byte-level vocabulary with its merges."""
    types, letters = gguf.TokenType, byte_letters()
    ranks = {"".join(letters[b] for b in data): rank for rank, data in tokenizer.ranks()}
    names = {token: name for name, token in tokenizer.special_token_ids.items()}
    texts, kinds = list(ranks), [types.NORMAL] * len(ranks)
    for token in range(len(ranks), size):
        texts.append(names.get(token, f"[PAD{token}]"))
        kinds.append(types.CONTROL if token in names else types.UNUSED)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("chatglm-bpe")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    merges = merge_pairs(ranks, lambda piece: ranks[piece], sorted(ranks, key=lambda p: ranks[p]))
    writer.add_token_merges([f"{first} {second}" for first, second in merges])
    _ends(writer, tokenizer)


def _ends(writer: Any, tokenizer: Tokenizer) -> None:
    writer.add_eos_token_id(tokenizer.eos_token_id)
    others = [t for t in tokenizer.stop_ids if t != tokenizer.eos_token_id]
    if others:
        writer.add_eot_token_id(others[0])
    writer.add_pad_token_id(tokenizer.pad_token_id)
