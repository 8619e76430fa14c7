"""Weights from ModelScope, by its own package (extra `modelscope`): the files, checks and errors that the Hub has.

    hub = ModelScope()
    folder = hub.fetch(hub.plan("ZhipuAI/chatglm3-6b"), progress)

Its listing names a sha256 of every file and no commit; so what a branch holds is told by those, and a file that is
here is hashed again before it is taken for the one that is listed. Files land in ModelScope's own cache. No torch here;
the package imports it where it is installed, which is why it is imported late.
"""

from __future__ import annotations

import glob
import hashlib
import importlib
import importlib.util
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from modelreg.errors import ModelEnvironmentError, ModelregError, UsageError
from modelreg.inference import hub_problems as problems
from modelreg.inference.checksums import verify
from modelreg.inference.download import CONFIG, Hub, Progress, _silent
from modelreg.inference.hub_files import File, Plan

ENDPOINT = "https://www.modelscope.cn"
BRANCH = "master"
_NEEDED = ("modelscope", "modelscope_hub")
_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_REVISION = re.compile(r"[\w.+-]+(/[\w.+-]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
T = TypeVar("T")


class Entry(Protocol):
    """A file of a listing, as modelscope_hub has it."""

    path: str
    size: int
    sha256: str | None
    type: str


class Api(Protocol):
    """What is used of modelscope_hub.HubApi."""

    def list_repo_files(
        self, repo_id: str, repo_type: str, *, revision: str | None = None, recursive: bool = True
    ) -> list[Entry]: ...

    def repo_exists(self, repo_id: str, repo_type: str) -> bool: ...


class ModelScope(Hub):
    """ModelScope, or a server that speaks as it does.

    Args:
        endpoint: base URL; None for MODELSCOPE_ENDPOINT (or MODELSCOPE_DOMAIN), else www.modelscope.cn.
        offline: is refused: what its cache holds cannot be told from what the branch holds by now.
        cache: folder of its cache; None for its own (MODELSCOPE_CACHE).
    Raises: UsageError for an endpoint that is no URL; ModelEnvironmentError where the package is missing; OfflineError.
    """

    place_option = "MODELSCOPE_CACHE=DIR"

    def __init__(self, endpoint: str | None = None, *, offline: bool = False, cache: Path | None = None) -> None:
        if endpoint is not None and not re.match(r"https?://[^/\s]+", endpoint):
            raise UsageError(f"'{endpoint}' is no address", where="--endpoint", hint=f"e.g. --endpoint {ENDPOINT}")
        self.cache = Path(cache or os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope").expanduser()
        if offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
            raise problems.OfflineError(
                "ModelScope cannot be asked offline",
                where="--hub modelscope",
                hint=f"what was fetched lies under {self.cache / 'models'}: --weights DIR",
            )
        absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if absent:
            raise ModelEnvironmentError(
                "the modelscope package is needed to fetch from ModelScope, and is not installed"
                if absent[0] == _NEEDED[0]
                else "the modelscope package that is installed is older than 1.38",
                code="extra-missing",
                where="--hub modelscope",
                hint='pip install "modelreg[modelscope]"; or name a folder: --weights DIR',
            )
        self.offline = False
        self.endpoint = (endpoint or _configured()).rstrip("/")
        # As for the Hub: a token that was stored for ModelScope is not shown to a server that was named.
        self._token = None if endpoint is None else os.environ.get("MODELSCOPE_API_TOKEN", "")

    def resolve(self, repository: str, revision: str = "") -> str:
        """The revision itself ("" is master): ModelScope's package tells no commit of a branch.

        Raises: NoRepositoryError, NoRevisionError: what can be no name of one.
        """
        if not _NAME.fullmatch(repository) or set(repository.split("/")) & {".", ".."}:
            raise problems.NoRepositoryError(
                f"'{repository}' is no repository name", where="--hub modelscope", hint="OWNER/NAME"
            )
        if revision and (not _REVISION.fullmatch(revision) or set(revision.split("/")) & {".", ".."}):
            raise problems.NoRevisionError(
                f"'{revision}' is no name of a revision", where="--revision", hint=f"a branch or tag, such as {BRANCH}"
            )
        return revision or BRANCH

    def fetch(self, plan: Plan, progress: Progress = _silent) -> Path:
        """Fetch what is missing, one file after the other, and compare each with the listing.

        Raises: as `Hub.fetch`.
        """
        self._check_room(plan)
        if plan.missing:
            self._fetch(plan.repository, plan.commit, plan.missing, progress)
        return plan.folder

    def _listing(self, repository: str, commit: str) -> dict[str, File]:
        def ask() -> list[Entry]:
            return self._api().list_repo_files(repository, "model", revision=commit, recursive=False)

        found = self._told(repository, commit, ask)
        return {
            f.path: File(f.path, int(f.size), _digest(f.sha256), "", False)
            for f in found
            if f.type == "blob" and f.path and "/" not in f.path
        }

    def _get(self, repository: str, commit: str, file: File, progress: Progress = _silent) -> Path:
        self._fetch(repository, commit, [file], progress)
        return self._snapshot(repository, commit) / file.name

    def _fetch(self, repository: str, commit: str, files: Sequence[File], progress: Progress) -> None:
        folder = self._snapshot(repository, commit)

        def ask() -> object:
            return _package("modelscope.hub.snapshot_download").snapshot_download(
                repository,
                revision=commit,
                cache_dir=str(self.cache),
                local_dir=str(folder),  # its own place in the cache, also where an older layout has the model too
                allow_patterns=[glob.escape(f.name) for f in files],
                max_workers=1,
                progress_callbacks=[_reporting(progress)],
                token=self._token,
                endpoint=self.endpoint,
            )

        self._told(repository, commit, ask)
        for file in files:
            path, where = folder / file.name, f"{repository}/{file.name}"
            if not path.is_file():
                raise problems.HubAnswerError(
                    f"{self.endpoint} did not give {file.name}", where=where, hint="run this again"
                )
            verify(path, size=file.size, sha256=file.sha256, blob="", where=where)

    def _cached(self, repository: str, commit: str, file: File) -> Path | None:
        path = super()._cached(repository, commit, file)
        if path is None or not file.sha256:
            return path
        with path.open("rb") as stream:
            same = hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
        return path if same else None

    def _storage(self, repository: str) -> Path:
        return self.cache / "models" / repository.replace("/", "--")

    def _api(self) -> Api:
        return cast(Api, _package("modelscope_hub").HubApi(endpoint=self.endpoint, token=self._token))

    def _told(self, repository: str, revision: str, ask: Callable[[], T]) -> T:
        """Ask ModelScope, with what its package raises put into our words."""
        try:
            with _quiet():
                return ask()
        except ModelregError:
            raise
        except Exception as error:
            # The package raises classes of its own, of requests and of the system: all are named in `_translate`.
            if not _is_known(error):
                raise
            raise self._translate(error, repository, revision) from error

    def _translate(self, error: Exception, repository: str, revision: str) -> ModelregError:
        where = f"{self.endpoint}/models/{repository}"
        failed = getattr(error, "failed_files", None)  # of FileDownloadError: the first is told, the rest comes again
        name, cause = next(iter(failed.items())) if isinstance(failed, Mapping) and failed else ("", error)
        chain = list(problems._chain(cause))
        names = {base.__name__ for e in chain for base in type(e).__mro__}
        said = problems._first_line(cast(Exception, chain[-1]))
        what = f"{name} of {repository}" if name else repository
        if "AuthenticationError" in names or "PermissionDeniedError" in names:
            return problems.GatedError(
                f"{repository} is gated or private: ModelScope does not show it to this account",
                where=where,
                hint="agree on its page and log in (modelscope login, or MODELSCOPE_API_TOKEN=…); then run this again",
            )
        if "NotExistError" in names:
            return self._missing(name, repository, revision, where)
        full = next((e for e in chain if isinstance(e, OSError) and e.errno in problems._SYSTEM), None)
        if full is not None:
            found = problems.system_problem(full, where)
            found.hint = found.hint.replace(Hub.place_option, self.place_option)
            return found
        if "FileSizeMismatchError" in names or names & {*problems._CUT, "_IncompleteBodyError"}:
            return problems.TruncatedDownloadError(
                f"{what} ended early or is of another size: {said}", where=where, hint=f"run this again. {_OTHER}"
            )
        if "FileIntegrityError" in names:
            return problems.WrongHashError(
                f"{what} has not the sha256 that the repository says: {said}. It was thrown away",
                where=where,
                hint=f"run this again. {_OTHER}",
            )
        if "RateLimitError" in names:
            return problems.HubAnswerError(
                f"{self.endpoint} asks to slow down (429)", where=where, hint="wait a few minutes"
            )
        if "APIError" not in names and names & {"NetworkError", "RequestTimeoutError", *problems._NO_CONNECTION}:
            return problems.UnreachableError(f"no connection to {self.endpoint}: {said}", where=where, hint=_OTHER)
        status = next((e.status_code for e in chain if getattr(e, "status_code", None)), "")  # type: ignore[attr-defined]
        return problems.HubAnswerError(
            f"{self.endpoint} did not give {what}: {f'{status} ' if status else ''}{said}", where=where, hint=_OTHER
        )

    def _missing(self, name: str, repository: str, revision: str, where: str) -> ModelregError:
        """A 404 is of a file, of a revision or of the whole repository: the last has to be asked for."""
        if name:
            return problems.HubAnswerError(
                f"the server lists a file that it does not have: {name}", where=where, hint=_OTHER
            )
        try:
            with _quiet():
                there = self._api().repo_exists(repository, "model")
        except Exception as error:
            if not _is_known(error):
                raise
            there = False
        if there:
            return problems.NoRevisionError(
                f"{repository} has no revision '{revision}' on ModelScope",
                where=where,
                hint=f"name a branch or tag of ModelScope: --revision {BRANCH}",
            )
        return problems.NoRepositoryError(
            f"there is no repository {repository} at {self.endpoint}, or it is private",
            where=where,
            hint="compare the name; log in for a private one (modelscope login); or name a folder: --weights DIR",
        )

    def _absent(self, repository: str, commit: str, names: list[str]) -> problems.OfflineError:
        raise AssertionError(f"bug: {repository}@{commit} was asked for offline ({names or CONFIG})")


_OTHER = "try the Hub (leave out --hub), or give a folder that has the files: --weights DIR"


def _configured() -> str:
    """The server that the environment names, by the package's own variables."""
    domain = os.environ.get("MODELSCOPE_ENDPOINT") or os.environ.get("MODELSCOPE_DOMAIN") or ENDPOINT
    return domain if re.match(r"https?://", domain) else f"https://{domain}"


def _digest(value: str | None) -> str:
    text = (value or "").lower()
    return text if _SHA256.fullmatch(text) else ""


def _is_known(error: Exception) -> bool:
    """Whether an exception is one of the package's, of its HTTP library's or of the system's, and no bug of ours."""
    modules = {base.__module__.partition(".")[0] for base in type(error).__mro__}
    return isinstance(error, (OSError, ValueError)) or bool(modules & {"modelscope", "modelscope_hub", "requests"})


def _package(name: str) -> Any:
    """Import a module of the package; the bars that it would draw are switched off where that is still possible."""
    before = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"  # read once, when tqdm is imported
    try:
        return importlib.import_module(name)
    finally:
        if before is None:
            del os.environ["TQDM_DISABLE"]
        else:
            os.environ["TQDM_DISABLE"] = before


def _reporting(progress: Progress) -> type:
    """A class of the form of the package's ProgressCallback that tells `progress` what came."""

    class Reporter:
        """One file's."""

        def __init__(self, filename: str, _: int) -> None:
            self._name = filename
            progress(filename, 0)

        def update(self, size: int) -> None:
            if size:
                progress(self._name, size)

        def end(self) -> None:
            return None

    return Reporter


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the package's own remarks and warnings off the screen while we make ours."""
    loggers = [logging.getLogger(name) for name in _NEEDED]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of MODELSCOPE_DOMAIN
        for name in _NEEDED:
            _package(name)  # sets its level when it is imported
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
