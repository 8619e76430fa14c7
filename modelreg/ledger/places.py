"""Where the ledger lies, and what it is bound to.

A ledger that was copied somewhere else answers for nothing there: its first record says which account, project or
path it belongs to. `modelreg ledger adopt` binds it anew, in somebody's name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ENVIRONMENT = "MODELREG_LEDGER"
PROJECT_FOLDER = ".modelreg"
LEDGER_NAME = "ledger.jsonl"
PROJECT_ID = "project-id"

USER, PROJECT, FILE = "user", "project", "file"


class Place(NamedTuple):
    """A ledger's file, its scope and what it is bound to.

    scope: `user` (home is the account), `project` (home is the project's id) or `file` (home is the path).
    """

    path: Path
    scope: str
    home: str


def find_place(
    option: str | None = None, *, environ: Mapping[str, str] | None = None, start: str | Path = "."
) -> Place:
    """The ledger to use: `--ledger`, else MODELREG_LEDGER, else the project's if it is there, else the user's.

    Args:
        option: what `--ledger` named; environ: os.environ if None; start: folder in which the search begins.
    """
    env = os.environ if environ is None else environ
    named = option or env.get(ENVIRONMENT, "")
    if named:
        return _named(Path(named).absolute(), env)
    project = find_project_ledger(start)
    return _named(project, env) if project is not None else _named(user_folder(env) / LEDGER_NAME, env)


def _named(path: Path, env: Mapping[str, str]) -> Place:
    # What a ledger is follows from where it lies, not from which option named it.
    if path.name == LEDGER_NAME and path.parent.name == PROJECT_FOLDER:
        return Place(path, PROJECT, project_id(path.parent) or "none")
    if path == user_folder(env).absolute() / LEDGER_NAME:
        return Place(path, USER, account())
    return Place(path, FILE, str(Path(os.path.realpath(path))))


def find_project_ledger(start: str | Path = ".") -> Path | None:
    """The nearest `.modelreg/ledger.jsonl` in a folder or above it, not above the root of its git work tree."""
    folder = Path(start).absolute()
    for place in (folder, *folder.parents):
        path = place / PROJECT_FOLDER / LEDGER_NAME
        if path.is_file():
            return path
        if (place / ".git").exists():
            return None
    return None


def project_id(folder: Path) -> str:
    """The id in `.modelreg/project-id`, or empty."""
    try:
        return (folder / PROJECT_ID).read_text(encoding="utf-8").strip()[:80]
    except (OSError, UnicodeDecodeError):
        return ""


def init_project(folder: Path) -> Place:
    """Make `.modelreg/` with an id, so that the project has a ledger of its own; an id that is there stays.

    Raises:
        OSError: it cannot be written.
    """
    import secrets

    where = folder.absolute() / PROJECT_FOLDER
    where.mkdir(parents=True, exist_ok=True)
    if not project_id(where):
        (where / PROJECT_ID).write_text(secrets.token_hex(16) + "\n", encoding="utf-8")
    ignore = where / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*.lock\n*.torn-*\n", encoding="utf-8")
    return Place(where / LEDGER_NAME, PROJECT, project_id(where))


def user_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The user's data folder of this platform."""
    env = os.environ if environ is None else environ
    if sys.platform == "win32":
        base = env.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = env.get("XDG_DATA_HOME", "")
        if not Path(base).is_absolute():  # the XDG specification: relative values are ignored
            base = str(Path.home() / ".local" / "share")
    return Path(base) / "modelreg"


def account() -> str:
    """The account that this process runs under, from the system and not from variables such as USER."""
    if sys.platform == "win32":
        try:
            return os.getlogin()
        except OSError:
            return "unknown"
    import pwd

    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"
