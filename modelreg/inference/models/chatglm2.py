"""ChatGLM2-6B, ChatGLM3-6B, GLM-4-9B and their long-context variants: one network, different sizes.

Source of every formula here: the project's own specification of these models, written from running the
published ones. Module names are the checkpoint's, so that nothing is renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from modelreg.inference.attention import Visibility, attend
from modelreg.inference.cache import Cache, KVCache
from modelreg.inference.devices import Placement
from modelreg.inference.layers import RMSNorm, rotary_table, rotate_pairs, swiglu
from modelreg.inference.models.base import Decoder, Layout
from modelreg.inference.models.config import CONFIG_NAME, Keys


@dataclass(frozen=True)
class ChatGLM2Config:
    """`config.json` of ChatGLM2 and later; names as in the file, sizes in channels, tokens and layers.

    Attributes:
        rope_base: base of the rotary frequencies, 10000 * rope_ratio.
        rope_interpolation: positions are divided by this. ChatGLM2-6B-32K alone stretches positions by its
            `rope_ratio` instead of raising the base. Source: github.com/ztxz16/fastllm/issues/374.
        num_labels: outputs of the classification head, where the checkpoint has one.
    """

    padded_vocab_size: int
    hidden_size: int
    ffn_hidden_size: int
    kv_channels: int
    num_layers: int
    num_attention_heads: int
    multi_query_attention: bool
    multi_query_group_num: int
    add_qkv_bias: bool
    add_bias_linear: bool
    rmsnorm: bool
    post_layer_norm: bool
    apply_residual_connection_post_layernorm: bool
    layernorm_epsilon: float
    seq_length: int
    rope_base: float
    rope_interpolation: float
    eos_token_ids: tuple[int, ...]
    pad_token_id: int
    num_labels: int
    tie_word_embeddings: bool
    quantization_bit: int
    pre_seq_len: int
    torch_dtype: str

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = CONFIG_NAME) -> ChatGLM2Config:
        """Read the keys of config.json. Raises: ConfigError, naming the key."""
        keys = Keys(values, where)
        heads, channels = keys.size("num_attention_heads"), keys.size("kv_channels")
        grouped = keys.flag("multi_query_attention", False)
        groups = keys.size("multi_query_group_num", 1) if grouped else heads
        if heads % groups:
            raise keys.error("multi_query_group_num", f"is {groups}; it must divide {heads} attention heads")
        if channels % 4:
            raise keys.error("kv_channels", f"is {channels}; a multiple of 4 is needed")
        if not keys.flag("original_rope", True):
            raise keys.error("original_rope", "is false; the published code has no other form either")
        carried = "apply_residual_connection_post_layernorm"
        ratio = keys.number("rope_ratio", 1)
        stretched = "chatglm2" in keys.text("_name_or_path", "").lower()
        return cls(
            padded_vocab_size=keys.size("padded_vocab_size"),
            hidden_size=keys.size("hidden_size"),
            ffn_hidden_size=keys.size("ffn_hidden_size"),
            kv_channels=channels,
            num_layers=keys.size("num_layers"),
            num_attention_heads=heads,
            multi_query_attention=grouped,
            multi_query_group_num=groups,
            add_qkv_bias=keys.flag("add_qkv_bias", False),
            add_bias_linear=keys.flag("add_bias_linear", False),
            rmsnorm=keys.flag("rmsnorm", True),
            post_layer_norm=keys.flag("post_layer_norm", True),
            apply_residual_connection_post_layernorm=keys.flag(carried, False),
            layernorm_epsilon=keys.number("layernorm_epsilon", 1e-5),
            seq_length=keys.size("seq_length", 2048),
            rope_base=10000.0 * (1 if stretched else ratio),
            rope_interpolation=ratio if stretched else 1.0,
            eos_token_ids=keys.ids("eos_token_id", (2,)),
            pad_token_id=keys.count("pad_token_id", 0),
            num_labels=keys.count("num_labels", 2),
            tie_word_embeddings=keys.flag("tie_word_embeddings", False),
            quantization_bit=keys.quantization_bit(),
            pre_seq_len=keys.count("pre_seq_len", 0),
            torch_dtype=keys.dtype(),
        )

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding table."""
        return self.padded_vocab_size

    @property
    def head_dim(self) -> int:
        """Channels of one head."""
        return self.kv_channels

    @property
    def num_key_value_heads(self) -> int:
        """Key heads that the cache holds."""
        return self.multi_query_group_num

    @property
    def max_length(self) -> int:
        """Tokens of prompt and reply that the model was trained for."""
        return self.seq_length


def _norm(config: ChatGLM2Config) -> nn.Module:
    if config.rmsnorm:
        return RMSNorm(config.hidden_size, config.layernorm_epsilon)
    return nn.LayerNorm(config.hidden_size, eps=config.layernorm_epsilon)


class SelfAttention(nn.Module):
    """Attention whose keys are shared by groups of query heads; all three projections are fused."""

    def __init__(self, config: ChatGLM2Config) -> None:
        super().__init__()
        self.heads, self.groups = config.num_attention_heads, config.multi_query_group_num
        self.channels, self.grouped = config.kv_channels, config.multi_query_attention
        width = config.num_attention_heads * config.kv_channels
        rows = width + 2 * self.groups * self.channels
        bias = config.add_bias_linear
        self.query_key_value = nn.Linear(config.hidden_size, rows, bias=bias or config.add_qkv_bias)
        self.dense = nn.Linear(width, config.hidden_size, bias=bias)

    def forward(self, x: Tensor, table: Tensor, seen: Visibility, cache: Cache | None, layer: int) -> Tensor:
        """(B, T, hidden) -> (B, T, hidden)."""
        fused = self.query_key_value(x).unflatten(-1, (-1, self.channels))  # (B, T, H + 2G, D)
        if self.grouped:
            q, k, v = fused.split((self.heads, self.groups, self.groups), dim=2)
        else:  # q, k, v of head 0, then of head 1, ...
            q, k, v = fused.unflatten(2, (self.heads, 3)).unbind(3)
        q, k = rotate_pairs(q, table).transpose(1, 2), rotate_pairs(k, table).transpose(1, 2)
        v = v.transpose(1, 2)  # (B, G, T, D)
        if cache is not None:
            k, v = cache.update(layer, k, v)
        return self.dense(attend(q, k, v, seen))  # type: ignore[no-any-return]


class MLP(nn.Module):
    """`W2 swiglu(W1 x)`."""

    def __init__(self, config: ChatGLM2Config) -> None:
        super().__init__()
        bias = config.add_bias_linear
        self.dense_h_to_4h = nn.Linear(config.hidden_size, 2 * config.ffn_hidden_size, bias=bias)
        self.dense_4h_to_h = nn.Linear(config.ffn_hidden_size, config.hidden_size, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, hidden) -> (B, T, hidden)."""
        return self.dense_4h_to_h(swiglu(self.dense_h_to_4h(x)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """One layer, norm first; the sums carry the input past each sub-layer, or the normed input on demand."""

    def __init__(self, config: ChatGLM2Config) -> None:
        super().__init__()
        self.carry_normed = config.apply_residual_connection_post_layernorm
        self.input_layernorm = _norm(config)
        self.self_attention = SelfAttention(config)
        self.post_attention_layernorm = _norm(config)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, table: Tensor, seen: Visibility, cache: Cache | None, layer: int) -> Tensor:
        """(B, T, hidden) -> (B, T, hidden)."""
        h: Tensor = self.input_layernorm(x)
        y: Tensor = (h if self.carry_normed else x) + self.self_attention(h, table, seen, cache, layer)
        m: Tensor = self.post_attention_layernorm(y)
        out: Tensor = (m if self.carry_normed else y) + self.mlp(m)
        return out


class Embedding(nn.Module):
    """The embedding table under the checkpoint's name."""

    def __init__(self, config: ChatGLM2Config) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.padded_vocab_size, config.hidden_size)

    def forward(self, input_ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, hidden)."""
        return self.word_embeddings(input_ids)  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """The layers, and the last norm unless the configuration leaves it out."""

    def __init__(self, config: ChatGLM2Config) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.final_layernorm = _norm(config) if config.post_layer_norm else None

    def forward(self, x: Tensor, table: Tensor, seen: Visibility, cache: Cache | None) -> Tensor:
        """(B, T, hidden) -> (B, T, hidden)."""
        for i, layer in enumerate(self.layers):
            x = layer(x, table, seen, cache, i)
        return x if self.final_layernorm is None else self.final_layernorm(x)


class Transformer(Decoder):
    """Embeddings, layers and the output head, which lies inside in this generation."""

    def __init__(self, config: ChatGLM2Config) -> None:
        super().__init__()
        self.config = config
        self.num_layers = config.num_layers
        self.embedding = Embedding(config)
        self.encoder = Encoder(config)
        self.output_layer = nn.Linear(config.hidden_size, config.padded_vocab_size, bias=False)

    def prompt_layout(self, input_ids: Tensor, hidden: Tensor | None, *, placed: bool) -> Layout:  # noqa: ARG002
        """Positions 0, 1, 2, ..., counted without padding; padding itself is at 0."""
        B, T = input_ids.shape
        if hidden is None:
            count = torch.arange(T, device=input_ids.device).expand(B, T)
        else:
            count = ((~hidden).long().cumsum(1) - 1).clamp(min=0)
        return Layout(count[:, None], torch.ones((B, 1, 1), dtype=torch.long, device=input_ids.device))

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Token ids (B, T) to hidden states after the last norm (B, T, hidden); see `ChatGLM2.forward`."""
        step = self.begin(input_ids, position_ids, attention_mask, cache)
        x = self.through(input_ids, step.positions, step.seen, step.cache)
        self.finish(step, input_ids.shape[1])
        return x

    def through(self, input_ids: Tensor, positions: Tensor, seen: Visibility, cache: Cache | None) -> Tensor:
        """The network without its bookkeeping: ids (B, T), positions (B, 1, T) -> (B, T, hidden)."""
        config = self.config
        places = positions[:, 0] / config.rope_interpolation  # (B, T)
        table = rotary_table(places, config.kv_channels // 2, config.rope_base)  # (2, B, T, D/4)
        return self.encoder(self.embedding(input_ids), table, seen, cache)  # type: ignore[no-any-return]


class ChatGLM2(nn.Module):
    """ChatGLM2, ChatGLM3 or GLM-4 for text."""

    bidirectional = False  # whether a prompt's tokens see what comes after them
    placement: Placement | None = None

    def __init__(self, config: ChatGLM2Config) -> None:
        super().__init__()
        self.config = config
        self.transformer = Transformer(config)

    def new_cache(self, *, block: int = 256) -> KVCache:
        """An empty cache for this model."""
        return KVCache(self.config.num_layers, block=block)

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        cache: Cache | None = None,
        *,
        logits_to_keep: int = 0,
    ) -> Tensor:
        """Logits of the next token at each position.

        Args:
            input_ids: (B, T); a prompt may come in pieces through a cache.
            position_ids: (B, T); counted from the mask, or from the cache, when not given.
            attention_mask: (B, T) or (B, tokens so far) with 0 on padding, which is on the left; or
                (B, 1, T, S) with 1 where a column is masked.
            cache: filled and remembered in; see `Cache`.
            logits_to_keep: only the last so many positions; 0 is all.
        Returns: (B, T, vocab).
        """
        x = self.transformer(input_ids, position_ids, attention_mask, cache)
        return self.transformer.output_layer(x[:, -logits_to_keep:])  # type: ignore[no-any-return]


class ChatGLM2Classifier(nn.Module):
    """The same network with a classification head on the last token."""

    placement: Placement | None = None

    def __init__(self, config: ChatGLM2Config) -> None:
        super().__init__()
        self.config = config
        self.transformer = Transformer(config)
        self.classifier_head = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self, input_ids: Tensor, position_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Scores (B, num_labels) read from the last position; arguments as of `ChatGLM2.forward`."""
        x = self.transformer(input_ids, position_ids, attention_mask)
        return self.classifier_head(x[:, -1])  # type: ignore[no-any-return]
