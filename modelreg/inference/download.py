"""Weights from the Hugging Face Hub, or from a mirror of it: what is needed, by commit, checked, resumed by file.

    hub = Hub(endpoint="https://hf-mirror.com")
    plan = hub.plan("THUDM/chatglm3-6b")     # asks for names and sizes; fetches config.json and the index only
    folder = hub.fetch(plan, progress)       # the rest

A branch is turned into its commit first, and everything is asked for by that commit. Only what is opened is
fetched: never a `.py`, safetensors before pickles. Files land in huggingface_hub's own cache, each under its
final name only when it is whole and its hash is the repository's; a file that is there is not fetched again.
No torch here.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from modelreg.errors import ModelEnvironmentError, ModelregError, UsageError
from modelreg.inference.checksums import verify
from modelreg.inference.hub_files import File, Plan
from modelreg.inference.hub_problems import (
    DiskFullError,
    NoRevisionError,
    NothingToLoadError,
    OfflineError,
    UnreachableError,
    system_problem,
    translate,
)

CONFIG = "config.json"
SMALL = (
    CONFIG,
    "tokenizer_config.json",
    "tokenizer.model",
    "ice_text.model",
    "generation_config.json",
    "README.md",
)
# In order of preference: (index, single file).
WEIGHTS = (
    ("model.safetensors.index.json", "model.safetensors"),
    ("pytorch_model.bin.index.json", "pytorch_model.bin"),
)
_LICENCE = re.compile(r"(?i)(model[_-]?)?(licen[cs]e|notice|copying|use_policy)[^/]*|[^/]*(许可|协议)[^/]*")
_NOT_TEXT = (".py", ".json", ".bin", ".safetensors", ".png", ".jpg")
COMMIT = re.compile(r"[0-9a-f]{40}")
_INDEX_LIMIT = 20_000_000  # bytes of JSON that are read as an index
_SPARE = 1.02  # of the disk: a little more than the files, for the cache's own
T = TypeVar("T")
Progress = Callable[[str, int], None]  # (file, bytes more); 0 bytes: the file begins


def _silent(_: str, __: int) -> None:
    """Tell nobody."""


class Hub:
    """The Hub, one of its mirrors, or what the cache holds of it.

    Args:
        endpoint: base URL; None for HF_ENDPOINT, else huggingface.co.
        offline: ask nobody (HF_HUB_OFFLINE does the same).
        cache: folder of huggingface_hub's cache; None for its own (HF_HOME, HF_HUB_CACHE).
        token: for the server; None for the one that is stored (of a named endpoint: for HF_TOKEN alone).
    Raises: UsageError for an endpoint that is no URL; ModelEnvironmentError where huggingface_hub is missing.
    """

    place_option = "HF_HOME=DIR"  # what moves the cache to another disk

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        offline: bool = False,
        cache: Path | None = None,
        token: str | bool | None = None,
    ) -> None:
        if endpoint is not None and not re.match(r"https?://[^/\s]+", endpoint):
            raise UsageError(
                f"'{endpoint}' is no address", where="--endpoint", hint="e.g. --endpoint https://hf-mirror.com"
            )
        if endpoint is not None:
            # A mirror hands out the Hub's Xet addresses and not the mirror's own; plain HTTP goes through it.
            os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
        try:
            from huggingface_hub import constants
        except ImportError as error:
            raise ModelEnvironmentError(
                "huggingface_hub is needed to fetch weights, and is not installed",
                code="extra-missing",
                hint='pip install "modelreg[run]"; or name a folder: --weights DIR',
            ) from error
        self.offline = offline or bool(constants.HF_HUB_OFFLINE)
        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        self.cache = Path(cache or constants.HF_HUB_CACHE).expanduser()
        # A token that was stored for the Hub is not shown to a server that was named; HF_TOKEN is meant for it.
        self._token = token if token is not None or endpoint is None else os.environ.get("HF_TOKEN") or False

    def resolve(self, repository: str, revision: str = "") -> str:
        """The commit of a branch or tag ("" is main); a commit is its own, unasked.

        Raises: NoRepositoryError, NoRevisionError, GatedError, UnreachableError, OfflineError, HubAnswerError.
        """
        if COMMIT.fullmatch(revision):
            return revision
        if self.offline:
            return self._cached_commit(repository, revision)
        from huggingface_hub import HfApi

        api = HfApi(endpoint=self.endpoint, token=self._token)
        try:
            about = self._asked(repository, revision, lambda: api.model_info(repository, revision=revision or None))
        except UnreachableError as error:
            if (self._storage(repository) / "refs" / (revision or "main")).is_file():
                error.hint = f"it was fetched before: --offline takes what is here. Or {error.hint}"
            raise
        commit = about.sha
        if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
            raise translate(ValueError("no commit in its answer"), repository, revision, self.endpoint)
        self._remember(repository, revision or "main", commit)
        return commit

    def plan(self, repository: str, revision: str = "") -> Plan:
        """Names, sizes and hashes of what is needed, and what of it is here already.

        Raises: as `resolve`; NothingToLoadError; TruncatedDownloadError and WrongHashError for the few small
            files that are fetched to know the rest.
        """
        commit = self.resolve(repository, revision)
        there = self._listing(repository, commit)
        if CONFIG not in there:
            raise NothingToLoadError(
                f"{repository} has no {CONFIG}", where=f"{self.endpoint}/{repository}", hint="name another repository"
            )
        config = self._json(repository, commit, there[CONFIG])
        names = [n for n in SMALL if n in there] + [n for n in sorted(there) if _is_text(n) and n not in SMALL]
        names += self._weights(repository, commit, there)
        files = [there[n] for n in names]
        files = [f._replace(here=self._cached(repository, commit, f) is not None) for f in files]
        folder = self._snapshot(repository, commit)
        plan = Plan(repository, revision, commit, self.endpoint, tuple(files), folder, config)
        if self.offline and plan.missing:
            raise self._absent(repository, commit, [f.name for f in plan.missing])
        return plan

    def fetch(self, plan: Plan, progress: Progress = _silent) -> Path:
        """Fetch what is missing, one file after the other; a file that is complete stays, whatever comes after.

        Args: progress: told of every file and of the bytes as they come.
        Returns: the folder with all files of the plan.
        Raises: DiskFullError before anything is fetched; TruncatedDownloadError, WrongHashError, and as `plan`.
        """
        self._check_room(plan)
        for file in plan.missing:
            self._get(plan.repository, plan.commit, file, progress)
        lost = [f.name for f in plan.files if self._cached(plan.repository, plan.commit, f) is None]
        if lost:
            raise self._absent(plan.repository, plan.commit, lost)
        return plan.folder

    def _check_room(self, plan: Plan) -> None:
        place = next((p for p in (self.cache, *self.cache.parents) if p.exists()), Path("/"))
        free, need = shutil.disk_usage(place).free, int(plan.bytes_missing * _SPARE)
        if need > free:
            raise DiskFullError(
                f"the files take {plan.bytes_missing:,} bytes more; {place} has {free:,} bytes free",
                where=str(self.cache),
                hint=f"free some, or name another disk: {self.place_option}",
            )

    def _listing(self, repository: str, commit: str) -> dict[str, File]:
        """The files at the top of the repository."""
        from huggingface_hub import HfApi

        if self.offline:
            folder = self._snapshot(repository, commit)
            if not folder.is_dir():
                raise self._absent(repository, commit, [CONFIG])
            return {p.name: File(p.name, p.stat().st_size, "", "", True) for p in folder.iterdir() if p.is_file()}
        api = HfApi(endpoint=self.endpoint, token=self._token)
        found: list[Any] = self._asked(
            repository, commit, lambda: list(api.list_repo_tree(repository, revision=commit, recursive=False))
        )
        files = [f for f in found if getattr(f, "blob_id", None) is not None]
        return {
            f.path: File(f.path, int(f.lfs.size if f.lfs else f.size), f.lfs.sha256 if f.lfs else "", f.blob_id, False)
            for f in files
        }

    def _weights(self, repository: str, commit: str, there: Mapping[str, File]) -> list[str]:
        for index, single in WEIGHTS:
            if index in there:
                shards = self._json(repository, commit, there[index]).get("weight_map")
                if not isinstance(shards, dict):
                    raise NothingToLoadError(
                        "the index of the weights names no files", where=f"{repository}/{index}", hint="ask its owner"
                    )
                wanted = sorted({str(name) for name in shards.values()})
                lost = [n for n in wanted if n not in there]
                if lost and self.offline:
                    raise self._absent(repository, commit, lost)
                if lost:
                    raise NothingToLoadError(
                        f"the index names {lost[0]}, which the repository does not have",
                        where=f"{repository}/{index}",
                        hint="name another revision: --revision",
                    )
                return [index, *wanted]
            if single in there:
                return [single]
        if self.offline:
            raise self._absent(repository, commit, ["the weights"])
        others = sorted({Path(n).suffix for n in there if Path(n).suffix in (".gguf", ".bin", ".pt", ".ckpt", ".onnx")})
        has = f"; it has {', '.join(others)} files of another kind" if others else ""
        raise NothingToLoadError(
            f"{repository} has neither {WEIGHTS[0][1]} nor {WEIGHTS[1][1]}{has}",
            where=f"{self.endpoint}/{repository}",
            hint="name the repository with the original weights",
        )

    def _json(self, repository: str, commit: str, file: File) -> Mapping[str, Any]:
        if file.size > _INDEX_LIMIT:
            raise NothingToLoadError(f"{file.name} has {file.size:,} bytes", where=repository, hint="ask its owner")
        path = self._cached(repository, commit, file) or self._get(repository, commit, file)
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise NothingToLoadError(f"{file.name} cannot be read: {error}", where=str(path)) from error
        if not isinstance(value, dict):
            raise NothingToLoadError(f"{file.name} holds no JSON object", where=str(path))
        return value

    def _cached(self, repository: str, commit: str, file: File) -> Path | None:
        path = self._snapshot(repository, commit) / file.name
        try:
            return path if path.stat().st_size == file.size else None
        except OSError:
            return None

    def _get(self, repository: str, commit: str, file: File, progress: Progress = _silent) -> Path:
        from huggingface_hub import hf_hub_download

        if self.offline:
            raise self._absent(repository, commit, [file.name])
        stale = (self._snapshot(repository, commit) / file.name).exists()  # of another size: cut off
        progress(file.name, 0)
        path = Path(
            self._asked(
                repository,
                commit,
                lambda: hf_hub_download(
                    repository,
                    file.name,
                    revision=commit,
                    endpoint=self.endpoint,
                    cache_dir=self.cache,
                    token=self._token,
                    force_download=stale,
                    tqdm_class=_reporting(file.name, progress),
                ),
            )
        )
        where = f"{repository}/{file.name}"
        verify(path, size=file.size, sha256=file.sha256, blob=file.blob, where=where)
        return path

    def _asked(self, repository: str, revision: str, ask: Callable[[], T]) -> T:
        """Ask the Hub, with what it raises put into our words."""
        from huggingface_hub.errors import HfHubHTTPError

        bases: tuple[type[Any], ...] = HfHubHTTPError.__mro__
        http: type[Exception] = next(c for c in bases if c.__name__ in ("HTTPError", "RequestException"))
        try:
            with _quiet():
                return ask()
        except ModelregError:
            raise
        except (http, OSError, ValueError) as error:
            raise translate(error, repository, revision, self.endpoint) from error

    def _storage(self, repository: str) -> Path:
        return self.cache / f"models--{repository.replace('/', '--')}"

    def _snapshot(self, repository: str, commit: str) -> Path:
        return self._storage(repository) / "snapshots" / commit

    def _remember(self, repository: str, revision: str, commit: str) -> None:
        """What a branch was, in the place and form of huggingface_hub, so that offline runs find it."""
        path = self._storage(repository) / "refs" / revision
        if ".." in path.parts:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f"{path.name}.{os.getpid()}.new")
            new.write_text(commit, encoding="ascii")
            new.replace(path)
        except OSError as error:
            raise system_problem(error, str(path)) from error

    def _cached_commit(self, repository: str, revision: str) -> str:
        try:
            commit = (self._storage(repository) / "refs" / (revision or "main")).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            commit = ""
        if COMMIT.fullmatch(commit):
            return commit
        folder = self._storage(repository) / "snapshots"
        known = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        if known:
            raise NoRevisionError(
                f"offline, and no commit of '{revision or 'main'}' of {repository} is noted here",
                where=str(folder),
                hint="name one that is here: --revision " + " or ".join(known[:3]),
            )
        raise self._absent(repository, revision or "main", [CONFIG])

    def _absent(self, repository: str, commit: str, names: list[str]) -> OfflineError:
        some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        return OfflineError(
            f"offline, and the cache lacks {some} of {repository}@{commit[:12]}",
            where=str(self._storage(repository)),
            hint="run once without --offline and HF_HUB_OFFLINE, or name a folder: --weights DIR",
        )


def _is_text(name: str) -> bool:
    return "/" not in name and _LICENCE.fullmatch(name) is not None and not name.lower().endswith(_NOT_TEXT)


def _reporting(name: str, progress: Progress) -> Any:
    """A class in the place of tqdm's bar that tells `progress` what came."""

    class Reporter:
        """One file's bar, never drawn."""

        def __init__(self, *_: object, **kwargs: Any) -> None:
            self.n, self.total = 0, kwargs.get("total")

        def update(self, more: float | None = 1) -> None:
            self.n += int(more or 0)
            progress(name, int(more or 0))

        def __enter__(self) -> Reporter:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def __getattr__(self, _: str) -> Callable[..., None]:
            return lambda *_, **__: None

    return Reporter


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep huggingface_hub's own remarks off the screen while we make ours."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
