"""Packed copies at the gate: what opens, and every way around it that must not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from world import TEXT, World, folder

import modelreg
from modelreg.errors import ModelregError
from modelreg.ledger import packed
from modelreg.ledger.files import take
from modelreg.ledger.seals import CHECKED, FOLDER, KEY, Seals

COMMIT = "1" * 40


def pack(source: Path, where: Path, model: str, *, revision: str = "", seals: Seals | None = None) -> Path:
    """What `modelreg quantize` leaves: the source's small files, packed weights, the manifest."""
    seals = seals or Seals()
    where.mkdir(parents=True)
    for name in ("config.json", "README.md", "LICENSE"):
        if (source / name).is_file():
            shutil.copy(source / name, where / name)
    (where / packed.WEIGHTS).write_bytes(b"packed!" * 100)
    written = take(where)
    hashes, files = written.hashes(), take(source)
    body = {
        "model": model,
        "scheme": "int4-g32",
        "head": "int4-g32",
        "source": {"digest": files.digest(), "revision": revision, "files": files.hashes()},
        "files": {n: {"size": written.stamps[n].size, "sha256": hashes[n]} for n in hashes},
    }
    packed.write(where, body, seals)
    return where


def edit(place: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Change the manifest, leaving the seal as it was."""
    path = place / packed.MANIFEST
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    return place


def rehash(place: Path, name: str) -> Path:
    """Put a file's present hash and size into the manifest."""
    data = (place / name).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return edit(place, lambda m: m["files"].__setitem__(name, {"size": len(data), "sha256": digest}))


def free(world: World) -> Path:
    """A packed copy of lab/free, which is acknowledged for commercial use."""
    assert world.accept("lab/free", "--commercial") == 0
    return pack(folder(world.root / "source", 64, name="lab/free"), world.root / "packed", "lab/free")


def bound(world: World) -> tuple[Path, Path]:
    """A folder that only its content identifies, acknowledged as lab/plain; and a packed copy of it."""
    source = folder(world.root / "source", 777)
    assert world.accept(source, "--as", "lab/plain", "--commercial") == 0
    return source, pack(source, world.root / "packed", "lab/plain")


def strangers(world: World) -> Seals:
    """The key of somebody else."""
    return Seals({"XDG_DATA_HOME": str(world.root / "stranger")})


# --- what opens ---------------------------------------------------------------------------------------------------


def test_a_copy_opens_as_its_model(world: World) -> None:
    place = free(world)
    assert world.ask(place) == (0, "")
    assert world.ask("lab/free", folder=place) == (0, "")
    assert world.ask("lab/free", cached=place) == (0, "")
    grant = modelreg.require(place, use="commercial", ledger=world.ledger, registry=[str(world.registry)])
    assert (grant.model, grant.folder) == ("lab/free", place)


def test_a_copy_stands_for_the_folder_whose_content_was_acknowledged(world: World) -> None:
    source, place = bound(world)
    assert world.ask(source) == (0, "")
    assert world.ask(place) == (0, "")
    moved = place.rename(world.root / "elsewhere")
    assert world.ask(moved) == (0, "")
    shutil.copytree(moved, world.root / "copy")
    assert world.ask(world.root / "copy") == (0, "")


def test_a_copy_stands_for_its_revision(world: World) -> None:
    assert world.accept("lab/free", "--commercial", "--revision", COMMIT) == 0
    source = folder(world.root / "source", 64, name="lab/free")
    assert world.ask(pack(source, world.root / "packed", "lab/free", revision=COMMIT)) == (0, "")
    assert world.ask(pack(source, world.root / "other", "lab/free", revision="2" * 40)) == (4, "revision-changed")


def test_a_copy_that_somebody_else_made_is_accepted_as_it_is(world: World) -> None:
    source = folder(world.root / "source", 777)
    place = pack(source, world.root / "packed", "lab/plain", seals=strangers(world))
    assert world.ask(place) == (1, "unidentified-model")
    assert world.accept(place, "--as", "lab/plain", "--commercial") == 0
    assert world.ask(place) == (0, "")


def test_hashes_are_read_once_and_remembered_by_stamp(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelreg.ledger.seals._SETTLED", 0.0)
    place = free(world)
    assert world.ask(place) == (0, "")
    monkeypatch.setattr("modelreg.ledger.seals._read", lambda _, names: iter([(n, "0" * 64) for n in names]))
    assert world.ask(place) == (0, "")  # nothing was read again
    os.utime(place / packed.WEIGHTS)
    assert world.ask(place) == (4, "packed-changed")  # another stamp: read, and here found wrong


def test_the_key_is_the_account_s_alone(world: World) -> None:
    free(world)
    key = Path(os.environ["XDG_DATA_HOME"]) / "modelreg" / FOLDER / KEY
    assert key.stat().st_mode & 0o077 == 0
    assert len(bytes.fromhex(key.read_text())) == 32


# --- what does not ------------------------------------------------------------------------------------------------


def case_nothing_acknowledged(world: World) -> Any:
    source = folder(world.root / "source", 64, name="lab/free")
    return world.ask(pack(source, world.root / "packed", "lab/free")), (4, "not-accepted")


def case_terms_that_forbid_it(world: World) -> Any:
    world.accept("lab/research", "--research", license_id="LicenseRef-Research")
    place = pack(folder(world.root / "source", 256), world.root / "packed", "lab/research")
    assert world.ask(place, "research") == (0, "")
    return world.ask(place), (4, "use-changed")


def case_weights_changed(world: World) -> Any:
    place = free(world)
    (place / packed.WEIGHTS).write_bytes(b"others!" * 100)
    return world.ask(place), (4, "packed-changed")


def case_weights_changed_after_the_first_look_and_times_restored(world: World) -> Any:
    place = free(world)
    file = place / packed.WEIGHTS
    assert world.ask(place) == (0, "")
    before = file.stat()
    file.write_bytes(b"others!" * 100)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return world.ask(place), (4, "packed-changed")


def case_weights_cut_off(world: World) -> Any:
    place = free(world)
    (place / packed.WEIGHTS).write_bytes(b"packed!" * 99)
    return world.ask(place), (4, "packed-changed")


def case_weights_of_another_copy(world: World) -> Any:
    place = free(world)
    other = folder(world.root / "other", 256)
    (other / "model.safetensors").write_bytes(b"PACKED?" * 100)
    (place / packed.WEIGHTS).unlink()
    (place / packed.WEIGHTS).symlink_to(other / "model.safetensors")
    return world.ask(place), (4, "packed-changed")


def case_a_pickle_put_beside(world: World) -> Any:
    place = free(world)
    (place / "pytorch_model.bin").write_bytes(b"pickle")
    return world.ask(place), (4, "packed-changed")


def case_config_taken_away(world: World) -> Any:
    place = free(world)
    (place / "config.json").unlink()
    return world.ask(place), (4, "packed-changed")


def case_config_exchanged(world: World) -> Any:
    place = free(world)
    shutil.copy(folder(world.root / "other", 256) / "config.json", place / "config.json")
    return world.ask(place), (4, "packed-changed")


def case_config_exchanged_and_the_manifest_with_it(world: World) -> Any:
    place = free(world)
    shutil.copy(folder(world.root / "other", 256) / "config.json", place / "config.json")
    return world.ask(rehash(place, "config.json")), (1, "folder-contradicts")


def case_another_model_in_the_manifest(world: World) -> Any:
    world.accept("lab/free", "--commercial")
    source = folder(world.root / "source", 256)
    place = pack(source, world.root / "packed", "lab/research")
    return world.ask(edit(place, lambda m: m.update(model="lab/free"))), (1, "folder-contradicts")


def case_a_copy_of_another_model_under_the_name(world: World) -> Any:
    world.accept("lab/free", "--commercial")
    place = pack(folder(world.root / "source", 256), world.root / "packed", "lab/research")
    assert world.ask("lab/free", cached=place) == (1, "folder-contradicts")
    return world.ask("lab/free", folder=place), (1, "folder-contradicts")


def case_a_copy_of_another_model_for_as(world: World) -> Any:
    place = pack(folder(world.root / "source", 777), world.root / "packed", "lab/research")
    return world.accept(place, "--as", "lab/plain", "--commercial"), 1


def case_an_acknowledged_content_is_only_claimed(world: World) -> Any:
    source, _ = bound(world)
    foreign = folder(world.root / "foreign", 778)
    place = pack(foreign, world.root / "claimed", "lab/plain")
    digest = take(source).digest()
    return world.ask(edit(place, lambda m: m["source"].update(digest=digest))), (1, "unidentified-model")


def case_an_acknowledged_content_is_claimed_under_a_stranger_s_seal(world: World) -> Any:
    source, _ = bound(world)
    return world.ask(pack(source, world.root / "claimed", "lab/plain", seals=strangers(world))), (
        1,
        "unidentified-model",
    )


def case_a_known_folder_s_acknowledgement_for_a_copy_from_elsewhere(world: World) -> Any:
    source = folder(world.root / "source", 64, name="lab/free")
    assert world.accept(source, "--commercial") == 0
    assert world.ask(pack(source, world.root / "mine", "lab/free")) == (0, "")
    return world.ask(pack(source, world.root / "packed", "lab/free", seals=strangers(world))), (4, "folder-changed")


def case_weights_exchanged_under_a_seal(world: World) -> Any:
    _, place = bound(world)
    (place / packed.WEIGHTS).write_bytes(b"others!" * 100)
    return world.ask(rehash(place, packed.WEIGHTS)), (1, "unidentified-model")


def case_a_revision_is_only_claimed(world: World) -> Any:
    world.accept("lab/free", "--commercial", "--revision", COMMIT)
    source = folder(world.root / "source", 64, name="lab/free")
    place = pack(source, world.root / "packed", "lab/free", revision="2" * 40)
    return world.ask(edit(place, lambda m: m["source"].update(revision=COMMIT))), (4, "revision-changed")


def case_a_seal_from_another_manifest(world: World) -> Any:
    source, place = bound(world)
    seal = json.loads((place / packed.MANIFEST).read_text())["seal"]
    foreign = pack(folder(world.root / "foreign", 778), world.root / "claimed", "lab/plain")
    digest = take(source).digest()
    return world.ask(edit(foreign, lambda m: (m["source"].update(digest=digest), m.update(seal=seal)))), (
        1,
        "unidentified-model",
    )


def case_the_key_is_gone(world: World) -> Any:
    _, place = bound(world)
    (Path(os.environ["XDG_DATA_HOME"]) / "modelreg" / FOLDER / KEY).unlink()
    return world.ask(place), (1, "unidentified-model")


def case_a_remembered_hash_is_forged(world: World) -> Any:
    place = free(world)
    assert world.ask(place) == (0, "")
    (place / packed.WEIGHTS).write_bytes(b"others!" * 100)
    listed = json.loads((place / packed.MANIFEST).read_text())["files"][packed.WEIGHTS]["sha256"]
    memory = Path(os.environ["XDG_DATA_HOME"]) / "modelreg" / FOLDER / CHECKED
    seal = strangers(world).seal({"file": str(place / packed.WEIGHTS), "sha256": listed})
    memory.write_text(json.dumps({os.path.realpath(place / packed.WEIGHTS): {"sha256": listed, "seal": seal}}))
    return world.ask(place), (4, "packed-changed")


def case_manifests_that_are_none(world: World) -> Any:
    place = free(world)
    path = place / packed.MANIFEST
    good = json.loads(path.read_text())
    texts = [
        "", "[]", "{", "\x00", '{"format": 1}', json.dumps({**good, "format": 2}), json.dumps({**good, "files": {}}),
        json.dumps({**good, "source": None}), json.dumps({**good, "model": 7}),
        json.dumps({**good, "files": {**good["files"], "x": {"size": -1, "sha256": "abc"}}}),
        json.dumps(good)[:-1] + ', "model": "lab/free"}', "[" * 100_000,
    ]  # fmt: skip
    got = []
    for text in texts:
        path.write_text(text)
        got.append(world.ask(place))
    return got, [(1, "packed-damaged")] * len(texts)


def case_a_licence_of_somebody_s_own_beside_it(world: World) -> Any:
    world.accept("lab/free", "--commercial")
    source = folder(world.root / "source", 64, name="lab/free", licence="You owe us a cow.\n")
    return world.ask(pack(source, world.root / "packed", "lab/free")), (4, "unknown-text")


def case_changed_text(world: World) -> Any:
    place = free(world)
    world.change(texts={"LicenseRef-Free": TEXT["LicenseRef-Free"] + "But not on Sundays.\n"})
    return world.ask(place), (4, "terms-changed")


def case_race_weights_written(world: World) -> Any:
    place = free(world)
    grant = modelreg.require(place, use="commercial", ledger=world.ledger, registry=[str(world.registry)])
    (place / packed.WEIGHTS).write_bytes(b"others!" * 100)
    return caught(grant.check_files), (4, "files-changed")


def case_grant_of_the_source_opens_no_copy(world: World) -> Any:
    place = free(world)
    grant = modelreg.require(
        world.root / "source", use="commercial", ledger=world.ledger, registry=[str(world.registry)]
    )
    return caught(lambda: grant.check_files(place)), (4, "files-not-checked")


def caught(action: Callable[[], Any]) -> tuple[int, str]:
    try:
        action()
    except ModelregError as error:
        return int(error.exit_code), error.code
    return 0, ""


CASES = {name.removeprefix("case_"): f for name, f in list(globals().items()) if name.startswith("case_")}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str, world: World) -> None:
    got, expected = CASES[name](world)
    assert got == expected
