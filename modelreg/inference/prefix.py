"""What the next prompt may begin with: keys of earlier turns that need not be computed again.

A causal model's keys of the first n tokens depend on these tokens alone, so any common beginning can be kept.
ChatGLM-6B reads its prompt in both directions: the keys of its first token depend on the last word of the
question, and a prompt can be reused only as a whole, unchanged (the same question asked again, several answers
to one question); a further turn is a longer prompt, of which nothing can be kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def common(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the longest common beginning."""
    # Halving with slices compares in C; long histories are equal nearly to their end.
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def reusable(held: Sequence[int], prompt: int, wanted: Sequence[int], *, whole: bool) -> int:
    """How many first ids of `wanted` need not be computed where `held` was; at least one always is.

    Args:
        prompt: how many ids of `held` were its prompt; whole: the model reads prompts in both directions.
    """
    same = min(common(held, wanted), len(wanted) - 1)
    if not whole:
        return same
    # The last prompt token (<sop> or later) is causal already, so it may be the one that is computed again.
    return same if prompt == len(wanted) and same == prompt - 1 else 0


class Memory:
    """The cache of one conversation, from turn to turn.

    Args:
        model: a `LanguageModel` whose caches can be cropped.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.reused = 0  # ids of the last prompt that were not computed again
        self._cache: Any = None
        self._held: list[int] = []
        self._prompt = 0

    def begin(self, prompt: Sequence[int]) -> tuple[Any, int]:
        """A cache that holds as much of the prompt as it can, and how many first ids that is."""
        whole = bool(getattr(self.model, "bidirectional", False))
        count = reusable(self._held, self._prompt, prompt, whole=whole)
        if count:
            self._cache.crop(self._cache.prefix_length + count)
        else:
            self._cache = self.model.new_cache()
        self.reused, self._held, self._prompt = count, list(prompt[:count]), 0
        return self._cache, count

    def end(self, prompt: Sequence[int], reply: Sequence[int]) -> None:
        """Note what the cache holds now, whatever stopped the reply."""
        ids = [*prompt, *reply]
        self._held = ids[: self._cache.length - self._cache.prefix_length]
        self._prompt = len(prompt) if len(self._held) >= len(prompt) else 0

    def clear(self) -> None:
        """Forget everything."""
        self._cache, self._held, self._prompt, self.reused = None, [], 0, 0
