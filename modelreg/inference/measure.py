"""Timing on a machine that others use too, and how fast this one reads memory. Standard library alone.

Every sample carries the share of the processor that other processes took meanwhile. What is reported is the median of
the quiet samples (of the least disturbed third where too few are quiet), with the spread.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

QUIET = 0.08  # of the machine; more than this taken by others disturbs a sample
_FEW = 3


class Sample(NamedTuple):
    """One measurement: seconds, and the share of the machine that others used (0 where it cannot be told)."""

    seconds: float
    foreign: float


class Summary(NamedTuple):
    """Of several samples.

    Attributes:
        seconds: median of the quiet ones; low, high: the quartiles of these.
        samples, quiet: how many, and how many of them were quiet; foreign: median share of others over all.
    """

    seconds: float
    low: float
    high: float
    samples: int
    quiet: int
    foreign: float

    def to_data(self) -> dict[str, Any]:
        return {name: round(value, 6) for name, value in self._asdict().items()}


def sample(action: Callable[[], object]) -> Sample:
    """Time one call."""
    others, began = _others(), time.perf_counter()
    action()
    seconds = time.perf_counter() - began
    taken = max(0.0, _others() - others) if others is not None else 0.0  # type: ignore[operator]
    return Sample(seconds, taken / (seconds * (os.cpu_count() or 1)) if seconds else 0.0)


def summary(samples: Iterable[Sample]) -> Summary:
    """What to report of samples of the same thing.

    Raises: ValueError where there are none.
    """
    by_noise = sorted(samples, key=lambda s: s.foreign)
    if not by_noise:
        raise ValueError("no samples")
    quiet = [s for s in by_noise if s.foreign <= QUIET]
    used = quiet if len(quiet) >= min(_FEW, len(by_noise)) else by_noise[: max(_FEW, len(by_noise) // 3)]
    seconds = sorted(s.seconds for s in used)
    quarters = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else [seconds[0]] * 3
    foreign = statistics.median(s.foreign for s in by_noise)
    return Summary(statistics.median(seconds), quarters[0], quarters[2], len(by_noise), len(quiet), foreign)


def _others() -> float | None:
    """CPU seconds that the machine spent so far for anything but this process; None where nobody says."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    except OSError:
        return None
    user, nice, system, _, _, interrupts, soft, steal = (int(word) for word in first)
    ticks = os.sysconf("SC_CLK_TCK")
    mine = os.times()
    return (user + nice + system + interrupts + soft + steal) / ticks - mine.user - mine.system


class ReadProbe:
    """How many bytes a second all threads together read from memory.

    With `read`, as it does: the compiled library reads several streams a thread. Without, each thread looks for a
    byte that is not there (memchr of the C library, which reads with the widest loads), in a part of its own. The
    buffer is much larger than the caches.

    Args:
        nbytes: of the buffer; threads: as many as compute; read: takes an address and a length.
    Raises: OSError where the C library cannot be had.
    """

    def __init__(
        self, nbytes: int = 512 * 2**20, threads: int = 1, read: Callable[[int, int], int] | None = None
    ) -> None:
        self.threads = max(1, threads)
        self._read = read
        self.method = ("four streams a thread" if read else "memchr") + ", all threads, beyond the caches"
        self.nbytes = nbytes - nbytes % (self.threads * mmap.PAGESIZE)
        library = ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)  # type: ignore[attr-defined,unused-ignore]
        self._find = library.memchr
        self._find.restype = ctypes.c_void_p
        self._find.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
        # Private: shared anonymous memory never gets large pages.
        private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
        self._buffer = mmap.mmap(-1, self.nbytes, **private)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            self._buffer.madvise(mmap.MADV_HUGEPAGE)
        self._start = ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))
        ctypes.memset(self._start, 0, self.nbytes)  # pages that nobody wrote to are one page, in the caches

    def once(self) -> float:
        """Bytes a second, now."""
        if self._read is not None:
            began = time.perf_counter()
            done = self._read(self._start, self.nbytes)
            return done / (time.perf_counter() - began)
        part = self.nbytes // self.threads
        workers = [
            threading.Thread(target=self._find, args=(self._start + i * part, 1, part)) for i in range(self.threads)
        ]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return part * self.threads / (time.perf_counter() - began)

    def median(self, times: int = 7) -> float:
        """Median of several looks, bytes a second."""
        return statistics.median(self.once() for _ in range(times))
