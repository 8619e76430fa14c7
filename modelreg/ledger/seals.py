"""What this account itself has made and read: a key of its own, seals made with it, and remembered hashes.

A seal says "this account wrote that", and nothing to anybody else; who has the account's files has the key too. A
remembered hash belongs to one stamp (device, inode, size, times) of one file and carries a seal, so that nothing that
was put into the list by others counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cached_property
from typing import Any

from modelreg.core.canonical import canonical_json
from modelreg.ledger.files import FileSet, Stamp
from modelreg.ledger.places import user_folder

FOLDER, KEY, CHECKED = "packing", "key", "checked.json"
_KEPT = 400  # remembered files; the oldest go first
_WORKERS = 4  # files that are hashed at the same time
_SERIAL = 64 * 2**20  # bytes for which threads do not pay
_SETTLED = 0.05  # s; a write within one tick of the file system's clock would leave the same stamp


class Seals:
    """The key of this account and what it remembers.

    Args:
        environ: os.environ if None; says where the user's data folder is.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.folder = user_folder(environ) / FOLDER

    @cached_property
    def _key(self) -> bytes:
        """32 bytes, made at the first use; b"" where they can be neither read nor made: then nothing is sealed."""
        path = self.folder / KEY
        try:
            return _key_of(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            pass
        except (OSError, ValueError):
            return b""
        try:
            self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            new = path.with_name(f"{KEY}.{os.getpid()}.{secrets.token_hex(4)}")
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                stream.write(secrets.token_hex(32))
            try:
                os.link(new, path)  # fails where another process was first: then its key holds
            except FileExistsError:
                pass
            except OSError:  # a file system without links
                if not path.exists():
                    new.replace(path)
            new.unlink(missing_ok=True)
            return _key_of(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return b""

    def seal(self, value: Mapping[str, Any]) -> str:
        """The seal of a value, hexadecimal; "" where there is no key."""
        return hmac.new(self._key, canonical_json(value), hashlib.sha256).hexdigest() if self._key else ""

    def holds(self, value: Mapping[str, Any], seal: object) -> bool:
        """Whether this account sealed this value."""
        mine = self.seal(value)
        return bool(mine) and isinstance(seal, str) and hmac.compare_digest(mine.encode(), seal.encode())

    def hashes(
        self, files: FileSet, names: Iterable[str] | None = None, told: Callable[[str, int], None] | None = None
    ) -> dict[str, str]:
        """SHA-256 of files by name (all of them if None): remembered where the stamp is the same, else read.

        Args:
            told: called with each file and its size, when its hash is known.
        Raises:
            NotAcceptedError: `files-changed`, a file changed meanwhile.
        """
        known = self._checked()
        found: dict[str, str] = {}
        unread: list[str] = []
        for name in sorted(files.stamps if names is None else names):
            place = _place(files, name)
            entry = known.get(place)
            statement = _statement(place, files.stamps[name], entry.get("sha256") if isinstance(entry, dict) else "")
            if isinstance(entry, dict) and self.holds(statement, entry.get("seal")):
                found[name] = str(entry["sha256"])
                if told:
                    told(name, files.stamps[name].size)
            else:
                unread.append(name)
        for name, digest in _read(files, unread):
            found[name] = digest
            if told:
                told(name, files.stamps[name].size)
        now = time.time()
        settled = {n: found[n] for n in unread if now - _changed_at(files.stamps[n]) > _SETTLED}
        self.note(files, settled)
        return found

    def note(self, files: FileSet, hashes: Mapping[str, str]) -> None:
        """Remember hashes of files that were just written and hashed by this very program."""
        new = {}
        for name in hashes.keys() & files.stamps.keys():
            place, stamp = _place(files, name), files.stamps[name]
            new[place] = {"sha256": hashes[name], "seal": self.seal(_statement(place, stamp, hashes[name]))}
        if new and self._key:
            self._remember(self._checked(), new)

    def _checked(self) -> dict[str, Any]:
        try:
            data = json.loads((self.folder / CHECKED).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    def _remember(self, known: dict[str, Any], new: dict[str, Any]) -> None:
        """Best effort: what cannot be written is hashed again the next time."""
        kept = {place: entry for place, entry in known.items() if place not in new}
        both = {**kept, **new}
        last = dict(list(both.items())[-_KEPT:])
        path = self.folder / CHECKED
        temporary = path.with_name(f"{CHECKED}.{os.getpid()}.{secrets.token_hex(4)}")
        with contextlib.suppress(OSError):
            try:
                temporary.write_text(json.dumps(last), encoding="utf-8")
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)


def _read(files: FileSet, names: list[str]) -> Iterator[tuple[str, str]]:
    """Hash files, several at a time: one thread does not read a disk at its speed."""

    def one(name: str) -> tuple[str, str]:
        return name, FileSet(files.root, {name: files.stamps[name]}).hashes()[name]

    if sum(files.stamps[name].size for name in names) < _SERIAL:
        yield from map(one, names)
        return
    pool = ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1))
    try:
        for done in as_completed([pool.submit(one, name) for name in names]):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _changed_at(stamp: Stamp) -> float:
    return max(stamp.mtime_ns, stamp.ctime_ns) / 1e9


def _key_of(text: str) -> bytes:
    key = bytes.fromhex(text.strip())
    if len(key) != 32:
        raise ValueError("a key of another length")
    return key


def _place(files: FileSet, name: str) -> str:
    return os.path.realpath(files.root / name if name else files.root)


def _statement(place: str, stamp: Stamp, sha256: object) -> dict[str, Any]:
    return {"file": place, "stamp": list(stamp), "sha256": sha256}
