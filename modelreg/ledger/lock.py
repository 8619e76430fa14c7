"""`modelreg.lock`: what a project uses, pinned.

TOML, one block a model, one fact a line, sorted: it merges line by line.

["THUDM/chatglm-6b"]
acknowledgement = "3f2a90c1d0aa"
commit = "1d240ba371910e9282298d4592532d7f0f3e9f3e"
use = "commercial"

["THUDM/chatglm-6b".terms]
"LicenseRef-ChatGLM-6B-2023-07-08#main" = "sha256:…"

["THUDM/chatglm-6b".files]
"config.json" = "sha256:…"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modelreg.errors import InputError
from modelreg.ledger.match import Terms

NAME = "modelreg.lock"
_HEAD = "# Written by `modelreg lock`; checked by `modelreg lock --check`. Keep it in version control.\nversion = 1\n"
_PLAIN = ("acknowledgement", "commit", "use")


class Pin(NamedTuple):
    """One model as it is used.

    Attributes:
        model: id; commit: hub commit, "" if not known; acknowledgement: id of the ledger's record; use: kind of use.
        terms: `licence#text` -> `sha256:…`, or `terms:…` for a text whose hash is not known.
        files: name -> `sha256:…`; empty where no files are here.
    """

    model: str
    acknowledgement: str
    commit: str
    use: str
    terms: Mapping[str, str]
    files: Mapping[str, str]


class Difference(NamedTuple):
    """One fact that is not as locked; `locked` or `got` is empty where one side lacks it."""

    model: str
    what: str
    locked: str
    got: str


def pins_of_terms(terms: Iterable[Terms]) -> dict[str, str]:
    """Texts in force as they stand in the lock."""
    found = {}
    for text in terms:
        for key, digest in text.texts.items() or ((("", None)),):
            name = f"{text.license}#{key}" if key else text.license
            found[name] = f"sha256:{digest}" if digest else f"terms:{text.digest}"
    return found


def write(pins: Iterable[Pin]) -> str:
    """The file's text."""
    parts = [_HEAD]
    for pin in sorted(pins, key=lambda p: p.model):
        name = _quoted(pin.model)
        lines = [f"\n[{name}]"]
        lines += [f"{key} = {_quoted(getattr(pin, key))}" for key in _PLAIN]
        for table in ("terms", "files"):
            values: Mapping[str, str] = getattr(pin, table)
            if values:
                lines += ["", f"[{name}.{table}]", *(f"{_quoted(k)} = {_quoted(values[k])}" for k in sorted(values))]
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def read(path: Path) -> dict[str, Pin]:
    """Pins by model; empty where there is no file.

    Raises:
        InputError: the file cannot be read or is not of this form (a merge conflict, for one).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read: {error}", code="bad-lock", where=str(path)) from error
    try:
        data = tomllib.loads(text)
        if data.pop("version", None) != 1:
            raise ValueError("version must be 1")
        return {model: _pin(model, block) for model, block in data.items()}
    except (tomllib.TOMLDecodeError, ValueError) as error:
        hint = "solve the merge, or write it anew: modelreg lock"
        raise InputError(f"not a lock file: {error}", code="bad-lock", where=str(path), hint=hint) from error


def _pin(model: str, block: Any) -> Pin:
    if not isinstance(block, dict) or set(block) - {*_PLAIN, "terms", "files"}:
        raise ValueError(f"the block of {model} has keys that are not known")
    plain = {key: block.get(key, "") for key in _PLAIN}
    tables = {key: block.get(key, {}) for key in ("terms", "files")}
    texts = [*plain.values(), *(v for t in tables.values() if isinstance(t, dict) for v in t.values())]
    if not all(isinstance(t, dict) for t in tables.values()) or not all(isinstance(v, str) for v in texts):
        raise ValueError(f"the block of {model} holds what is no text")
    return Pin(model, **plain, **tables)


def differences(locked: Pin, now: Pin) -> Iterator[Difference]:
    """What is not as locked. Files are compared only where they are here."""
    for key in _PLAIN:
        was, got = getattr(locked, key), getattr(now, key)
        if was != got and (got or key != "commit"):
            yield Difference(now.model, key, was, got)
    tables = [("terms", locked.terms, now.terms)]
    if now.files:
        tables.append(("files", locked.files, now.files))
    for table, was_all, now_all in tables:
        for name in sorted({*was_all, *now_all}):
            if was_all.get(name) != now_all.get(name):
                yield Difference(now.model, f"{table} {name}", was_all.get(name, ""), now_all.get(name, ""))


def save(path: Path, text: str) -> None:
    """Write the file whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"cannot write: {error.strerror}", code="cannot-write", where=str(path)) from error


def _quoted(text: str) -> str:
    out = []
    for c in text:
        if c in '"\\':
            out.append("\\" + c)
        elif c < " " or c == "\x7f":
            out.append(f"\\u{ord(c):04x}")
        else:
            out.append(c)
    return '"' + "".join(out) + '"'


def hub_snapshot(names: Iterable[str], commit: str, environ: Mapping[str, str]) -> tuple[str, Path] | None:
    """(commit, folder) of a model in the Hub's cache: that commit, else the one that `main` points to."""
    home = environ.get("HF_HOME") or str(Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface")
    cache = Path(environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE") or Path(home) / "hub")
    for name in names:
        folder = cache / ("models--" + name.replace("/", "--"))
        try:
            wanted = commit or (folder / "refs" / "main").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            continue
        snapshot = folder / "snapshots" / wanted
        if wanted and "/" not in wanted and snapshot.is_dir():
            return wanted, snapshot
    return None
