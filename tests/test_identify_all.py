"""Every official text is recognised with its version, however it was re-wrapped; nothing else is."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from modelreg.cli._book import Book, open_book
from modelreg.cli._texts import KnownTexts, identify_file, known_texts


@pytest.fixture(scope="module")
def book() -> Book:
    return open_book()


@pytest.fixture(scope="module")
def known(book: Book) -> KnownTexts:
    return known_texts(book)


def wrapped(text: str) -> str:
    return "\n\n".join("\n".join(textwrap.wrap(p, 60)) for p in re.split(r"\n\s*\n", text))


def without_title(text: str) -> str:
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip())
    return "\n".join(lines[first + 1 :])


def other_quotes(text: str) -> str:
    return text.replace("“", "「").replace("”", "」").replace("‘", "『").replace("’", "』")


FORMS: dict[str, Callable[[str], str]] = {
    "as published": lambda t: t,
    "wrapped at 60": wrapped,
    "CRLF": lambda t: t.replace("\n", "\r\n"),
    "without title": without_title,
    "Traditional quotes": other_quotes,
}
# With its first line gone nothing (or one short sentence) is left of these.
TITLE_IS_ALL = {"gpt-oss-usage-policy", "belle-llama-ext-13b-model-card"}


@pytest.mark.parametrize("form", FORMS)
def test_each_text_is_named_with_its_version(
    form: str, book: Book, known: KnownTexts, shared: Path, tmp_path: Path
) -> None:
    owners: dict[str, set[str]] = {}
    for record in book.registry.licenses():
        for text in record["texts"].values():
            owners.setdefault(text["slug"], set()).add(record["id"])
    wrong = []
    for path in sorted((shared / "license-texts").glob("*.txt")):
        if path.stem not in owners or (form == "without title" and path.stem in TITLE_IS_ALL):
            continue
        copy = tmp_path / "LICENSE"
        copy.write_bytes(FORMS[form](path.read_text(encoding="utf-8")).encode())
        result = identify_file(copy, known)
        if result["license"] not in owners[path.stem]:
            wrong.append((path.stem, result["license"], result["licenses"][:4], result["score"]))
    assert wrong == []


def test_every_official_text_has_a_record(book: Book, shared: Path) -> None:
    index = yaml.safe_load((shared / "license-texts" / "INDEX.yaml").read_text(encoding="utf-8"))["texts"]
    held = {t["slug"] for r in book.registry.licenses() for t in r["texts"].values()}
    missing = {t["slug"] for t in index} - held
    assert len(missing) <= 2, sorted(missing)


def test_other_texts_get_no_name(known: KnownTexts, tmp_path: Path) -> None:
    import sysconfig

    site = Path(sysconfig.get_paths()["purelib"])
    places = [*site.glob("*.dist-info/METADATA"), *site.glob("*.dist-info/entry_points.txt")][:60]
    for path in places:
        body = path.read_text(encoding="utf-8", errors="replace")
        if "WITHOUT WARRANTY" in body or "Apache License" in body:
            continue
        copy = tmp_path / "README.md"
        copy.write_text(body, encoding="utf-8")
        assert identify_file(copy, known)["licenses"] == [], path
