"""Which files the registry is made of, and a signature that changes when one of them does.

Layers, weakest first; a later one adds entries or changes fields of earlier ones:

1. the data that come with modelreg (`registry.yaml` and `licenses/` at the root of a checkout,
`modelreg/_data` in a wheel);
2. the files named in MODELREG_REGISTRY, from left to right;
3. the `registry:` section of the project's `modelreg.yaml`;
4. the files given with `--registry`, in their order.

Imported on the way to every answer: standard library only, and little of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from modelreg.errors import InputError, ModelEnvironmentError

ENVIRONMENT = "MODELREG_REGISTRY"
PROJECT_FILE = "modelreg.yaml"
PREBUILT = "registry.compiled"
PACKAGE = os.path.dirname(os.path.abspath(__file__))

StrPath = str | os.PathLike[str]


def data_folder() -> str:
    """The folder of the data that come with modelreg.

    Raises: ModelEnvironmentError if this installation has none.
    """
    package = os.path.dirname(PACKAGE)
    for folder in (os.path.join(package, "_data"), os.path.dirname(package)):
        if os.path.exists(os.path.join(folder, "registry.yaml")) or os.path.isdir(os.path.join(folder, "registry.d")):
            return folder
    raise ModelEnvironmentError(
        "registry.yaml is missing from this installation",
        code="no-registry",
        where=package,
        hint="reinstall modelreg: pip install --force-reinstall modelreg",
    )


def overlay_files(
    overlays: Sequence[StrPath] = (), project: StrPath | None = None, environ: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """Overlays in order of precedence, weakest first, as (path, option that named it).

    Args:
        overlays: from `--registry`; project: path of a `modelreg.yaml`; environ: os.environ if None.
    """
    named = (os.environ if environ is None else environ).get(ENVIRONMENT, "")
    found = [(path, ENVIRONMENT) for path in named.split(os.pathsep) if path.strip()]
    if project is not None:
        found.append((os.fspath(project), PROJECT_FILE))
    return found + [(os.fspath(path), "--registry") for path in overlays]


def find_project(start: StrPath = ".") -> str | None:
    """The nearest `modelreg.yaml` in a folder or above it, not above the root of its git work tree."""
    folder = os.path.abspath(start)
    while True:
        path = os.path.join(folder, PROJECT_FILE)
        if os.path.isfile(path):
            return path
        parent = os.path.dirname(folder)
        if parent == folder or os.path.exists(os.path.join(folder, ".git")):
            return None
        folder = parent


def data_files(folder: str) -> list[tuple[str, int, int]]:
    """Name (relative, with `/`), size in bytes and mtime in ns of each YAML file of a data folder, sorted."""
    found: list[tuple[str, int, int]] = []
    try:
        about = os.stat(os.path.join(folder, "registry.yaml"))
        found.append(("registry.yaml", about.st_size, about.st_mtime_ns))
    except OSError:
        pass
    for below in ("registry.d", "licenses"):
        found += _listed(os.path.join(folder, below), below + "/", (".yaml", ".yml"))
    return found


def code_files() -> list[tuple[str, int, int]]:
    """The files whose change makes another compiled form: this package and its schemas."""
    return _listed(PACKAGE, "", (".py",)) + _listed(os.path.join(PACKAGE, "schema"), "schema/", (".json",))


def _listed(folder: str, prefix: str, endings: tuple[str, ...]) -> list[tuple[str, int, int]]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                # Names that begin with a dot are editors' lock and swap files.
                if entry.name.endswith(endings) and not entry.name.startswith("."):
                    about = entry.stat()
                    found.append((prefix + entry.name, about.st_size, about.st_mtime_ns))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ModelEnvironmentError(
            f"cannot read {folder}: {error.strerror}",
            code="file-unreadable",
            where=folder,
            hint="check its permissions",
        ) from error
    return sorted(found)


def signature(folder: str, overlays: Sequence[tuple[str, str]] = ()) -> str:
    """What a compiled form must have been made of to be fresh: names, sizes and times of all sources and
    of the code.

    Raises: InputError if an overlay is not there.
    """
    lines = [f"data\t{folder}"]
    lines += [f"{name}\t{size}\t{mtime}" for name, size, mtime in code_files()]
    lines += [f"{name}\t{size}\t{mtime}" for name, size, mtime in data_files(folder)]
    for path, option in overlays:
        lines += overlay_lines(path, option)
    return "\n".join(lines)


def sizes(folder: str) -> str:
    """Signature of a compiled form that travels with its data: times change on the way, sizes do not."""
    return "\n".join(f"{name}\t{size}" for name, size, _ in code_files() + data_files(folder))


def overlay_lines(path: str, option: str) -> list[str]:
    """The part of the signature for one overlay: a file, or a folder laid out like the data folder."""
    full = os.path.abspath(path)
    try:
        about = os.stat(full)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no registry file {path!r}",
            code="file-unreadable",
            where=option,
            hint=f"correct the path in {option}",
        ) from error
    # The path as given is part of it too: answers show it.
    lines = [f"overlay\t{option}\t{path}\t{full}\t{about.st_size}\t{about.st_mtime_ns}"]
    if os.path.isdir(full):
        lines += [f"{name}\t{size}\t{mtime}" for name, size, mtime in data_files(full)]
    return lines


def newest(folder: str, overlays: Sequence[tuple[str, str]] = ()) -> int:
    """Latest mtime (ns) among data and overlays."""
    times = [mtime for _, _, mtime in data_files(folder)]
    for path, _ in overlays:
        if os.path.isdir(path):
            times += [mtime for _, _, mtime in data_files(path)]
        elif os.path.exists(path):
            times.append(os.stat(path).st_mtime_ns)
    return max(times, default=0)
