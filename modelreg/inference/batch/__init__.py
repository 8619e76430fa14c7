"""Many replies at once: requests join and leave a running batch between steps.

`runner` says what a batch needs of a model, `compiled` and `modules` are the two ways to give it, `prefixes`
keeps sequences whose keys another prompt may begin with, `scheduler` decides what each step computes. No threads
and no HTTP: whoever owns the model calls `Batch.step()`.
"""

from __future__ import annotations

from modelreg.inference.batch.runner import Chunk, Runner, runner_for
from modelreg.inference.batch.scheduler import Batch, Event, Request

__all__ = ["Batch", "Chunk", "Event", "Request", "Runner", "runner_for"]
