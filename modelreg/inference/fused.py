"""PyTorch's own fused kernels for packed weights: for GPUs, and for CPUs where ours are not compiled.

`QuantizedLinear` widens a whole weight at every step, which is right and slow (0.6 s a layer of ChatGLM3-6B on two
cores). The classes here hold the same integers and multiply without widening them, where PyTorch can:

    int8  `_weight_int8pack_mm`, bfloat16 activations; from 32 rows on a CPU, widening in blocks is faster
    int4  `_weight_int4pack_mm` (CPU, CUDA from sm80, MPS), groups of 32, bfloat16 activations

Layers below `SMALL` weights are left alone: exact arithmetic costs nothing there. Measured on a CPU alone; the
branches for CUDA and MPS follow PyTorch's documentation and are not tested on such devices.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modelreg.inference.quant import CHUNK_NUMBERS, QuantizedLinear, unpack_int4

SMALL = 2**20  # weights of a layer below which speed is no matter
GROUP = 32  # weights that share a scale in the int4 of this file
FEW_ROWS = 32  # tokens below which reading the weights takes longer than multiplying them
_INNER_TILES = 8  # of the packed form on CUDA and MPS: 16 * 8 columns a tile
# What the largest weight of a group is divided by for a scale that is tried; the sign because -8 is a level, 8 is not.
_DIVISORS = (-8.0, -7.4, -6.8, 7.4)


class Int8Linear(QuantizedLinear):
    """The published int8 scheme, one scale a row, without widening the weight for a few tokens."""

    def __init__(self, old: QuantizedLinear) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features, self.bits = old.in_features, old.out_features, old.bits
        self.register_buffer("weight", old.weight.contiguous())
        self.register_buffer("weight_scale", old.weight_scale)
        # Scales of one: the operator would round ours to bfloat16. They come after, in float32.
        ones = torch.ones(self.out_features, dtype=torch.bfloat16, device=old.weight.device)
        self.register_buffer("ones", ones, persistent=False)
        self.bias = old.bias

    ones: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out) in the dtype of `x`."""
        rows = x.reshape(-1, self.in_features)
        if rows.shape[0] >= FEW_ROWS or rows.device.type == "cuda":  # CUDA has no such operator
            wide = x if rows.device.type != "cpu" else x.float()  # bfloat16 products are slow on most CPUs
            return super().forward(wide).to(x.dtype)
        out = torch._weight_int8pack_mm(rows.to(torch.bfloat16), self.weight, self.ones).float()
        out = out * self.weight_scale.float()
        if self.bias is not None:
            out = out + self.bias.float()
        return out.to(x.dtype).view(*x.shape[:-1], self.out_features)


class Int4Linear(QuantizedLinear):
    """int4 in PyTorch's packed form, whose layout depends on the device.

    Args:
        levels: (out, in) int32 in 0 .. 15, standing for -8 .. 7.
        scales: (out, in / 32): of the groups, rounded to bfloat16; or None for ones.
        rows: (out,) float16, one scale a row applied after, or None.
    """

    def __init__(self, levels: Tensor, scales: Tensor | None, rows: Tensor | None, bias: nn.Parameter | None) -> None:
        nn.Module.__init__(self)
        self.out_features, self.in_features = levels.shape
        self.bits = 4
        groups = self.in_features // GROUP
        if scales is None:
            scales = torch.ones(self.out_features, groups, device=levels.device)
        both = torch.stack((scales.T, torch.zeros_like(scales.T)), dim=-1)  # (groups, out, 2): scale and zero point
        self.register_buffer("scales", both.to(torch.bfloat16).contiguous())
        self.register_buffer("weight", _convert(levels))
        self.register_buffer("rows", rows)
        self.bias = bias

    scales: Tensor
    rows: Tensor | None

    @classmethod
    def from_rows(cls, old: QuantizedLinear) -> Int4Linear:
        """From the published int4 scheme: the same integers, the row's scale applied after, in float32."""
        levels = unpack_int4(old.weight).to(torch.int32) + 8
        return cls(levels, None, old.weight_scale, old.bias)

    @classmethod
    def from_float(cls, weight: Tensor, bias: nn.Parameter | None = None) -> Int4Linear:
        """Quantize (out, in) in groups of 32, symmetric, with the scale of the least squared error that is tried."""
        levels = torch.empty(weight.shape, dtype=torch.int32, device=weight.device)
        scales = torch.empty((weight.shape[0], weight.shape[1] // GROUP), device=weight.device)
        step = max(1, CHUNK_NUMBERS // weight.shape[1])
        for at in range(0, weight.shape[0], step):
            levels[at : at + step], scales[at : at + step] = quantize_groups(weight[at : at + step])
        return cls(levels, scales, None, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out) in the dtype of `x`."""
        flat = x.reshape(-1, self.in_features).to(torch.bfloat16)
        on_cpu = flat.device.type == "cpu"
        multiply = torch.ops.aten._weight_int4pack_mm_for_cpu if on_cpu else torch._weight_int4pack_mm
        out: Tensor = multiply(flat, self.weight, GROUP, self.scales)
        if self.rows is not None or self.bias is not None:
            out = out.float()
            out = out if self.rows is None else out * self.rows.float()
            out = out if self.bias is None else out + self.bias.float()
        return out.to(x.dtype).view(*x.shape[:-1], self.out_features)


def quantize_groups(weight: Tensor) -> tuple[Tensor, Tensor]:
    """(out, in) floats -> levels (out, in) int32 in 0 .. 15, and scales (out, in / 32) as bfloat16 holds them.

    Of a few scales the one with the least squared error is taken.
    """
    groups = weight.float().view(weight.shape[0], -1, GROUP)  # (out, groups, 32)
    top = groups.gather(2, groups.abs().argmax(2, keepdim=True))  # the largest, with its sign
    best = torch.full(top.shape, torch.inf, device=weight.device)
    levels, scales = torch.zeros_like(groups), torch.zeros_like(top)
    for divisor in _DIVISORS:
        scale = (top / divisor).bfloat16().float()
        found = (groups / scale.where(scale != 0, 1.0)).round_().clamp_(-8, 7)
        error = (found * scale - groups).square_().sum(2, keepdim=True)
        better = error < best
        best, scales = error.where(better, best), scale.where(better, scales)
        levels = found.where(better, levels)
    return levels.flatten(1).to(torch.int32) + 8, scales[..., 0]


def _convert(levels: Tensor) -> Tensor:
    if levels.device.type == "cpu":
        return torch.ops.aten._convert_weight_to_int4pack_for_cpu(levels, 1)  # type: ignore[no-any-return]
    pairs = (levels[:, ::2] << 4 | levels[:, 1::2]).to(torch.uint8)
    return torch._convert_weight_to_int4pack(pairs.contiguous(), _INNER_TILES)


def can_hold(out_features: int, in_features: int, device: torch.device) -> bool:
    """Whether PyTorch's int4 kernel takes a layer of this size on this device."""
    if device.type == "cuda":
        new = torch.cuda.get_device_capability(device) >= (8, 0)  # bfloat16 tensor cores
        return new and out_features % 8 == 0 and in_features % (16 * _INNER_TILES) == 0
    if device.type == "mps":
        return out_features % 8 == 0 and in_features % (16 * _INNER_TILES) == 0
    return out_features % 16 == 0 and in_features % GROUP == 0


def fuse(model: nn.Module) -> int:
    """Replace the packed linear layers that are large enough; how many were. Their integers stay the same."""
    count = 0
    for name, old in list(model.named_modules()):
        if type(old) is not QuantizedLinear or old.in_features * old.out_features < SMALL:
            continue
        new: QuantizedLinear
        if old.bits == 8:
            new = Int8Linear(old)
        elif can_hold(old.out_features, old.in_features, old.weight.device):
            new = Int4Linear.from_rows(old)
        else:
            continue
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, new)
        count += 1
    return count
