"""Streamed pieces joined are the full text; no piece ends inside a character; stop strings never show."""

from __future__ import annotations

from pathlib import Path

import pytest
import recorded
import tiny_tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelreg.inference.streaming import StopStrings, StreamDecoder, apply_stop_strings
from modelreg.inference.tokenizers import GENERATIONS, Generation, Tokenizer
from modelreg.inference.tokenizers.chatglm import SpacesBeforeMarks, Whitespace

tiny = tiny_tokenizers.tiny

few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.text(st.characters(codec="utf-8"), max_size=40) | st.text(
    "你好，👍🏽é n'tvsre.?!<>|_blank_2tab\n\t\u2581", max_size=40
)


def stream(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    decoder = StreamDecoder(tokenizer)
    return [*(decoder.put(token) for token in ids), decoder.finish()]


def check(tokenizer: Tokenizer, ids: list[int]) -> None:
    pieces = stream(tokenizer, ids)
    assert "".join(pieces) == tokenizer.decode(ids), ids


@few
@given(text=texts)
@pytest.mark.parametrize("name", tiny_tokenizers.NAMES)
def test_any_text(tiny: dict[str, Tokenizer], name: str, text: str) -> None:
    check(tiny[name], tiny[name].encode(text, add_special_tokens=False))


@few
@given(numbers=st.lists(st.integers(0, 10**6), max_size=30))
@pytest.mark.parametrize("name", tiny_tokenizers.NAMES)
def test_any_ids(tiny: dict[str, Tokenizer], name: str, numbers: list[int]) -> None:
    """Models sample any id: bytes that are no text, control tokens, padding, rows above the vocabulary."""
    size = tiny[name].vocab_size + 20
    check(tiny[name], [number % size for number in numbers])


@few
@given(numbers=st.lists(st.integers(0, 255), max_size=30))
@pytest.mark.parametrize("name", tiny_tokenizers.NAMES)
def test_any_bytes(tiny: dict[str, Tokenizer], name: str, numbers: list[int]) -> None:
    """Runs of byte tokens with a few words between."""
    first = tiny_tokenizers.first_byte(tiny[name])
    word = tiny[name].encode_ordinary("a你")
    check(tiny[name], [token for number in numbers for token in ([first + number] if number else word)])


@pytest.mark.parametrize("name", tiny_tokenizers.NAMES)
def test_a_character_comes_whole(tiny: dict[str, Tokenizer], name: str) -> None:
    ids = tiny[name].encode_ordinary("ok 🧑‍🚀龘 end")
    assert len(ids) > 10
    assert all("\ufffd" not in piece for piece in stream(tiny[name], ids))


@pytest.mark.parametrize("name", tiny_tokenizers.NAMES)
def test_an_unfinished_character_waits_for_the_end(tiny: dict[str, Tokenizer], name: str) -> None:
    first = tiny_tokenizers.first_byte(tiny[name])
    ids = [*tiny[name].encode_ordinary("ok"), first + 0xF0, first + 0x9F]
    pieces = stream(tiny[name], ids)
    assert "".join(pieces[:-1]) == "ok"
    assert set(pieces[-1]) == {"\ufffd"}


@pytest.mark.shared
@pytest.mark.parametrize("generation", GENERATIONS)
def test_official_tokenizers(shared_dir: Path, generation: Generation) -> None:
    tokenizer = recorded.tokenizer(shared_dir, generation)
    for case in recorded.read(shared_dir, f"{generation}/tokenizer.json")["cases"]:
        check(tokenizer, case["ids"])
        check(tokenizer, case["ids_with_special"])


@few
@given(text=st.text(" .?!,'ntvresm<>|blank_280", max_size=24), cut=st.integers(0, 24))
def test_a_rewrite_may_be_cut_where_it_says(text: str, cut: int) -> None:
    for rewrite in (SpacesBeforeMarks(), Whitespace()):
        head = text[:cut]
        safe = len(head) - rewrite.undecided(head)
        assert rewrite.apply(text[:safe]) + rewrite.apply(text[safe:]) == rewrite.apply(text)


@few
@given(
    text=st.text("ab<|>", max_size=30),
    stops=st.lists(st.text("ab<|>", max_size=4), max_size=3),
    size=st.integers(1, 5),
)
def test_stop_strings_in_any_pieces(text: str, stops: list[str], size: int) -> None:
    stopper = StopStrings(stops)
    got = "".join(stopper.put(text[at : at + size]) for at in range(0, len(text), size)) + stopper.finish()
    places = [text.find(stop) for stop in stops if stop and stop in text]
    if not places:
        assert got == text
        return
    # Pieces may complete a later, shorter stop string first only if it ends first.
    assert stopper.found is not None
    assert text.startswith(got + stopper.found)


@pytest.mark.shared
def test_recorded_stop_strings(shared_dir: Path) -> None:
    for case in recorded.read(shared_dir, "chatglm3/openai_demo.json")["stopping_strings"]:
        assert list(apply_stop_strings(case["text"], case["stop"])) == case["result"]
