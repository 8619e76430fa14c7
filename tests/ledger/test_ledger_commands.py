"""accept, revoke, ledger, lock as commands: what they print, where, and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from world import TEXT, World, folder, sha

ROOT = Path(__file__).resolve().parents[2]


def command(world: World, *args: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    rest = ("--ledger", str(world.ledger)) if args[0] != "exec" else ()
    return subprocess.run(
        [sys.executable, "-m", "modelreg", *args, *rest],
        env={**os.environ, "PYTHONPATH": str(ROOT), "MODELREG_REGISTRY": str(world.registry), **env},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def accept_args(world: World, *more: str) -> tuple[str, ...]:
    text = str(world.root / "LicenseRef-Free.txt")
    return ("accept", "lab/free", "--commercial", "--no-hub", "--text", text, *more)


def test_shows_everything_and_records(world: World) -> None:
    done = command(world, *accept_args(world, "--yes", "--by", "李华", "--organisation", "示例公司"))
    assert done.returncode == 0, done.stderr
    assert "lab/free: Permitted" in done.stdout
    assert "Anyone may use these parameters" in done.stdout
    assert "byte for byte" in done.stdout
    assert "李华 accepted the terms of lab/free" in done.stdout
    assert str(world.ledger) in done.stderr


def test_chinese(world: World) -> None:
    done = command(world, *accept_args(world, "--yes", "--by", "李华", "--lang", "zh"))
    assert "李华 已接受 lab/free 的条款" in done.stdout
    assert "将记录" in done.stdout


def test_off_a_terminal_nobody_is_asked(world: World) -> None:
    done = command(world, *accept_args(world), stdin="yes\n")
    assert done.returncode == 4
    assert "--yes --by NAME" in done.stderr
    assert not world.ledger.exists()


def test_yes_needs_a_name(world: World) -> None:
    done = command(world, *accept_args(world, "--yes"))
    assert (done.returncode, "--by" in done.stderr) == (2, True)


@pytest.mark.parametrize(("answer", "code"), [("yes\n", 0), ("同意\n", 0), ("no\n", 4), ("\n", 4), ("y\n", 4)])
def test_on_a_terminal_one_is_asked(world: World, answer: str, code: int) -> None:
    pty = pytest.importorskip("pty")
    main, side = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "MODELREG_REGISTRY": str(world.registry), "TERM": "dumb"}
    args = [*accept_args(world, "--by", "Ada"), "--ledger", str(world.ledger)]
    process = subprocess.Popen(
        [sys.executable, "-m", "modelreg", *args], stdin=side, stderr=side, stdout=subprocess.PIPE, env=env
    )
    os.close(side)
    os.write(main, answer.encode())
    out, _ = process.communicate(timeout=60)
    said = os.read(main, 65536).decode()
    os.close(main)
    assert process.returncode == code, said
    assert "Do you accept these terms of lab/free" in said
    assert b"Anyone may use" in out
    assert world.ledger.exists() == (code == 0)


def test_no_text_here(world: World) -> None:
    args = ("accept", "lab/free", "--commercial", "--no-hub", "--yes", "--by", "Ada")
    done = command(world, *args)
    assert done.returncode == 5
    assert "--without-text" in done.stderr
    assert command(world, *args, "--without-text").returncode == 0
    assert world.records()[-1]["shown"][0]["proof"] == "not-shown"


def test_unknown_text_needs_its_hash(world: World) -> None:
    path = world.root / "new.txt"
    path.write_text("A text of tomorrow.\x1b[31m\n")
    args = ("accept", "lab/free", "--commercial", "--no-hub", "--yes", "--by", "Ada", "--text", str(path))
    done = command(world, *args)
    digest = sha(path.read_bytes())
    assert done.returncode == 3
    assert f"--accept-unknown-text {digest}" in done.stderr
    done = command(world, *args, "--accept-unknown-text", digest)
    assert done.returncode == 0, done.stderr
    assert "does not know" in done.stdout
    assert "\x1b" not in done.stdout
    assert world.records()[-1]["shown"][0] == {
        "license": "LicenseRef-Free", "where": str(path), "sha256": digest, "proof": "unknown"
    }  # fmt: skip


def test_unknown_text_in_a_folder(world: World, tmp_path: Path) -> None:
    place = folder(tmp_path / "w", 256, licence="You owe us a cow.\n")
    digest = sha("You owe us a cow.\n")
    args = ("--research", "--without-text")
    assert world.accept(place, *args, license_id="") == 3
    assert world.accept(place, *args, "--accept-unknown-text", digest, license_id="") == 0
    assert world.ask(place, "research") == (0, "")
    (place / "LICENSE").write_text("You owe us two cows.\n")
    assert world.ask(place, "research")[0] == 4


def test_prohibited_is_shown_and_refused(world: World) -> None:
    done = command(world, "accept", "lab/research", "--commercial", "--yes", "--by", "Ada", "--no-hub")
    assert done.returncode == 1
    assert "lab/research: Prohibited" in done.stdout
    assert "error[prohibited]" in done.stderr


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("--expires", "2020-01-01"), 2),
        (("--expires", "soon"), 2),
        (("--evidence", "registration"), 2),
        (("--evidence", "letter=x"), 2),
        (("--letter", "nowhere.pdf"), 3),
        (("--as", "lab/free"), 2),
        (("--research",), 2),
        (("--fact", "nonsense=1"), 3),
        (("--by", "a\x1b[2J"), 2),
        (("--by", "   "), 2),
    ],
)
def test_wrong_input(world: World, args: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.accept("lab/free", "--commercial", *args) == code
    assert "error[" in capsys.readouterr().err
    assert not world.ledger.exists()


def test_revoke_by_id_and_by_model(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    rest = ("--by", "Ada", "--reason", "over", "--ledger", str(world.ledger), "--registry", str(world.registry))
    world.accept("lab/free", "--commercial")
    world.accept("lab/free", "--research")
    record = world.records()[1]["hash"][:8]
    assert world.cli("revoke", record, *rest) == 0
    assert world.cli("revoke", record, *rest) == 3
    assert world.cli("revoke", "lab/free", *rest) == 0
    assert world.cli("revoke", "lab/free", *rest) == 3
    assert world.cli("revoke", "lab/none", *rest) == 3
    assert world.cli("revoke", "lab/free") == 2
    capsys.readouterr()
    assert world.cli("ledger", "list", "--all", "--format", "json", "--ledger", str(world.ledger)) == 0
    rows = json.loads(capsys.readouterr().out)["records"]
    assert [r["status"] for r in rows] == ["open", "revoked", "revoked", "revoke", "revoke"]


def test_list_show_export_verify_head(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = ("--ledger", str(world.ledger))
    assert world.cli("ledger", "verify", *ledger) == 3
    world.accept("lab/free", "--commercial", "--evidence", "contract=K-1", "--expires", "2999-01-01")
    world.accept("lab/research", "--research", license_id="LicenseRef-Research")
    capsys.readouterr()
    assert world.cli("ledger", "list", *ledger) == 0
    assert "lab/free" in capsys.readouterr().out
    record = world.records()[1]["hash"]
    assert world.cli("ledger", "show", record[:12], *ledger) == 0
    shown = capsys.readouterr().out
    for text in ("Ada", "contract: K-1", "2999-01-01", "LicenseRef-Free", record):
        assert text in shown
    assert world.cli("ledger", "show", "ffffffffff", *ledger) == 3
    for format in ("json", "jsonl", "yaml", "csv"):
        assert world.cli("ledger", "export", "--format", format, *ledger) == 0
    capsys.readouterr()
    assert world.cli("ledger", "head", *ledger) == 0
    head = capsys.readouterr().out.strip()
    assert world.cli("ledger", "verify", "--head", head, *ledger) == 0
    assert "note the head" not in capsys.readouterr().err
    lines = world.ledger.read_bytes().splitlines(keepends=True)
    world.ledger.write_bytes(b"".join(lines[:-1]))
    assert world.cli("ledger", "verify", *ledger) == 0
    assert "tail" in capsys.readouterr().err
    assert world.cli("ledger", "verify", "--head", head, *ledger) == 1


def test_verify_names_the_record(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.accept("lab/free", "--commercial")
    world.accept("lab/free", "--research")
    lines = world.ledger.read_bytes().splitlines(keepends=True)
    world.ledger.write_bytes(b"".join([lines[0], lines[2]]))
    capsys.readouterr()
    assert world.cli("ledger", "verify", "--format", "json", "--ledger", str(world.ledger)) == 1
    data = json.loads(capsys.readouterr().out)
    removed = json.loads(lines[1])["hash"][:12]
    assert [(f["kind"], f["record"], f["seq"]) for f in data["faults"]] == [("removed", removed, 1)]


def test_a_torn_line_is_repaired_with_a_message(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.accept("lab/free", "--commercial")
    with world.ledger.open("ab") as stream:
        stream.write(b'{"account":"ro')
    assert world.ask("lab/free") == (0, "")
    assert world.accept("lab/free", "--research") == 0
    assert "repaired" in capsys.readouterr().err
    assert [p.read_bytes() for p in world.root.glob("*.torn-*")] == [b'{"account":"ro']


def test_adopt(world: World) -> None:
    world.accept("lab/free", "--commercial")
    world.ledger = world.ledger.rename(world.root / "moved.jsonl")
    assert world.ask("lab/free") == (4, "ledger-copied")
    assert world.accept("lab/free", "--research") == 4
    assert world.cli("ledger", "adopt", "--by", "Ada", "--ledger", str(world.ledger)) == 0
    assert world.ask("lab/free") == (0, "")


def test_project_ledger_is_found_from_below(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.cli("ledger", "init") == 0
    world.ledger = Path.cwd() / ".modelreg" / "ledger.jsonl"
    world.accept("lab/free", "--commercial")
    Path("deep/er").mkdir(parents=True)
    monkeypatch.chdir("deep/er")
    assert world.ask("lab/free", ledger=None) == (0, "")


# --- modelreg.lock -----------------------------------------------------------------------------------------------


def lock(world: World, *args: str) -> int:
    return world.cli("lock", *args, "--ledger", str(world.ledger), "--registry", str(world.registry))


def test_lock_pins_and_checks(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world.accept("lab/free", "--commercial")
    world.accept("lab/research", "--research", license_id="LicenseRef-Research")
    place = folder(tmp_path / "w", 256)
    assert lock(world, "lab/research", "lab/free", "--folder", f"lab/research={place}") == 0
    text = Path("modelreg.lock").read_text()
    assert text.index('["lab/free"]') < text.index('["lab/research"]')
    assert f'"LicenseRef-Free#main" = "sha256:{sha(TEXT["LicenseRef-Free"])}"' in text
    assert f'"config.json" = "sha256:{sha((place / "config.json").read_bytes())}"' in text
    assert lock(world, "--check") == 0
    assert lock(world) == 0
    assert Path("modelreg.lock").read_text() == text
    (place / "model.safetensors").write_bytes(b"other")
    capsys.readouterr()
    assert lock(world, "--check", "--folder", f"lab/research={place}") == 1
    assert "files model.safetensors" in capsys.readouterr().out
    world.change(texts={"LicenseRef-Free": "new\n"})
    assert lock(world, "--check", "lab/free") == 4


def test_lock_check_sees_another_acknowledgement(world: World) -> None:
    world.accept("lab/free", "--commercial")
    assert lock(world) == 0
    world.accept("lab/free", "--commercial")
    assert lock(world, "--check") == 1


@pytest.mark.parametrize(
    "text", ["<<<<<<< ours\n", "version = 2\n", 'version = 1\n["a"]\nx = 1\n', "version = 1\na = 1\n"]
)
def test_a_lock_that_cannot_be_read(world: World, text: str) -> None:
    Path("modelreg.lock").write_text(text)
    assert lock(world, "--check") == 3


def test_nothing_to_lock(world: World) -> None:
    assert lock(world) == 3


def test_two_branches_merge(world: World, tmp_path: Path) -> None:
    """Two branches that each add a model merge without a conflict where git finds unchanged lines between."""
    world.accept("lab/free", "--commercial")
    world.accept("lab/plain", "--commercial")
    world.accept("lab/research", "--research", license_id="LicenseRef-Research")
    assert lock(world, "lab/plain") == 0
    base = Path("modelreg.lock").read_text()
    assert lock(world, "lab/free") == 0
    ours = Path("modelreg.lock").read_text()
    Path("modelreg.lock").write_text(base)
    assert lock(world, "lab/research") == 0
    theirs = Path("modelreg.lock").read_text()
    for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
        (tmp_path / name).write_text(text)
    merged = subprocess.run(
        ["git", "merge-file", "-p", "ours", "base", "theirs"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert merged.returncode == 0
    Path("modelreg.lock").write_text(merged.stdout)
    assert lock(world, "--check") == 0
    assert lock(world) == 0
    assert Path("modelreg.lock").read_text() == merged.stdout
