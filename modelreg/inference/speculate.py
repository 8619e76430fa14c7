"""Guessing what comes next by looking it up in the text so far, so that one step can confirm several tokens.

Answers that quote (summaries, code edits, translations of names) repeat runs of the prompt. A *draft* is the run
that followed the last few ids where they stood before; the model is asked about all of it in one step, and the
draft is kept as far as it is what would have been chosen anyway. Draws use the same generator in the same order,
so the reply is that of plain decoding, greedy or not, wherever the logits do not depend on how many tokens a call
has: bit for bit in the compiled decoder, up to rounding in the torch modules.

Source: prompt lookup decoding, github.com/apoorvumang/prompt-lookup-decoding; checking drafts by one forward
pass: Leviathan et al., arXiv:2211.17192.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LONGEST, SHORTEST = 3, 2  # ids that must match; a single one guesses wrong too often to pay
MAX_DRAFT = 3  # four tokens cost half as much again as one where memory sets the pace; eight cost three times
PATIENCE = 8  # drafts refused in a row after which drafting pauses
PAUSE = 32  # tokens


@dataclass
class Drafted:
    """Counts of one reply: tokens drafted, tokens of these that were kept, steps that had a draft."""

    drafted: int = 0
    accepted: int = 0
    steps: int = 0

    def add(self, drafted: int, accepted: int) -> None:
        """Count one step."""
        self.drafted += drafted
        self.accepted += accepted
        self.steps += 1


class Lookup:
    """The ids of one sequence, and where each short run of them stood last.

    Args:
        ids: the sequence so far; longest: most ids that a draft has; counts: added to in place.
    """

    def __init__(self, ids: Iterable[int] = (), *, longest: int = MAX_DRAFT, counts: Drafted | None = None) -> None:
        self.ids: list[int] = []
        self.longest = longest
        self.counts = Drafted() if counts is None else counts
        self._after: dict[tuple[int, ...], int] = {}  # run -> index of what followed it last
        self._refused = 0
        self._rest = 0
        self.extend(ids)

    def extend(self, ids: Iterable[int]) -> None:
        """Append ids that are certain."""
        for token in ids:
            end = len(self.ids)
            for size in range(SHORTEST, LONGEST + 1):
                if end >= size:
                    self._after[tuple(self.ids[end - size :])] = end
            self.ids.append(token)
            self._rest = max(0, self._rest - 1)

    def draft(self, room: int) -> list[int]:
        """At most `room` ids that may come next; empty where nothing matches or guessing has not paid."""
        room = min(room, self.longest)
        if room < 1 or self._rest:
            return []
        for size in range(LONGEST, SHORTEST - 1, -1):
            at = self._after.get(tuple(self.ids[-size:])) if len(self.ids) >= size else None
            if at is not None:
                return self.ids[at : at + room]
        return []

    def told(self, drafted: int, accepted: int) -> None:
        """Learn how a draft went."""
        self.counts.add(drafted, accepted)
        self._refused = 0 if accepted else self._refused + 1
        if self._refused >= PATIENCE:
            self._refused, self._rest = 0, PAUSE


def agreed(draft: Sequence[int], chosen: Sequence[int]) -> int:
    """How many first ids of the draft are what was chosen."""
    same = 0
    for guess, real in zip(draft, chosen, strict=False):
        if guess != real:
            break
        same += 1
    return same
