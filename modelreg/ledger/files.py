"""A folder of weights at one moment: what its files were, so that a later open can tell whether they still are.

A stamp is what the file system says (device, inode, size, times): cheap for 13 GB, and any write, rename or
replacement changes it. A digest is the SHA-256 of the content, for what must outlast a copy.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from modelreg.core.canonical import sha256_of
from modelreg.errors import InputError, NotAcceptedError

MAX_FILES = 20_000
_SKIPPED = frozenset({".git", ".cache", "__pycache__"})
_CHUNK = 1 << 20


class Stamp(NamedTuple):
    """What the file system says of one file, links followed."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, about: os.stat_result) -> Stamp:
        # On Windows ctime is the time of creation, which is as good a mark of a replaced file.
        return cls(about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


class FileSet(NamedTuple):
    """All files of a folder (or one file) with their stamps, as they were."""

    root: Path
    stamps: Mapping[str, Stamp]

    def check(self) -> None:
        """Compare with what is there now.

        Raises:
            NotAcceptedError: `files-changed`, naming the first difference.
        """
        now = take(self.root).stamps
        for name in sorted({*self.stamps, *now}):
            if self.stamps.get(name) != now.get(name):
                what = "is new" if name not in self.stamps else "is gone" if name not in now else "was changed"
                raise _changed(self.root / name, what)

    def open(self, name: str) -> BinaryIO:
        """Open one of the files for reading, sure that it is the one that was checked.

        The comparison is made on the open file, so nothing can come between.

        Raises:
            NotAcceptedError: `files-changed`. KeyError: no such file was checked.
        """
        stamp = self.stamps[name]
        path = self.root / name if name else self.root
        try:
            stream = path.open("rb")
        except OSError as error:
            raise _changed(path, f"cannot be opened any more ({error.strerror})") from error
        if Stamp.of(os.fstat(stream.fileno())) != stamp:
            stream.close()
            raise _changed(path, "was changed")
        return stream

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every file by name; reads all of them.

        Raises:
            NotAcceptedError: a file changed meanwhile.
        """
        found = {}
        for name in sorted(self.stamps):
            with self.open(name) as stream:
                found[name] = _sha256(stream)
                if Stamp.of(os.fstat(stream.fileno())) != self.stamps[name]:
                    raise _changed(self.root / name, "was changed")
        return found

    def digest(self) -> str:
        """One SHA-256 for names and content of all files: the same wherever the folder lies."""
        return sha256_of(self.hashes())

    def read_small(self, name: str, limit: int = 4_000_000) -> bytes | None:
        """The bytes of one file, None if there is none of this name or it is larger than `limit` bytes."""
        if name not in self.stamps or self.stamps[name].size > limit:
            return None
        with self.open(name) as stream:
            return stream.read(limit)


def take(root: Path) -> FileSet:
    """Stamps of all files under a folder, or of one file (under the name "").

    Raises:
        InputError: it is not there, cannot be read, has too many files, or holds what is no file.
    """
    try:
        about = root.stat()
        if not stat.S_ISDIR(about.st_mode):
            return FileSet(root, MappingProxyType({"": Stamp.of(about)}))
        return FileSet(root, MappingProxyType(dict(_walk(root))))
    except OSError as error:
        raise InputError(
            f"cannot read: {error.strerror}", code="no-such-folder", where=str(error.filename or root)
        ) from error


def _walk(root: Path) -> Iterator[tuple[str, Stamp]]:
    count = 0
    todo = [(root, "")]
    while todo:
        folder, prefix = todo.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _SKIPPED:
                        todo.append((Path(entry.path), name + "/"))
                    continue
                about = entry.stat()  # follows links: the Hub's cache is made of them
                if stat.S_ISDIR(about.st_mode):
                    continue  # a linked folder is not walked, and so never opened
                if not stat.S_ISREG(about.st_mode):
                    raise InputError("this is no plain file", code="not-a-file", where=entry.path)
                count += 1
                if count > MAX_FILES:
                    raise InputError(f"more than {MAX_FILES} files", code="too-many-files", where=str(root))
                yield name, Stamp.of(about)


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while part := stream.read(_CHUNK):
        digest.update(part)
    return digest.hexdigest()


def _changed(path: Path, what: str) -> NotAcceptedError:
    return NotAcceptedError(
        f"{path.name or path} {what} after the terms of these weights were checked",
        code="files-changed",
        where=str(path),
        hint="nothing was opened; run the command again",
    )
