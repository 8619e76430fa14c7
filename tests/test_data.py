"""The data that come with modelreg: sound, cited, current, and without a copied sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelreg.cli._book import Book, open_book
from modelreg.registry.validate import validate
from modelreg.texts.fingerprint import ClauseDigest, Fingerprint, verify_clause
from modelreg.texts.normal import decode, normalise

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def book() -> Book:
    return open_book()


def test_the_registry_is_sound() -> None:
    assert [str(p) for p in validate() if p.severity == "error"] == []


def test_every_name_resolves_to_its_model(book: Book) -> None:
    wrong = []
    for model_id in book.registry.model_ids():
        found = book.find(model_id)
        if found is None or found.id != model_id:
            wrong.append(model_id)
    assert wrong == []


def test_every_base_is_known(book: Book) -> None:
    for entry in book.registry.models():
        for base in entry["base_models"]:
            assert book.registry.has_model(base["model"]), (entry["id"], base["model"])


def test_every_text_has_a_place_and_a_hash(book: Book) -> None:
    for record in book.registry.licenses():
        for key, text in record["texts"].items():
            place = text.get("repository") or text.get("url") or text.get("package") or text.get("note")
            assert place, (record["id"], key)
            # A few texts were read whole in a public index that gives no bytes; their records say so.
            known = len(str(text.get("sha256", ""))) == 64 or "no hash" in str(text.get("note", "")).lower()
            assert known, (record["id"], key)


def _printed(book: Book) -> Iterator[tuple[Any, str, Any]]:
    for record in book.registry.licenses():
        for key, data in ((record.get("fingerprints") or {}).get("texts") or {}).items():
            yield record, key, data


def test_every_clause_can_be_found_in_the_official_text(book: Book, shared: Path) -> None:
    missing = []
    count = 0
    for record, key, data in _printed(book):
        path = shared / "license-texts" / f"{record['texts'][key]['slug']}.txt"
        if not path.exists():
            continue
        raw = path.read_bytes()
        assert Fingerprint.from_data(data).sha256 == record["texts"][key]["sha256"]
        words = normalise(decode(raw))
        for clause, digests in record["fingerprints"]["clauses"].items():
            for digest in digests:
                if digest["text"] != key:
                    continue
                count += 1
                if verify_clause(words, ClauseDigest.from_data(digest)) is None:
                    missing.append((record["id"], clause))
    assert missing == []
    assert count > 500


def test_the_derived_part_of_the_records_is_current(shared: Path) -> None:
    command = [sys.executable, "scripts/fill_fingerprints.py", "--check", "--texts", str(shared / "license-texts")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_sentence_of_a_licence_is_copied(shared: Path) -> None:
    tool = shared / "tools" / "tree_check.py"
    if not tool.exists():
        pytest.skip("the reference material has no tree check")
    done = subprocess.run([sys.executable, str(tool), str(ROOT)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == ""
