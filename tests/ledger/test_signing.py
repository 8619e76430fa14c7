"""Signed acknowledgements: real keys, the real ssh-keygen."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from world import World

from modelreg.core.canonical import canonical_json, sha256_of

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("ada", "eve"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(tmp_path / name)], check=True
        )
    return tmp_path / "ada", tmp_path / "eve"


def allow(world: World, key: Path, who: str = "Ada") -> None:
    kind, blob, _ = key.with_suffix(".pub").read_text().split()
    world.ledger.with_name("allowed_signers").write_text(f'{who} namespaces="modelreg-ledger" {kind} {blob}\n')


def verify(world: World) -> int:
    return world.cli("ledger", "verify", "--ledger", str(world.ledger))


def test_signed_and_verified(world: World, keys: tuple[Path, Path]) -> None:
    assert world.accept("lab/free", "--commercial", "--sign-key", str(keys[0])) == 0
    allow(world, keys[0])
    assert world.ask("lab/free") == (0, "")
    assert verify(world) == 0


def test_unsigned_is_refused_where_signatures_are_asked_for(world: World, keys: tuple[Path, Path]) -> None:
    world.accept("lab/free", "--commercial")
    allow(world, keys[0])
    assert world.ask("lab/free") == (4, "signature-missing")
    assert verify(world) == 1


def test_signed_by_another_key(world: World, keys: tuple[Path, Path]) -> None:
    world.accept("lab/free", "--commercial", "--sign-key", str(keys[1]))
    allow(world, keys[0])
    assert world.ask("lab/free") == (4, "signature-bad")
    assert verify(world) == 1


def test_signed_by_an_allowed_key_in_another_s_name(world: World, keys: tuple[Path, Path]) -> None:
    world.accept("lab/free", "--commercial", "--sign-key", str(keys[0]), by="Grace")
    allow(world, keys[0])
    assert world.ask("lab/free") == (4, "signature-bad")


def test_no_variable_replaces_the_file_beside_the_ledger(
    world: World, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.accept("lab/free", "--commercial", "--sign-key", str(keys[1]), by="Eve")
    allow(world, keys[0])
    kind, blob, _ = keys[1].with_suffix(".pub").read_text().split()
    mine = world.root / "mine"
    mine.write_text(f"Eve {kind} {blob}\n")
    monkeypatch.setenv("MODELREG_ALLOWED_SIGNERS", str(mine))
    assert world.ask("lab/free") == (4, "signature-bad")


def test_content_changed_and_all_hashes_made_anew(world: World, keys: tuple[Path, Path]) -> None:
    """What the chain alone cannot show (a rewritten tail), the signature does."""
    world.accept("lab/free", "--research", "--sign-key", str(keys[0]))
    allow(world, keys[0])
    lines = world.ledger.read_bytes().splitlines()
    data = {k: v for k, v in json.loads(lines[-1]).items() if k != "hash"}
    data |= {"use": {"commercial": True, "uses": []}, "facts": {"commercial": True}}
    world.ledger.write_bytes(lines[0] + b"\n" + canonical_json({**data, "hash": sha256_of(data)}) + b"\n")
    assert world.ask("lab/free") == (4, "signature-bad")
    assert verify(world) == 1


def test_a_key_that_is_not_there_records_nothing(world: World) -> None:
    assert world.accept("lab/free", "--commercial", "--sign-key", "nowhere") == 3
    assert not world.ledger.exists()


def test_the_variable_names_a_key(world: World, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELREG_SIGNING_KEY", str(keys[0]))
    world.accept("lab/free", "--commercial")
    assert world.records()[-1]["signature"]["signer"] == "Ada"
