"""What opening a model takes from its repository, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple


class File(NamedTuple):
    """One file of a repository at a commit.

    Attributes:
        size: bytes; sha256: of a large file (LFS, Xet), else ""; blob: git's SHA-1 of a small one, "" if not known.
        here: whether it is in the cache already.
    """

    name: str
    size: int
    sha256: str
    blob: str
    here: bool


class Plan(NamedTuple):
    """What opening a model takes from its repository.

    Attributes:
        repository, revision: as asked for; commit: what that is; endpoint: where.
        files: all that are needed, in order; folder: where they lie, or will.
        config: config.json, read.
    """

    repository: str
    revision: str
    commit: str
    endpoint: str
    files: tuple[File, ...]
    folder: Path
    config: Mapping[str, Any]

    @property
    def missing(self) -> tuple[File, ...]:
        """The files that must be fetched."""
        return tuple(f for f in self.files if not f.here)

    @property
    def bytes_missing(self) -> int:
        return sum(f.size for f in self.missing)

    @property
    def nbytes(self) -> int:
        return sum(f.size for f in self.files)


def sizes(files: Iterable[File]) -> str:
    """Bytes of some files for people: `12.3 GB in 9 files`."""
    chosen = list(files)
    total = sum(f.size for f in chosen)
    unit, by = ("GB", 1e9) if total >= 1e8 else ("MB", 1e6) if total >= 1e5 else ("kB", 1e3)
    return f"{total / by:.1f} {unit} in {len(chosen)} file{'s' if len(chosen) != 1 else ''}"
