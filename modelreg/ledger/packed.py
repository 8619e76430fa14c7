"""Packed copies: folders of weights that `modelreg quantize` (or its cache) made from others.

A packed copy is a derivative: the terms of the model that it came from hold. Its manifest, `packed.json`, says which
model that was, with the hashes of the source's files, and the hashes of every file of the copy.

What the manifest can do is refuse: a file that is not as it says, a file too many, another model than the files show.
It opens nothing by itself. The one thing that it adds, that this copy stands for a folder whose content was
acknowledged (`folder` of a record) or for a revision, is believed only under the seal of this account. A copy that
somebody else made is a folder like any other: identified by its files, accepted as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modelreg.core.canonical import sha256_of
from modelreg.errors import NotAcceptedError, RefusedError
from modelreg.ledger.files import FileSet
from modelreg.ledger.seals import Seals

MANIFEST = "packed.json"
WEIGHTS = "packed.safetensors"
FORMAT = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Packed(NamedTuple):
    """What a manifest says, after every file was held against it.

    Attributes:
        model: registry id; scheme, head: of the layers, and of embeddings and head.
        sealed: this account made the copy; what follows counts only then.
        digest: FileSet.digest() of the source where sealed, else of the copy itself.
        revision: the source's commit where sealed, else "".
        hashes: sha256 of the copy's files; data: the manifest.
    """

    model: str
    scheme: str
    head: str
    sealed: bool
    digest: str
    revision: str
    hashes: Mapping[str, str]
    data: Mapping[str, Any]


def examine(files: FileSet, seals: Seals) -> Packed | None:
    """Read the manifest of a folder and hold its files against it; None where it has none.

    Files are hashed at their first use; after that their stamps tell.

    Raises:
        RefusedError: `packed-damaged`, the manifest is none. NotAcceptedError: `packed-changed`, a file is not the
        one that was written; `files-changed`, it changed meanwhile.
    """
    raw = files.read_small(MANIFEST)
    if raw is None and MANIFEST not in files.stamps:
        return None
    where = str(files.root / MANIFEST)
    data = _read(raw or b"", where)
    listed: Mapping[str, Any] = data["files"]
    hidden = {name for name in files.stamps if name.startswith(".") and "/" not in name}  # .DS_Store and its like
    for name in sorted({*files.stamps, *listed} - {MANIFEST} - hidden):
        if name not in listed:
            raise _changed(files.root / name, "is no file of this packed copy")
        if name not in files.stamps:
            raise _changed(files.root / name, "is gone from this packed copy")
        if files.stamps[name].size != listed[name]["size"]:
            got, want = files.stamps[name].size, listed[name]["size"]
            raise _changed(files.root / name, f"has {got:,} bytes; {want:,} were written")
    hashes = seals.hashes(files, [name for name in files.stamps if name in listed])
    for name, digest in hashes.items():
        if digest != listed[name]["sha256"]:
            raise _changed(files.root / name, "was changed after it was packed")
    body = {key: value for key, value in data.items() if key != "seal"}
    sealed = seals.holds(body, data.get("seal"))
    source = data["source"]
    if sealed:
        digest = str(source["digest"])
    else:
        rest = FileSet(files.root, {name: files.stamps[name] for name in hidden}).hashes()
        own = hashlib.sha256(raw or b"").hexdigest()
        digest = sha256_of({**hashes, **rest, MANIFEST: own})  # equal to files.digest()
    return Packed(
        str(data["model"]),
        str(data["scheme"]),
        str(data["head"]),
        sealed,
        digest,
        str(source["revision"]) if sealed else "",
        hashes,
        data,
    )


def write(folder: Path, data: Mapping[str, Any], seals: Seals) -> None:
    """Put the manifest into a folder, sealed.

    Args:
        data: all keys but `format` and `seal`. Raises: OSError.
    """
    body = {**data, "format": FORMAT}
    text = json.dumps({**body, "seal": seals.seal(body)}, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def check_model(packed: Packed, model: str, where: Path) -> None:
    """The manifest and the files must agree on the model.

    Raises:
        RefusedError: `folder-contradicts`.
    """
    if packed.model != model:
        raise RefusedError(
            f"{MANIFEST} says that this was packed from {packed.model}; the files are those of {model}",
            code="folder-contradicts",
            where=str(where / MANIFEST),
            hint="pack it again from the published files: modelreg quantize MODEL --quant int4 --out DIR",
        )


def _read(raw: bytes, where: str) -> dict[str, Any]:
    try:
        data = json.loads(raw.decode("utf-8"), object_pairs_hook=_no_repeats)
        if not isinstance(data, dict):
            raise TypeError("it is no object")
        if data.get("format") != FORMAT:
            raise TypeError(f"its format is {json.dumps(data.get('format'))[:20]}, not {FORMAT}")
        for key in ("model", "scheme", "head"):
            if not isinstance(data.get(key), str) or not data[key]:
                raise TypeError(f"'{key}' is missing")
        source = data.get("source")
        if not isinstance(source, dict) or not all(isinstance(source.get(k), str) for k in ("digest", "revision")):
            raise TypeError("'source' is missing")
        files = data.get("files")
        if not isinstance(files, dict) or WEIGHTS not in files:
            raise TypeError(f"'files' does not name {WEIGHTS}")
        for name, entry in files.items():
            if not isinstance(entry, dict) or type(entry.get("size")) is not int:
                raise TypeError(f"'files' has no size of {name[:80]}")
            if not _SHA256.fullmatch(str(entry.get("sha256"))):
                raise TypeError(f"'files' has no hash of {name[:80]}")
    except (ValueError, TypeError, RecursionError) as error:
        raise RefusedError(
            f"this is no manifest of a packed copy: {error}",
            code="packed-damaged",
            where=where,
            hint="pack it again: modelreg quantize MODEL --quant int4 --out DIR",
        ) from error
    return data


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key is given twice")
    return out


def _changed(path: Path, what: str) -> NotAcceptedError:
    return NotAcceptedError(
        f"{path.name} {what}",
        code="packed-changed",
        where=str(path),
        hint="nothing was opened; pack it again: modelreg quantize MODEL --quant int4 --out DIR",
    )
