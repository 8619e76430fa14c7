"""Runs a batch on the PyTorch modules: one joined cache for the rows that decode together.

Rows that decode step after step stay joined, padded on the left; the batch is put together anew only when a row
joins or leaves. Pieces of prompts run alone, each over its own cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modelreg.inference.batch.runner import Chunk, check_ids
from modelreg.inference.cache import KVCache


@dataclass(eq=False)
class ModuleSequence:
    """One row: in a cache of its own, or a row of the joined one."""

    cache: KVCache | None
    tokens: int = 0
    joined: bool = False


class ModuleRunner:
    """`Runner` over `ChatGLM`, `ChatGLM2`, on any device.

    Args:
        model: has `__call__` and `new_cache` as `generate.LanguageModel`; its caches are `KVCache`.
    """

    ragged = False

    def __init__(self, model: Any) -> None:
        self.model = model
        self.whole_prompts = model.bidirectional
        self.device = next(iter(model.parameters())).device
        self._rows: list[ModuleSequence] = []
        self._joined: KVCache | None = None

    def check(self, prompt: Sequence[int]) -> None:
        """See `Runner.check`."""
        check_ids(prompt, self.model.config.vocab_size)
        if self.whole_prompts:
            self.model.transformer.prompt_layout(torch.tensor([list(prompt)]), None, placed=False)

    def start(self) -> ModuleSequence:
        """See `Runner.start`."""
        return ModuleSequence(self.model.new_cache())

    def length(self, sequence: ModuleSequence) -> int:
        """See `Runner.length`."""
        return sequence.tokens

    def nbytes(self, sequence: ModuleSequence) -> int:
        """See `Runner.nbytes`."""
        return self._own(sequence).nbytes()

    def begin_prompt(self, sequence: ModuleSequence, ids: Sequence[int]) -> None:  # noqa: ARG002
        """Not offered."""
        return

    def forward(self, chunks: Sequence[Chunk]) -> list[Tensor]:
        """See `Runner.forward`."""
        with torch.inference_mode():
            if len(chunks) > 1 and all(len(c.ids) == 1 and c.sequence.tokens for c in chunks):
                return self._together(chunks)
            return [self._alone(chunk) for chunk in chunks]

    def _alone(self, chunk: Chunk) -> Tensor:
        sequence: ModuleSequence = chunk.sequence
        cache = self._own(sequence)
        ids = torch.tensor([list(chunk.ids)], device=self.device)
        logits: Tensor = self.model(ids, cache=cache, logits_to_keep=max(1, chunk.keep))
        sequence.tokens += len(chunk.ids)
        return logits[0, logits.shape[1] - chunk.keep :].float().cpu()

    def _together(self, chunks: Sequence[Chunk]) -> list[Tensor]:
        wanted = [c.sequence for c in chunks]
        if self._joined is None or self._rows != wanted:
            caches = [self._own(s) for s in wanted]
            self._part()  # rows that stay away keep a cache of their own
            self._joined, self._rows = KVCache.join(caches), wanted
            for sequence in wanted:
                sequence.cache, sequence.joined = None, True
        ids = torch.tensor([list(c.ids) for c in chunks], device=self.device)
        logits = self.model(ids, cache=self._joined, logits_to_keep=1)
        for sequence in wanted:
            sequence.tokens += 1
        return [row[1 - chunk.keep :].float().cpu() for row, chunk in zip(logits, chunks, strict=True)]

    def _own(self, sequence: ModuleSequence) -> KVCache:
        """The cache of this row alone."""
        if sequence.joined:
            self._part()
        if sequence.cache is None:
            raise ValueError("the sequence was given back")
        return sequence.cache

    def _part(self) -> None:
        """Give each row of the joined cache one of its own."""
        if self._joined is not None:
            for i, sequence in enumerate(self._rows):
                if sequence.joined:
                    sequence.cache, sequence.joined = self._joined.select([i]).without_padding(), False
                    sequence.cache.prefix_length = sequence.cache.length - sequence.tokens
        self._joined, self._rows = None, []

    def close(self, sequence: ModuleSequence) -> None:
        """See `Runner.close`."""
        sequence.cache, sequence.joined = None, False  # a row of the joined cache goes with the next change

    def fork(self, sequence: ModuleSequence, length: int) -> ModuleSequence:
        """See `Runner.fork`."""
        cache = self._own(sequence).select([0])
        cache.crop(cache.prefix_length + length)
        return ModuleSequence(cache, length)

    def crop(self, sequence: ModuleSequence, length: int) -> None:
        """See `Runner.crop`."""
        cache = self._own(sequence)
        cache.crop(cache.prefix_length + length)
        sequence.tokens = length
