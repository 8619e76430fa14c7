"""ChatGLM-6B, the first generation: a bidirectional prompt, two rows of positions, scaled residuals.

Source of every formula here: the project's own specification of ChatGLM-6B, written from running the
published model, and GLM, arXiv:2103.10360. Module names are the checkpoint's, so that nothing is renamed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modelreg.inference.attention import Visibility, attend
from modelreg.inference.cache import Cache, KVCache
from modelreg.inference.devices import Placement
from modelreg.inference.layers import rotary_table, rotate_halves
from modelreg.inference.models.base import Decoder, Layout
from modelreg.inference.models.config import CONFIG_NAME, Keys
from modelreg.inference.problems import PromptError

# The published block scales its residuals for 28 layers whatever `num_layers` says, because the count never
# reaches it. Real checkpoints have 28; small ones made with the published code need this too.
RESIDUAL_SCALE = math.sqrt(2 * 28)


@dataclass(frozen=True)
class ChatGLMConfig:
    """`config.json` of ChatGLM-6B; names as in the file, sizes in channels, tokens and layers."""

    vocab_size: int
    hidden_size: int
    inner_hidden_size: int
    num_layers: int
    num_attention_heads: int
    layernorm_epsilon: float
    max_sequence_length: int
    position_encoding_2d: bool
    bos_token_id: int
    eos_token_ids: tuple[int, ...]
    pad_token_id: int
    mask_token_id: int
    gmask_token_id: int
    tie_word_embeddings: bool
    quantization_bit: int
    pre_seq_len: int
    torch_dtype: str

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = CONFIG_NAME) -> ChatGLMConfig:
        """Read the keys of config.json. Raises: ConfigError, naming the key."""
        keys = Keys(values, where)
        hidden, heads = keys.size("hidden_size"), keys.size("num_attention_heads")
        flat = not keys.flag("position_encoding_2d", True)
        parts = 2 if flat else 4  # the rotated channels of a head are halved, per position row
        if hidden % (heads * parts):
            raise keys.error("hidden_size", f"is {hidden}; a multiple of {heads * parts} is needed for {heads} heads")
        bos = keys.count("bos_token_id", 130004)
        return cls(
            vocab_size=keys.size("vocab_size"),
            hidden_size=hidden,
            inner_hidden_size=keys.size("inner_hidden_size", 4 * hidden),
            num_layers=keys.size("num_layers"),
            num_attention_heads=heads,
            layernorm_epsilon=keys.number("layernorm_epsilon", 1e-5),
            max_sequence_length=keys.size("max_sequence_length", 2048),
            position_encoding_2d=not flat,
            bos_token_id=bos,
            eos_token_ids=keys.ids("eos_token_id", (bos + 1,)),
            pad_token_id=keys.count("pad_token_id", 3),
            # The first revisions do not name them; they lie just before the start token.
            mask_token_id=keys.count("mask_token_id", max(bos - 4, 0)),
            gmask_token_id=keys.count("gmask_token_id", max(bos - 3, 0)),
            tie_word_embeddings=keys.flag("tie_word_embeddings", True),
            quantization_bit=keys.quantization_bit(),
            pre_seq_len=keys.count("pre_seq_len", 0),
            torch_dtype=keys.dtype(),
        )

    @property
    def head_dim(self) -> int:
        """Channels of one head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def num_key_value_heads(self) -> int:
        """Key heads that the cache holds."""
        return self.num_attention_heads

    @property
    def max_length(self) -> int:
        """Tokens of prompt and reply that the model was trained for."""
        return self.max_sequence_length


class SelfAttention(nn.Module):
    """Attention with a fused projection whose rows lie per head: q, k, v of head 0, then of head 1, ..."""

    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.heads = config.num_attention_heads
        self.query_key_value = nn.Linear(size, 3 * size)
        self.dense = nn.Linear(size, size)

    def forward(self, x: Tensor, table: Tensor, seen: Visibility, cache: Cache | None, layer: int) -> Tensor:
        """(B, T, hidden) -> (B, T, hidden). The published scaling by layer cancels out, and is not done."""
        q, k, v = self.query_key_value(x).unflatten(-1, (self.heads, -1)).chunk(3, dim=-1)  # (B, T, H, D)
        q, k = rotate_halves(q, table).transpose(1, 2), rotate_halves(k, table).transpose(1, 2)
        v = v.transpose(1, 2)  # (B, H, T, D)
        if cache is not None:
            k, v = cache.update(layer, k, v)
        return self.dense(attend(q, k, v, seen))  # type: ignore[no-any-return]


class MLP(nn.Module):
    """`W2 gelu(W1 x)`, with the tanh form of GELU. Source: arXiv:1606.08415, section 2."""

    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__()
        self.dense_h_to_4h = nn.Linear(config.hidden_size, config.inner_hidden_size)
        self.dense_4h_to_h = nn.Linear(config.inner_hidden_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, hidden) -> (B, T, hidden)."""
        return self.dense_4h_to_h(F.gelu(self.dense_h_to_4h(x), approximate="tanh"))  # type: ignore[no-any-return]


class Block(nn.Module):
    """One layer. What is carried past each sub-layer is its *normalised* input, scaled."""

    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__()
        size, eps = config.hidden_size, config.layernorm_epsilon
        self.input_layernorm = nn.LayerNorm(size, eps=eps)
        self.attention = SelfAttention(config)
        self.post_attention_layernorm = nn.LayerNorm(size, eps=eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, table: Tensor, seen: Visibility, cache: Cache | None, layer: int) -> Tensor:
        """(B, T, hidden) -> (B, T, hidden)."""
        h: Tensor = self.input_layernorm(x)
        y: Tensor = h * RESIDUAL_SCALE + self.attention(h, table, seen, cache, layer)
        m: Tensor = self.post_attention_layernorm(y)
        out: Tensor = m * RESIDUAL_SCALE + self.mlp(m)
        return out


def prompt_layout(
    config: ChatGLMConfig, input_ids: Tensor, hidden: Tensor | None = None, *, placed: bool = False
) -> Layout:
    """Positions around the start token `<sop>` at c and the mask token at m, counted without padding.

    Row 0: 0 .. c-1, then m for every later token; row 1: 0 before `<sop>`, then 1, 2, 3, ...
    The first `[gMASK]` is m, and only where there is none the first `[MASK]`.

    Raises: PromptError for a row without `<sop>` or without either mask, unless `placed`.
    """
    B, T = input_ids.shape
    start, found = _first(input_ids, config.bos_token_id)
    gmask, has_gmask = _first(input_ids, config.gmask_token_id)
    mask, has_mask = _first(input_ids, config.mask_token_id)
    if not placed:
        ending = "end each prompt with [gMASK] <sop>"
        if not bool(found.all()):
            raise PromptError(
                f"a prompt has no start token <sop> ({config.bos_token_id})",
                hint=f"{ending}: {config.gmask_token_id}, {config.bos_token_id}",
            )
        if not bool((has_gmask | has_mask).all()):
            raise PromptError(
                f"a prompt has neither [gMASK] ({config.gmask_token_id}) nor [MASK] ({config.mask_token_id})",
                hint=f"{ending}: {config.gmask_token_id}, {config.bos_token_id}",
            )
    # Padding is on the left: the first column that is not padding is position 0.
    pad = torch.zeros_like(start) if hidden is None else hidden.int().argmin(1)
    column = torch.arange(T, device=input_ids.device) - pad[:, None]  # (B, T)
    c = (start - pad)[:, None]
    m = (torch.where(has_gmask, gmask, mask) - pad)[:, None]
    if config.position_encoding_2d:
        rows = torch.stack((torch.where(column < c, column, m), column - c + 1), dim=1)
        step = torch.tensor([0, 1], device=column.device).expand(B, 2)[..., None]
    else:
        # One row; a [gMASK] prompt simply counts, a [MASK] prompt stays at its mask.
        rows = torch.where((column < c) | has_gmask[:, None], column, m)[:, None]
        step = has_gmask.long()[:, None, None]
    return Layout(rows.clamp(min=0), step, context=start)


class Transformer(Decoder):
    """Embeddings, layers and the last norm; all but the output head."""

    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__()
        self.config = config
        self.num_layers = config.num_layers
        self.position_rows = 2 if config.position_encoding_2d else 1
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.final_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layernorm_epsilon)

    def prompt_layout(self, input_ids: Tensor, hidden: Tensor | None, *, placed: bool) -> Layout:
        """See `prompt_layout`."""
        return prompt_layout(self.config, input_ids, hidden, placed=placed)

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Token ids (B, T) to hidden states (B, T, hidden); see `ChatGLM.forward`."""
        step = self.begin(input_ids, position_ids, attention_mask, cache)
        x = self.through(input_ids, step.positions, step.seen, step.cache)
        self.finish(step, input_ids.shape[1])
        return x

    def through(self, input_ids: Tensor, positions: Tensor, seen: Visibility, cache: Cache | None) -> Tensor:
        """The network without its bookkeeping: ids (B, T), positions (B, R, T) -> (B, T, hidden)."""
        dim = self.config.head_dim // self.position_rows
        table = rotary_table(positions, dim, rounded=True)  # (2, B, R, T, D/R/2)
        x: Tensor = self.word_embeddings(input_ids)
        for i, layer in enumerate(self.layers):
            x = layer(x, table, seen, cache, i)
        return self.final_layernorm(x)  # type: ignore[no-any-return]


class ChatGLM(nn.Module):
    """ChatGLM-6B with its output head, which is the embedding table unless config.json says otherwise."""

    bidirectional = True  # whether a prompt's tokens see what comes after them
    placement: Placement | None = None

    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__()
        self.config = config
        self.transformer = Transformer(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

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
            input_ids: (B, T); a prompt must come whole in one call, as it sees itself in both directions.
            position_ids: (B, 2, T); computed from the ids, or from the cache, when not given.
            attention_mask: (B, T) with 0 on padding, which is on the left; or (B, 1, T, S) with 1 where a
                column is masked, as the published tokenizer builds it.
            cache: filled and remembered in; see `Cache`.
            logits_to_keep: only the last so many positions; 0 is all.
        Returns: (B, T, vocab). Raises: PromptError.
        """
        x = self.transformer(input_ids, position_ids, attention_mask, cache)
        return self.lm_head(x[:, -logits_to_keep:])  # type: ignore[no-any-return]


def _first(ids: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
    """Column of the first `wanted` in each row and whether there is one: both (B,)."""
    here = ids == wanted
    return here.int().argmax(1), here.any(1)
