"""One lock for many processes. The operating system drops it when its holder dies, however it dies."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

from modelreg.errors import ModelEnvironmentError

_THREADS = threading.Lock()  # one process may hold it once: the file's lock alone would not part two threads
_PAUSE, _LONGEST_PAUSE = 0.001, 0.02  # seconds; short, because it is held for one fsync only


class FileLock:
    """`with FileLock(path):`; an exclusive lock on a file beside the ledger, which is never deleted.

    Args:
        path: the lock's file; made if it is not there.
        timeout: seconds to wait for a holder that is alive.
    Raises:
        ModelEnvironmentError: the file cannot be made, or a living process holds it for longer.
    """

    def __init__(self, path: Path, timeout: float = 30.0) -> None:
        self.path = path
        self.timeout = timeout
        self._handle = -1

    def __enter__(self) -> FileLock:
        deadline = time.monotonic() + self.timeout
        if not _THREADS.acquire(timeout=self.timeout):
            raise self._busy()
        try:
            try:
                self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
            except OSError as error:
                raise ModelEnvironmentError(
                    f"cannot lock the ledger: {error.strerror}", code="ledger-not-writable", where=str(self.path)
                ) from error
            pause = _PAUSE
            while not _try(self._handle):
                if time.monotonic() > deadline:
                    os.close(self._handle)
                    raise self._busy()
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        except BaseException:
            _THREADS.release()
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        try:
            _unlock(self._handle)
            os.close(self._handle)
        finally:
            _THREADS.release()

    def _busy(self) -> ModelEnvironmentError:
        return ModelEnvironmentError(
            f"another process has held the ledger for {self.timeout:g} s",
            code="ledger-busy",
            where=str(self.path),
            hint="try again; a dead process holds no lock, so one is alive: find it with `fuser` or `lsof`",
        )


if sys.platform == "win32":
    import msvcrt

    def _try(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
