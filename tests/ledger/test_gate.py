"""What passes the gate: the other half of test_hostile.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from world import TEXT, World, folder

import modelreg
from modelreg.errors import NotAcceptedError
from modelreg.ledger.files import take


def test_accept_then_pass(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.ask("lab/free") == (4, "not-accepted")
    assert world.accept("lab/free", "--commercial") == 0
    data = json.loads(capsys.readouterr().out)["accepted"][0]
    assert data["model"] == "lab/free"
    assert data["terms"][0]["texts"]["main"] == data["shown"][0]["sha256"]
    assert data["shown"][0]["proof"] == "sha256"
    assert world.ask("lab/free") == (0, "")


def test_function_context_manager_and_decorator(world: World) -> None:
    world.accept("lab/free", "--commercial")
    options = {"ledger": world.ledger, "registry": [str(world.registry)]}
    grant = modelreg.require("lab/free", use="commercial", **options)
    with modelreg.require("lab/free", use="commercial", **options) as inside:
        assert inside.model == grant.model == "lab/free"

    @modelreg.require("lab/free", use="commercial", **options)
    def answer(x: int) -> int:
        return x + 1

    assert answer(1) == 2
    world.cli("revoke", "lab/free", "--by", "Ada", "--reason", "r", "--ledger", str(world.ledger), "--registry",
              str(world.registry))  # fmt: skip
    with pytest.raises(NotAcceptedError, match="revoked"):
        answer(1)


def test_evidence_opens_what_asks_for_it(world: World, tmp_path: Path) -> None:
    form = {"license_id": "LicenseRef-Form"}
    assert world.accept("lab/form", "--commercial", **form) == 1
    assert world.accept("lab/form", "--commercial", "--fact", "registered=true", **form) == 1
    assert world.accept("lab/form", "--commercial", "--evidence", "registration=A-17", **form) == 0
    assert world.ask("lab/form") == (0, "")
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF we allow it")
    assert (
        world.accept("lab/letter", "--commercial", "--evidence", "registration=A", license_id="LicenseRef-Letter") == 1
    )
    assert world.accept("lab/letter", "--commercial", "--letter", str(letter), license_id="LicenseRef-Letter") == 0
    assert world.ask("lab/letter") == (0, "")


def test_no_use_named_takes_the_one_that_was_acknowledged(world: World) -> None:
    world.accept("lab/research", "--research", license_id="LicenseRef-Research")
    assert world.ask("lab/research", None) == (0, "")


def test_the_project_declares_its_use(world: World) -> None:
    Path("modelreg.yaml").write_text("use: {commercial: true}\n")
    world.accept("lab/free", "--research")
    assert world.ask("lab/free", None) == (4, "use-changed")


def test_named_variant_is_covered(world: World) -> None:
    flags = ["--commercial", "--evidence", "registration=1"]
    world.accept("lab/form", *flags, "--variant", "lab/form-int4", license_id="LicenseRef-Form")
    assert world.ask("lab/form-int4") == (0, "")
    assert world.accept("lab/form", *flags, "--variant", "lab/free", license_id="LicenseRef-Form") == 2


def test_folder_is_known_by_its_figures_wherever_it_lies(world: World, tmp_path: Path) -> None:
    world.accept("lab/research", "--research", license_id="LicenseRef-Research")
    place = folder(tmp_path / "anything", 256)
    grant = modelreg.require(place, ledger=world.ledger, registry=[str(world.registry)])
    assert (grant.model, grant.how, grant.folder) == ("lab/research", "config.json", place)
    with grant.check_files(place).open("model.safetensors") as stream:
        assert stream.read(7) == b"weights"


def test_unidentified_folder_with_as_is_recorded_and_then_known(world: World, tmp_path: Path) -> None:
    place = folder(tmp_path / "w", 777)
    assert world.ask(place) == (1, "unidentified-model")
    assert world.accept(place, "--as", "lab/plain", "--commercial") == 0
    assert world.records()[-1]["folder"]["digest"] == take(place).digest()
    assert world.ask(place) == (0, "")
    moved = place.rename(tmp_path / "elsewhere")
    assert world.ask(moved) == (0, "")
    assert world.ask("lab/plain") == (4, "folder-changed")


def test_adapter_with_both_acknowledged(world: World, tmp_path: Path) -> None:
    place = folder(tmp_path / "lora", adapter="lab/form")
    evidence = ["--commercial", "--evidence", "registration=1"]
    assert world.accept(place, "--as", "lab/form", *evidence, license_id="LicenseRef-Form") == 0
    assert world.ask(place) == (4, "folder-changed")
    assert world.accept("lab/form", *evidence, license_id="LicenseRef-Form") == 0
    assert world.ask(place) == (0, "")
    assert world.ask("lab/form", adapters=[place]) == (0, "")


def test_text_of_the_folder_is_found_and_shown(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = folder(tmp_path / "w", 256, licence=TEXT["LicenseRef-Research"])
    assert world.accept(place, "--research", license_id="") == 0
    shown = json.loads(capsys.readouterr().out)["accepted"][0]["shown"]
    assert [s["proof"] for s in shown] == ["sha256"]
    assert world.ask(place, "research") == (0, "")


def test_an_organisation_s_acknowledgement(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.accept("lab/free", "--commercial", "--organisation", "Acme")
    assert world.ask("lab/free", organisation="Acme") == (0, "")
    monkeypatch.setenv("MODELREG_ORGANISATION", "Acme")
    assert world.ask("lab/free") == (0, "")


def test_batch_is_all_or_none(world: World, tmp_path: Path) -> None:
    text = str(tmp_path / "LicenseRef-Free.txt")
    lines = [
        {"model": "lab/free", "facts": {"commercial": True}, "texts": [text], "hub": False},
        {"model": "lab/research", "facts": {"commercial": True}, "without_text": True, "hub": False},
    ]
    file = tmp_path / "batch.jsonl"
    file.write_text("".join(json.dumps(x) + "\n" for x in lines))
    rest = ["--yes", "--by", "Ada", "--ledger", str(world.ledger), "--registry", str(world.registry)]
    assert world.cli("accept", "--batch", str(file), *rest) == 1
    assert not world.ledger.exists()
    file.write_text(json.dumps(lines[0]) + "\n" + json.dumps({**lines[1], "facts": {"use": "research"}}) + "\n")
    assert world.cli("accept", "--batch", str(file), *rest) == 0
    assert [r["kind"] for r in world.records()] == ["open", "accept", "accept"]
