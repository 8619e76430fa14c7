"""Where the files of a model are, or how they get here: told, asked, fetched with a bar."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from modelreg.cli._ledger import interactive
from modelreg.cli._output import Output
from modelreg.core.model import Model
from modelreg.errors import ModelEnvironmentError, UsageError

if TYPE_CHECKING:
    from modelreg.inference.download import Hub, Progress
    from modelreg.inference.hub_files import Plan

_NEEDED = ("torch", "safetensors", "sentencepiece")
_STEP = 0.1  # off a terminal, a line for each tenth


def need_extra() -> None:
    """Make sure that what runs a model is installed.

    Raises:
        ModelEnvironmentError: names the command that installs it.
    """
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        raise ModelEnvironmentError(
            f"running a model needs {', '.join(absent)}, not installed here",
            code="extra-missing",
            where="modelreg run",
            hint='pip install "modelreg[run]"',
        )


def set_threads(count: int) -> None:
    """Compute on so many threads, in PyTorch and in the kernels of our own. Imports torch."""
    from modelreg.inference import devices

    devices.set_threads(count)


def open_hub(name: str, endpoint: str | None, *, offline: bool) -> Hub:
    """The server that `--hub` names.

    Raises:
        UsageError: the endpoint is no URL. ModelEnvironmentError: no package for it, or offline where it cannot be.
    """
    if name == "modelscope":
        from modelreg.inference.modelscope import ModelScope

        return ModelScope(endpoint, offline=offline)
    from modelreg.inference.download import Hub

    return Hub(endpoint, offline=offline)


def repository_of(model: Model, typed: str, hub: str = "huggingface") -> tuple[str, str]:
    """The repository of a model on a hub and the revision that its id names ("" for its main branch).

    Raises:
        ModelEnvironmentError: the registry knows no repository of it.
    """
    name, _, revision = model.id.partition("@")
    known = list((model.entry.get("names") or {}).get(hub) or ())
    if typed in known:  # a copy under another owner's name is what was asked for
        return typed, revision
    if known and not revision:
        return str(known[0]), ""
    if hub == "huggingface" and "/" in name and name.partition("/")[0] != "modelreg":
        return name, revision
    on = "" if hub == "huggingface" else " on ModelScope"
    raise ModelEnvironmentError(
        f"the registry names no repository of {model.id}{on}",
        code="no-repository",
        where=model.id,
        hint="name the folder that has its files: --weights DIR",
    )


def fetch(out: Output, hub: Hub, plan: Plan, *, yes: bool) -> Path:
    """Say what is fetched and how much, ask, fetch.

    Raises:
        UsageError: nobody can be asked. ModelEnvironmentError: declined, and what `Hub.fetch` raises.
    """
    from modelreg.inference.hub_files import sizes

    if plan.missing:
        out.warn(
            out.words(
                "run-download",
                size=sizes(plan.missing),
                place=f"{plan.endpoint}/{plan.repository}",
                commit=plan.commit[:12],
                total=sizes(plan.files),
                cache=hub.cache,
            )
        )
        if not yes:
            _ask(out)
    with _progress(out, plan) as progress:
        return hub.fetch(plan, progress)


def _ask(out: Output) -> None:
    if not interactive():
        raise UsageError(
            "nobody can be asked whether to download: this is no terminal",
            code="cannot-ask",
            where="stdin",
            hint="say it with --yes; or name a folder: --weights DIR",
        )
    answer = typer.prompt(out.words("run-ask-download"), default="", show_default=False, err=True)
    if str(answer).strip().lower() not in ("y", "yes", "是", "好"):
        raise ModelEnvironmentError("declined; nothing was fetched", code="download-declined", where="stdin")


@contextmanager
def _progress(out: Output, plan: Plan) -> Iterator[Progress]:
    if not plan.missing:
        yield lambda *_: None
    elif not sys.stderr.isatty():
        yield Lines(out, plan).told
    else:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
        with Progress(
            *columns, TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True)
        ) as bars:  # fmt: skip
            task = bars.add_task("", total=plan.bytes_missing)

            def told(name: str, more: int) -> None:
                bars.update(task, description=name, advance=more)

            yield told


class Lines:
    """Progress off a terminal: a line when a file begins, and one for each tenth of the whole."""

    def __init__(self, out: Output, plan: Plan) -> None:
        self._out = out
        self._total = max(1, plan.bytes_missing)
        self._sizes = {f.name: f.size for f in plan.missing}
        self._done, self._said = 0, 0.0

    def told(self, name: str, more: int) -> None:
        if not more:
            self._out.warn(f"{name}: {self._sizes.get(name, 0):,} bytes")
        self._done += more
        share = self._done / self._total
        if share >= self._said + _STEP:
            self._said = share - share % _STEP
            self._out.warn(f"{share:4.0%} ({self._done:,} / {self._total:,})")


def check_fit(
    model: Model, config: Mapping[str, Any], *, device: str, dtype: str, quant: int
) -> None:  # the first that imports torch
    """Refuse before the download what could not be opened after it.

    Raises:
        DoesNotFitError: with the figures, the option that would fit and the publisher's own figures.
        ConfigError: a network that we do not have, or quantized twice.
    """
    from modelreg.inference.devices import place
    from modelreg.inference.problems import ConfigError, DoesNotFitError
    from modelreg.inference.weights import need_of

    need = need_of(config)
    if quant and need.bits:
        raise ConfigError(
            f"{model.id} is quantized to {need.bits} bits already", where="--quant", hint="leave out --quant"
        )
    own = str(config.get("torch_dtype") or "float16")
    try:
        place(need, device=device, dtype=dtype, checkpoint_dtype=own, quant=quant)
    except DoesNotFitError as error:
        runtime = model.entry.get("runtime")
        memory = runtime.get("memory") if isinstance(runtime, Mapping) else None
        if isinstance(memory, Mapping):
            unit = memory.get("unit", "")
            figures = ", ".join(f"{k} {v} {unit}" for k, v in memory.items() if k not in ("unit", "source"))
            error.message += f" (its publisher names: {figures})"
        raise
