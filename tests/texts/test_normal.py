"""Decoding and the canonical forms."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from texts_support import TRADITIONAL

from modelreg.errors import InputError
from modelreg.texts.fingerprint import letters_sha256
from modelreg.texts.normal import MAX_BYTES, decode, normalise

# Words of Latin, Chinese, digits with joints, and what stands between them.
WORDS = st.lists(
    st.sampled_from(
        ["heron", "The", "non-exclusive", "Heron-7B", "1.5", "1,000,000", "“quoted”", "模型参数", "您不得",
         "『引』",
         "《协议》", "100%", "$5", "a/b", "2023-03-14", "**bold**",
         "clause", "。", "(c)", "ﬁsh", "１２", "x'y", "é"]
    ),
    min_size=1,
    max_size=40,
)  # fmt: skip


@given(WORDS, st.integers(1, 90), st.booleans())
def test_wrapping_and_line_ends_do_not_change_the_letters(words: list[str], width: int, crlf: bool) -> None:
    text = " ".join(words)
    wrapped = textwrap.fill(text, width)
    if crlf:
        wrapped = wrapped.replace("\n", "\r\n")
    assert letters_sha256(wrapped) == letters_sha256(text)


@given(WORDS)
def test_quotation_style_does_not_change_the_letters(words: list[str]) -> None:
    text = " ".join(words)
    assert letters_sha256(text.translate(TRADITIONAL)) == letters_sha256(text)


@given(WORDS, st.integers(0, 40), st.sampled_from(["not", "不", "7"]))
def test_an_inserted_word_changes_the_letters(words: list[str], place: int, word: str) -> None:
    changed = [*words[:place], word, *words[place:]]
    assert letters_sha256(" ".join(changed)) != letters_sha256(" ".join(words))


@given(st.text(max_size=300))
def test_every_letter_and_token_leads_back_to_its_place(text: str) -> None:
    words = normalise(text)
    assert len(words.letter_offsets) == len(words.letters)
    assert words.letter_offsets == sorted(words.letter_offsets)
    assert len(words.spans) == len(words.tokens)
    assert all(0 <= a < b <= len(text) for a, b in words.spans)
    assert all(1 <= words.line_of(a) <= len(words.line_starts) for a in words.letter_offsets)
    assert len(words.body) == len(words.body_index)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("⼀、定义", "一、定义"),  # Kangxi radicals, as pdftotext gives them
        ("⻓期", "长期"),  # which NFKC does not know
        ("exclu-\nsive", "exclusive"),
        ("non-\nexclusive", "non-exclusive"),
        ("ＡＰＩ（１）", "API(1)"),
        ("**Licence** and _terms_", "licence AND terms"),
        ("see [https://x.org/a](https://x.org/a/)", "see https://x.org/a"),
        ("mail [a@b.org](mailto:a@b.org)", "mail a@b.org"),
        ("Copyright © 2024", "Copyright (c) 2024"),
        ("ﬁne", "fine"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
    ],
)
def test_the_same_words(one: str, other: str) -> None:
    assert letters_sha256(one) == letters_sha256(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("$1.5 million", "$15 million"),
        ("100%", "100"),
        ("$100", "€100"),
        ("2023-03", "202303"),
        ("[form](https://old.org)", "[form](https://new.org)"),  # a changed form address is a changed licence
        ("ChatGLM2", "ChatGLM3"),
    ],
)
def test_not_the_same_words(one: str, other: str) -> None:
    assert letters_sha256(one) != letters_sha256(other)


def test_tokens_are_words_and_chinese_characters() -> None:
    assert normalise("The Non-Exclusive 许可, v1.5 (100 %)").tokens == [
        "the", "nonexclusive", "许", "可", "v1.5", "100", "%",
    ]  # fmt: skip


def test_body_leaves_out_notices_and_page_numbers() -> None:
    text = "Paper\nCopyright (c) 2024 Heron\nwords\n  12\nPage 3 of 9\nmore\r\n第 4 页\r\ncopyright law\n"
    assert normalise(text).body == "paperwordsmorecopyrightlaw"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"])
def test_decode_reads_every_encoding(encoding: str, invented: str) -> None:
    assert decode(invented.encode(encoding)) == invented


def test_decode_reads_western_european() -> None:
    text = "Copyright 2019 Björn Müller"
    assert decode(text.encode("latin-1")) == text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04rest", "ZIP"),
        (bytes(range(256)) * 4, "binary"),
        (b"\x80\x04\x95" + b"\x00\x01" * 50, "binary"),
        (b"a" * (MAX_BYTES + 1), "too many"),
    ],
)
def test_decode_refuses_what_is_not_text(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        decode(data, where="LICENSE.pdf")
    assert caught.value.where == "LICENSE.pdf"
    assert caught.value.hint


def test_a_pdf_is_sent_to_pdftotext() -> None:
    with pytest.raises(InputError) as caught:
        decode(b"%PDF-1.4\n")
    assert "pdftotext" in caught.value.hint
