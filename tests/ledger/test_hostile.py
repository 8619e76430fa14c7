"""Ways around the gate: each must be refused, with its own code and the right exit status.

1: the terms (or what the folder is) say no. 3: the ledger was tampered with. 4: no acknowledgement that matches.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from world import TEXT, World, folder

import modelreg
from modelreg.core.canonical import canonical_json
from modelreg.desk import Desk
from modelreg.errors import ModelregError
from modelreg.ledger import places
from modelreg.ledger.records import seal

FORM = {"license_id": "LicenseRef-Form"}
RESEARCH = {"license_id": "LicenseRef-Research"}
REGISTERED = ("--commercial", "--evidence", "registration=17")


def free(world: World) -> None:
    """lab/free is acknowledged for commercial use."""
    assert world.accept("lab/free", "--commercial") == 0


def later(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def forge(world: World, model: str, facts: dict[str, Any], **fields: Any) -> None:
    """A record that `accept` would never write, sound in itself."""
    desk = Desk(str(world.ledger), (str(world.registry),))
    found = desk.book.require(model)
    ruling = desk.ruling(found, facts)
    payload = {
        "kind": "accept", "model": found.id, "variants": [], "revision": "",
        "registry": desk.book.registry.digest, "terms": [t.to_data() for t in ruling.terms], "shown": [],
        "use": ruling.use.to_data(), "facts": facts, "verdict": "permitted", "permission": "", "conditions": [],
        "provenance": [], "person": "Mallory", "organisation": "", "evidence": {}, "expires": "", "folder": None,
    }  # fmt: skip
    desk.ledger.append([{**payload, **fields}], now=desk.now)


def rewrite(world: World, change: Callable[[list[bytes]], list[bytes]]) -> None:
    lines = world.ledger.read_bytes().splitlines()
    world.ledger.write_bytes(b"".join(line + b"\n" for line in change(lines)))


# --- the terms ---------------------------------------------------------------------------------------------------


def case_nothing_acknowledged(world: World) -> Any:
    return world.ask("lab/free"), (4, "not-accepted")


def case_prohibited(world: World) -> Any:
    return world.ask("lab/research"), (1, "prohibited")


def case_prohibited_though_acknowledged(world: World) -> Any:
    forge(world, "lab/research", {"commercial": True})
    return world.ask("lab/research"), (1, "prohibited")


def case_prohibited_by_the_parent_though_acknowledged(world: World) -> Any:
    forge(world, "lab/laundered", {"commercial": True}, evidence={"registration": "1", "confirmation": "yes"})
    return world.ask("lab/laundered"), (1, "prohibited")


def case_undetermined_though_acknowledged(world: World) -> Any:
    forge(world, "lab/free", {"mau": 5})
    return world.ask("lab/free", None, facts={"mau": 5}), (1, "undetermined")


def case_agreement_without_evidence(world: World) -> Any:
    forge(world, "lab/form", {"commercial": True})
    return world.ask("lab/form"), (1, "agreement-missing")


def case_agreement_only_claimed_in_the_record(world: World) -> Any:
    forge(world, "lab/form", {"commercial": True, "registered": True})
    return world.ask("lab/form"), (1, "agreement-missing")


def case_agreement_only_claimed_by_the_caller(world: World) -> Any:
    forge(world, "lab/form", {"commercial": True})
    return world.ask("lab/form", facts={"registered": True, "written_permission": True}), (1, "agreement-missing")


def case_a_number_where_a_letter_is_asked_for(world: World) -> Any:
    forge(world, "lab/letter", {"commercial": True}, evidence={"registration": "17"})
    return world.ask("lab/letter"), (1, "agreement-missing")


def case_parent_s_terms_forbid_it(world: World) -> Any:
    return world.accept("lab/laundered", "--commercial"), 1


def case_parent_s_form_is_missing(world: World) -> Any:
    return world.accept("lab/tuned", "--commercial"), 1


def case_changed_text(world: World) -> Any:
    free(world)
    world.change(texts={"LicenseRef-Free": TEXT["LicenseRef-Free"] + "But not on Sundays.\n"})
    return world.ask("lab/free"), (4, "terms-changed")


def case_changed_text_of_the_parent(world: World) -> Any:
    assert world.accept("lab/tuned", *REGISTERED, "--without-text") == 0
    assert world.ask("lab/tuned") == (0, "")
    world.change(texts={"LicenseRef-Form": "Another form.\n"})
    return world.ask("lab/tuned"), (4, "terms-changed")


def case_overlay_reads_the_same_text_otherwise(world: World) -> Any:
    free(world)
    world.change(commercial={"LicenseRef-Free": "{value: free, approval: none, fee: free, clause: '1'}"})
    return world.ask("lab/free"), (4, "overlay-changed")


# --- the use -----------------------------------------------------------------------------------------------------


def case_research_acknowledgement_for_business(world: World) -> Any:
    world.accept("lab/free", "--research")
    return world.ask("lab/free"), (4, "use-changed")


def case_business_acknowledgement_for_research(world: World) -> Any:
    free(world)
    return world.ask("lab/free", "research"), (4, "use-changed")


def case_named_use_for_any(world: World) -> Any:
    world.accept("lab/free", "--commercial", "--use", "product")
    return world.ask("lab/free"), (4, "use-changed")


def case_other_named_use(world: World) -> Any:
    world.accept("lab/free", "--commercial", "--use", "product")
    return world.ask("lab/free", ["commercial", "api-service"]), (4, "use-changed")


def case_research_then_business_by_a_fact(world: World) -> Any:
    world.accept("lab/free", "--research")
    return world.ask("lab/free", "research", facts={"commercial": True}), (4, "use-changed")


# --- time and revocation -----------------------------------------------------------------------------------------


def case_expired(world: World) -> Any:
    assert world.accept("lab/free", "--commercial", "--expires", later(3).strftime("%Y-%m-%d")) == 0
    assert world.ask("lab/free", now=later(2)) == (0, "")
    return world.ask("lab/free", now=later(3)), (4, "expired")


def case_expired_and_the_clock_set_back(world: World) -> Any:
    forge(world, "lab/free", {"commercial": True}, expires="2020-01-01")
    return world.ask("lab/free", now=datetime(2019, 1, 1, tzinfo=UTC)), (4, "expired")


def case_grant_outlives_its_acknowledgement(world: World) -> Any:
    assert world.accept("lab/free", "--commercial", "--expires", later(3).strftime("%Y-%m-%d")) == 0
    grant = modelreg.require("lab/free", use="commercial", ledger=world.ledger, registry=[str(world.registry)])
    return caught(lambda: grant.check(later(4))), (4, "expired")


def case_revoked(world: World) -> Any:
    free(world)
    record = str(world.records()[-1]["hash"])[:10]
    assert world.cli("revoke", record, "--by", "A", "--reason", "r", "--ledger", str(world.ledger)) == 0
    return world.ask("lab/free"), (4, "revoked")


# --- whose acknowledgement ---------------------------------------------------------------------------------------


def case_other_account(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(places, "account", lambda: "ada")
    free(world)
    monkeypatch.setattr(places, "account", lambda: "mallory")
    return world.ask("lab/free"), (4, "other-account")


def case_other_account_by_variables(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "account", lambda: "ada")
        free(world)
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME", "SUDO_USER", "HOME"):
        monkeypatch.setenv(name, "ada")
    return world.ask("lab/free"), (4, "other-account")


def case_other_organisation(world: World) -> Any:
    world.accept("lab/free", "--commercial", "--organisation", "Acme")
    return world.ask("lab/free", organisation="Evil Corp"), (4, "other-organisation")


def case_organisation_not_named_by_a_stranger(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    world.accept("lab/free", "--commercial", "--organisation", "Acme")
    monkeypatch.setattr(places, "account", lambda: "mallory")
    return world.ask("lab/free"), (4, "other-organisation")


# --- the ledger --------------------------------------------------------------------------------------------------


def case_copied_ledger(world: World) -> Any:
    free(world)
    copy = shutil.copy(world.ledger, world.root / "copy.jsonl")
    return world.ask("lab/free", ledger=copy), (4, "ledger-copied")


def case_copied_ledger_by_variable(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    free(world)
    monkeypatch.setenv("MODELREG_LEDGER", str(shutil.copy(world.ledger, world.root / "copy.jsonl")))
    return world.ask("lab/free", ledger=None), (4, "ledger-copied")


def case_project_ledger_copied_to_another_project(world: World) -> Any:
    for name in ("a", "b"):
        (world.root / name).mkdir()
        assert world.cli("ledger", "init", str(world.root / name)) == 0
    world.ledger = world.root / "a" / ".modelreg" / "ledger.jsonl"
    free(world)
    assert world.ask("lab/free") == (0, "")
    copy = shutil.copy(world.ledger, world.root / "b" / ".modelreg" / "ledger.jsonl")
    return world.ask("lab/free", ledger=copy), (4, "ledger-copied")


def case_user_ledger_copied_into_a_project(world: World) -> Any:
    world.ledger = places.user_folder() / "ledger.jsonl"
    free(world)
    assert world.cli("ledger", "init", ".") == 0
    shutil.copy(world.ledger, ".modelreg/ledger.jsonl")
    return world.ask("lab/free", ledger=None), (4, "ledger-copied")


def case_edited_record(world: World) -> Any:
    world.accept("lab/free", "--research")
    rewrite(world, lambda lines: [*lines[:-1], lines[-1].replace(b'"commercial":false', b'"commercial":true')])
    return world.ask("lab/free"), (3, "ledger-damaged")


def case_edited_record_with_a_new_hash(world: World) -> Any:
    world.accept("lab/free", "--commercial", "--expires", later(3).strftime("%Y-%m-%d"))
    world.accept("lab/free", "--research")

    def change(lines: list[bytes]) -> list[bytes]:
        data = json.loads(lines[1])
        del data["hash"]
        return [lines[0], seal({**data, "expires": ""})[0][:-1], *lines[2:]]

    rewrite(world, change)
    return world.ask("lab/free"), (3, "ledger-damaged")


def case_revocation_taken_out_of_the_middle(world: World) -> Any:
    free(world)
    world.cli("revoke", "lab/free", "--by", "A", "--reason", "r", "--ledger", str(world.ledger),
              "--registry", str(world.registry))  # fmt: skip
    world.accept("lab/free", "--research")
    rewrite(world, lambda lines: [*lines[:2], *lines[3:]])
    return world.ask("lab/free"), (3, "ledger-damaged")


def case_records_in_another_order(world: World) -> Any:
    free(world)
    world.cli("revoke", "lab/free", "--by", "A", "--reason", "r", "--ledger", str(world.ledger),
              "--registry", str(world.registry))  # fmt: skip
    rewrite(world, lambda lines: [lines[0], lines[2], lines[1]])
    return world.ask("lab/free"), (3, "ledger-damaged")


def case_record_of_another_ledger_inserted(world: World) -> Any:
    free(world)
    line = world.ledger.read_bytes().splitlines()[-1]
    other = World(world.root, world.registry)
    other.ledger = world.root / "mine.jsonl"
    other.accept("lab/free", "--research")
    other.ledger.write_bytes(other.ledger.read_bytes() + line + b"\n")
    return other.ask("lab/free"), (3, "ledger-damaged")


def case_record_without_a_chain(world: World) -> Any:
    free(world)
    data = json.loads(world.ledger.read_bytes().splitlines()[-1])
    world.ledger.write_bytes(canonical_json(data) + b"\n")
    return world.ask("lab/free"), (3, "ledger-damaged")


def case_garbage_in_the_ledger(world: World) -> Any:
    free(world)
    rewrite(world, lambda lines: [lines[0], b"\x00\xff{", *lines[1:]])
    return world.ask("lab/free"), (3, "ledger-damaged")


def case_ledger_is_a_folder(world: World) -> Any:
    world.ledger.mkdir()
    return world.ask("lab/free"), (3, "ledger-unreadable")


def case_record_with_a_field_of_one_s_own(world: World) -> Any:
    free(world)

    def change(lines: list[bytes]) -> list[bytes]:
        data = {k: v for k, v in json.loads(lines[-1]).items() if k != "hash"}
        body = {**data, "valid_for": "everything"}
        from modelreg.core.canonical import sha256_of

        return [*lines[:-1], canonical_json({**body, "hash": sha256_of(body)})]

    rewrite(world, change)
    return world.ask("lab/free"), (3, "ledger-damaged")


# --- names and folders -------------------------------------------------------------------------------------------


def case_variant_that_is_not_named(world: World) -> Any:
    assert world.accept("lab/form", *REGISTERED, **FORM) == 0
    return world.ask("lab/form-int4"), (4, "not-accepted")


def case_names_that_are_no_names(world: World) -> Any:
    free(world)
    names = ["", " ", "x" * 5000, "lab/free\0", "../lab/free", "lab//free/..", "\ud800"]
    return [world.ask(n) for n in names], [(1, "unidentified-model")] * len(names)


def case_unknown_model(world: World) -> Any:
    free(world)
    return world.ask("someone/free"), (1, "unidentified-model")


def case_renamed_folder(world: World) -> Any:
    free(world)
    return world.ask(folder(world.root / "lab" / "free", 256)), (1, "prohibited")


def case_folder_named_as_the_model_in_the_working_folder(world: World) -> Any:
    free(world)
    folder(Path("lab/free"), 256)
    return world.ask("lab/free"), (1, "prohibited")


def case_symlink_with_a_good_name(world: World) -> Any:
    free(world)
    (world.root / "lab").mkdir()
    (world.root / "lab" / "free").symlink_to(folder(world.root / "w", 256), target_is_directory=True)
    return world.ask(world.root / "lab" / "free"), (1, "prohibited")


def case_name_in_the_config_edited(world: World) -> Any:
    free(world)
    return world.ask(folder(world.root / "w", 256, name="lab/free")), (1, "folder-contradicts")


def case_figures_in_the_config_edited(world: World) -> Any:
    free(world)
    return world.ask(folder(world.root / "w", 64)), (1, "unidentified-model")


def case_a_figure_nobody_knows(world: World) -> Any:
    free(world)
    return world.ask(folder(world.root / "w", 65, name="lab/free")), (1, "folder-contradicts")


def case_card_says_another_base(world: World) -> Any:
    free(world)
    card = "---\nbase_model: lab/research\nlicense: mit\n---\n# Free\n"
    return world.ask(folder(world.root / "w", 64, name="lab/free", card=card)), (1, "unidentified-model")


def case_two_names_in_one_folder(world: World) -> Any:
    free(world)
    return world.ask(folder(world.root / "w", 64, name="lab/free", card="# Twin\n")), (1, "names-differ")


def case_repeated_key_in_the_config(world: World) -> Any:
    free(world)
    place = folder(world.root / "w", 256)
    (place / "config.json").write_text(
        '{"model_type": "toy", "hidden_size": 64, "hidden_size": 256, "num_layers": 2, "_name_or_path": "lab/free"}'
    )
    return world.ask(place), (1, "unidentified-model")


def case_no_config(world: World) -> Any:
    free(world)
    place = folder(world.root / "w", 64, name="lab/free")
    (place / "config.json").unlink()
    return world.ask(place), (1, "unidentified-model")


def case_fine_tune_under_a_stranger_s_name(world: World) -> Any:
    assert world.accept("lab/form", *REGISTERED, **FORM) == 0
    return world.ask(folder(world.root / "w", 128, name="stranger/form-sft")), (1, "unidentified-model")


def case_folder_given_for_another_model(world: World) -> Any:
    free(world)
    return world.ask("lab/free", folder=folder(world.root / "w", 256)), (1, "folder-contradicts")


def case_cache_folder_of_another_model(world: World) -> Any:
    free(world)
    place = folder(world.root / "models--lab--free" / "snapshots" / ("0" * 40), 256)
    return world.ask("lab/free", cached=place), (1, "folder-contradicts")


def case_as_without_a_record(world: World) -> Any:
    assert world.accept("lab/plain", "--commercial") == 0
    return world.ask(folder(world.root / "w", 777), as_model="lab/plain"), (4, "as-not-recorded")


def case_as_against_the_figures(world: World) -> Any:
    return world.accept(folder(world.root / "w", 256), "--as", "lab/free", "--commercial"), 1


def case_as_against_the_card(world: World) -> Any:
    place = folder(world.root / "w", 777, card="---\nbase_model:\n- lab/research\n---\n")
    return world.accept(place, "--as", "lab/plain", "--commercial"), 1


def case_weights_exchanged_after_as(world: World) -> Any:
    place = folder(world.root / "w", 777)
    assert world.accept(place, "--as", "lab/plain", "--commercial") == 0
    assert world.ask(place) == (0, "")
    (place / "model.safetensors").write_bytes(b"others!" * 100)
    return world.ask(place), (1, "unidentified-model")


def case_unknown_licence_beside_the_weights(world: World) -> Any:
    world.accept("lab/research", "--research", **RESEARCH)
    place = folder(world.root / "w", 256, licence="You owe us a cow.\n")
    return world.ask(place, "research"), (4, "unknown-text")


def case_another_known_licence_beside_the_weights(world: World) -> Any:
    world.accept("lab/research", "--research", **RESEARCH)
    return world.ask(folder(world.root / "w", 256, licence=TEXT["LicenseRef-Free"]), "research"), (4, "unknown-text")


def case_unknown_text_accepted_by_the_wrong_hash(world: World) -> Any:
    text = world.root / "new.txt"
    text.write_text("A text of tomorrow.\n")
    flags = ("--commercial", "--text", str(text), "--without-text")
    assert world.accept("lab/free", *flags, license_id="") == 3
    return world.accept("lab/free", *flags, "--accept-unknown-text", "0" * 64, license_id=""), 3


def case_other_revision(world: World) -> Any:
    world.accept("lab/free", "--commercial", "--revision", "1" * 40)
    assert world.ask("lab/free", revision="1" * 40) == (0, "")
    return world.ask("lab/free", revision="2" * 40), (4, "revision-changed")


def case_branch_instead_of_a_revision(world: World) -> Any:
    assert world.accept("lab/free", "--commercial", "--revision", "main") == 2
    assert world.accept("lab/free@v1.0", "--commercial") == 2
    world.accept("lab/free", "--commercial", "--revision", "1234567")
    assert world.ask("lab/free", revision="1234567" + "0" * 33) == (0, "")
    return world.ask("lab/free@main"), (4, "revision-changed")


# --- adapters ----------------------------------------------------------------------------------------------------


def case_adapter_on_an_unaccepted_base(world: World) -> Any:
    assert world.accept("lab/lora", *REGISTERED, "--without-text") == 0
    return world.ask("lab/lora"), (4, "base-not-accepted")


def case_adapter_folder_on_an_unaccepted_base(world: World) -> Any:
    place = folder(world.root / "lora", adapter="lab/form")
    assert world.accept(place, "--as", "lab/form", *REGISTERED, **FORM) == 0
    return world.ask(place), (4, "folder-changed")


def case_adapter_put_on_an_accepted_base(world: World) -> Any:
    assert world.accept("lab/form", *REGISTERED, **FORM) == 0
    place = folder(world.root / "lora", adapter="lab/form")
    return world.ask("lab/form", adapters=[place]), (1, "unidentified-model")


def case_adapter_for_another_base(world: World) -> Any:
    free(world)
    assert world.accept("lab/form", *REGISTERED, **FORM) == 0
    place = folder(world.root / "lora", adapter="lab/form")
    assert world.accept(place, "--as", "lab/form", *REGISTERED, **FORM) == 0
    return world.ask("lab/free", adapters=[place]), (1, "wrong-base")


def case_adapter_said_to_be_of_another_model(world: World) -> Any:
    place = folder(world.root / "lora", adapter="lab/research")
    return world.accept(place, "--as", "lab/free", "--commercial"), 1


def case_adapter_that_names_itself(world: World) -> Any:
    place = folder(world.root / "lora", adapter=str(world.root / "lora"))
    return world.ask(place), (1, "unidentified-model")


def case_adapter_whose_base_folder_is_not_identified(world: World) -> Any:
    base = folder(world.root / "base", 777)
    return world.ask(folder(world.root / "lora", adapter=str(base))), (1, "unidentified-model")


def case_base_acknowledged_for_another_use(world: World) -> Any:
    assert world.accept("lab/lora", *REGISTERED, "--without-text") == 0
    assert world.accept("lab/form", "--research", **FORM) == 0
    return world.ask("lab/lora"), (4, "use-changed")


# --- between check and open --------------------------------------------------------------------------------------


def granted(world: World) -> tuple[modelreg.Grant, Path]:
    world.accept("lab/research", "--research", **RESEARCH)
    place = folder(world.root / "w", 256)
    return modelreg.require(place, ledger=world.ledger, registry=[str(world.registry)]), place


def caught(action: Callable[[], Any]) -> tuple[int, str]:
    try:
        action()
    except ModelregError as error:
        return int(error.exit_code), error.code
    return 0, ""


def case_race_file_written(world: World) -> Any:
    grant, place = granted(world)
    (place / "model.safetensors").write_bytes(b"others!" * 100)
    return caught(grant.check_files), (4, "files-changed")


def case_race_file_written_and_times_restored(world: World) -> Any:
    grant, place = granted(world)
    file = place / "model.safetensors"
    before = file.stat()
    file.write_bytes(b"others!" * 100)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return caught(grant.check_files), (4, "files-changed")


def case_race_file_replaced(world: World) -> Any:
    grant, place = granted(world)
    (place / "new").write_bytes((place / "config.json").read_bytes())
    (place / "new").rename(place / "config.json")
    return caught(grant.check_files), (4, "files-changed")


def case_race_file_added(world: World) -> Any:
    grant, place = granted(world)
    (place / "pytorch_model.bin").write_bytes(b"pickle")
    return caught(grant.check_files), (4, "files-changed")


def case_race_file_removed(world: World) -> Any:
    grant, place = granted(world)
    (place / "model.safetensors").unlink()
    return caught(grant.check_files), (4, "files-changed")


def case_race_folder_exchanged(world: World) -> Any:
    grant, place = granted(world)
    place.rename(world.root / "aside")
    folder(place, 64)
    return caught(grant.check_files), (4, "files-changed")


def case_race_link_turned(world: World) -> Any:
    world.accept("lab/research", "--research", **RESEARCH)
    place = folder(world.root / "w", 256)
    blob = (place / "model.safetensors").rename(world.root / "blob")
    (place / "model.safetensors").symlink_to(blob)
    grant = modelreg.require(place, ledger=world.ledger, registry=[str(world.registry)])
    (world.root / "other").write_bytes(blob.read_bytes())
    (place / "model.safetensors").unlink()
    (place / "model.safetensors").symlink_to(world.root / "other")
    return caught(grant.check_files), (4, "files-changed")


def case_race_after_the_check(world: World) -> Any:
    grant, place = granted(world)
    files = grant.check_files()
    (place / "model.safetensors").write_bytes(b"others!" * 100)
    return caught(lambda: files.open("model.safetensors")), (4, "files-changed")


def case_grant_for_another_folder(world: World) -> Any:
    grant, _ = granted(world)
    return caught(lambda: grant.check_files(folder(world.root / "v", 64))), (4, "files-not-checked")


def case_grant_for_a_name_opens_no_folder(world: World) -> Any:
    free(world)
    grant = modelreg.require("lab/free", use="commercial", ledger=world.ledger, registry=[str(world.registry)])
    return caught(lambda: grant.check_files(folder(world.root / "v", 64))), (4, "files-not-checked")


# --- variables ---------------------------------------------------------------------------------------------------


def case_registry_by_variable_makes_it_free(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    world.accept("lab/research", "--research", **RESEARCH)
    world.change(commercial={"LicenseRef-Research": "{value: free, approval: none, clause: '1'}"})
    monkeypatch.setenv("MODELREG_REGISTRY", str(world.registry))
    return world.ask("lab/research", registry=[]), (4, "use-changed")


def case_empty_home(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    free(world)
    monkeypatch.setenv("XDG_DATA_HOME", str(world.root / "elsewhere"))
    return world.ask("lab/free", ledger=None), (4, "not-accepted")


def case_lang_and_debug_change_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in (("MODELREG_LANG", "zh"), ("MODELREG_DEBUG", "1"), ("PYTHONOPTIMIZE", "2"), ("CI", "1")):
        monkeypatch.setenv(name, value)
    return world.ask("lab/free"), (4, "not-accepted")


CASES = {name.removeprefix("case_"): f for name, f in list(globals().items()) if name.startswith("case_")}


def test_there_are_enough() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    function = CASES[name]
    more = (monkeypatch,) if function.__code__.co_argcount == 2 else ()
    got, expected = function(world, *more)
    assert got == expected
