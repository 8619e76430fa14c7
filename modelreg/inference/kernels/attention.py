"""Rotary positions, the write into the cache, and attention over it; all layers of a step share one `Spans`."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from modelreg.inference.kernels.loading import Rope, native
from modelreg.inference.kernels.operators import _floats
from modelreg.inference.kernels.pool import KVPool, Spans


@dataclass(frozen=True)
class HeadLayout:
    """How queries, keys and values lie in a row of the fused projection, and how they rotate.

    Attributes:
        heads, groups, channels: H, G, D.
        interleaved: q, k, v of head 0, then of head 1, ... (ChatGLM-6B; needs G = H); else all q, all k, all v.
        halves: channel j turns with channel j + part/2 (`layers.rotate_halves`); else neighbours turn
            (`layers.rotate_pairs`).
        rows, pairs: position rows R and pairs P in each; the first 2 R P channels turn, the rest pass.
    Raises: ValueError where they do not fit together.
    """

    heads: int
    groups: int
    channels: int
    interleaved: bool = False
    halves: bool = False
    rows: int = 1
    pairs: int = 0
    c: Rope = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        H, G, D = self.heads, self.groups, self.channels
        if min(H, G, D) < 1 or H % G or (self.interleaved and G != H):
            raise ValueError(f"{H} query heads and {G} key heads of {D} channels do not fit together")
        if self.rows < 1 or self.pairs < 0 or 2 * self.rows * self.pairs > D:
            raise ValueError(f"{self.rows} x {self.pairs} pairs do not fit into {D} channels")
        if self.interleaved:
            places = (0, D, 2 * D, 3 * D, 3 * D)
        else:
            places = (0, H * D, (H + G) * D, D, D)
        object.__setattr__(self, "c", Rope(H, D, *places, int(self.halves), self.rows, self.pairs))

    @property
    def width(self) -> int:
        """Numbers in a row of the projection."""
        return (self.heads + 2 * self.groups) * self.channels


def rope_store(qkv: Tensor, table: Tensor, layout: HeadLayout, pool: KVPool, layer: int, spans: Spans) -> Tensor:
    """Rotate queries and keys, and write keys and values into the cache.

    Args:
        qkv: float32 (T, layout.width).
        table: float32 (2, T, R * P) or (2, T, R, P), cosines then sines: `layers.rotary_table`.
    Returns: the rotated queries, float32 (T, H * D).
    Raises: ValueError where shapes do not fit.
    """
    tokens, width = _floats(qkv, "qkv")
    if width != layout.width or tokens != spans.tokens:
        raise ValueError(f"qkv is {tuple(qkv.shape)}; expected ({spans.tokens}, {layout.width})")
    if table.dtype != torch.float32 or not table.is_contiguous() or table.shape[:2] != (2, tokens):
        raise ValueError(
            f"the table is {table.dtype} {tuple(table.shape)}; expected contiguous float32 (2, {tokens}, ...)"
        )
    if table.numel() != 2 * tokens * layout.rows * layout.pairs:
        raise ValueError(f"the table is {tuple(table.shape)}; expected {layout.rows} x {layout.pairs} angles a token")
    if pool.heads != layout.groups or pool.channels != layout.channels or spans.pool is not pool:
        raise ValueError("the cache belongs to another model")
    if not 0 <= layer < pool.layers:
        raise ValueError(f"layer {layer} of {pool.layers}")
    q = torch.empty((tokens, layout.heads * layout.channels), dtype=torch.float32)
    native().mrk_rope_store(qkv.data_ptr(), width, table.data_ptr(), layout.c, pool.layer(layer), spans.c, q.data_ptr())
    return q


def attend(q: Tensor, pool: KVPool, layer: int, spans: Spans) -> Tensor:
    """`softmax(q k^T / sqrt(D)) v` over the columns that each token sees; query head j uses key head j // (H/G).

    Args:
        q: float32 (T, H * D), rotated.
    Returns: float32 (T, H * D); zeros for a token that sees nothing.
    Raises: ValueError where shapes do not fit.
    """
    tokens, width = _floats(q, "q")
    heads, rest = divmod(width, pool.channels)
    if rest or heads % pool.heads or tokens != spans.tokens or spans.pool is not pool:
        raise ValueError(f"q is {tuple(q.shape)}; expected {spans.tokens} tokens, heads of {pool.channels} channels")
    if not 0 <= layer < pool.layers:
        raise ValueError(f"layer {layer} of {pool.layers}")
    out = torch.empty_like(q)
    native().mrk_attend(q.data_ptr(), heads, pool.layer(layer), spans.c, out.data_ptr())
    return out
