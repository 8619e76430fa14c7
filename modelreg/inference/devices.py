"""Which device and number format to run on, with the reason as text; and refusing what does not fit.

Nothing is probed at import time. Sizes are bytes.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from modelreg.inference.problems import DeviceError, DoesNotFitError

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
SHORT = {"fp32": "float32", "fp16": "float16", "half": "float16", "bf16": "bfloat16"}
# On top of the weights: activations, the cache of a few thousand tokens, the runtime itself.
HEADROOM = 1.10
SMALL_MODEL = 64 * 2**20


@dataclass(frozen=True)
class Need:
    """Bytes that a model takes, by how it is stored.

    Attributes:
        parameters: numbers in all weights.
        quantized: of these, the ones that int8 and int4 shrink (linear layers, or those already packed).
        bits: 4 or 8 where the checkpoint is packed already, else 0.
        packed: all weights are packed in groups of 32 with a float16 scale, as the compiled kernels want it.
    """

    parameters: int
    quantized: int
    bits: int = 0
    packed: bool = False

    def nbytes(self, dtype: torch.dtype, bits: int = 0) -> int:
        """Bytes in this format, with the shrinkable part in `bits` bits where that is not 0."""
        size = dtype.itemsize
        bits = bits or self.bits
        if not bits:
            return self.parameters * size
        if self.packed:
            return self.parameters * (2 * bits + 1) // 16
        return (self.parameters - self.quantized) * size + self.quantized * bits // 8


@dataclass(frozen=True)
class Placement:
    """Where and how to run, and why.

    Attributes:
        reason: one sentence for people.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str


def parse_dtype(name: str | torch.dtype) -> torch.dtype:
    """A number format by name (`float16`, `fp16`, ...). Raises: DeviceError for another name."""
    if isinstance(name, torch.dtype):
        name = str(name).removeprefix("torch.")
    found = DTYPES.get(SHORT.get(name, name))
    if found is None:
        raise DeviceError(
            f"'{name}' is no number format that models run in", hint="use " + ", ".join(DTYPES) + ", or auto"
        )
    return found


def parse_device(name: str | torch.device) -> torch.device:
    """`cpu`, `cuda`, `cuda:N` or `mps`, present here. Raises: DeviceError saying what there is."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"'{name}' is no device", hint="use cpu, cuda, cuda:N, mps or auto") from None
    have = "this machine has " + ", ".join(str(d) for d in available())
    if device.type == "cuda":
        if not torch.cuda.is_available():
            built = "" if torch.version.cuda or torch.version.hip else "; the PyTorch installed here is a CPU build"
            raise DeviceError(f"no CUDA device is available{built}", hint=have)
        if (device.index or 0) >= torch.cuda.device_count():
            raise DeviceError(f"there is no {device}", hint=have)
        return torch.device("cuda", device.index or 0)
    if device.type == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError("no Apple GPU is available", hint=have)
        return torch.device("mps")
    if device.type != "cpu":
        raise DeviceError(f"'{device}' is not supported", hint="use cpu, cuda, cuda:N, mps or auto")
    return torch.device("cpu")


def available() -> list[torch.device]:
    """The devices of this machine: GPUs first, the CPU last."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = [torch.device("cuda", i) for i in range(gpus)]
    if torch.backends.mps.is_available():
        found.append(torch.device("mps"))
    return [*found, torch.device("cpu")]


def free_bytes(device: torch.device) -> int:
    """Bytes that can be taken now: free on a GPU; in the RAM, available, droppable caches included."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return min(_ram_available(), _cgroup_available())


def _ram_available() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    # Not Linux: all of the RAM, less a quarter for what else runs.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4


def _cgroup_available() -> int:
    """What a container may still take (cgroup v2); a huge number outside of one."""
    root = Path("/sys/fs/cgroup")
    try:
        limit = (root / "memory.max").read_text().strip()
        used = int((root / "memory.current").read_text())
        stat = dict(line.split() for line in (root / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return 1 << 62
    # File pages are counted as used and can be dropped.
    return 1 << 62 if limit == "max" else int(limit) - used + int(stat.get("inactive_file", 0))


def place(
    need: Need,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    checkpoint_dtype: str = "float16",
    quant: int = 0,
) -> Placement:
    """Choose where and how to run a model, or refuse.

    Args:
        device: cpu, cuda, cuda:N, mps, or auto: the GPU with most free memory where it
            fits, else the CPU.
        dtype: float32, float16, bfloat16, or auto: on a GPU the checkpoint's own; on a CPU float32 if it
            fits (the fastest there, and exact), else bfloat16 (float16 could overflow).
        quant: 0, 4 or 8 bits, when the weights are to be quantized while loading.
    Raises: DeviceError; DoesNotFitError with the figures and what would fit.
    """
    if device == "auto":
        found = available()
        # Most free memory first; the CPU comes last whatever its memory, because it is so much slower.
        found.sort(key=lambda d: (d.type != "cpu", free_bytes(d)), reverse=True)
        refused: list[DoesNotFitError] = []
        for candidate in found:
            try:
                return _place_on(candidate, need, dtype, checkpoint_dtype, quant, "auto: most free memory")
            except DoesNotFitError as problem:
                refused.append(problem)
        raise refused[-1]
    return _place_on(parse_device(device), need, dtype, checkpoint_dtype, quant, "as asked")


def _place_on(device: torch.device, need: Need, dtype: str | torch.dtype, own: str, quant: int, why: str) -> Placement:
    free = free_bytes(device)
    if dtype != "auto":
        choices = [(parse_dtype(dtype), "as asked")]
    elif device.type == "cpu":
        choices = [
            (torch.float32, "the fastest format on a CPU"),
            (torch.bfloat16, "float32 would not fit" + _slow_prompts()),
        ]
    else:
        choices = [(parse_dtype(own), "the checkpoint's own")]
    for wanted, because in choices:
        size = need.nbytes(wanted, quant)
        if size * HEADROOM <= free:
            bits = quant or need.bits
            packed = f", {bits}-bit weights" if bits else ""
            text = (
                f"{device} ({why}; {gib(free)} free), {name_of(wanted)} ({because}){packed}: "
                f"the weights take {gib(size)}"
            )
            return Placement(device, wanted, text)
    smallest = min(need.nbytes(wanted, quant) for wanted, _ in choices)
    raise DoesNotFitError(
        f"the weights take {gib(smallest)}, with room to work {gib(round(smallest * HEADROOM))}; "
        f"{device} has {gib(free)} free",
        where=str(device),
        hint=_what_fits(device, need, free, smallest),
    )


def _slow_prompts() -> str:
    """What to add where this processor has no bfloat16 products: prompts then take several times as long."""
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        known = getattr(torch.cpu, name, None)
        if known is None or known():  # an older PyTorch cannot tell: say nothing that may be wrong
            return ""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return ""
    return "; this processor has no bfloat16 products, so prompts are slow: --quant int8 is faster"


def _what_fits(device: torch.device, need: Need, free: int, refused: int) -> str:
    """The first way that would fit: on this device in fewer bits, then on another device."""
    half = torch.bfloat16 if device.type == "cpu" else torch.float16
    options = [(half, 0), (half, 8), (half, 4)] if not need.bits else [(half, 0)]
    for where in (device, *(d for d in available() if d != device)):
        room = free if where == device else free_bytes(where)
        for dtype, bits in options:
            size = need.nbytes(dtype, bits)
            if size * HEADROOM <= room and (where != device or size < refused):
                what = f"--dtype {name_of(dtype)}" + (f" --quant int{bits}" if bits else "")
                on = "" if where == device else f"--device {where} "
                return f"{on}{what} would fit: {gib(size)} of {gib(room)} free"
    least = gib(need.nbytes(half, 0 if need.bits else 4))
    return f"nothing fits here: the smallest form takes {least}. Free memory, or use another machine"


def spare_threads(nbytes: int) -> None:
    """Compute on one thread where a model is so small that threads would mostly wait for each other.

    Measured on two busy cores with 7.7 MiB of weights: 73 tokens/s on one thread, 3 on two. For programs, not for
    libraries: the setting is the process's. OMP_NUM_THREADS is obeyed.
    """
    if nbytes < SMALL_MODEL and "OMP_NUM_THREADS" not in os.environ:
        set_threads(1)


def set_threads(count: int) -> None:
    """Compute on so many threads, in PyTorch and in the kernels of our own."""
    from modelreg.inference import kernels

    torch.set_num_threads(count)
    if kernels.available():
        kernels.set_threads(count)


def name_of(dtype: torch.dtype) -> str:
    """`float16` for torch.float16."""
    return str(dtype).removeprefix("torch.")


def gib(size: int) -> str:
    """Bytes for people: `12.8 GiB`, or MiB below one tenth of a GiB."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 // 10 else f"{size / 2**20:.1f} MiB"
