"""Keys and values of past tokens, and what must be remembered with them to go on.

`Cache` is the whole interface that models use: `update()` once a layer, `advance()` once a call. It also
keeps which columns are padding and where each row's positions stand, so that `model(next_ids, cache=cache)`
is enough for a decode step, whatever the generation of the model and however the rows were padded.

Keys are stored after rotary and do not depend on the column they sit in; rows can therefore be cut out,
put together and padded on the left (`select`, `join`), which is what continuous batching needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from modelreg.inference.problems import ContextLengthError


class Cache(ABC):
    """Bookkeeping that every cache has.

    Attributes:
        length: columns in use, prefix and padding included.
        prefix_length: how many of the first columns are a P-Tuning prefix.
        hidden: (B, length) bool, True on padding; None where there is none.
        last_position: (B, R, 1), the positions of the last token (R = 2 rows in ChatGLM-6B, else 1).
        position_step: (B, R, 1), what the next token's positions add to them.
    """

    def __init__(self) -> None:
        self.length = 0
        self.prefix_length = 0
        self.hidden: Tensor | None = None
        self.last_position: Tensor | None = None
        self.position_step: Tensor | None = None

    @abstractmethod
    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write the new keys and values, (B, G, T, D), after column `length`; return all, (B, G, S, D)."""

    def columns(self, new: int) -> int:
        """S, the columns that `update()` will return for `new` more tokens."""
        return self.length + new

    def advance(self, new: int) -> None:
        """Count `new` columns as used; called once all layers have been updated."""
        self.length += new

    def put_prefix(self, prefix: Tensor, batch: int) -> None:
        """Begin with a P-Tuning prefix: (L, 2, G, P, D), the same for all rows."""
        for layer, (keys, values) in enumerate(prefix):
            shape = (batch, *keys.shape)
            self.update(layer, keys.expand(shape), values.expand(shape))
        self.prefix_length = prefix.shape[3]
        self.advance(self.prefix_length)

    def crop(self, length: int) -> None:
        """Forget the columns from `length` on (a rejected draft, an edited turn).

        Positions go back as far; right only when the columns cut off are decoded tokens, not prompt context.
        """
        cut = self.length - length
        if cut < 0 or length < self.prefix_length:
            raise ValueError(f"cannot crop {self.length} columns to {length}")
        self.length = length
        if self.hidden is not None:
            self.hidden = self.hidden[:, :length]
        if self.last_position is not None and self.position_step is not None:
            self.last_position = self.last_position - cut * self.position_step


class KVCache(Cache):
    """Pre-allocated buffers that grow by whole blocks; made on the device and in the dtype of the first keys.

    Args:
        num_layers: layers of the model.
        block: columns to allocate at a time.
    """

    def __init__(self, num_layers: int, *, block: int = 256) -> None:
        super().__init__()
        self.block = block
        self._buffers: list[Tensor | None] = [None] * num_layers  # each (2, B, G, capacity, D)

    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """See `Cache.update`; S = length + T."""
        end = self.length + keys.shape[2]
        buffer = self._buffers[layer]
        if buffer is None or buffer.shape[3] < end:
            buffer = self._buffers[layer] = self._grown(buffer, keys, end)
        elif buffer.device != keys.device:  # a prefix laid down before the layer's own device was known
            buffer = self._buffers[layer] = buffer.to(keys.device)
        buffer[0, :, :, self.length : end] = keys
        buffer[1, :, :, self.length : end] = values
        return buffer[0, :, :, :end], buffer[1, :, :, :end]

    def _grown(self, old: Tensor | None, keys: Tensor, end: int) -> Tensor:
        capacity = -(-end // self.block) * self.block
        B, G, _, D = keys.shape
        new = keys.new_empty((2, B, G, capacity, D))
        if old is not None:
            new[:, :, :, : self.length] = old[:, :, :, : self.length].to(keys.device)
        return new

    def layer(self, index: int) -> tuple[Tensor, Tensor]:
        """Keys and values of one layer so far, each (B, G, length, D)."""
        buffer = self._buffers[index]
        if buffer is None:
            raise ValueError("the cache is empty")
        return buffer[0, :, :, : self.length], buffer[1, :, :, : self.length]

    def nbytes(self) -> int:
        """Bytes allocated."""
        return sum(b.nbytes for b in self._buffers if b is not None)

    def select(self, rows: Sequence[int] | Tensor) -> KVCache:
        """A new cache with these rows, in this order (finished rows leave a batch; beams are copied)."""
        out = KVCache(len(self._buffers), block=self.block)
        out.length, out.prefix_length = self.length, self.prefix_length
        index = torch.as_tensor(rows)
        for i, buffer in enumerate(self._buffers):
            if buffer is not None:
                out._buffers[i] = buffer.index_select(1, index.to(buffer.device))
        for name in ("hidden", "last_position", "position_step"):
            value = getattr(self, name)
            if value is not None:
                setattr(out, name, value.index_select(0, index.to(value.device)))
        return out

    def without_padding(self) -> KVCache:
        """The same single row less the hidden columns on its left, which `join` put there.

        Raises: ValueError for several rows.
        """
        if self.hidden is None:
            return self
        if self.hidden.shape[0] != 1:
            raise ValueError("padding can be taken off a single row only")
        pad = int(self.hidden[0].int().argmin())  # the first column that is real
        out = KVCache(len(self._buffers), block=self.block)
        out.length = self.length - pad
        out.last_position, out.position_step = self.last_position, self.position_step
        rest = self.hidden[:, pad:]
        out.hidden = rest if bool(rest.any()) else None
        out._buffers = [None if b is None else b[:, :, :, pad:] for b in self._buffers]
        return out

    @staticmethod
    def join(caches: Sequence[KVCache]) -> KVCache:
        """One batch of all rows; shorter caches are padded on the left with hidden columns.

        Raises: ValueError where the caches are of different models (layers, heads or position rows).
        """
        first = caches[0]
        out = KVCache(len(first._buffers), block=first.block)
        out.length = max(c.length for c in caches)
        hidden = []
        for cache in caches:
            rows = cache.layer(0)[0].shape[0]
            row = cache.layer(0)[0].new_zeros((rows, cache.length), dtype=torch.bool)
            row = row if cache.hidden is None else cache.hidden
            hidden.append(torch.nn.functional.pad(row, (out.length - cache.length, 0), value=True))
        mask = torch.cat(hidden)
        out.hidden = mask if bool(mask.any()) else None
        capacity = -(-out.length // out.block) * out.block
        for i in range(len(out._buffers)):
            parts = [(c.length, torch.stack(c.layer(i))) for c in caches]  # each (2, B, G, length, D)
            _, _, G, _, D = parts[0][1].shape
            # Zeros, not empty: hidden columns are multiplied by a weight of 0, and 0 * NaN is NaN.
            buffer = parts[0][1].new_zeros((2, mask.shape[0], G, capacity, D))
            at = 0
            for length, part in parts:
                buffer[:, at : at + part.shape[1], :, out.length - length : out.length] = part
                at += part.shape[1]
            out._buffers[i] = buffer
        for name in ("last_position", "position_step"):
            setattr(out, name, torch.cat([getattr(c, name) for c in caches]))
        return out


class StaticKVCache(Cache):
    """A cache of fixed size: shapes never change between decode steps, as compiled or captured steps want.

    `update()` returns all `max_length` columns, and the unused tail is not seen.

    Args:
        num_layers: layers of the model.
        max_length: columns: prefix, padding, prompt and reply together.
    """

    def __init__(self, num_layers: int, max_length: int) -> None:
        super().__init__()
        self.max_length = max_length
        self._buffers: list[Tensor | None] = [None] * num_layers

    def columns(self, new: int) -> int:
        """All of them, always."""
        if self.length + new > self.max_length:
            raise ContextLengthError(
                f"{self.length} + {new} tokens do not fit a cache of {self.max_length}",
                hint="start with a larger max_length, or shorten the prompt",
            )
        return self.max_length

    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """See `Cache.update`; S = max_length."""
        buffer = self._buffers[layer]
        if buffer is None:
            B, G, _, D = keys.shape
            # Zeros: the unused tail is weighted with 0, and must not hold NaN.
            buffer = self._buffers[layer] = keys.new_zeros((2, B, G, self.max_length, D))
        slots = torch.arange(keys.shape[2], device=keys.device) + self.length
        buffer[0].index_copy_(2, slots, keys)
        buffer[1].index_copy_(2, slots, values)
        return buffer[0], buffer[1]

    def buffer(self, layer: int) -> Tensor:
        """Keys and values of one layer, (2, B, G, max_length, D). Raises: ValueError before they are there."""
        found = self._buffers[layer]
        if found is None:
            raise ValueError("the cache is empty")
        return found

    def reset(self) -> None:
        """Empty it for another conversation of as many rows; the buffers stay where they are."""
        self.length = self.prefix_length = 0
        self.hidden = self.last_position = self.position_step = None
        for buffer in self._buffers:
            if buffer is not None:
                buffer.zero_()

    def grown(self, block: int) -> KVCache:
        """The same columns in a cache that grows."""
        out = KVCache(len(self._buffers), block=block)
        for i, buffer in enumerate(self._buffers):
            if buffer is not None:
                out.update(i, buffer[0, :, :, : self.length], buffer[1, :, :, : self.length])
        out.length, out.prefix_length, out.hidden = self.length, self.prefix_length, self.hidden
        out.last_position, out.position_step = self.last_position, self.position_step
        return out
