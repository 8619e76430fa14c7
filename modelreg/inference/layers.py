"""Pieces which several architectures share: norms, rotary positions, gates.

Shapes: B rows of a batch, T tokens, H heads, D channels of a head. Nothing here keeps state.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RMSNorm(nn.Module):
    """Divide by the root mean square, then scale: `x / sqrt(mean(x^2) + eps) * weight`.

    The arithmetic is float32 whatever the dtype of `x`, and the weight is applied before casting back,
    as ChatGLM2 does. Source: Zhang and Sennrich, arXiv:1910.07467, equation 4.
    """

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.empty(size))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis of `x`, (..., size); the result has the shape and dtype of `x`."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (wide * self.weight.float()).to(x.dtype)


def swiglu(x: Tensor) -> Tensor:
    """`silu(first half) * second half` of the last axis: (..., 2F) -> (..., F).

    Source: Shazeer, arXiv:2002.05202, section 2 (gate first, as in ChatGLM2).
    """
    gate, up = x.chunk(2, dim=-1)
    return F.silu(gate) * up


@lru_cache(maxsize=64)
def inverse_frequencies(dim: int, base: float, rounded: bool, device: torch.device) -> Tensor:
    """`base^(-2j/dim)` for j = 0 .. dim/2-1, (dim/2,), float32, on `device`.

    Computed on the CPU and moved, so that every device gets the same bits; kept, as each step wants it.

    Args:
        rounded: round to float16 first. ChatGLM-6B stores these numbers in half precision, and that
            rounding stays in float32 runs (without it logits are off by 0.1).
    Source: RoFormer, arXiv:2104.09864, section 3.2.2.
    """
    with torch.inference_mode(False):
        exponents = torch.arange(0, dim, 2, dtype=torch.float32, device="cpu") / dim
        frequencies = 1.0 / (base**exponents)
        if rounded:
            frequencies = frequencies.half().float()
        return frequencies.to(device)


def rotary_table(positions: Tensor, dim: int, base: float = 10000.0, *, rounded: bool = False) -> Tensor:
    """Cosine and sine of position times inverse frequency.

    Args:
        positions: (...), integer or float.
        dim: channels that are rotated together (an even number).
    Returns: (2, ..., dim/2), float32: cosines, then sines.
    """
    angles = positions.float()[..., None] * inverse_frequencies(dim, base, rounded, positions.device)
    return torch.stack((angles.cos(), angles.sin()))


def rotate_halves(x: Tensor, table: Tensor) -> Tensor:
    """Rotate channel j with channel j + dim/2, one position row a part of the head (ChatGLM-6B).

    Args:
        x: queries or keys, (B, T, H, D).
        table: (2, B, R, T, D/R/2) for R position rows; row 0 turns the first D/R channels, row 1 the next.
    Returns: like x; computed in float32.
    Source: RoFormer, arXiv:2104.09864, section 3.4.2; two rows: GLM, arXiv:2103.10360, section 2.2.
    """
    rows = table.shape[2]
    cos, sin = table.transpose(2, 3).unsqueeze(3)  # each (B, T, 1, R, D/R/2)
    first, second = x.float().reshape(*x.shape[:-1], rows, 2, -1).unbind(-2)  # each (B, T, H, R, D/R/2)
    turned = torch.stack((first * cos - second * sin, second * cos + first * sin), dim=-2)
    return turned.flatten(-3).to(x.dtype)


def rotate_pairs(x: Tensor, table: Tensor) -> Tensor:
    """Rotate neighbouring channels (0, 1), (2, 3), ... of the first part of each head; pass the rest.

    Args:
        x: queries or keys, (B, T, H, D).
        table: (2, B, T, P) for P pairs; 2P channels are rotated, half of D in ChatGLM2.
    Returns: like x; computed in float32.
    Source: RoFormer, arXiv:2104.09864, section 3.4.2; half of D only, as in ChatGLM2.
    """
    pairs = table.shape[-1]
    cos, sin = table.unsqueeze(3)  # each (B, T, 1, P)
    even, odd = x[..., : 2 * pairs].float().reshape(*x.shape[:-1], pairs, 2).unbind(-1)  # each (B, T, H, P)
    turned = torch.stack((even * cos - odd * sin, odd * cos + even * sin), dim=-1)
    return torch.cat((turned.flatten(-2).to(x.dtype), x[..., 2 * pairs :]), dim=-1)
