"""Whether a file that was fetched is the one that its repository names."""

from __future__ import annotations

import hashlib
from pathlib import Path

from modelreg.inference.hub_problems import TruncatedDownloadError, WrongHashError


def verify(path: Path, *, size: int, sha256: str, blob: str, where: str) -> None:
    """Compare a file that came with what the repository says it is; what differs is thrown away.

    Args: size: bytes; sha256: of a large file; blob: git's SHA-1 of a small one; "" where not known.
    Raises: TruncatedDownloadError, WrongHashError.
    """
    got = path.stat().st_size
    again = "run this again; if it comes again, try another server (--endpoint)"
    if got != size:
        discard(path)
        raise TruncatedDownloadError(f"{path.name} has {got:,} of {size:,} bytes", where=where, hint=again)
    expected = sha256 or blob
    if not expected:
        return
    digest = hashlib.sha256() if sha256 else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    if digest.hexdigest() != expected:
        discard(path)
        kind = "sha256" if sha256 else "git hash"
        raise WrongHashError(
            f"{path.name} has the {kind} {digest.hexdigest()[:16]}…; the repository says {expected[:16]}…. "
            "It was thrown away",
            where=where,
            hint=again,
        )


def discard(path: Path) -> None:
    for part in (path.resolve(), path):  # the blob, and the link to it
        part.unlink(missing_ok=True)
