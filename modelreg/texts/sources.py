"""The places where texts are looked for: a hub, GitHub, or a folder. One shape for all three."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from modelreg.texts.places import GITHUB, Place
from modelreg.texts.remote import MAX_TEXT, CouldNotLook, NotThere, Remote, escape, strings

NEWEST = ""  # the revision that people get


class Source(Protocol):
    """Files of repositories at a revision."""

    def get(self, place: Place, revision: str = NEWEST) -> bytes:
        """A file. Raises: NotThere, CouldNotLook."""

    def listing(self, host: str, repository: str, revision: str = NEWEST) -> Sequence[str] | None:
        """Paths of all files; None where the source cannot say, or not of this revision. Raises: CouldNotLook."""

    def page(self, place: Place) -> str:
        """An address at which people see the file."""


class Web:
    """A hub and GitHub (or their mirrors).

    Args:
        hub: endpoint of the hub; github_raw: base of raw files, `<base>/<owner>/<name>/<revision>/<path>`;
        github_api: base of the API for listings.
    """

    def __init__(self, remote: Remote, hub: str, github_raw: str, github_api: str) -> None:
        self.remote = remote
        self.hub = hub
        self.github_raw = github_raw
        self.github_api = github_api

    def get(self, place: Place, revision: str = NEWEST) -> bytes:
        name, path = escape(place.repository), escape(place.path)
        if place.host == GITHUB:
            return self.remote.get(f"{self.github_raw}/{name}/{escape(revision or 'HEAD')}/{path}")
        return self.remote.get(f"{self.hub}/{name}/resolve/{escape(revision or 'main')}/{path}")

    def listing(self, host: str, repository: str, revision: str = NEWEST) -> Sequence[str] | None:
        name = escape(repository)
        try:
            if host == GITHUB:
                tree = f"{self.github_api}/repos/{name}/git/trees/{escape(revision or 'HEAD')}?recursive=1"
                answer = self.remote.json(tree)
                items = answer.get("tree") if isinstance(answer, dict) and not answer.get("truncated") else None
                return strings(items, "path") if isinstance(items, list) else None
            answer = self.remote.json(
                f"{self.hub}/api/models/{name}" + (f"/revision/{escape(revision)}" if revision else "")
            )
        except NotThere:
            return None
        if not isinstance(answer, dict) or not isinstance(answer.get("siblings"), list):
            return None
        if revision and not str(answer.get("sha") or "").startswith(revision):
            return None  # a hub that shows the newest files whatever is asked for
        return strings(answer["siblings"], "rfilename")

    def page(self, place: Place) -> str:
        if place.host == GITHUB:
            return f"https://github.com/{place.repository}/blob/HEAD/{escape(place.path)}"
        return f"{self.hub}/{place.repository}/blob/main/{escape(place.path)}"


class Folder:
    """Copies on this machine: `owner/name/path` or `name/path` below the folder."""

    def __init__(self, folder: Path, deadline: float) -> None:
        self.folder = folder
        self.deadline = deadline

    def _root(self, repository: str) -> Path | None:
        for name in (repository, repository.rpartition("/")[2]):
            place = self.folder / name
            if place.is_dir():
                return place
        return None

    def get(self, place: Place, revision: str = NEWEST) -> bytes:
        if revision:
            raise NotThere(f"{place} @ {revision}")  # a folder has no history
        root = self._root(place.repository) if place.repository else self.folder
        if root is None:
            raise CouldNotLook(f"no copy of {place.repository} in {self.folder}")
        path = (root / place.path).resolve()
        if not path.is_relative_to(self.folder.resolve()) or not path.is_file():
            raise NotThere(str(place))
        return _read(path)

    def listing(self, host: str, repository: str, revision: str = NEWEST) -> Sequence[str] | None:
        del host  # a folder has one
        root = self._root(repository) if repository else self.folder
        if revision or root is None:
            return None
        found: list[str] = []
        for path in root.rglob("*") if repository else root.iterdir():
            if time.monotonic() > self.deadline:
                raise CouldNotLook("no time left (see --max-time)")
            if path.is_file() and ".git" not in path.parts:
                found.append(path.relative_to(root).as_posix())
        return sorted(found)

    def page(self, place: Place) -> str:
        root = (self._root(place.repository) if place.repository else None) or self.folder
        return str(root / place.path)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_TEXT:
            raise CouldNotLook(f"more than {MAX_TEXT} bytes: {path}")
        return path.read_bytes()
    except OSError as error:
        raise CouldNotLook(f"{path}: {error.strerror}") from error
