"""How far a long step is, on stderr: a bar with the time left on a terminal, a line for each tenth elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from modelreg.cli._output import Output

_STEP = 0.1
_QUICK = 2.0  # seconds


class Told(Protocol):
    """Takes progress: the phase, what is in hand, and how much of it is done."""

    def __call__(self, phase: str, name: str, done: int, total: int, /) -> None: ...


@contextmanager
def progress(out: Output) -> Iterator[Told]:
    """Shows progress in bytes; phases are keys `progress-PHASE` of the catalogue."""
    if not sys.stderr.isatty():
        yield _Lines(out)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def told(phase: str, name: str, done: int, total: int) -> None:  # noqa: ARG001 - lines alone show names
            if phase not in tasks:
                tasks[phase] = bars.add_task(out.words(f"progress-{phase}"), total=max(1, total))
            bars.update(tasks[phase], completed=done)

        yield told


class _Lines:
    """Progress off a terminal."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._phase, self._said, self._begun = "", 0.0, 0.0

    def __call__(self, phase: str, name: str, done: int, total: int, /) -> None:  # noqa: ARG002
        now = time.monotonic()
        share = done / total if total else 1.0
        if phase != self._phase:
            self._phase, self._said, self._begun = phase, 0.0, now
        if now - self._begun < _QUICK:
            return  # what takes no time needs no lines
        if share < self._said + _STEP and not (share >= 1 > self._said):
            return
        self._said = 1.0 if share >= 1 else share - share % _STEP
        took = now - self._begun
        left = took / share - took if share else 0.0
        self._out.warn(
            self._out.words(
                "progress-line",
                phase=self._out.words(f"progress-{phase}"),
                share=f"{share:4.0%}",
                took=f"{took:.0f}",
                left=f"{left:.0f}",
            )
        )
