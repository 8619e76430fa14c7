"""Who may ask: bearer keys from a file or the environment, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from modelreg.errors import InputError, UsageError

ENV_KEYS = "MODELREG_API_KEYS"
_SHORTEST = 8


class Keys:
    """The keys that are taken; none means that everybody on this machine may ask.

    Only digests are kept: a key cannot be read back from memory dumps or tracebacks.
    """

    def __init__(self, keys: Mapping[str, str] | None = None) -> None:
        self._digests = {name: _digest(key) for name, key in (keys or {}).items()}

    def __bool__(self) -> bool:
        return bool(self._digests)

    def owner(self, presented: str) -> str | None:
        """The name under which a key is kept, None for a wrong one; takes the same time for all."""
        given, found = _digest(presented), None
        for name, digest in self._digests.items():
            if hmac.compare_digest(given, digest):
                found = name
        return found


class Bind(NamedTuple):
    """Where the server listens."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_keys(file: Path | None, environ: Mapping[str, str]) -> Keys:
    """Keys from a file (a line each, `name: key` or the key alone, `#` for comments) and MODELREG_API_KEYS (by commas).

    Raises:
        InputError: the file cannot be read, holds no key, or one is too short.
    """
    found: dict[str, str] = {}
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the keys cannot be read: {error}", code="bad-keys", where=str(file)) from None
        _take(found, lines, str(file))
        if not found:
            raise InputError("no key in the file", code="bad-keys", where=str(file), hint="a line each: name: key")
    given = environ.get(ENV_KEYS, "")
    if given.strip():
        _take(found, given.split(","), ENV_KEYS)
    return Keys(found)


def _take(found: dict[str, str], lines: Iterable[str], where: str) -> None:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, colon, key = text.partition(": ")
        if not colon:
            name, key = f"key-{len(found) + 1}", text
        key = key.strip()
        if len(key) < _SHORTEST or not key.isascii() or any(c.isspace() for c in key):
            raise InputError(
                f"a key needs at least {_SHORTEST} ASCII characters without blanks",
                code="bad-keys",
                where=f"{where}:{number}",
            )
        found[name.strip()] = key


def check_bind(bind: Bind, keys: Keys) -> None:
    """Refuse to be reachable from outside without a key.

    Raises:
        UsageError: names what to give.
    """
    if not bind.loopback and not keys:
        raise UsageError(
            f"{bind.host} can be reached from other machines, and there is no key",
            code="key-needed",
            where="--host",
            hint=f"--keys FILE or {ENV_KEYS}=…; or --host 127.0.0.1",
        )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
