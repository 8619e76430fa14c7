"""Checklists: the obligations of a text by use case, each with its clause."""

from __future__ import annotations

import json

import pytest
from export_support import catalog, everything

from modelreg.core.license import License
from modelreg.i18n import Vocabulary
from modelreg.report.export import checklist

EN, ZH = Vocabulary("en"), Vocabulary("zh")


def lines(id_: str) -> list[str]:
    return [line.strip() for line in checklist.text([catalog().license(id_)], EN).splitlines()]


def test_llama_3_1() -> None:
    found = lines("LicenseRef-Llama-3.1")
    for expected in (
        "USE CASE Passing on copies of the weights",
        "YOU MUST hand over a copy of the licence",
        "IF monthly active users: more than 700,000,000, affiliates included",
        "ATTRIBUTE clause 1.b.i",
    ):
        assert expected in found
    assert any(line.startswith("YOU MUST show the prescribed line: “Built with Llama” (") for line in found)


def test_a_duty_that_holds_only_in_a_case_stands_under_it() -> None:
    found = lines("Apache-2.0")
    place = next(i for i, line in enumerate(found) if line.startswith("IF") and "NOTICE" in line)
    assert "NOTICE" in found[place + 1]
    assert found[place + 1].startswith("YOU MUST ")


def test_alternative_limits_stand_together() -> None:
    condition = next(line for line in lines("LicenseRef-MiniCPM-1.0") if line.startswith("IF"))
    assert "devices" in condition
    assert "daily active users" in condition


def test_unread_terms_are_named() -> None:
    assert any(line.startswith("NOT SEEN") for line in lines("LicenseRef-Baichuan2-README-2023-10-07"))
    record = License({"id": "X", "title": "X", "kind": "statement", "terms": {"commercial": "not-seen"}})
    assert checklist.data(record, EN)["NOT SEEN"] == ["Commercial use"]
    assert checklist.data(record, EN)["USE CASE"] == {}


@pytest.mark.parametrize("words", [EN, ZH], ids=["en", "zh"])
def test_every_record_has_one(words: Vocabulary) -> None:
    records = list(everything().licenses.values())
    data = json.loads(checklist.json_text(records, words))["licenses"]
    assert list(data) == [r.id for r in records]
    for record in records:
        for item in checklist.items(record, words):
            assert item.attributes, (record.id, item)


def test_both_languages_say_the_same() -> None:
    for record in everything().licenses.values():
        left, right = checklist.items(record, EN), checklist.items(record, ZH)
        assert [(i.case, i.kind) for i in left] == [(i.case, i.kind) for i in right], record.id


def test_prohibition_of_commercial_use() -> None:
    banned = [r for r in everything().licenses.values() if r.value("commercial") == "prohibited"]
    assert banned
    for record in banned:
        assert any(i.kind == checklist.MUST_NOT and i.case == "commercial-use" for i in checklist.items(record, EN)), (
            record.id
        )
