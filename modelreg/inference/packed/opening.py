"""Open a packed copy: map the file, put the network together on its pages, choose how the memory is used."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from modelreg.inference import kernels
from modelreg.inference.compiled import CompiledModel, assemble
from modelreg.inference.devices import Placement, gib
from modelreg.inference.kernels import PackedWeight
from modelreg.inference.kernels.packing import shapes
from modelreg.inference.machine import memory
from modelreg.inference.models.config import CONFIG_NAME, read_config
from modelreg.inference.packed.copies import LAYOUT
from modelreg.inference.packed.files import DTYPES, Mapped, advise
from modelreg.inference.packed.make import LAYOUT as BYTES
from modelreg.inference.packed.make import PARTS, Recipe
from modelreg.inference.problems import ConfigError, TruncatedWeightsError
from modelreg.inference.weights import _empty_model
from modelreg.ledger.packed import MANIFEST, WEIGHTS

MEMORY = ("auto", "map", "copy")
_HUGE = 2 * 2**20
_PIECE = 64 * 2**20
_SPARE = 2**30  # bytes that stay free beside a copy in memory


def is_packed(folder: Path) -> bool:
    """Whether a folder is a packed copy."""
    return (folder / MANIFEST).is_file()


def open_packed(folder: Path, *, memory_use: str = "auto", prefix: Tensor | None = None) -> CompiledModel:
    """The model of a packed copy, on the CPU.

    Args:
        memory_use: `map` uses the file's pages as they are: there at once, shared between processes, given back under
            pressure. `copy` reads the weights into memory of this process, in large pages where the system has them.
            `auto` maps.
        prefix: P-Tuning keys and values.
    Raises: TruncatedWeightsError, MissingTensorsError, ConfigError.
    """
    if memory_use not in MEMORY:
        raise ConfigError(f"no way '{memory_use}'", where="--memory", hint="one of: " + ", ".join(MEMORY))
    mapped = Mapped(folder / WEIGHTS)
    table = _table(mapped)
    how = memory_use
    if how == "auto":
        how = "map"
    if how == "copy" and mapped.nbytes + _SPARE > memory().available:
        raise ConfigError(
            f"a copy in memory takes {gib(mapped.nbytes)}; {gib(memory().available)} are free",
            where="--memory copy",
            hint="--memory map uses the file as it is",
        )
    mapped.advise("willneed")
    if how == "copy":
        mapped = _copied(mapped)
    weights: dict[str, PackedWeight | Tensor] = {}
    for name, (scheme, rows, columns) in table.items():
        parts = {part: mapped.tensor(f"{name}.{part}") for part in PARTS if f"{name}.{part}" in mapped}
        weights[name] = PackedWeight(scheme, rows, columns, **parts)
    used = {f"{name}.{part}" for name in table for part in PARTS}
    weights |= {name: mapped.tensor(name) for name in mapped.names if name not in used}
    config = _empty_model(read_config(folder), str(folder / CONFIG_NAME)).config
    label = Recipe(mapped.metadata["scheme"], mapped.metadata["head"]).label
    where = "mapped from the file" if how == "map" else "in memory of its own"
    reason = f"cpu ({kernels.variant()} kernels), {label}: the weights take {gib(mapped.nbytes)}, {where}"
    placement = Placement(torch.device("cpu"), torch.float32, reason)
    return CompiledModel(assemble(config, weights, prefix), placement)


def _table(mapped: Mapped) -> dict[str, tuple[str, int, int]]:
    """name -> scheme, rows, columns, from the header."""
    about, again = mapped.metadata, "pack it again: modelreg quantize MODEL --quant int4 --out DIR"
    try:
        if about["format"] != LAYOUT:
            raise ValueError(f"its format is {about['format'][:40]}")
        if about["layout"] != BYTES:
            raise ValueError(f"its layout is {about['layout'][:20]}; the kernels here read {BYTES}")
        table = {
            str(name): (str(scheme), int(rows), int(columns))
            for name, (scheme, rows, columns) in json.loads(about["weights"]).items()
        }
        for name, (scheme, rows, columns) in table.items():
            for part, (shape, dtype) in shapes(scheme, rows, columns).items():
                entry = mapped.entry(f"{name}.{part}")
                if DTYPES[entry["dtype"]] != dtype or tuple(entry["shape"]) != tuple(shape):
                    raise ValueError(f"'{name}' is not as its scheme wants it")
        Recipe(about["scheme"], about["head"])
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as problem:
        raise TruncatedWeightsError(
            f"{mapped.path.name} holds no weights for these kernels: {problem}", where=str(mapped.path), hint=again
        ) from problem
    return table


def _copied(mapped: Mapped) -> Mapped:
    """The same file in anonymous memory, large pages asked for; the file's pages are let go as they are read."""
    size = -(-mapped.nbytes // _HUGE) * _HUGE
    room = torch.empty(size + _HUGE, dtype=torch.uint8)
    offset = -room.data_ptr() % _HUGE
    room = room[offset : offset + size]
    advise(room.data_ptr(), size, "hugepage")
    source = mapped.bytes()
    for at in range(0, mapped.nbytes, _PIECE):
        part = source[at : at + _PIECE]
        room[at : at + len(part)].copy_(part)  # by all threads: each first touches what it writes
        advise(part.data_ptr(), len(part), "dontneed")
    return mapped.on(room)
