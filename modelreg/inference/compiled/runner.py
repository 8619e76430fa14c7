"""Runs a batch on the compiled decoder: every step is one ragged forward pass."""

from __future__ import annotations

from collections.abc import Sequence as Ids

import torch
from torch import Tensor

from modelreg.inference.batch.runner import Chunk, check_ids
from modelreg.inference.compiled.decoder import Decoder, Piece, Plan
from modelreg.inference.compiled.pages import Sequence


class CompiledRunner:
    """`batch.Runner` over a compiled decoder."""

    ragged = True

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.whole_prompts = decoder.network.bidirectional

    def check(self, prompt: Ids[int]) -> None:
        """See `Runner.check`."""
        check_ids(prompt, self.decoder.network.config.vocab_size)
        self.decoder.place(self.decoder.start(), list(prompt))

    def start(self) -> Sequence:
        """See `Runner.start`."""
        return self.decoder.start()

    def length(self, sequence: Sequence) -> int:
        """See `Runner.length`."""
        return sequence.tokens

    def nbytes(self, sequence: Sequence) -> int:
        """See `Runner.nbytes`."""
        return sequence.nbytes()

    def forward(self, chunks: Ids[Chunk]) -> list[Tensor]:
        """See `Runner.forward`."""
        return self.decoder.forward([Piece(c.sequence, list(c.ids), c.keep) for c in chunks])

    def close(self, sequence: Sequence) -> None:
        """See `Runner.close`."""
        sequence.close()

    def fork(self, sequence: Sequence, length: int) -> Sequence:
        """See `Runner.fork`."""
        return sequence.fork(sequence.prefix + length)

    def crop(self, sequence: Sequence, length: int) -> None:
        """See `Runner.crop`."""
        sequence.crop(sequence.prefix + length)

    def begin_prompt(self, sequence: Sequence, ids: Ids[int]) -> LayerWork:
        """See `Runner.begin_prompt`."""
        return LayerWork(self.decoder, Piece(sequence, list(ids), 1))


class LayerWork:
    """A whole prompt that goes through the layers a few at a time: all its tokens are in each layer together."""

    def __init__(self, decoder: Decoder, piece: Piece) -> None:
        self.decoder = decoder
        self.tokens = len(piece.ids)
        self.plan: Plan = decoder.plan([piece])
        self.state = decoder.embed(self.plan)
        self.layer = 0

    def advance(self, tokens: int) -> Tensor | None:
        """See `PromptWork.advance`; at least one layer."""
        total = len(self.decoder.network.layers)
        until = min(total, self.layer + max(1, total * tokens // self.tokens))
        with torch.inference_mode():
            self.decoder.run(self.plan, self.state, range(self.layer, until))
            self.layer = until
            return self.decoder.finish(self.plan, self.state)[0] if until == total else None
