"""Files of weights: which tensor lies in which file, and reading them without running anything.

Two formats are read: safetensors, and pickles of PyTorch with `weights_only=True`, which builds tensors and
nothing else. Both are mapped into memory, so that a tensor costs nothing until its bytes are used.
"""

from __future__ import annotations

import json
import pickle
import pickletools
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modelreg.inference.problems import (
    IndexFileError,
    MissingShardError,
    MissingTensorsError,
    NoWeightsError,
    TruncatedWeightsError,
    UnsafePickleError,
)

AGAIN = "download the file again and compare its sha256 with the repository's"
PIECE_BYTES = 256 * 2**20
# Pickle instructions that call something.
CALLS = ("REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX")
# In order of preference: (index, single file).
SAFETENSORS = ("model.safetensors.index.json", "model.safetensors")
PICKLES = ("pytorch_model.bin.index.json", "pytorch_model.bin")


@dataclass(frozen=True)
class Checkpoint:
    """The files of one model.

    Attributes:
        folder: where they lie.
        files: file name -> the tensors that the index expects in it, or None without an index.
    """

    folder: Path
    files: Mapping[str, tuple[str, ...] | None]

    def paths(self) -> list[Path]:
        """The files, in order."""
        return [self.folder / name for name in self.files]

    def nbytes(self) -> int:
        """Bytes of all files together."""
        return sum(path.stat().st_size for path in self.paths())

    def names(self) -> list[str]:
        """Names of all tensors: from the index, or by opening the only file."""
        listed = [name for names in self.files.values() for name in names or ()]
        return listed or [name for _, tensors in self.shards() for name in tensors]

    def shards(self) -> Iterator[tuple[Path, dict[str, Tensor]]]:
        """Each file with its tensors, mapped. Drop one before the next, and its pages are given back.

        Raises: MissingTensorsError where a file lacks what the index places in it, and what `read_file` does.
        """
        for name, expected in self.files.items():
            path = self.folder / name
            tensors = read_file(path)
            lost = [key for key in expected or () if key not in tensors]
            if lost:
                raise MissingTensorsError(
                    f"{name} lacks {len(lost)} of the {len(expected or ())} tensors that the index places "
                    f"in it, first '{lost[0]}'",
                    where=str(path),
                    hint="index and files are of different revisions; " + AGAIN,
                )
            yield path, tensors

    def pieces(self, limit: int = PIECE_BYTES) -> Iterator[tuple[Path, dict[str, Tensor]]]:
        """The tensors in groups of about `limit` bytes, each mapped on its own.

        Pages that were read stay resident as long as their mapping lives. Where tensors are converted,
        dropping each piece before the next keeps that to one piece, not a file of several gigabytes.
        """
        for path, tensors in self.shards():
            groups = _groups(tensors, limit) if _can_be_mapped(path) else [list(tensors)]
            if len(groups) == 1:
                yield path, tensors
                continue
            del tensors
            for names in groups:
                again = read_file(path)
                yield path, {name: again[name] for name in names if name in again}


def _groups(tensors: Mapping[str, Tensor], limit: int) -> list[list[str]]:
    groups: list[list[str]] = [[]]
    size = 0
    for name in sorted(tensors):
        if size and size + tensors[name].nbytes > limit:
            groups.append([])
            size = 0
        groups[-1].append(name)
        size += tensors[name].nbytes
    return groups


def find_checkpoint(folder: Path) -> Checkpoint:
    """The weights in `folder`: safetensors before pickles, an index before a single file.

    Raises: NoWeightsError, IndexFileError, MissingShardError.
    """
    for index, single in (SAFETENSORS, PICKLES):
        if (folder / index).is_file():
            return Checkpoint(folder, _read_index(folder, index))
        if (folder / single).is_file():
            return Checkpoint(folder, {single: None})
    there = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    parts = [name for name in there if name.endswith((".safetensors", ".bin"))]
    if parts:
        raise NoWeightsError(
            f"{folder} holds {len(parts)} files of weights ({parts[0]}, ...), but neither an index nor one whole file",
            where=str(folder),
            hint=f"fetch {SAFETENSORS[0]} or {PICKLES[0]} too",
        )
    raise NoWeightsError(
        f"no weights in {folder}: expected {SAFETENSORS[1]}, {PICKLES[1]}, or one of their indexes",
        where=str(folder),
        hint="point at the folder that holds config.json and the weights",
    )


def _read_index(folder: Path, name: str) -> dict[str, tuple[str, ...] | None]:
    path = folder / name
    try:
        weight_map: Any = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        pairs = [(str(key), shard) for key, shard in weight_map.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise IndexFileError(
            f"cannot read the index: {type(problem).__name__}: {problem}", where=str(path), hint=AGAIN
        ) from problem
    files: dict[str, list[str]] = {}
    for key, shard in pairs:
        # A name with a folder in it could point anywhere; no published index has one.
        if not isinstance(shard, str) or "\\" in shard or Path(shard).name != shard or shard in ("", ".."):
            raise IndexFileError(
                f"the index places '{key}' in {shard!r}, which is no plain file name",
                where=str(path),
                hint="an index names only files beside it: ask where this checkpoint comes from",
            )
        if not shard.endswith((".safetensors", ".bin")):
            raise IndexFileError(
                f"the index places '{key}' in {shard!r}, which is neither .safetensors nor .bin",
                where=str(path),
                hint=AGAIN,
            )
        files.setdefault(shard, []).append(key)
    if not files:
        raise IndexFileError("the index names no tensors", where=str(path), hint=AGAIN)
    absent = sorted(shard for shard in files if not (folder / shard).is_file())
    if absent:
        raise MissingShardError(
            f"{len(absent)} of {len(files)} files of weights are missing: {', '.join(absent[:4])}"
            + (", ..." if len(absent) > 4 else ""),
            where=str(path),
            hint="fetch the missing files; the ones that are here can stay",
        )
    return {shard: tuple(keys) for shard, keys in sorted(files.items())}


def read_file(path: Path) -> dict[str, Tensor]:
    """All tensors of one file, mapped into memory, by name.

    Raises: TruncatedWeightsError, UnsafePickleError, MissingShardError.
    """
    if not path.is_file():
        raise MissingShardError(f"{path.name} is not there", where=str(path), hint="fetch the missing file")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return _read_pickle(path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as problem:
        raise TruncatedWeightsError(
            f"{path.name} ({path.stat().st_size:,} bytes) is cut off or no safetensors file: {problem}",
            where=str(path),
            hint=AGAIN,
        ) from problem


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        content = _torch_load(path)
    except pickle.UnpicklingError as problem:
        if not _asks_for_code(path, problem):
            raise _truncated(path, problem) from problem
        raise UnsafePickleError(
            f"{path.name} is a pickle that asks for more than tensors: {_reason(problem)}. "
            "Loading it would run code, so nothing was loaded",
            where=str(path),
            hint="use the safetensors files of this model, and tell whoever published this file",
        ) from problem
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, TypeError) as problem:
        raise _truncated(path, problem) from problem
    if not isinstance(content, Mapping) or not all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()
    ):
        raise TruncatedWeightsError(
            f"{path.name} is no table of tensors by name",
            where=str(path),
            hint="it was saved in another form; use the files of the model's own repository",
        )
    return dict(content)


def _torch_load(path: Path) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickle protocols; what matters is raised
        # weights_only is given here, so no environment variable can turn it off.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=_can_be_mapped(path))


def _can_be_mapped(path: Path) -> bool:
    """Pickles of the format before 2020 are no archives: they are read whole, still without running code."""
    with path.open("rb") as file:
        return path.suffix == ".safetensors" or file.read(4) == b"PK\x03\x04"


def _asks_for_code(path: Path, problem: pickle.UnpicklingError) -> bool:
    """Whether the refusal is about what the pickle wants, rather than about bytes that are no pickle."""
    text = str(problem).split("\n", 1)[-1]
    if "GLOBAL" in text or "blocked" in text or "allowed" in text:
        return True
    try:
        with path.open("rb") as file:
            return any(op.name in CALLS for op, _, _ in pickletools.genops(file))
    except ValueError:
        return False


def _reason(problem: Exception) -> str:
    for line in str(problem).splitlines()[1:]:
        if "nsupported" in line or "GLOBAL" in line:
            return line.strip().removeprefix("WeightsUnpickler error: ").rstrip(".")[:200]
    return "it names something that is not allowed"


def _truncated(path: Path, problem: Exception) -> TruncatedWeightsError:
    first = (str(problem).splitlines() or [type(problem).__name__])[0].split(". ")[0]
    return TruncatedWeightsError(
        f"{path.name} ({path.stat().st_size:,} bytes) is cut off or no file of weights: {first}",
        where=str(path),
        hint=AGAIN,
    )
