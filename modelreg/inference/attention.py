"""Which columns each token sees, and attention over them.

A *column* is one slot of the cache: prefix columns first, then padding and tokens in order. Shapes: B rows
of the batch, T new tokens, S columns, H query heads, G key heads (G divides H), D channels of a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Visibility:
    """What new tokens attend to: `keep` (True = seen), (B or 1, 1, T, S); or None for all columns.

    With `causal` set `keep` is None, S equals T, and a token sees itself and what is before it: the form
    for which PyTorch has its fastest kernels.
    """

    keep: Tensor | None
    causal: bool = False


def see(
    *,
    new: int,
    past: int | Tensor,
    columns: int,
    device: torch.device,
    hidden: Tensor | None = None,
    context: Tensor | None = None,
) -> Visibility:
    """Visibility of `new` tokens that follow `past` columns in a cache of `columns` slots.

    A token sees the columns up to its own, and those before `context`, less the hidden ones.

    Args:
        past: columns before the new tokens; a 0-dim tensor where the caller must not synchronise.
        columns: S; more than past + new in a cache of fixed size, whose tail is then not seen.
        hidden: (B, S), True where a column is padding.
        context: (B,), the number of first columns that are seen from everywhere (bidirectional prompt).
    """
    plain = hidden is None and context is None
    if plain and isinstance(past, int) and past + new == columns:
        if new == 1:
            return Visibility(None)
        if past == 0:
            return Visibility(None, causal=True)
    column = torch.arange(columns, device=device)
    keep = column <= torch.arange(new, device=device)[:, None] + past  # (T, S)
    if context is not None:
        keep = keep | (column < context.to(device)[:, None, None])  # (B, T, S)
    if hidden is not None:
        keep = keep & ~hidden[:, None, :]
    if keep.dim() == 2:
        keep = keep[None]
    return Visibility(_never_blind(keep[:, None]))


def see_as_told(masked: Tensor, *, columns: int, prefix: int) -> Visibility:
    """Visibility from a mask in the form of the published tokenizers, where True (or 1) means *masked*.

    Args:
        masked: (B or 1, 1, T, S'), S' = columns, or columns - prefix: prefix columns are then seen by all,
            or fewer in a cache of fixed size: its tail is then not seen.
    """
    keep = ~masked.bool()
    if prefix and keep.shape[-1] != columns:
        keep = F.pad(keep, (prefix, 0), value=True)
    if keep.shape[-1] < columns:
        keep = F.pad(keep, (0, columns - keep.shape[-1]), value=False)
    return Visibility(_never_blind(keep))


def _never_blind(keep: Tensor) -> Tensor:
    """Let rows that see nothing (padding) see everything: softmax over nothing is NaN, and NaN spreads."""
    return keep | ~keep.any(-1, keepdim=True)


def attend(queries: Tensor, keys: Tensor, values: Tensor, seen: Visibility) -> Tensor:
    """`softmax(q k^T / sqrt(D)) v`; query head j uses key head j // (H/G).

    Args:
        queries: (B, H, T, D); keys, values: (B, G, S, D).
    Returns: (B, T, H * D).
    Source: Vaswani et al., arXiv:1706.03762, equation 1; groups: Ainslie et al., arXiv:2305.13245.
    """
    B, H, T, D = queries.shape
    G = keys.shape[1]
    keep = None if seen.keep is None else seen.keep.to(queries.device)  # layers may lie on several devices
    if G != H and T == 1:
        # One token: the heads of a group become rows, so the cache is read once and not repeated.
        out = F.scaled_dot_product_attention(
            queries.view(B, G, H // G, D), keys, values, attn_mask=keep
        )  # (B, G, H/G, D)
        return out.reshape(B, 1, H * D)
    if G != H:
        keys, values = keys.repeat_interleave(H // G, dim=1), values.repeat_interleave(H // G, dim=1)
    out = F.scaled_dot_product_attention(queries, keys, values, attn_mask=keep, is_causal=seen.causal)
    return out.transpose(1, 2).reshape(B, T, H * D)
