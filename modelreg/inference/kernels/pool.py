"""The key-value cache as blocks of 64 columns that sequences take and give back, and where a call's tokens lie in it.

A block holds 64 columns of all layers, so that a sequence is a list of block numbers: it grows without copying, and two
sequences may begin with the same full blocks. Nothing is cleared: only columns that a token sees are ever read.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_int64, c_void_p
from dataclasses import dataclass

import torch
from torch import Tensor

from modelreg.inference.kernels.loading import CacheLayer, SpanTable, huge_pages, native

COLUMNS = 64
MAX_CHANNELS = 1024
# Bytes allocated at a time, unless a block is larger.
SLAB = 2**25
TYPES = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}


class KVPool:
    """Blocks of cache for sequences of one model; grows by slabs, never moves.

    Args:
        layers, heads, channels: of the model; `heads` are key heads (G).
        dtype: float16 (default), bfloat16 or float32. In float16 larger numbers become +-65504.
        limit: bytes that may be allocated; None for no limit.
    Raises: ValueError for sizes that the kernels cannot take.
    """

    def __init__(
        self,
        layers: int,
        heads: int,
        channels: int,
        dtype: torch.dtype = torch.float16,
        limit: int | None = None,
    ) -> None:
        if min(layers, heads, channels) < 1 or channels > MAX_CHANNELS:
            raise ValueError(f"a cache of {layers} layers, {heads} heads, {channels} channels (at most {MAX_CHANNELS})")
        if dtype not in TYPES:
            raise ValueError(f"a cache of {dtype}; known are {', '.join(map(str, TYPES))}")
        self.layers, self.heads, self.channels, self.dtype, self.limit = layers, heads, channels, dtype, limit
        self.padded = -(-channels // 8) * 8  # channels of a value row
        keys, values = heads * channels * COLUMNS, heads * COLUMNS * self.padded
        self._numbers = layers * (keys + values)  # of a block
        size = dtype.itemsize
        self._layers = [
            CacheLayer(TYPES[dtype], heads, channels, i * (keys + values) * size, (i * (keys + values) + keys) * size)
            for i in range(layers)
        ]
        self._slabs: list[Tensor] = []
        self._blocks: list[Tensor] = []  # each (numbers,), a view of a slab
        self.addresses: list[int] = []
        self._free: list[int] = []

    @property
    def block_bytes(self) -> int:
        """Bytes of 64 columns of all layers."""
        return self._numbers * self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return sum(s.nbytes for s in self._slabs)

    @property
    def free(self) -> int:
        """Blocks that are allocated and not taken."""
        return len(self._free)

    def blocks_for(self, columns: int) -> int:
        """Blocks that so many columns need."""
        return -(-columns // COLUMNS)

    def take(self, count: int = 1) -> list[int]:
        """Numbers of `count` blocks, now the caller's. Raises: MemoryError beyond the limit, taking none."""
        while len(self._free) < count:
            self._grow(count - len(self._free))
        return [self._free.pop() for _ in range(count)]

    def give(self, blocks: Sequence[int]) -> None:
        """Give blocks back; none may be in use any more. Raises: ValueError for one that is not taken."""
        wrong = set(blocks) & set(self._free) or [b for b in blocks if not 0 <= b < len(self._blocks)]
        if wrong or len(set(blocks)) != len(blocks):
            raise ValueError(f"blocks {sorted(wrong) or list(blocks)} are not taken, or given twice")
        self._free.extend(reversed(blocks))

    def _grow(self, least: int) -> None:
        count = max(least, SLAB // self.block_bytes, 1)
        if self.limit is not None:
            count = min(count, (self.limit - self.nbytes) // self.block_bytes)
            if count < least:
                raise MemoryError(f"a cache of at most {self.limit} bytes cannot hold {least} more blocks")
        slab = torch.empty(count * self._numbers, dtype=self.dtype)
        huge_pages(slab)
        first = len(self._blocks)
        self._slabs.append(slab)
        self._blocks.extend(slab.view(count, self._numbers).unbind())
        self.addresses.extend(b.data_ptr() for b in self._blocks[first:])
        self._free.extend(reversed(range(first, first + count)))

    def layer(self, index: int) -> CacheLayer:
        """What the C library wants to know of a layer."""
        return self._layers[index]

    def keys(self, block: int, layer: int) -> Tensor:
        """A view, (G, D, 64)."""
        at = self._layers[layer].keys_at // self.dtype.itemsize
        return self._blocks[block][at : at + self.heads * self.channels * COLUMNS].view(self.heads, -1, COLUMNS)

    def values(self, block: int, layer: int) -> Tensor:
        """A view, (G, 64, D)."""
        at = self._layers[layer].values_at // self.dtype.itemsize
        flat = self._blocks[block][at : at + self.heads * COLUMNS * self.padded]
        return flat.view(self.heads, COLUMNS, self.padded)[..., : self.channels]

    def read(self, blocks: Sequence[int], layer: int, length: int) -> tuple[Tensor, Tensor]:
        """Copies of the first `length` columns: keys and values, each (G, length, D)."""
        keys = torch.cat([self.keys(b, layer) for b in blocks], dim=2)[..., :length].transpose(1, 2).contiguous()
        values = torch.cat([self.values(b, layer) for b in blocks], dim=1)[:, :length].contiguous()
        return keys, values

    def write(self, blocks: Sequence[int], layer: int, column: int, keys: Tensor, values: Tensor) -> None:
        """Write columns from elsewhere (a prefix, a saved cache) at `column`: keys and values (G, n, D)."""
        n = keys.shape[1]
        if keys.shape != (self.heads, n, self.channels) or values.shape != keys.shape:
            raise ValueError(f"keys {tuple(keys.shape)} and values {tuple(values.shape)}; expected (G, n, D)")
        if column < 0 or column + n > len(blocks) * COLUMNS:
            raise ValueError(f"columns {column} to {column + n} in {len(blocks)} blocks")
        for i in range(n):
            block, at = blocks[(column + i) // COLUMNS], (column + i) % COLUMNS
            self.keys(block, layer)[:, :, at] = keys[:, i]
            self.values(block, layer)[:, at] = values[:, i]
            if self.padded != self.channels:
                self._padding(block, layer)[:, at] = 0

    def _padding(self, block: int, layer: int) -> Tensor:
        at = self._layers[layer].values_at // self.dtype.itemsize
        flat = self._blocks[block][at : at + self.heads * COLUMNS * self.padded]
        return flat.view(self.heads, COLUMNS, self.padded)[..., self.channels :]

    def copy(self, source: int, target: int) -> None:
        """Copy a whole block, all layers: how a sequence goes on from a block that another one shares."""
        self._blocks[target].copy_(self._blocks[source])


@dataclass(frozen=True)
class Span:
    """The new tokens of one sequence in a call.

    A token at column c sees the columns from `first` up to itself, or up to `context` where that is more.

    Attributes:
        blocks: block numbers of the sequence, from its first column on.
        start: column of the first new token; columns before it have been written.
        count: new tokens.
        context: columns before this are seen by every new token (a bidirectional prompt, a prefix).
        first: columns before this are seen by none (padding).
    """

    blocks: Sequence[int]
    start: int
    count: int
    context: int = 0
    first: int = 0


class Spans:
    """Where the tokens of a call lie; made once a step and used in every layer.

    Args:
        spans: one for each sequence; their tokens lie one after the other in the rows of the call.
    Raises: ValueError where a sequence has too few blocks, or would see columns that nobody wrote.
    """

    def __init__(self, pool: KVPool, spans: Sequence[Span]) -> None:
        native()
        starts, pieces, tables = [0], [], []
        known = len(pool.addresses)
        for i, s in enumerate(spans):
            end = s.start + s.count
            if s.count < 1 or s.start < 0 or s.first < 0:
                raise ValueError(f"sequence {i}: {s.count} tokens at column {s.start}, first {s.first}")
            if end > len(s.blocks) * COLUMNS:
                raise ValueError(f"sequence {i} has {end} columns and {len(s.blocks)} blocks of {COLUMNS}")
            if s.context > end:
                raise ValueError(f"sequence {i} has {end} columns and a context of {s.context}")
            if any(not 0 <= b < known for b in s.blocks):
                raise ValueError(f"sequence {i} has blocks that the pool does not know")
            starts.append(starts[-1] + s.count)
            column = torch.arange(s.start, end, dtype=torch.int32)
            first = torch.full((s.count,), s.first, dtype=torch.int32)
            pieces.append(torch.stack((column, first, (column + 1).clamp(min=s.context))))
            addresses = pool.addresses
            tables.append((c_int64 * len(s.blocks))(*[addresses[b] for b in s.blocks]))
        if not tables:
            raise ValueError("there are no sequences")
        self.tokens, self.sequences = starts[-1], len(tables)
        self.pool = pool
        places = torch.cat(pieces, dim=1)  # (3, T): column, first, end
        begins = torch.tensor(starts, dtype=torch.int32)
        pointers = (c_void_p * len(tables))(*[ctypes.addressof(t) for t in tables])
        self._keep = (places, begins, pointers, tables)
        self.c = SpanTable(
            len(tables),
            self.tokens,
            begins.data_ptr(),
            *(places[i].data_ptr() for i in range(3)),
            ctypes.addressof(pointers),
        )
