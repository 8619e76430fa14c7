"""What this machine is: processor, memory, places on the disk. Standard library alone; nothing is measured here."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

# Features that matter to the kernels or to PyTorch's: name as in /proc/cpuinfo -> as people say it.
_X86 = {
    "avx2": "AVX2", "fma": "FMA", "f16c": "F16C", "avx_vnni": "AVX-VNNI", "avx512f": "AVX-512F",
    "avx512bw": "AVX-512BW", "avx512_vnni": "AVX-512-VNNI", "avx512_bf16": "AVX-512-BF16", "amx_int8": "AMX-INT8",
    "amx_bf16": "AMX-BF16",
}  # fmt: skip
_ARM = {"asimd": "NEON", "asimddp": "dot product", "i8mm": "I8MM", "bf16": "BF16", "sve": "SVE", "sve2": "SVE2"}


class Processor(NamedTuple):
    """A processor.

    Attributes:
        name, architecture; features: those that matter, in words; cores: physical, 0 if not known; threads: that this
            process may use.
    """

    name: str
    architecture: str
    features: tuple[str, ...]
    cores: int
    threads: int


class Memory(NamedTuple):
    """Bytes of RAM: all, and what can be taken now (a container's limit included)."""

    total: int
    available: int


class Disk(NamedTuple):
    """A place and the bytes that are free there."""

    what: str
    path: str
    free: int


def processor() -> Processor:
    """The processor of this machine."""
    text = _read("/proc/cpuinfo")
    name, flags, cores = "", set[str](), set[tuple[str, str]]()
    physical = core = ""
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key in ("model name", "Processor") and not name:
            name = value
        elif key in ("flags", "Features") and not flags:
            flags = set(value.split())
        elif key == "physical id":
            physical = value
        elif key == "core id":
            core = value
            cores.add((physical, core))
    table = _ARM if platform.machine().lower() in ("aarch64", "arm64") else _X86
    features = tuple(said for flag, said in table.items() if flag in flags)
    if sys.platform == "darwin":
        name = name or _sysctl("machdep.cpu.brand_string")
        features = features or tuple(s for f, s in _MAC.items() if _sysctl(f) == "1")
    return Processor(name or platform.processor() or "unknown", platform.machine(), features, len(cores), threads())


_MAC = {
    "hw.optional.avx2_0": "AVX2",
    "hw.optional.arm.FEAT_DotProd": "dot product",
    "hw.optional.arm.FEAT_I8MM": "I8MM",
}


def threads() -> int:
    """Threads that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> Memory:
    """RAM of this machine or container."""
    fields = {}
    for line in _read("/proc/meminfo").splitlines():
        key, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            fields[key] = int(words[0]) * 1024
    total, available = fields.get("MemTotal", 0), fields.get("MemAvailable", 0)
    if not total:
        total = _physical()
        available = total * 3 // 4  # not Linux: all of it, less a quarter for what else runs
    limit = _read("/sys/fs/cgroup/memory.max").strip()
    used = _read("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and used.isdigit():
        stat = dict(line.split() for line in _read("/sys/fs/cgroup/memory.stat").splitlines() if line.count(" ") == 1)
        total = min(total, int(limit))
        available = min(available, int(limit) - int(used) + int(stat.get("inactive_file", 0)))
    return Memory(total, max(0, available))


def _physical() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 0


def disks(places: Iterable[tuple[str, Path]]) -> list[Disk]:
    """Free bytes where these folders are, or would be made."""
    found = []
    for what, path in places:
        there = next((p for p in (path, *path.parents) if p.exists()), None)
        try:
            free = shutil.disk_usage(there).free if there else 0
        except OSError:
            free = 0
        found.append(Disk(what, str(path), free))
    return found


def peak() -> int:
    """Most bytes that were resident in this process so far; 0 where it cannot be told."""
    for line in _read("/proc/self/status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _sysctl(name: str) -> str:
    import subprocess

    try:
        done = subprocess.run(["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
