"""What can go wrong with a download: one class a cause, and what huggingface_hub raises turned into them."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from modelreg.errors import InputError, ModelEnvironmentError, ModelregError

MIRROR = "https://hf-mirror.com"
# Class names, since huggingface_hub changed its HTTP library twice: requests, httpx, httpx2.
_NO_CONNECTION = ("ConnectError", "ConnectTimeout", "ReadTimeout", "ConnectionError", "ProxyError", "TimeoutException")
_CUT = ("RemoteProtocolError", "IncompleteRead", "ChunkedEncodingError")


class NoRepositoryError(InputError):
    """The Hub has no such repository, or does not show it to this account."""

    default_code = "hub-no-repository"


class NoRevisionError(InputError):
    """The repository has no such branch, tag or commit."""

    default_code = "hub-no-revision"


class DownloadError(ModelEnvironmentError):
    """Root of what stops a download."""

    default_code = "download"


class GatedError(DownloadError):
    """The publisher lets only accounts in that agreed on the model's page."""

    default_code = "hub-gated"


class OfflineError(DownloadError):
    """Offline, and the files are not all here."""

    default_code = "hub-offline"


class UnreachableError(DownloadError):
    """No connection to the Hub or the mirror."""

    default_code = "hub-unreachable"


class HubAnswerError(DownloadError):
    """The server answered with an error, or with what is no Hub's answer."""

    default_code = "hub-answer"


class TruncatedDownloadError(DownloadError):
    """A file ended before its size was reached."""

    default_code = "download-truncated"


class WrongHashError(DownloadError):
    """A file came whole and is not the one that the repository names."""

    default_code = "download-wrong-hash"


class DiskFullError(DownloadError):
    """No room for the files."""

    default_code = "disk-full"


class NothingToLoadError(DownloadError):
    """The repository holds no weights in a format that we open."""

    default_code = "hub-no-weights"


def translate(error: Exception, repository: str, revision: str, endpoint: str) -> ModelregError:
    """The problem of ours that an exception of huggingface_hub, its HTTP library or the system stands for.

    Args:
        error: what was raised; repository, revision, endpoint: of the request, for the message.
    Returns: one of the classes above, to be raised from `error`.
    """
    where = f"{endpoint}/{repository}"
    chain = list(_chain(error))
    names = [base.__name__ for e in chain for base in type(e).__mro__]
    said = _first_line(error)
    status = next((e.response.status_code for e in chain if getattr(e, "response", None) is not None), 0)  # type: ignore[attr-defined]
    if "GatedRepoError" in names or status == 403:
        return GatedError(
            f"{repository} is gated: its publisher asks accounts to agree first",
            where=where,
            hint=f"agree on {where} and log in (hf auth login, or HF_TOKEN=…); then run this again",
        )
    if "RevisionNotFoundError" in names:
        return NoRevisionError(
            f"{repository} has no revision '{revision}'", where=where, hint="name a branch, tag or commit: --revision"
        )
    if "RepositoryNotFoundError" in names or status == 401:
        return NoRepositoryError(
            f"there is no repository {repository} at {endpoint}, or it is private",
            where=where,
            hint="compare the name; log in for a private one (HF_TOKEN=…); or name a folder: --weights DIR",
        )
    if "HFValidationError" in names:
        return NoRepositoryError(f"'{repository}' is no repository name: {said}", where=where, hint="OWNER/NAME")
    if "EntryNotFoundError" in names and "LocalEntryNotFoundError" not in names:
        return HubAnswerError(f"the server lists a file that it does not have: {said}", where=where, hint=_other())
    if "OfflineModeIsEnabled" in names:
        return OfflineError(
            "the Hub is switched off (HF_HUB_OFFLINE), and not all files are here",
            where=where,
            hint="unset HF_HUB_OFFLINE, or name a folder: --weights DIR",
        )
    system = next((e for e in chain if isinstance(e, OSError) and e.errno in _SYSTEM), None)
    if system is not None:
        return system_problem(system, where)
    if any(name in names for name in _CUT) or "Consistency check failed" in str(error):
        return TruncatedDownloadError(
            f"a file of {repository} ended early: {said}",
            where=where,
            hint="run this again: files that are complete are kept. " + _other(),
        )
    if any(name in names for name in _NO_CONNECTION):
        return UnreachableError(f"no connection to {endpoint}: {said}", where=where, hint=_other())
    if status == 429:
        return HubAnswerError(f"{endpoint} asks to slow down (429)", where=where, hint="wait a few minutes")
    if "FileMetadataError" in names:
        said = "it names neither commit nor size of a file, as mirrors that strip headers do"
    return HubAnswerError(f"{endpoint} did not give {repository}: {said}", where=where, hint=_other())


_SYSTEM = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)


def system_problem(error: OSError, where: str) -> DownloadError:
    """A full disk or a folder that cannot be written."""
    place = str(error.filename or where)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"no room left: {error.strerror}", where=place, hint="free some, or name another disk: HF_HOME=DIR"
        )
    return DownloadError(
        f"cannot write: {error.strerror}", code="cache-not-writable", where=place, hint="name a folder: HF_HOME=DIR"
    )


def _other() -> str:
    return f"try another server (--endpoint {MIRROR}), or give a folder that has the files: --weights DIR"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen = 0
    current: BaseException | None = error
    while current is not None and seen < 10:
        yield current
        current, seen = current.__cause__ or current.__context__, seen + 1


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")[:200]
