"""Fingerprints as data, and clause digests."""

from __future__ import annotations

import base64
import textwrap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from texts_support import TRADITIONAL, without_title

from modelreg.errors import InputError
from modelreg.texts.fingerprint import (
    ClauseDigest,
    Fingerprint,
    digest_lines,
    fingerprint,
    normalise,
    shingles_of,
    verify_clause,
)
from modelreg.texts.rolling import find_window, rolling_hash


@given(st.text(max_size=400))
def test_a_fingerprint_survives_its_data(text: str) -> None:
    data = text.encode("utf-8", "replace")
    try:
        made = fingerprint(data)
    except InputError:
        return
    again = Fingerprint.from_data(made.to_data())
    assert again == made
    assert again.shingles == frozenset(shingles_of(normalise(data.decode()).body).hashes)


@pytest.mark.parametrize(
    "change",
    [
        {"scheme": 2},
        {"sha256": "xyz"},
        {"normalized_sha256": 7},
        {"tokens": -1},
        {"letters": "12"},
        {"rolling": True},
        {"shingles": None},
    ],
)
def test_bad_data_are_refused_with_their_place(change: dict[str, Any], invented: str) -> None:
    data = fingerprint(invented.encode()).to_data()
    with pytest.raises(InputError) as caught:
        Fingerprint.from_data({**data, **change}, where="licenses/heron.yaml:3:1")
    assert caught.value.where == "licenses/heron.yaml:3:1"


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda b: base64.b64encode(b).decode())))
def test_damaged_shingles_are_refused(packed: str) -> None:
    made = Fingerprint("0" * 64, "0" * 64, 1, 1, 1, packed)
    with pytest.raises(InputError):
        assert made.shingles is None


@given(st.text("ab", min_size=1, max_size=60), st.data())
def test_a_window_is_found_by_its_hash(text: str, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(text)))
    start = data.draw(st.integers(0, len(text) - size))
    wanted = text[start : start + size]
    places = [i for i in range(len(text) - size + 1) if text[i : i + size] == wanted]
    assert find_window(text, size, rolling_hash(wanted)) == places


def _lines_of(text: str, words: str) -> int:
    return next(i for i, line in enumerate(text.split("\n"), 1) if words in line)


@pytest.fixture
def clause(invented: str) -> ClauseDigest:
    first = _lines_of(invented, "鹭鸟")
    return digest_lines(invented, first, first + 1)


def test_a_clause_is_found_where_it_was(invented: str, clause: ClauseDigest) -> None:
    found = verify_clause(invented, clause)
    assert found is not None
    first = _lines_of(invented, "鹭鸟")
    assert (found.first_line, found.last_line, found.moved) == (first, first + 1, False)
    assert invented[found.start : found.end].startswith("您若")
    assert ClauseDigest.from_data(clause.to_data()) == clause


@pytest.mark.parametrize("width", [7, 20, 60, 200])
def test_a_clause_is_found_however_the_copy_is_wrapped(width: int, invented: str, clause: ClauseDigest) -> None:
    copy = textwrap.fill(invented, width).replace("\n", "\r\n").translate(TRADITIONAL)
    found = verify_clause(copy, clause)
    assert found is not None
    assert not found.moved


def test_a_clause_is_found_where_it_moved_to(invented: str, clause: ClauseDigest) -> None:
    found = verify_clause("A preamble.\n" + without_title(invented), clause)
    assert found is not None
    assert found.moved
    assert verify_clause(normalise(invented), clause) is not None


@pytest.mark.parametrize(("old", "new"), [("三十日", "六十日"), ("应当", "可以"), ("100 万", "1000 万")])
def test_a_changed_clause_is_not_found(old: str, new: str, invented: str, clause: ClauseDigest) -> None:
    assert verify_clause(invented.replace(old, new), clause) is None


def test_nothing_is_found_in_nothing(clause: ClauseDigest) -> None:
    assert verify_clause("", clause) is None
    assert verify_clause("...", ClauseDigest("0" * 64, 0, 0, 0)) is None


@pytest.mark.parametrize(("first", "last"), [(0, 1), (3, 2), (1, 10_000), (2, 2)])
def test_lines_that_are_not_there_are_a_bug(first: int, last: int, invented: str) -> None:
    with pytest.raises(ValueError, match="lines"):
        digest_lines(invented, first, last)


def test_a_search_takes_linear_time() -> None:
    text = "ab " * 100_000  # every window of the same parity is alike
    digest = digest_lines("ab " * 5_000 + "c", 1, 1)
    assert verify_clause(text, digest) is None


@pytest.mark.shared
def test_clauses_of_all_official_texts(official: dict[str, bytes]) -> None:
    for slug, data in official.items():
        text = data.decode("utf-8")
        words = normalise(text)
        lines = [i for i, line in enumerate(text.split("\n"), 1) if len(normalise(line).letters) > 60][:3]
        copy = normalise(textwrap.fill(without_title(text), 60).translate(TRADITIONAL))
        for line in lines[1:]:
            digest = digest_lines(words, line, line)
            found = verify_clause(words, digest)
            assert found is not None, (slug, line)
            assert found.moved or found.first_line == line
            assert verify_clause(copy, digest) is not None, (slug, line)


@pytest.mark.shared
def test_all_fingerprints_stay_small(known: dict[str, Fingerprint]) -> None:
    assert sum(len(f.packed) for f in known.values()) < 700_000
