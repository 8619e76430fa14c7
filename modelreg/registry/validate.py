"""`modelreg validate`: every problem of some data at once, not only the first."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from modelreg.registry import checks
from modelreg.registry.problems import Problem
from modelreg.registry.raw import BUILT_IN, Raw, read_file, read_folder
from modelreg.registry.sources import StrPath, data_folder


def validate(paths: Iterable[StrPath] = (), *, against_built_in: bool | None = None) -> list[Problem]:
    """All problems of registries, licence records, overlays and project files, in the order of file and line.

    Args:
        paths: files, or folders laid out like the data folder; the built-in data if there are none.
        against_built_in: whether the paths are layers over the built-in data (True), or stand alone (False);
            None: folders with a registry stand alone, all else are layers.
    Raises: ModelEnvironmentError if the built-in data are needed and missing.
    """
    listed = [os.fspath(path) for path in paths] or [data_folder()]
    over = against_built_in if against_built_in is not None else not any(_stands_alone(path) for path in listed)
    raw = Raw()
    if over:
        read_folder(raw, data_folder())
    for path in listed:
        source = "overlay" if over else BUILT_IN
        if os.path.isdir(path):
            show = "" if path in (".", "") else path.rstrip("/") + "/"
            read_folder(raw, path, source=source, show=show)
        else:
            is_license = os.path.basename(os.path.dirname(os.path.abspath(path))) == "licenses"
            read_file(raw, path, source=source, name=path, is_license=is_license)
    return ordered([*checks.check(raw), *(p for path in listed if os.path.isfile(path) for p in unfinished(path))])


_TODO = re.compile(r"#\s*TODO\b:?\s*(.*)")
_KEY = re.compile(r"^[\s-]*#?\s*([a-z_]+):")


def unfinished(path: str) -> list[Problem]:
    """What is still marked `# TODO` in a file, as `modelreg add` writes it. A file that cannot be read has none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = stream.readlines()
    except OSError:
        return []
    found = []
    for number, line in enumerate(lines, 1):
        mark = _TODO.search(line)
        if mark is not None:
            key = _KEY.match(line)
            what = f"{key[1]} is not finished" if key else "something is not finished"
            message = f"{what}: {mark[1].strip()}" if mark[1].strip() else what
            where = f"{path}:{number}:{mark.start() + 1}"
            found.append(Problem("warning", "to-do", message, where, "look, write the value, and remove the TODO"))
    return found


def _stands_alone(path: str) -> bool:
    return os.path.isdir(path) and any(
        os.path.exists(os.path.join(path, name)) for name in ("registry.yaml", "registry.d", "licenses")
    )


def ordered(problems: Sequence[Problem]) -> list[Problem]:
    """Without repetitions, by file, line and column; errors and warnings mixed as they stand."""

    def place(problem: Problem) -> tuple[str, int, int]:
        file, _, rest = problem.where.partition(":")
        numbers = [int(part) for part in rest.split(":") if part.isdigit()] + [0, 0]
        return file, numbers[0], numbers[1]

    return sorted(dict.fromkeys(problems), key=place)
