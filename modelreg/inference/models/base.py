"""What every decoder does around its layers: prefix, cache, positions, visibility.

A generation says only how the positions of a prompt run and which part of it is bidirectional
(`prompt_layout`); the rest is the same for all. Shapes: B rows, T new tokens, R position rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modelreg.inference.attention import Visibility, see, see_as_told
from modelreg.inference.cache import Cache, KVCache
from modelreg.inference.problems import PromptError


@dataclass(frozen=True)
class Layout:
    """How a prompt lies: positions (B, R, T), their step per later token (B, R, 1), context end (B,) or None.

    `context` counts the prompt's first columns that are seen from everywhere, padding included.
    """

    positions: Tensor
    step: Tensor
    context: Tensor | None = None


@dataclass(frozen=True)
class Step:
    """One call, prepared: what the layers need."""

    positions: Tensor  # (B, R, T)
    seen: Visibility
    cache: Cache | None
    hidden: Tensor | None  # (B, columns in use after this call)
    next_step: Tensor  # (B, R, 1)


class Decoder(nn.Module):
    """Base of the transformers: prepares each call and remembers it in the cache.

    Attributes:
        prefix: P-Tuning keys and values, (L, 2, G, P, D), seen by all tokens, without positions; or None.
    """

    num_layers: int
    position_rows: int = 1
    prefix: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("prefix", None, persistent=False)

    def prompt_layout(self, input_ids: Tensor, hidden: Tensor | None, *, placed: bool) -> Layout:
        """Positions of a prompt, (B, T), with `hidden` (B, T) True on padding.

        Args:
            placed: the caller gave positions and a full mask, so ids that cannot be placed are no error.
        """
        raise NotImplementedError

    def through(self, input_ids: Tensor, positions: Tensor, seen: Visibility, cache: Cache | None) -> Tensor:
        """The network without its bookkeeping: ids (B, T), positions (B, R, T) -> (B, T, hidden)."""
        raise NotImplementedError

    def begin(
        self,
        input_ids: Tensor,
        position_ids: Tensor | None,
        attention_mask: Tensor | None,
        cache: Cache | None,
    ) -> Step:
        """Prepare a call; the arguments are those of `forward` of the models."""
        B, T = input_ids.shape
        if T == 0 or B == 0:
            raise PromptError("there are no token ids", hint="give at least one token")
        if cache is None and self.prefix is not None:
            cache = KVCache(self.num_layers, block=self.prefix.shape[3] + T)
        if cache is not None and cache.length == 0 and self.prefix is not None:
            cache.put_prefix(self.prefix, B)
        past = cache.length if cache is not None else 0
        prefix = cache.prefix_length if cache is not None else 0
        columns = cache.columns(T) if cache is not None else T
        hidden = hidden_columns(attention_mask, cache, B, T)

        context: Tensor | None = None
        if cache is None or cache.last_position is None or cache.position_step is None:
            full_mask = attention_mask is not None and attention_mask.dim() == 4
            own = None if hidden is None else hidden[:, past:]
            layout = self.prompt_layout(input_ids, own, placed=full_mask and position_ids is not None)
            positions, step = layout.positions, layout.step
            context = None if layout.context is None else layout.context + past
        else:
            step = cache.position_step
            positions = cache.last_position + step * torch.arange(1, T + 1, device=step.device)
        if position_ids is not None:
            positions = self._given_positions(position_ids, B, T)

        if attention_mask is not None and attention_mask.dim() == 4:
            seen = see_as_told(attention_mask, columns=columns, prefix=prefix)
        else:
            wide = hidden
            if hidden is not None and hidden.shape[1] < columns:
                wide = F.pad(hidden, (0, columns - hidden.shape[1]), value=True)
            seen = see(new=T, past=past, columns=columns, device=input_ids.device, hidden=wide, context=context)
        return Step(positions, seen, cache, hidden, step)

    def finish(self, step: Step, new: int) -> None:
        """Remember the call in the cache, after the last layer."""
        cache = step.cache
        if cache is not None:
            cache.advance(new)
            cache.hidden = step.hidden
            cache.last_position = step.positions[..., -1:]
            cache.position_step = step.next_step

    def _given_positions(self, position_ids: Tensor, batch: int, new: int) -> Tensor:
        B, T = batch, new
        rows = position_ids if position_ids.dim() == 3 else position_ids[:, None]
        if rows.dim() != 3 or rows.shape[1] != self.position_rows or rows.shape[2] != T:
            want = f"({B}, {T})" if self.position_rows == 1 else f"({B}, {self.position_rows}, {T})"
            raise ValueError(f"position_ids have the shape {tuple(position_ids.shape)}; expected {want}")
        return rows.expand(B, -1, -1)


class Padded(Protocol):
    """What a cache says of its columns; see `Cache`."""

    length: int
    prefix_length: int
    hidden: Tensor | None


def hidden_columns(mask: Tensor | None, cache: Padded | None, batch: int, new: int) -> Tensor | None:
    """Padding among all columns after this call, (B, past + T), or None where there is none.

    A 2-D mask (1 = token, 0 = padding) covers either the new tokens or all tokens since the prefix. Of a 4-D
    mask (1 = masked) the last row is taken: the last token of a left-padded row sees all that is real.
    """
    B, T = batch, new
    past = cache.length if cache is not None else 0
    prefix = cache.prefix_length if cache is not None else 0
    known = cache.hidden if cache is not None else None
    if mask is None:
        return None if known is None else F.pad(known, (0, T), value=False)
    if mask.dim() not in (2, 4) or mask.shape[0] not in (1, B):
        raise ValueError(f"attention_mask has the shape {tuple(mask.shape)}; expected 2 or 4 axes, {B} rows")
    absent = mask == 0 if mask.dim() == 2 else mask[:, 0, -1].bool()
    absent = absent.expand(B, -1)
    width = absent.shape[1]
    if width == past - prefix + T:
        absent = F.pad(absent, (prefix, 0), value=False)
    elif width == T:
        before = known if known is not None else absent.new_zeros((B, past))
        absent = torch.cat((before, absent), dim=1)
    elif width != past + T:
        raise ValueError(f"attention_mask covers {width} tokens; expected {T} or {past - prefix + T}")
    return absent if bool(absent.any()) else None
