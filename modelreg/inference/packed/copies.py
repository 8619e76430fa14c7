"""A packed copy as a folder: made beside its place and moved there when it is whole, with all that must travel along.

What travels: config.json and the tokenizer's files as they are, the licence texts as they are, the model card with a
section on what was changed, and NOTICE with the same statement (made where there is none).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from modelreg._version import __version__
from modelreg.core.canonical import sha256_of
from modelreg.errors import InputError
from modelreg.inference import kernels
from modelreg.inference.checkpoint import find_checkpoint
from modelreg.inference.hub_problems import system_problem
from modelreg.inference.models.config import CONFIG_NAME, read_config
from modelreg.inference.packed import make
from modelreg.inference.packed.files import Writer
from modelreg.inference.packed.make import Packable
from modelreg.inference.packed.recipes import Recipe
from modelreg.inference.weights import _empty_model
from modelreg.ledger import packed as manifests
from modelreg.ledger.files import FileSet, take
from modelreg.ledger.seals import Seals

if TYPE_CHECKING:
    from modelreg.ledger.gate import Grant

LAYOUT = "modelreg-packed"
CARD, NOTICE = "README.md", "NOTICE"
_TRAVELS = re.compile(
    r"(?i)config\.json|generation_config\.json|tokenizer[^/]*|ice_text\.model|special_tokens_map\.json|vocab[^/]*"
    r"|merges\.txt|added_tokens\.json|(model[_-]?)?(licen[cs]e|copying|notice|use_policy)[^/]*|[^/]*(许可|协议)[^/]*"
    r"|readme[^/]*"
)
_NEVER = (".py", ".bin", ".safetensors", ".pt", ".gguf", ".msgpack", ".h5", ".onnx")
_SMALL = 200_000_000  # bytes; a file beside the weights that is larger is no text and no tokenizer
_LICENCE = re.compile(r"(?i)(model[_-]?)?(licen[cs]e|copying|use_policy)[^/]*|[^/]*(许可|协议)[^/]*")
Told = Callable[[str, str, int, int], None]  # (phase, name, bytes done, bytes in all); phases: hash, pack, check


class Copy(NamedTuple):
    """A copy that was made.

    Attributes:
        folder; nbytes: of all its files; weights: of the packed weights; seconds; model, recipe.
        licences: names of the licence texts that travelled.
    """

    folder: Path
    nbytes: int
    weights: int
    seconds: float
    model: str
    recipe: Recipe
    licences: tuple[str, ...]


def hashed(files: FileSet, seals: Seals, told: Told) -> dict[str, str]:
    """SHA-256 of every file of a source, remembered from the last time where that is possible."""
    total, done = sum(stamp.size for stamp in files.stamps.values()), 0

    def one(name: str, nbytes: int) -> None:
        nonlocal done
        done += nbytes
        told("hash", name, done, total)

    told("hash", "", 0, total)
    return seals.hashes(files, told=one)


def build(grant: Grant, out: Path, recipe: Recipe, *, seals: Seals, told: Told) -> Copy:
    """Pack the weights that a grant opens into a new folder.

    Args:
        grant: of the source; out: must not exist, or be empty.
        told: progress. Where this raises (Ctrl-C too), nothing stays behind.
    Raises: TypeError for anything but a Grant; NotAcceptedError where the source changed; InputError where `out` is
        taken; WeightsError, ConfigError, DiskFullError and other problems of the disk.
    """
    from modelreg.ledger.gate import genuine

    files = genuine(grant).check_files()
    started = time.perf_counter()
    check_free(out)
    with _beside(out) as temporary:
        hashes = hashed(files, seals, told)
        work = plan(files.root, recipe)
        weights = _write_weights(work, temporary / manifests.WEIGHTS, grant.model, sha256_of(hashes), told)
        statement = _statement(grant, recipe)
        licences = _write_texts(files, temporary, statement)
        files.check()  # nothing was put in the place of what was read
        written = take(temporary)
        size = sum(stamp.size for stamp in written.stamps.values())
        told("check", manifests.WEIGHTS, 0, size)
        own = written.hashes()
        told("check", "", size, size)
        body = {
            "model": grant.model,
            "scheme": recipe.scheme,
            "head": recipe.head,
            "layout": {"name": LAYOUT, "kernels": make.LAYOUT},
            "source": {"digest": sha256_of(hashes), "revision": grant.revision, "files": hashes},
            "licences": {name: own[name] for name in licences},
            "acknowledgement": grant.acknowledgement,
            "made": {"by": f"modelreg {__version__}", "on": time.strftime("%Y-%m-%d", time.gmtime())},
            "statement": statement,
            "files": {name: {"size": written.stamps[name].size, "sha256": own[name]} for name in sorted(own)},
        }
        manifests.write(temporary, body, seals)
        _replace(temporary, out)
    here = take(out)
    # Only what is still, to the last tick, what was hashed before it was moved.
    seals.note(here, {name: own[name] for name in own if here.stamps.get(name) == written.stamps[name]})
    return Copy(out, size, weights, time.perf_counter() - started, grant.model, recipe, tuple(licences))


def plan(folder: Path, recipe: Recipe) -> make.Work:
    """What packing a folder means, read from its configuration and its names alone.

    Raises: ConfigError, WeightsError.
    """
    values = read_config(folder)
    checkpoint = find_checkpoint(folder)
    model = _empty_model(values, str(folder / CONFIG_NAME))
    return make.work_for(model, checkpoint, recipe)


def published_bits(folder: Path) -> int:
    """4 or 8 where a checkpoint is quantized as it was published, else 0. Raises: ConfigError."""
    bits: int = _empty_model(read_config(folder), str(folder / CONFIG_NAME)).config.quantization_bit
    return bits


def check_free(out: Path) -> None:
    """Raises: InputError where `out` holds something."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("there is something here already", code="out-taken", where=str(out), hint="--out NEW-FOLDER")


class _ToFile:
    """Writes packed weights as they come."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def put(self, name: str, value: Packable) -> None:
        """See `make.Target`."""
        if isinstance(value, kernels.PackedWeight):
            for part, tensor in make.parts_of(value):
                self.writer.put(f"{name}.{part}", tensor)
        else:
            self.writer.put(name, value)


def _write_weights(work: make.Work, path: Path, model: str, digest: str, told: Told) -> int:
    total, done = work.checkpoint.nbytes(), 0
    metadata = {
        "format": LAYOUT,
        "layout": make.LAYOUT,
        "model": model,
        "scheme": work.recipe.scheme,
        "head": work.recipe.head,
        "source": digest,
        "modelreg": __version__,
        "weights": json.dumps(make.described(work), separators=(",", ":")),
    }
    writer = Writer(path, make.entries(work), metadata)

    def read(name: str, nbytes: int) -> None:
        nonlocal done
        done = min(total, done + nbytes)
        told("pack", name, done, total)

    try:
        told("pack", "", 0, total)
        make.run(work, _ToFile(writer), read)
        writer.close()
        told("pack", "", total, total)
    except OSError as error:
        raise system_problem(error, str(path)) from error
    finally:
        writer.abandon()
    return writer.nbytes


def _statement(grant: Grant, recipe: Recipe) -> str:
    """What was changed, in words for people who get the copy."""
    of = f"{grant.model}, revision {grant.revision}" if grant.revision else grant.model
    return (
        f"The weights in {manifests.WEIGHTS} were made from those of {of}: its layers were quantized to "
        f"{recipe.scheme}, its embeddings and output head to {recipe.head}, by modelreg {__version__} on "
        f"{time.strftime('%Y-%m-%d', time.gmtime())}. Nothing was trained. The terms of {grant.model} hold for this "
        f"copy; its licence texts are beside this file. {manifests.MANIFEST} names the files that it was made from."
    )


def _write_texts(files: FileSet, folder: Path, statement: str) -> list[str]:
    """Copy what travels; returns the names of the licence texts."""
    licences = []
    for name, stamp in sorted(files.stamps.items()):
        if "/" in name or not _TRAVELS.fullmatch(name) or name.lower().endswith(_NEVER) or stamp.size > _SMALL:
            continue
        with files.open(name) as stream:
            data = stream.read()
        if name == CARD:
            data = data.rstrip() + f"\n\n## Changes\n\n{statement}\n".encode()
        elif name == NOTICE:
            data = data.rstrip() + f"\n\n{statement}\n".encode()
        elif _LICENCE.fullmatch(name) and not name.lower().endswith(".json"):
            licences.append(name)
        (folder / name).write_bytes(data)
    if NOTICE not in files.stamps:
        (folder / NOTICE).write_text(statement + "\n", encoding="utf-8")
    return licences


@contextlib.contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """An empty folder on the same disk, gone at the end whatever happens; those of processes that died go first."""
    out = out.absolute()
    pattern = re.compile(rf"\.{re.escape(out.name)}\.(\d+)\.packing")
    temporary = out.with_name(f".{out.name}.{os.getpid()}.packing")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for old in out.parent.iterdir():
            found = pattern.fullmatch(old.name)
            if found and not _alive(int(found[1])):
                shutil.rmtree(old, ignore_errors=True)
        temporary.mkdir()
    except OSError as error:
        raise system_problem(error, str(out)) from error
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _alive(pid: int) -> bool:
    if pid == os.getpid():
        return False  # left by an earlier process of the same number
    if sys.platform == "win32":  # there os.kill(pid, 0) is no question
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _replace(temporary: Path, out: Path) -> None:
    try:
        if out.exists():
            out.rmdir()  # it was empty
        temporary.rename(out)
    except OSError as error:
        raise system_problem(error, str(out)) from error


def said(data: Mapping[str, Any]) -> str:
    """Scheme and head of a manifest, for people."""
    return Recipe(str(data["scheme"]), str(data["head"])).label
