"""The published int8 and int4 scheme of ChatGLM: one scale a row, symmetric, weights only.

A weight w of a row is stored as the integer q = round(w / scale), scale = max|w| / (2^(bits-1) - 1), scale in
float16. The division is done in float16, as the published code does on a GPU: in float32 about 1 % of the
int8 integers would come out 1 off. int4 keeps two neighbours in a byte, the first in the high half.

Layers hold the packed integers and widen them when they are used; faster kernels come apart from this.
Source: section 6 of the project's specification; arXiv:2210.02414 (GLM-130B), section 4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Rows widened at once: bounds the float copy of a large head (8192 x 4096 float32 = 128 MiB).
CHUNK_ROWS = 8192
# Weights quantized at once.
CHUNK_NUMBERS = 2**22


def quantize_rows(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Quantize and pack a weight.

    Args:
        weight: (out, in), any float format; taken as float16, in which the published scheme divides.
        bits: 4 or 8; for 4, `in` must be even.
    Returns: integers, int8 (out, in) or (out, in/2), and scales, float16 (out,).
    Raises: ValueError for other bits or an odd width.
    """
    _check_bits(bits)
    limit = 2 ** (bits - 1) - 1
    packed = weight.new_empty((weight.shape[0], packed_width(weight.shape[1], bits)), dtype=torch.int8)
    scale = weight.new_empty(weight.shape[0], dtype=torch.float16)
    # A few rows at a time: the intermediate copies of a whole weight would be several times its size.
    step = max(1, CHUNK_NUMBERS // weight.shape[1])
    for at in range(0, weight.shape[0], step):
        half = weight[at : at + step].to(torch.float16)
        part = half.abs().amax(-1) / limit  # float16
        divisor = part[:, None].where(part[:, None] > 0, 1.0)  # a row of zeros has scale 0
        # The clamp only bites where the scale is subnormal and its rounding error large.
        integers = (half / divisor).round_().clamp_(-limit, limit).to(torch.int8)
        packed[at : at + step] = pack_int4(integers) if bits == 4 else integers
        scale[at : at + step] = part
    return packed, scale


def pack_int4(integers: Tensor) -> Tensor:
    """(out, in) int8 in -8 .. 7 -> (out, in/2) int8; the first of two neighbours is the high half.

    Raises: ValueError where `in` is odd.
    """
    if integers.shape[-1] % 2:
        raise ValueError(f"rows of {integers.shape[-1]} weights cannot be packed in pairs")
    return (integers[..., 0::2] << 4) | (integers[..., 1::2] & 15)


def unpack_int4(packed: Tensor) -> Tensor:
    """(out, in/2) int8 -> (out, in) int8 in -8 .. 7; both halves are signed."""
    high = packed >> 4  # arithmetic: keeps the sign
    low = (packed << 4) >> 4
    return torch.stack((high, low), dim=-1).flatten(-2)


def dequantize(packed: Tensor, scale: Tensor, bits: int, dtype: torch.dtype) -> Tensor:
    """Weights again: integer * scale, (out, in), computed in float16 for float16 and in float32 otherwise.

    The published code computes in float16 on a GPU and in float32 on a CPU; both are exact on the integers.
    """
    integers = unpack_int4(packed) if bits == 4 else packed
    wide = torch.float16 if dtype == torch.float16 else torch.float32
    return (integers.to(wide) * scale.to(wide)[..., None]).to(dtype)


def _check_bits(bits: int) -> None:
    if bits not in (4, 8):
        raise ValueError(f"{bits} bits; 4 or 8 are known")


def packed_width(width: int, bits: int) -> int:
    """Bytes of a packed row of `width` weights. Raises: ValueError for an odd width at 4 bits."""
    _check_bits(bits)
    if bits == 4 and width % 2:
        raise ValueError(f"rows of {width} weights cannot be packed in pairs")
    return width // 2 if bits == 4 else width


class QuantizedLinear(nn.Module):
    """A linear layer over packed weights; its tensors are named as in the checkpoints."""

    weight: Tensor
    weight_scale: Tensor

    def __init__(self, in_features: int, out_features: int, bits: int, *, bias: bool) -> None:
        super().__init__()
        self.in_features, self.out_features, self.bits = in_features, out_features, bits
        packed = torch.empty(out_features, packed_width(in_features, bits), dtype=torch.int8)
        self.register_buffer("weight", packed)
        self.register_buffer("weight_scale", torch.empty(out_features, dtype=torch.float16))
        self.bias = nn.Parameter(torch.empty(out_features)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out) in the dtype of `x`."""
        parts = [
            F.linear(x, dequantize(packed, scale, self.bits, x.dtype))
            for packed, scale in zip(
                torch.split(self.weight, CHUNK_ROWS), torch.split(self.weight_scale, CHUNK_ROWS), strict=True
            )
        ]
        out = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
        return out if self.bias is None else out + self.bias

    def extra_repr(self) -> str:
        """Sizes, for `print(model)`."""
        bias = self.bias is not None
        return f"in={self.in_features}, out={self.out_features}, bits={self.bits}, bias={bias}"


class QuantizedEmbedding(nn.Module):
    """An embedding table over packed rows; only the rows looked up are widened.

    Args:
        dtype: of the result; it follows `model.half()` and the like.
    """

    weight: Tensor
    weight_scale: Tensor
    like: Tensor

    def __init__(self, rows: int, width: int, bits: int, *, dtype: torch.dtype) -> None:
        super().__init__()
        self.bits = bits
        # Holds nothing but the number format. On the CPU: a meta tensor could not be moved later.
        self.register_buffer("like", torch.empty(0, dtype=dtype, device="cpu"), persistent=False)
        self.register_buffer("weight", torch.empty(rows, packed_width(width, bits), dtype=torch.int8))
        self.register_buffer("weight_scale", torch.empty(rows, dtype=torch.float16))

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids -> (..., width)."""
        return dequantize(self.weight[ids], self.weight_scale[ids], self.bits, self.like.dtype)


def swap(model: nn.Module, name: str, bits: int, dtype: torch.dtype) -> None:
    """Put a quantized module in the place of the linear or embedding called `name`; its weight is not filled.

    Raises: ValueError where `name` is neither, or its rows cannot be packed.
    """
    parent_name, _, leaf = name.rpartition(".")
    parent = model.get_submodule(parent_name)
    old = parent.get_submodule(leaf)
    new: nn.Module
    if isinstance(old, nn.Linear):
        new = QuantizedLinear(old.in_features, old.out_features, bits, bias=False)
        new.bias = old.bias  # it may be filled already
    elif isinstance(old, nn.Embedding):
        new = QuantizedEmbedding(old.num_embeddings, old.embedding_dim, bits, dtype=dtype)
    else:
        raise ValueError(f"{name} is a {type(old).__name__}; only linear layers and embeddings are quantized")
    setattr(parent, leaf, new)


def layer_linears(model: nn.Module) -> list[str]:
    """Names of the linear layers that the scheme quantizes: those of the layers, not the head."""
    return [n for n, m in model.named_modules() if isinstance(m, nn.Linear) and ".layers." in n]
