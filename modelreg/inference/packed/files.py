"""A safetensors file whose tensors begin on pages: written in any order, mapped as it is.

The format wants tensors without gaps, so the gaps are tensors too, called `pad.N`; every reader of safetensors opens
the file. Pages matter twice: the kernels may use the widest loads, and the kernel of the system can be told about
each tensor (read ahead, huge pages) without touching its neighbours.
Source of the format: https://huggingface.co/docs/safetensors (8 bytes of length, JSON, data).
"""

from __future__ import annotations

import copy
import ctypes
import json
import mmap
import os
import struct
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modelreg.inference.checkpoint import AGAIN
from modelreg.inference.hub_problems import DiskFullError
from modelreg.inference.problems import MissingTensorsError, TruncatedWeightsError

PAGE = 4096
PAD = "pad."
DTYPES = {
    "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "F16": torch.float16,
    "BF16": torch.bfloat16, "F32": torch.float32,
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}
_HEADER_LIMIT = 100_000_000  # bytes; the format's own
_WRITE = 64 * 2**20  # bytes a call


class Entry(NamedTuple):
    """One tensor to come."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        count = self.dtype.itemsize
        for size in self.shape:
            count *= size
        return count


class Writer:
    """Writes one file. Sizes are known before, tensors may come in any order, and none is held.

    Args:
        path: must not exist; entries: all tensors; metadata: strings for the header.
    Raises: DiskFullError where the disk cannot hold it, before anything is written; OSError.
    """

    def __init__(self, path: Path, entries: Iterable[Entry], metadata: Mapping[str, str]) -> None:
        self.path = path
        header, self._places, size = _lay_out(entries, metadata)
        free = os.statvfs(path.parent) if hasattr(os, "statvfs") else None
        if free is not None and size > free.f_bavail * free.f_frsize:
            raise DiskFullError(
                f"the packed weights take {size:,} bytes; {path.parent} has {free.f_bavail * free.f_frsize:,} free",
                where=str(path.parent),
                hint="free some, or name another disk: --out DIR (run: MODELREG_CACHE_DIR=DIR, or --no-cache)",
            )
        self.nbytes = size
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        self._missing = set(self._places)
        os.ftruncate(self._file, size)
        _write_at(self._file, 0, memoryview(header))

    def put(self, name: str, tensor: Tensor) -> None:
        """Write one tensor at its place.

        Raises: KeyError, ValueError for a tensor that was not announced so; OSError.
        """
        entry, offset = self._places[name]
        if tensor.dtype != entry.dtype or tuple(tensor.shape) != entry.shape:
            got, want = f"{tensor.dtype} {tuple(tensor.shape)}", f"{entry.dtype} {entry.shape}"
            raise ValueError(f"{name} is {got}; {want} was announced")
        if entry.nbytes:
            data: Any = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
            _write_at(self._file, offset, memoryview(data))
        self._missing.discard(name)

    def close(self) -> None:
        """Finish the file, on the disk.

        Raises: MissingTensorsError; OSError.
        """
        if self._missing:
            names = sorted(self._missing)
            raise MissingTensorsError(
                f"the source lacks {len(names)} tensors, first '{names[0]}'", where=str(self.path), hint=AGAIN
            )
        os.fsync(self._file)
        self.abandon()

    def abandon(self) -> None:
        """Close the file as it is; may be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Mapped:
    """A file of weights, mapped: the tensors are the file's pages and no copy of them.

    Args:
        path: of the file. Raises: TruncatedWeightsError.
    Attributes:
        metadata: the header's strings; names: of all tensors.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        header, self._start = read_header(path)
        self.metadata: dict[str, str] = header.pop("__metadata__", {})
        self._entries = {name: entry for name, entry in header.items() if not name.startswith(PAD)}
        self.nbytes = path.stat().st_size
        # A private mapping: never written to, and nothing written by mistake could reach the file.
        storage: Any = torch.UntypedStorage.from_file(str(path), shared=False, nbytes=self.nbytes)
        self._bytes = torch.empty(0, dtype=torch.uint8).set_(storage)

    @property
    def names(self) -> list[str]:
        return list(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def entry(self, name: str) -> Mapping[str, Any]:
        """What the header says of a tensor. Raises: MissingTensorsError."""
        if name not in self._entries:
            raise MissingTensorsError(f"{self.path.name} lacks '{name}'", where=str(self.path), hint=AGAIN)
        found: Mapping[str, Any] = self._entries[name]
        return found

    def tensor(self, name: str) -> Tensor:
        """One tensor on the file's own pages. Raises: MissingTensorsError."""
        entry = self.entry(name)
        begin, end = entry["data_offsets"]
        flat = self._bytes[self._start + begin : self._start + end]
        return flat.view(DTYPES[entry["dtype"]]).view(entry["shape"])

    def bytes(self) -> Tensor:
        """The whole file, uint8."""
        return self._bytes

    def on(self, room: Tensor) -> Mapped:
        """The same tensors in other memory, which holds the same bytes (and perhaps some more behind them)."""
        other = copy.copy(self)
        other._bytes = room
        return other

    def advise(self, how: str) -> bool:
        """Tell the system how the pages will be used; False where it cannot be told.

        Args:
            how: `willneed` starts reading the whole file now, beside the program; `hugepage` asks for large pages
                where the file system has them; `dontneed` gives the pages of this process back (they are read again
                from the file when used).
        """
        return advise(self._bytes.data_ptr(), self.nbytes, how)


def advise(address: int, nbytes: int, how: str) -> bool:
    """madvise(2) on whole pages of a range; see `Mapped.advise`."""
    advice = {"willneed": "MADV_WILLNEED", "hugepage": "MADV_HUGEPAGE", "dontneed": "MADV_DONTNEED"}[how]
    value = getattr(mmap, advice, None)
    if value is None or sys.platform == "win32" or not nbytes:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    begin = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE
    length = max(0, address + nbytes - begin)
    result: int = libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(length), ctypes.c_int(value))
    return result == 0


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file, checked against its size, and where the data begin.

    Raises: TruncatedWeightsError.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > min(_HEADER_LIMIT, size):
                raise ValueError("its header is longer than the file")
            header = json.loads(stream.read(length).decode("utf-8"))
        if not isinstance(header, dict):
            raise TypeError("its header is no object")
        start = 8 + length
        for name, entry in header.items():
            if name == "__metadata__":
                if not isinstance(entry, dict) or not all(isinstance(v, str) for v in entry.values()):
                    raise TypeError("its metadata are no strings")
                continue
            begin, end = entry["data_offsets"]
            shape = tuple(entry["shape"])
            if not all(type(n) is int and n >= 0 for n in (begin, end, *shape)) or start + end > size:
                raise ValueError(f"'{name}' lies outside the file")
            if Entry(name, DTYPES[entry["dtype"]], shape).nbytes != end - begin:
                raise ValueError(f"'{name}' has another size than its shape")
    except (ValueError, KeyError, TypeError, struct.error, RecursionError) as problem:
        raise TruncatedWeightsError(
            f"{path.name} ({size:,} bytes) is cut off or no file of packed weights: {problem}",
            where=str(path),
            hint="pack it again: modelreg quantize MODEL --quant int4 --out DIR",
        ) from problem
    return header, start


def _lay_out(entries: Iterable[Entry], metadata: Mapping[str, str]) -> tuple[bytes, dict[str, tuple[Entry, int]], int]:
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    offsets: dict[str, tuple[Entry, int]] = {}
    at = pads = 0
    for entry in entries:
        if at % PAGE:
            more = PAGE - at % PAGE
            header[f"{PAD}{pads}"] = {"dtype": "U8", "shape": [more], "data_offsets": [at, at + more]}
            pads += 1
            at += more
        if entry.name in offsets:
            raise ValueError(f"{entry.name} was announced twice")
        end = at + entry.nbytes
        header[entry.name] = {"dtype": NAMES[entry.dtype], "shape": list(entry.shape), "data_offsets": [at, end]}
        offsets[entry.name] = (entry, at)
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % PAGE)  # blanks may follow the header: the data begin on a page
    start = 8 + len(text)
    places = {name: (entry, start + offset) for name, (entry, offset) in offsets.items()}
    return struct.pack("<Q", len(text)) + text, places, start + at


def _write_at(file: int, offset: int, data: memoryview) -> None:
    done = 0
    while done < len(data):
        part = data[done : done + _WRITE]
        if hasattr(os, "pwrite"):
            done += os.pwrite(file, part, offset + done)
        else:  # Windows
            os.lseek(file, offset + done, os.SEEK_SET)
            done += os.write(file, part)
