"""A registry that is not the one in use: a folder, or one file of it, read for comparison."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from modelreg.errors import InputError
from modelreg.registry.expand import expand_license, expand_models
from modelreg.registry.problems import raise_first
from modelreg.registry.raw import BUILT_IN, Raw, read_file, read_folder
from modelreg.registry.sources import StrPath


class Contents(NamedTuple):
    """Entries by id, in the uniform shape of docs/registry-format.md."""

    models: Mapping[str, Mapping[str, Any]]
    licenses: Mapping[str, Mapping[str, Any]]
    publishers: Mapping[str, Mapping[str, Any]]
    ambiguous: Mapping[str, Mapping[str, Any]]


def read_contents(path: StrPath) -> Contents:
    """Everything that a registry folder, a registry file or a licence record holds; references are not followed.

    Raises:
        InputError: no such path, nothing of a registry in it, or a file that cannot be read.
    """
    name = os.fspath(path)
    raw = Raw()
    if os.path.isdir(name):
        read_folder(raw, name, source=BUILT_IN, show=name.rstrip("/") + "/")
    elif os.path.isfile(name):
        read_file(raw, name, source=BUILT_IN, name=name)
    else:
        raise InputError("no such file or folder", code="no-such-file", where=name)
    raise_first(raw.problems)
    if not (raw.models or raw.licenses or raw.publishers or raw.ambiguous):
        raise InputError(
            "nothing of a registry here",
            code="no-registry",
            where=name,
            hint="a folder with registry.yaml, registry.d/ or licenses/; a file with models: or licenses:; a record",
        )
    try:
        models = {m["id"]: m for m in expand_models(raw)}
        licenses = {id_: expand_license(entry) for id_, entry in raw.licenses.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"an entry is not whole: {error}", code="bad-entry", where=name, hint=f"modelreg validate {name}"
        ) from error
    return Contents(
        models,
        licenses,
        {id_: entry.value for id_, entry in raw.publishers.items()},
        {id_: entry.value for id_, entry in raw.ambiguous.items()},
    )
