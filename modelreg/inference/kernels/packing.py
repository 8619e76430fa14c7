"""Packed weights: one layout for all processors, so that a packed file is mapped and used as it is.

Rows lie in blocks of 16, columns in groups of 32; both are padded with zeros, so that any shape fits. Inside a group
a row has 4 neighbouring bytes (one 32-bit lane) in each piece of 64 bytes; native/mrk.h has the exact places.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from modelreg.inference.kernels.loading import Weight, available, huge_pages, native
from modelreg.inference.quant import quantize_rows

SCHEMES = ("int4-g32", "int4-g32-asym", "int4-row", "int8-g32", "int8-row")
ROWS = 16
GROUP = 32
# Weights widened to float32 at once while packing: 64 MiB.
PIECE = 2**24
# Bytes from which on huge pages (2 MiB) are worth asking for.
LARGE = 2**22


@dataclass(frozen=True, eq=False)
class PackedWeight:
    """A weight (rows, columns) in packed form.

    Attributes:
        data: uint8 (blocks, groups, 256), or 512 bytes for 8 bits.
        scales: float16 (blocks, groups, 16); (blocks, 16) in the row schemes.
        mins: like scales, in the asymmetric scheme only.
        bias: float32 (rows,) or None.
    Raises: ValueError where a tensor has the wrong shape, type or device.
    """

    scheme: str
    rows: int
    columns: int
    data: Tensor
    scales: Tensor
    mins: Tensor | None = None
    bias: Tensor | None = None
    c: Weight = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sizes = shapes(self.scheme, self.rows, self.columns)
        for name, (shape, dtype) in sizes.items():
            _check(f"{self.scheme} {name}", getattr(self, name), shape, dtype)
        if self.mins is not None and "mins" not in sizes:
            raise ValueError(f"{self.scheme} has no minimums")
        if self.bias is not None:
            _check("bias", self.bias, (self.rows,), torch.float32)
        address = [None if t is None else t.data_ptr() for t in (self.data, self.scales, self.mins, self.bias)]
        c = Weight(SCHEMES.index(self.scheme), self.rows, self.groups, *address)
        object.__setattr__(self, "c", c)

    @classmethod
    def empty(cls, scheme: str, rows: int, columns: int, bias: Tensor | None = None) -> PackedWeight:
        """Room for a weight that `pack_rows` fills."""
        made = {n: _room(shape, dtype) for n, (shape, dtype) in shapes(scheme, rows, columns).items()}
        return cls(scheme, rows, columns, made["data"], made["scales"], made.get("mins"), bias)

    def in_memory(self) -> PackedWeight:
        """A copy backed by huge pages, which a mapped file cannot have: batch 1 reads it 10 to 15 % faster."""
        copies = {n: _room(tuple(t.shape), t.dtype).copy_(t) for n, t in self.tensors().items()}
        return PackedWeight(self.scheme, self.rows, self.columns, **copies)

    @property
    def blocks(self) -> int:
        """Blocks of 16 rows."""
        return -(-self.rows // ROWS)

    @property
    def groups(self) -> int:
        """Groups of 32 columns."""
        return -(-self.columns // GROUP)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(t.nbytes for t in (self.data, self.scales, self.mins, self.bias) if t is not None)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that there are, by field name: what a packed file holds."""
        named = {"data": self.data, "scales": self.scales, "mins": self.mins, "bias": self.bias}
        return {name: t for name, t in named.items() if t is not None}


def shapes(scheme: str, rows: int, columns: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of the tensors of a packed weight. Raises: ValueError for an unknown scheme or an empty weight."""
    if scheme not in SCHEMES:
        raise ValueError(f"scheme {scheme!r}; known are {', '.join(SCHEMES)}")
    if rows < 1 or columns < 1:
        raise ValueError(f"a weight of {rows} rows and {columns} columns")
    blocks, groups = -(-rows // ROWS), -(-columns // GROUP)
    by_group = (blocks, ROWS) if scheme.endswith("row") else (blocks, groups, ROWS)
    out: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
        "data": ((blocks, groups, 256 if scheme.startswith("int4") else 512), torch.uint8),
        "scales": (by_group, torch.float16),
    }
    if scheme.endswith("asym"):
        out["mins"] = (by_group, torch.float16)
    return out


def _room(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Memory that nobody has touched yet; the advice for huge pages must come before that."""
    out = torch.empty(shape, dtype=dtype)
    if out.nbytes >= LARGE and available():
        huge_pages(out)
    return out


def _check(what: str, tensor: Tensor | None, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    if tensor is None:
        raise ValueError(f"{what} is missing")
    if tuple(tensor.shape) != shape or tensor.dtype != dtype:
        raise ValueError(f"{what} is {tensor.dtype} {tuple(tensor.shape)}; expected {dtype} {shape}")
    if tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise ValueError(f"{what} must be contiguous and on the CPU")


def _bias(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.detach().to("cpu", torch.float32).contiguous()


def pack(weight: Tensor, scheme: str, bias: Tensor | None = None) -> PackedWeight:
    """Quantize a weight with all threads.

    Args:
        weight: (N, K), any float type. Widened to float32 in pieces, so that no whole copy is made.
        scheme: one of SCHEMES. int4-g32 looks for the scale of least squared error; the row schemes are the published
            ones (modelreg.inference.quant).
        bias: (N,), kept as float32.
    Raises: ValueError for another shape or scheme.
    """
    if weight.dim() != 2 or not weight.is_floating_point():
        raise ValueError(f"a weight is a matrix of floats, not {weight.dtype} {tuple(weight.shape)}")
    packed = PackedWeight.empty(scheme, weight.shape[0], weight.shape[1], _bias(bias))
    pack_rows(packed, 0, weight)
    return packed


def pack_rows(packed: PackedWeight, row: int, weight: Tensor) -> None:
    """Quantize rows `row`, `row + 1`, ... of a packed weight: how a large one is made piece by piece.

    Args:
        row: a multiple of 16.
        weight: (n, K) floats; n a multiple of 16, or up to the last row.
    Raises: ValueError where they do not fit.
    """
    n = weight.shape[0]
    end = row + n
    if weight.dim() != 2 or weight.shape[1] != packed.columns or end > packed.rows:
        raise ValueError(f"rows {row} to {end} of {tuple(weight.shape)} in ({packed.rows}, {packed.columns})")
    if row % ROWS or (n % ROWS and end != packed.rows):
        raise ValueError(f"rows {row} to {end}: pieces must begin and end at multiples of {ROWS}")
    lib = native()
    step = max(ROWS, PIECE // packed.columns // ROWS * ROWS)
    for at in range(0, n, step):
        piece = weight[at : at + step].detach()
        if packed.scheme.endswith("row"):
            bits = 4 if packed.scheme.startswith("int4") else 8
            # An odd width cannot be kept in pairs as published; a column of zeros changes nothing.
            even = torch.nn.functional.pad(piece, (0, piece.shape[1] % 2))
            integers, scale = quantize_rows(even, bits)
            if bits == 8:
                integers = integers[:, : packed.columns]
            _put_integers(packed, row + at, integers, scale)
        else:
            floats = piece.to("cpu", torch.float32).contiguous()
            lib.mrk_pack(floats.data_ptr(), floats.shape[0], packed.columns, row + at, packed.c)


def repack(integers: Tensor, scale: Tensor, scheme: str, bias: Tensor | None = None) -> PackedWeight:
    """The published packed form of a pre-quantized checkpoint, exactly.

    Args:
        integers: int8 (N, K) for "int8-row", (N, K/2) for "int4-row" (two in a byte, the first in the high half).
        scale: float16 (N,).
    Raises: ValueError for another scheme, type or shape.
    """
    if scheme not in ("int4-row", "int8-row"):
        raise ValueError(f"scheme {scheme!r}; checkpoints are published as int4-row or int8-row")
    if integers.dim() != 2 or integers.dtype != torch.int8:
        raise ValueError(f"integers are {integers.dtype} {tuple(integers.shape)}; expected an int8 matrix")
    if tuple(scale.shape) != (integers.shape[0],):
        raise ValueError(f"scales are {tuple(scale.shape)}; expected one for each of {integers.shape[0]} rows")
    columns = integers.shape[1] * (2 if scheme == "int4-row" else 1)
    packed = PackedWeight.empty(scheme, integers.shape[0], columns, _bias(bias))
    _put_integers(packed, 0, integers, scale)
    return packed


def _put_integers(packed: PackedWeight, row: int, integers: Tensor, scale: Tensor) -> None:
    """Integers in the published form, two in a byte at 4 bits."""
    integers = integers.to("cpu").contiguous()
    native().mrk_pack_integers(integers.data_ptr(), integers.shape[0], packed.columns, row, packed.c)
    flat = packed.scales.view(-1)
    flat[row : row + len(scale)] = scale.to("cpu", torch.float16)
    flat[packed.rows :] = 0


def unpack(packed: PackedWeight) -> Tensor:
    """float32 (N, K): what the packed weight stands for. Plain torch; needs no compiled library."""
    blocks, groups, _ = packed.data.shape
    if packed.scheme.startswith("int4"):
        pieces = packed.data.view(blocks, groups, 4, ROWS, 4)
        levels = torch.stack((pieces & 15, pieces >> 4), dim=4)  # (blocks, groups, 4, 16, 2, 4)
        integers = levels.permute(0, 3, 1, 2, 4, 5).reshape(blocks * ROWS, groups, GROUP).float()
        if packed.mins is None:
            integers -= 8
    else:
        pieces = packed.data.view(torch.int8).view(blocks, groups, 8, ROWS, 4)
        integers = pieces.permute(0, 3, 1, 2, 4).reshape(blocks * ROWS, groups, GROUP).float()
    out = integers * _by_row(packed.scales, packed).float()
    if packed.mins is not None:
        out += _by_row(packed.mins, packed).float()
    return out.view(blocks * ROWS, groups * GROUP)[: packed.rows, : packed.columns].contiguous()


def _by_row(scales: Tensor, packed: PackedWeight) -> Tensor:
    """(rows padded, groups or 1, 1)."""
    if scales.dim() == 2:
        return scales.reshape(-1, 1, 1)
    return scales.transpose(1, 2).reshape(packed.blocks * ROWS, packed.groups, 1)
