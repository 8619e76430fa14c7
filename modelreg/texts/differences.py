"""Where does a copy differ from the official text? With that text at hand, and without it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from modelreg.texts.fingerprint import Fingerprint, shingles_of
from modelreg.texts.normal import Normalised, normalise


@dataclass(frozen=True)
class Hunk:
    """One place where two texts differ; line numbers are 1-based and inclusive.

    Attributes:
        kind: "added" (in the text only), "missing" (in the official text only) or "changed".
        first_line, last_line: in the text; for "missing", the line that stands before the gap.
        official_first_line, official_last_line: in the official text; for "added", the line before the place.
        words, official_words: what stands there, as written, white space collapsed; "" on the side without.
        passing: only a page number or a copyright notice, which every copy has its own of.
    """

    kind: str
    first_line: int
    last_line: int
    official_first_line: int
    official_last_line: int
    words: str
    official_words: str
    passing: bool = False


@dataclass(frozen=True)
class UnknownLines:
    """Lines of a text whose words the official text does not have; 1-based, inclusive.

    Attributes:
        first_line, last_line: where they stand.
        words: the words, as written, white space collapsed; "" where something is missing at this place.
    """

    first_line: int
    last_line: int
    words: str


def differences(text: str | Normalised, official_text: str | Normalised) -> list[Hunk]:
    """Compare two texts word by word, whatever their wrapping, quotation marks and case.

    Chinese is compared character by character. Neighbouring hunks that only a word or two separate are one.

    Args:
        text: the copy.
        official_text: the text as published.
    Returns: the hunks, in order; empty where the words are the same.
    """
    a = normalise(text) if isinstance(text, str) else text
    b = normalise(official_text) if isinstance(official_text, str) else official_text
    if a.letters == b.letters:
        return []  # words may be cut differently at line ends
    # What both have at the ends is cut off first: difflib needs time in the square of the rest.
    head = 0
    limit = min(len(a.tokens), len(b.tokens))
    while head < limit and a.tokens[head] == b.tokens[head]:
        head += 1
    tail = 0
    while tail < limit - head and a.tokens[-1 - tail] == b.tokens[-1 - tail]:
        tail += 1
    left, right = a.tokens[head : len(a.tokens) - tail], b.tokens[head : len(b.tokens) - tail]
    # Popular words ("the", 的) anchor nothing in long texts, and leaving them out as anchors keeps the time
    # down.
    matcher = SequenceMatcher(None, left, right, autojunk=True)
    merged: list[list[int]] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        if merged and i1 - merged[-1][1] <= 2 and j1 - merged[-1][3] <= 2:
            merged[-1][1], merged[-1][3] = i2, j2
        else:
            merged.append([i1, i2, j1, j2])
    hunks = (_hunk(a, b, head + i1, head + i2, head + j1, head + j2) for i1, i2, j1, j2 in merged)
    return [h for h in hunks if h is not None]


def _hunk(a: Normalised, b: Normalised, i1: int, i2: int, j1: int, j2: int) -> Hunk | None:
    if "".join(a.tokens[i1:i2]) == "".join(b.tokens[j1:j2]):
        return None  # "non exclusive" and "nonexclusive"
    kind = "changed" if i1 < i2 and j1 < j2 else "added" if i1 < i2 else "missing"
    words, (first, last), own_passing = _side(a, i1, i2)
    official, (official_first, official_last), other_passing = _side(b, j1, j2)
    return Hunk(kind, first, last, official_first, official_last, words, official, own_passing and other_passing)


def _side(side: Normalised, begin: int, end: int) -> tuple[str, tuple[int, int], bool]:
    spans = side.spans
    if begin == end:
        at = spans[begin - 1][1] - 1 if begin else 0
        return "", (side.line_of(at), side.line_of(at)), True
    start, stop = spans[begin][0], spans[end - 1][1]
    words = " ".join(side.text[start:stop].split())
    passing = all(side.is_passing(spans[i][0]) for i in range(begin, end))
    return words, (side.line_of(start), side.line_of(stop - 1)), passing


def unknown_lines(text: str | Normalised, record: Fingerprint) -> list[UnknownLines]:
    """The lines of a text that are not the official text's, told from its fingerprint alone.

    A letter is known if a shingle of the record covers it. What was left out shows as a place where known
    words meet that do not follow each other in the official text. Copyright notices and page numbers are not
    reported. One shingle in four is kept, so the words given may reach a few letters too far or fall short
    by as many; a single changed letter is overlooked once in a thousand times.

    Args:
        text: the copy.
        record: fingerprint of the official text.
    """
    words = normalise(text) if isinstance(text, str) else text
    own = shingles_of(words.body)
    out: list[UnknownLines] = []
    run: tuple[int, int] | None = None  # unknown shingles without a known one between: first start, last end
    known_until = 0  # the letters before this are covered by known shingles
    for value, start, end in zip(own.hashes, own.starts, own.ends, strict=True):
        if value not in record.shingles:
            run = (run[0], end) if run else (start, end)
            continue
        if run:
            out.append(_unknown(words, max(known_until, run[0]), min(start, run[1])))
            run = None
        known_until = end
    if run:
        out.append(_unknown(words, max(known_until, run[0]), run[1]))
    return _joined(out)


def _unknown(words: Normalised, begin: int, end: int) -> UnknownLines:
    """The letters between two known shingles; where these touch, something is missing between them."""
    gap = begin >= end
    if gap:
        begin, end = max(0, end - 1), end + 1
    index = words.body_index
    offsets = words.letter_offsets
    first, last = offsets[index[begin]], offsets[index[min(end, len(index)) - 1]]
    shown = "" if gap else " ".join(words.text[first : last + 1].split())
    return UnknownLines(words.line_of(first), words.line_of(last), shown)


def _joined(found: list[UnknownLines]) -> list[UnknownLines]:
    out: list[UnknownLines] = []
    for item in found:
        if out and item.first_line <= out[-1].last_line and item.words and out[-1].words:
            before = out.pop()
            item = UnknownLines(before.first_line, item.last_line, f"{before.words} … {item.words}")
        out.append(item)
    return out
