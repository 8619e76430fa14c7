"""Keys and values in blocks of columns, owned by sequences and shared between them where they begin alike.

A block holds the same columns of all layers. A sequence grows by whole blocks, so nothing that is there is ever
copied; only the last block, where it is half full and shared, is copied before it is written to. Blocks go back to
the pool, for other sequences, when the last one lets go of them.
"""

from __future__ import annotations

from collections import Counter

from modelreg.inference.kernels import COLUMNS, KVPool, Span


class Pages:
    """The blocks of a pool, and how many sequences use each."""

    def __init__(self, pool: KVPool) -> None:
        self.pool = pool
        self._users: Counter[int] = Counter()

    def take(self, count: int) -> list[int]:
        """New blocks. Raises: MemoryError where the pool may not grow so far."""
        blocks = self.pool.take(count)
        self.share(blocks)
        return blocks

    def share(self, blocks: list[int]) -> None:
        """One more sequence uses these."""
        self._users.update(blocks)

    def is_shared(self, block: int) -> bool:
        """Whether several sequences use it."""
        return self._users[block] > 1

    def give(self, blocks: list[int]) -> None:
        """One sequence less uses these; those that none uses go back to the pool."""
        self._users.subtract(blocks)
        free = [b for b in blocks if self._users[b] <= 0]
        for block in free:
            del self._users[block]
        if free:
            self.pool.give(free)


class Sequence:
    """The columns of one conversation, in order: prefix, prompt, reply.

    Attributes:
        length: columns in use; prefix: how many of the first are a P-Tuning prefix.
        last: positions of the last token, one a row; step: what the next token's add to them.
        context: columns that are seen from everywhere (bidirectional prompt), prefix included.
    """

    def __init__(self, pages: Pages, rows: int) -> None:
        self.pages = pages
        self.length = 0
        self.prefix = 0
        self.context = 0
        self.last: list[int] | None = None
        self.step = [1] * rows
        self.blocks: list[int] = []

    @property
    def tokens(self) -> int:
        """Columns that are tokens."""
        return self.length - self.prefix

    def nbytes(self) -> int:
        """Bytes of all blocks, shared ones too."""
        return len(self.blocks) * self.pages.pool.block_bytes

    def reserve(self, new: int) -> None:
        """Make room for `new` more columns, to be written by this sequence alone.

        Raises: MemoryError where the pool may not grow so far; nothing has changed then.
        """
        full, rest = divmod(self.length, COLUMNS)
        shared = bool(rest) and self.pages.is_shared(self.blocks[full])
        missing = -(-(self.length + new) // COLUMNS) - len(self.blocks)
        fresh = self.pages.take(max(missing, 0) + shared)
        if shared:
            own = fresh.pop()
            self.pages.pool.copy(self.blocks[full], own)
            self.pages.give([self.blocks[full]])
            self.blocks[full] = own
        self.blocks += fresh

    def span(self, count: int, context: int) -> Span:
        """Where `count` new tokens lie, and what they see."""
        return Span(self.blocks, self.length, count, context=context)

    def crop(self, length: int) -> None:
        """Forget the columns from `length` on; positions go back as far.

        Raises: ValueError where the columns cut off are not decoded tokens: prefix, or bidirectional context.
        """
        if not max(self.prefix, self.context) <= length <= self.length:
            raise ValueError(f"cannot crop {self.length} columns to {length}")
        if self.last is not None:
            cut = self.length - length
            self.last = [p - cut * s for p, s in zip(self.last, self.step, strict=True)]
        self.length = length
        self._let_go(-(-length // COLUMNS))

    def fork(self, length: int) -> Sequence:
        """A sequence that begins with the first `length` columns of this one. Raises: ValueError as `crop`."""
        other = Sequence(self.pages, len(self.step))
        other.length, other.prefix, other.context = self.length, self.prefix, self.context
        other.last, other.step = self.last, self.step
        other.blocks = list(self.blocks)
        self.pages.share(other.blocks)
        other.crop(length)
        return other

    def close(self) -> None:
        """Give the memory back."""
        self._let_go(0)
        self.length = self.prefix = self.context = 0
        self.last = None

    def _let_go(self, count: int) -> None:
        gone = self.blocks[count:]
        if gone:
            del self.blocks[count:]
            self.pages.give(gone)

    def __del__(self) -> None:
        self._let_go(0)
