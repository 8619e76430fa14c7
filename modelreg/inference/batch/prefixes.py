"""Sequences kept after their reply, because the next turn of the conversation begins with them; see `prefix`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelreg.inference.batch.runner import Runner
from modelreg.inference.prefix import common, reusable


@dataclass(frozen=True)
class Held:
    """A sequence and what it holds.

    Attributes:
        ids: its tokens, in order; sequence: of the runner; prompt: how many first ids came as a whole prompt.
    """

    ids: list[int]
    sequence: Any
    prompt: int


class Prefixes:
    """Kept sequences, the least recently used given up first.

    Args:
        limit: bytes that they may take together; shared parts count every time, so less is taken than that.
    """

    def __init__(self, runner: Runner, limit: int) -> None:
        self.runner, self.limit = runner, limit
        self._kept: OrderedDict[int, tuple[Held, int]] = OrderedDict()
        self._next = 0

    def __len__(self) -> int:
        return len(self._kept)

    def nbytes(self) -> int:
        """Bytes that the kept sequences count for."""
        return sum(size for _, size in self._kept.values())

    def keep(self, held: Held) -> None:
        """Take over a sequence; those that are a beginning of it are given up, as it serves for them."""
        if self.runner.whole_prompts:
            if not held.prompt:
                self.runner.close(held.sequence)
                return
            self.runner.crop(held.sequence, held.prompt)
            held = Held(held.ids[: held.prompt], held.sequence, held.prompt)
        size = self.runner.nbytes(held.sequence)
        if size > self.limit or not held.ids:
            self.runner.close(held.sequence)
            return
        for key, (old, _) in list(self._kept.items()):
            if len(old.ids) <= len(held.ids) and common(old.ids, held.ids) == len(old.ids):
                self._drop(key)
        self._kept[self._next] = (held, size)
        self._next += 1
        while self.nbytes() > self.limit:
            self.drop_oldest()

    def best(self, prompt: Sequence[int], running: Sequence[Held] = ()) -> tuple[Any, int]:
        """The sequence to begin with, now the caller's, and how many ids of the prompt it holds (0: none).

        Args: running: sequences in use, which may be shared too.
        """
        whole = self.runner.whole_prompts
        best, length, key = None, 0, -1
        for number, (held, _) in self._kept.items():
            same = reusable(held.ids, held.prompt, prompt, whole=whole)
            if same > length:
                best, length, key = held, same, number
        for held in running:
            same = reusable(held.ids, held.prompt, prompt, whole=whole)
            if same > length:
                best, length, key = held, same, -1
        if best is None:
            return self.runner.start(), 0
        if key >= 0:
            self._kept.move_to_end(key)
        return self.runner.fork(best.sequence, length), length

    def drop_oldest(self) -> bool:
        """Give up the sequence that was used longest ago; False where none is kept."""
        if not self._kept:
            return False
        self._drop(next(iter(self._kept)))
        return True

    def clear(self) -> None:
        """Give all memory back."""
        for key in list(self._kept):
            self._drop(key)

    def _drop(self, key: int) -> None:
        held, _ = self._kept.pop(key)
        self.runner.close(held.sequence)
