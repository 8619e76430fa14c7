"""Decode steps that are recorded once and replayed, for GPUs, where launching kernels one by one sets the pace.

The step is written so that nothing in it depends on Python numbers: ids, column and positions are tensors that it
reads and moves on itself, keys and values lie in buffers of fixed size. On CUDA it is captured as a graph, one a
batch size; elsewhere it runs as it is, which is how it is tested. Not tested on a CUDA device.

Source: PyTorch's notes on CUDA graphs, https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from modelreg.inference.attention import Visibility
from modelreg.inference.cache import Cache, KVCache, StaticKVCache

LONGEST = 8192  # columns that are set aside at once; longer conversations go on in a cache that grows
WARM_UP = 3  # runs before a capture, so that libraries have set up what they keep


class _AtColumn(Cache):
    """The same buffers, written at a column that is a tensor; bookkeeping is the step's."""

    def __init__(self, buffers: StaticKVCache, column: Tensor) -> None:
        super().__init__()
        self.buffers, self.column = buffers, column

    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """See `Cache.update`; S = max_length."""
        both = self.buffers.buffer(layer)
        both[0].index_copy_(2, self.column, keys)
        both[1].index_copy_(2, self.column, values)
        return both[0], both[1]


class FixedStep:
    """One decode step for B rows over a cache of fixed size.

    Args:
        model: `ChatGLM` or `ChatGLM2`; cache: filled by a prompt.
    """

    def __init__(self, model: Any, cache: StaticKVCache) -> None:
        self.model, self.cache = model, cache
        device = next(iter(model.parameters())).device
        positions, step = cache.last_position, cache.position_step
        if positions is None or step is None:
            raise ValueError("the cache holds no prompt")
        B, R = positions.shape[:2]
        self.ids = torch.zeros((B, 1), dtype=torch.long, device=device)
        self.positions = torch.zeros((B, R, 1), dtype=torch.long, device=device)
        self.step = torch.zeros((B, R, 1), dtype=torch.long, device=device)
        self.column = torch.zeros(1, dtype=torch.long, device=device)
        self.hidden = torch.zeros((B, cache.max_length), dtype=torch.bool, device=device)
        self.columns = torch.arange(cache.max_length, device=device)
        self.at_column = _AtColumn(cache, self.column)
        self.logits: Tensor | None = None
        self._graph: Any = None
        self._capturable = True

    def _compute(self) -> Tensor:
        self.positions.add_(self.step)
        keep = (self.columns <= self.column) & ~self.hidden  # (B, S)
        x = self.model.transformer.through(self.ids, self.positions, Visibility(keep[:, None, None]), self.at_column)
        self.column.add_(1)
        head = self.model.lm_head if hasattr(self.model, "lm_head") else self.model.transformer.output_layer
        return head(x)  # type: ignore[no-any-return]

    def load(self) -> None:
        """Take over where the cache stands: after a prompt, a crop, or for the next conversation."""
        cache = self.cache
        if cache.last_position is None or cache.position_step is None:
            raise ValueError("the cache holds no prompt")
        self.positions.copy_(cache.last_position)
        self.step.copy_(cache.position_step)
        self.column.fill_(cache.length)
        self.hidden.zero_()
        if cache.hidden is not None:
            self.hidden[:, : cache.hidden.shape[1]] = cache.hidden

    def __call__(self, ids: Tensor) -> Tensor:
        """Logits (B, 1, V) of the next token after ids (B, 1); the cache counts it."""
        self.cache.columns(1)  # raises where it is full
        self.ids.copy_(ids)
        if self.column.device.type != "cuda":
            out = self._compute()
        else:
            out = self._replay()
        self.cache.advance(1)
        self.cache.last_position = self.positions.clone()
        if self.cache.hidden is not None:
            self.cache.hidden = torch.nn.functional.pad(self.cache.hidden, (0, 1), value=False)
        return out

    def _replay(self) -> Tensor:
        if self._graph is None and self._capturable:
            try:
                self._capture()
            except RuntimeError as problem:  # an operator that synchronises, or memory: the step runs as it is
                self._capturable = False
                warnings.warn(f"decode steps are not captured: {problem}", RuntimeWarning, stacklevel=2)
                self.load()
        if self._graph is None:
            return self._compute()
        self._graph.replay()
        if self.logits is None:
            raise AssertionError("bug: a graph without an output")
        return self.logits.clone()

    def _capture(self) -> None:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self._compute()
                self.load()  # the runs moved on
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.logits = self._compute()
        self.load()  # a capture computes nothing, but the tensors may not be relied on
        self._graph = graph


class CapturedModel:
    """A model whose single tokens go through recorded steps; prompts, and what does not fit, go as ever.

    Buffers of one batch size are made once and lent to one cache at a time; a second conversation beside it gets a
    cache that grows.

    Args:
        model: `ChatGLM` or `ChatGLM2`; max_length: columns of a fixed cache.
    """

    def __init__(self, model: Any, max_length: int) -> None:
        self.model, self.max_length = model, max_length
        self.config, self.placement, self.bidirectional = model.config, model.placement, model.bidirectional
        self._steps: dict[int, FixedStep] = {}
        self._lent: dict[int, weakref.ref[LentCache]] = {}

    def parameters(self) -> Iterator[Tensor]:
        """The weights."""
        return self.model.parameters()  # type: ignore[no-any-return]

    def new_cache(self, *, block: int = 256) -> LentCache:
        """An empty cache, which fits any batch."""
        return LentCache(self, block)

    def __call__(
        self,
        input_ids: Tensor,
        position_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        cache: LentCache | None = None,
        *,
        logits_to_keep: int = 0,
    ) -> Tensor:
        """See `generate.LanguageModel`."""
        if cache is None:
            return self.model(input_ids, position_ids, attention_mask, logits_to_keep=logits_to_keep)  # type: ignore[no-any-return]
        step = cache.step(*input_ids.shape)
        if step is not None and position_ids is None and attention_mask is None:
            return step(input_ids)
        inner = cache.inner(*input_ids.shape)
        return self.model(input_ids, position_ids, attention_mask, inner, logits_to_keep=logits_to_keep)  # type: ignore[no-any-return]


def speed_up(model: Any) -> Any:
    """The model with captured decode steps where that helps, on CUDA; any other model as it is."""
    placement = getattr(model, "placement", None)
    if placement is None or placement.device.type != "cuda" or not hasattr(model, "new_cache"):
        return model
    return CapturedModel(model, min(model.config.max_length, LONGEST))


class LentCache:
    """A cache of fixed size while its conversation fits it, else one that grows."""

    def __init__(self, owner: CapturedModel, block: int) -> None:
        self.owner, self.block = owner, block
        self._inner: StaticKVCache | KVCache | None = None
        self._fresh = True  # the recorded step does not stand where the cache does

    @property
    def length(self) -> int:
        """Columns in use."""
        return 0 if self._inner is None else self._inner.length

    @property
    def prefix_length(self) -> int:
        """How many of the first columns are a P-Tuning prefix."""
        return 0 if self._inner is None else self._inner.prefix_length

    def inner(self, batch: int, new: int) -> StaticKVCache | KVCache:
        """The cache to compute with; `new` more tokens fit."""
        owner = self.owner
        if self._inner is None:
            borrower = owner._lent.get(batch)
            if borrower is None or borrower() is None:
                owner._lent[batch] = weakref.ref(self)
                old = owner._steps.get(batch)
                self._inner = StaticKVCache(owner.config.num_layers, owner.max_length) if old is None else old.cache
                self._inner.reset()
            else:
                self._inner = KVCache(owner.config.num_layers, block=self.block)
        prefix = owner.model.transformer.prefix
        need = self._inner.length + new + (prefix.shape[3] if prefix is not None and not self._inner.length else 0)
        if isinstance(self._inner, StaticKVCache) and need > owner.max_length:
            self._inner = self._inner.grown(self.block)
            owner._lent.pop(batch, None)
        self._fresh = True
        return self._inner

    def step(self, batch: int, new: int) -> FixedStep | None:
        """The recorded step for one more token a row, where there is one."""
        inner = self._inner
        if new != 1 or not isinstance(inner, StaticKVCache) or inner.last_position is None:
            return None
        if inner.length + 1 > inner.max_length:
            return None
        step = self.owner._steps.get(batch)
        if step is None or step.cache is not inner:
            step = self.owner._steps[batch] = FixedStep(self.owner.model, inner)
        if self._fresh:
            step.load()
            self._fresh = False
        return step

    def crop(self, length: int) -> None:
        """See `KVCache.crop`."""
        if self._inner is None:
            raise ValueError("the cache is empty")
        self._inner.crop(length)
        self._fresh = True
