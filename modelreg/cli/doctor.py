"""`modelreg doctor`: what this machine has, and which model fits in which form. Works without PyTorch, and says so."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from modelreg.cli._options import LangOption, RegistryOption
from modelreg.cli._output import Output
from modelreg.errors import ExitCode

if TYPE_CHECKING:
    from modelreg.inference.fits import Fit
    from modelreg.inference.machine import Disk, Memory, Processor

FORMATS = ("human", "json", "markdown")
_PACKAGES = ("torch", "safetensors", "sentencepiece", "transformers", "huggingface_hub")
_NEEDED = ("torch", "safetensors", "sentencepiece")


class Kernels(NamedTuple):
    """The compiled kernels: the variant in use, those that could be, and why there are none."""

    variant: str
    variants: tuple[str, ...]
    why_not: str


class Device(NamedTuple):
    """Something to compute on; bytes free there."""

    name: str
    free: int


class Findings(NamedTuple):
    """Everything that was found out."""

    processor: Processor
    memory: Memory
    packages: dict[str, str]
    kernels: Kernels
    devices: tuple[Device, ...]
    disks: tuple[Disk, ...]
    copies: tuple[tuple[str, int], ...]
    bandwidth: float
    fits: tuple[Fit, ...]
    missing: tuple[str, ...]
    torch_fault: str


def doctor(
    model: Annotated[str | None, typer.Argument(help="Only this model.", show_default=False)] = None,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Measure how fast memory is read (a second).")
    ] = True,
    registry: RegistryOption = None,
    format: Annotated[str, typer.Option("--format", "-f", help="human, markdown or json.")] = "human",
    output: Annotated[str | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")] = None,
    lang: LangOption = None,
) -> None:
    """Examples:

    modelreg doctor

    modelreg doctor chatglm3-6b --format json

    Speeds are what the measured read bandwidth makes of the bytes that a token takes; modelreg bench measures them.

    Exit status: 0 models can run here, 5 something that running needs is missing (it says what).
    """
    out = Output(format, FORMATS, file=output, lang=lang)
    found = look(model, registry, measure=measure)
    if out.format == "json":
        out.data(_data(found))
    else:
        _show(out, found)
    out.flush()
    if found.missing or found.torch_fault:
        raise typer.Exit(int(ExitCode.ENVIRONMENT))


def look(model: str | None, registry: list[str] | None, *, measure: bool) -> Findings:
    """Find out everything. Imports torch only where it is installed.

    Raises: RefusedError, InputError for a model that the registry does not have.
    """
    from modelreg.cli._book import open_book
    from modelreg.inference import fits, machine
    from modelreg.project import Project

    book = open_book(registry, Project().path)
    if model is not None:
        one = book.require(model)
        wanted = [(one.id, one.entry)]
    else:
        entries = [(i, book.require(i).entry) for i in book.registry.model_ids()]
        wanted = fits.runnable(entries)
    packages = {name: _version(name) for name in _PACKAGES}
    missing = tuple(name for name in _NEEDED if importlib.util.find_spec(name) is None)
    kernels, devices, fault = _kernels_alone(), (), ""  # type: tuple[Kernels, tuple[Device, ...], str]
    if importlib.util.find_spec("torch") is not None:
        try:
            kernels, devices = _with_torch()
        except (ImportError, OSError, RuntimeError) as error:  # an installation that is broken
            fault = f"{type(error).__name__}: {error}".splitlines()[0]
    memory = machine.memory()
    bandwidth = _bandwidth(machine.threads(), memory.available, bool(kernels.variant and devices)) if measure else 0.0
    free = next((d.free for d in devices if d.name == "cpu"), memory.available)
    seen = [
        fits.fit_of(
            name, entry, available=free, bandwidth=bandwidth, kernels=bool(kernels.variant), config=_own_config(name)
        )
        for name, entry in wanted
    ]
    places = _places()
    return Findings(
        machine.processor(),
        memory,
        packages,
        kernels,
        devices,
        tuple(machine.disks(places)),
        _copies(dict(places)["packed"]),
        bandwidth,
        tuple(f for f in seen if f is not None),
        missing,
        fault,
    )


def _own_config(model: str) -> dict[str, Any] | None:
    """config.json of a model that comes with this package."""
    import json

    from modelreg.desk import bundled

    here = bundled(model)
    return json.loads((here / "config.json").read_text(encoding="utf-8")) if here is not None else None


def _version(name: str) -> str:
    """The version of a package that can be imported, else ""."""
    if importlib.util.find_spec(name) is None:
        return ""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _kernels_alone() -> Kernels:
    """The compiled file, asked without torch: which variants this processor could run."""
    import ctypes

    import modelreg

    folder = Path(modelreg.__file__).parent / "inference" / "kernels"
    file = next((folder / name for name in ("_native.so", "_native.dll") if (folder / name).is_file()), None)
    if file is None:
        return Kernels("", (), "this installation has no compiled file")
    try:
        name_of = ctypes.CDLL(str(file)).mrk_variant_name
    except (OSError, AttributeError) as error:
        return Kernels("", (), f"{file.name} cannot be loaded: {error}")
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.c_int]
    names: list[str] = []
    while (name := name_of(len(names))) is not None:
        names.append(name.decode())
    return Kernels(names[0] if names else "", tuple(names), "")


def _with_torch() -> tuple[Kernels, tuple[Device, ...]]:
    from modelreg.inference import kernels
    from modelreg.inference.devices import available, free_bytes

    about = Kernels(kernels.variant(), kernels.variants(), kernels.why_not() or "")
    return about, tuple(Device(str(d), free_bytes(d)) for d in available())


def _bandwidth(threads: int, available: int, compiled: bool) -> float:
    """Bytes a second; 0 where it cannot be measured."""
    from modelreg.inference.measure import ReadProbe

    read: Callable[[int, int], int] | None = None
    if compiled:
        from modelreg.inference import kernels

        read = kernels.read_memory
    try:
        return ReadProbe(min(512 * 2**20, available // 4), threads, read).median(7)
    except (OSError, MemoryError, ValueError):
        return 0.0


def _places() -> list[tuple[str, Path]]:
    """What lies where: downloads, packed copies, the ledger."""
    import os

    from modelreg.inference.packed.places import folder
    from modelreg.ledger.places import find_place

    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return [("downloads", hub), ("packed", folder()), ("ledger", find_place().path)]


def _copies(folder: Path) -> tuple[tuple[str, int], ...]:
    from modelreg.inference.packed.places import listing

    return tuple((str(kept.folder), kept.nbytes) for kept in listing(folder))


def _data(found: Findings) -> dict[str, Any]:
    return {
        "processor": found.processor._asdict(),
        "memory": found.memory._asdict(),
        "packages": {name: version or None for name, version in found.packages.items()},
        "missing": list(found.missing),
        "torch_fault": found.torch_fault or None,
        "kernels": {
            "variant": found.kernels.variant or None,
            "variants": list(found.kernels.variants),
            "why_not": found.kernels.why_not or None,
        },
        "devices": [d._asdict() for d in found.devices],
        "places": [d._asdict() for d in found.disks],
        "packed_copies": [{"folder": folder, "bytes": size} for folder, size in found.copies],
        "bandwidth_bytes_per_second": round(found.bandwidth) or None,
        "models": [
            {
                "model": fit.model,
                "parameters": fit.parameters,
                "counted": fit.counted,
                "published_memory": dict(fit.published),
                "best": fit.best.scheme if fit.best else None,
                "forms": [
                    {
                        "scheme": f.scheme,
                        "weights_bytes": f.weights,
                        "cache_bytes": f.cache,
                        "total_bytes": f.total,
                        "fits": f.fits,
                        "tokens_per_second": round(f.rate, 2) or None,
                    }
                    for f in fit.forms
                ],
            }
            for fit in found.fits
        ],
    }


def _show(out: Output, found: Findings) -> None:
    from modelreg.inference.fits import CONTEXT
    from modelreg.report.lines import Line

    words, p, k = out.words, found.processor, found.kernels
    features = ", ".join(p.features) or words("doctor-none")
    lines = [
        Line(words("doctor-processor", name=p.name, architecture=p.architecture, threads=p.threads), "head"),
        Line(words("doctor-features", features=features), depth=1),
        Line(words("doctor-memory", total=_gib(found.memory.total), free=_gib(found.memory.available)), depth=1),
    ]
    if found.bandwidth:
        lines.append(Line(words("doctor-bandwidth", rate=f"{found.bandwidth / 1e9:.1f}"), depth=1))
    lines.append(Line(words("doctor-software"), "head"))
    for name, version in found.packages.items():
        style = "bad" if name in found.missing else ""
        lines.append(Line(f"{name} {version or words('doctor-absent')}", style, 1))
    if found.missing:
        lines.append(Line(words("doctor-install", names=", ".join(found.missing)), "bad", 1))
    if found.torch_fault:
        lines.append(Line(words("doctor-torch-fault", fault=found.torch_fault), "bad", 1))
    if k.variant:
        lines.append(Line(words("doctor-kernels", variant=k.variant, variants=", ".join(k.variants)), "good", 1))
    else:
        lines.append(Line(words("doctor-no-kernels", why=k.why_not), "warn", 1))
    lines += [Line(words("doctor-device", name=d.name, free=_gib(d.free)), depth=1) for d in found.devices]
    lines.append(Line(words("doctor-places"), "head"))
    lines += [
        Line(words("doctor-place", what=words(f"doctor-{d.what}"), path=d.path, free=_gib(d.free)), depth=1)
        for d in found.disks
    ]
    lines += [Line(words("doctor-copy", folder=folder, size=_gib(size)), depth=2) for folder, size in found.copies]
    lines.append(Line(words("doctor-models", tokens=CONTEXT), "head"))
    out.lines(lines)
    yes, no = words("doctor-fits"), words("doctor-too-large")
    rows = []
    for fit in found.fits:
        for form in fit.forms:
            best = "*" if fit.best is not None and form.scheme == fit.best.scheme else ""
            rate = f"{form.rate:.1f}" if form.rate else ""
            answer = (yes if form.fits else no) + best
            rows.append([fit.model, form.scheme, _gib(form.weights), _gib(form.total), answer, rate])
    columns = ("model", "form", "weights", "total", "answer", "rate")
    out.table([words(f"doctor-column-{name}") for name in columns], rows)


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 // 10 else f"{size / 2**20:.1f} MiB"
