"""Logits to the next token: the published order of steps, and the knobs that servers add.

    repetition, presence and frequency penalties; invalid scores; temperature, top-k, top-p, min-p; softmax

Source: the processors of transformers 4.30 in the order recorded in goldens/common/sampling.json; min-p
after them, as transformers has it (arXiv:2407.01082); presence and frequency penalties as OpenAI's API
defines them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from modelreg.errors import UsageError

INVALID_SCORE = 5e4  # what the published code gives the token that it forces
# Below this the published API demo takes the likeliest token instead of dividing by almost nothing.
GREEDY_TEMPERATURE = 1e-5


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. Neutral values: temperature, top_p, repetition_penalty 1; the rest 0.

    Attributes:
        do_sample: draw; else the likeliest token (greedy).
        temperature: divides the logits; at most 1e-5 means greedy.
        top_k: keep the k likeliest and their equals (0: all); 50 is inherited from the library's defaults.
        top_p: keep the likeliest tokens whose probabilities sum to p, at least one.
        min_p: drop tokens less likely than min_p times the likeliest.
        repetition_penalty: divides positive logits of ids already in the sequence, prompt included, and
            multiplies negative ones.
        presence_penalty, frequency_penalty: taken off the logits of the reply's ids, once and per occurrence.
        invalid_score_id: the id forced where a score is NaN or infinite; None leaves scores alone.
        seed: for draws that can be repeated; None takes entropy.
    Raises: UsageError for a value out of its range.
    """

    do_sample: bool = True
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    invalid_score_id: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, low, high in (
            ("temperature", 0, 100), ("top_k", 0, 2**31), ("top_p", 0, 1), ("min_p", 0, 1),
            ("repetition_penalty", 1e-3, 1e3),
            ("presence_penalty", -100, 100), ("frequency_penalty", -100, 100),
            ("seed", -(2**63), 2**64 - 1),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not low <= value <= high:  # NaN fails too
                raise UsageError(f"{name} is {value}; expected a number from {low} to {high}", where=name)

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken."""
        return not self.do_sample or self.temperature <= GREEDY_TEMPERATURE

    def but(self, **changes: Any) -> Self:
        """A copy with some values changed; None leaves a value as it is."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    def generator(self, device: torch.device | str = "cpu") -> torch.Generator:
        """A generator of its own for one request, so that requests do not disturb each other's draws."""
        generator = torch.Generator(device=device)
        if self.seed is None:
            generator.seed()
        else:
            generator.manual_seed(self.seed)
        return generator


def probabilities(
    logits: Tensor, sampling: Sampling, sequence: Tensor | None = None, reply: Sequence[Sequence[int]] = ()
) -> Tensor:
    """The distribution that the next token is drawn from.

    Args:
        logits: (B, V), any floating dtype; not changed.
        sequence: (B, T) ids so far, prompt included, for the repetition penalty.
        reply: B lists of the ids generated so far, for presence and frequency penalties.
    Returns: (B, V) float32; tokens that were dropped are exactly 0.
    """
    scores = process(logits, sampling, sequence, reply)
    if sampling.temperature not in (0.0, 1.0):
        scores = scores / sampling.temperature
    if sampling.top_k:
        kth = scores.topk(min(sampling.top_k, scores.shape[-1])).values[:, -1:]
        scores = scores.masked_fill(scores < kth, -torch.inf)
    if sampling.top_p < 1.0:
        scores = _top_p(scores, sampling.top_p)
    if sampling.min_p > 0.0:
        chances = scores.softmax(-1)
        scores = scores.masked_fill(chances < sampling.min_p * chances.amax(-1, keepdim=True), -torch.inf)
    return scores.softmax(-1)


def process(
    logits: Tensor, sampling: Sampling, sequence: Tensor | None = None, reply: Sequence[Sequence[int]] = ()
) -> Tensor:
    """Penalties and invalid scores, which greedy choice obeys too. Arguments as of `probabilities`.

    Returns: (B, V) float32.
    """
    scores = logits.float()
    if sampling.repetition_penalty != 1.0 and sequence is not None:
        seen = scores.gather(1, sequence)
        seen = torch.where(seen < 0, seen * sampling.repetition_penalty, seen / sampling.repetition_penalty)
        scores = scores.scatter(1, sequence, seen)
    if (sampling.presence_penalty or sampling.frequency_penalty) and any(reply):
        counts = torch.zeros_like(scores)
        for row, ids in enumerate(reply):
            index = torch.tensor(ids, dtype=torch.long, device=scores.device)
            counts[row].index_add_(0, index, torch.ones(len(ids), device=scores.device))
        scores = scores - counts * sampling.frequency_penalty - (counts > 0) * sampling.presence_penalty
    if sampling.invalid_score_id is not None:
        scores = mend_invalid(scores, sampling.invalid_score_id)
    return scores


def mend_invalid(scores: Tensor, token: int) -> Tensor:
    """In a row with NaN or infinite scores, (B, V), make all 0 but `token`'s, which becomes 5e4.

    Source: InvalidScoreLogitsProcessor of the published code; it guards half precision overflow.
    """
    bad = ~torch.isfinite(scores).all(-1, keepdim=True)  # (B, 1)
    forced = torch.zeros_like(scores)
    forced[:, min(token, scores.shape[-1] - 1)] = INVALID_SCORE
    return torch.where(bad, forced, scores)


def _top_p(scores: Tensor, top_p: float) -> Tensor:
    """Drop the least likely tokens while what is dropped sums to at most 1 - top_p; the likeliest stays."""
    rising, order = scores.sort(dim=-1)
    drop = rising.softmax(-1).cumsum(-1) <= 1 - top_p
    drop[:, -1] = False
    return scores.masked_fill(drop.scatter(1, order, drop), -torch.inf)


def choose(
    logits: Tensor,
    sampling: Sampling,
    sequence: Tensor | None = None,
    reply: Sequence[Sequence[int]] = (),
    generator: torch.Generator | None = None,
) -> Tensor:
    """The next id of each row, (B,) int64. Arguments as of `probabilities`; draws use `generator`."""
    if sampling.greedy:
        return process(logits, sampling, sequence, reply).argmax(-1)
    chances = probabilities(logits, sampling, sequence, reply)
    return torch.multinomial(chances, 1, generator=generator)[:, 0]
