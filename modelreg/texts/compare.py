"""A fetched text against the recorded one: the same, another layout, or what changed in which clause."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from modelreg.errors import InputError
from modelreg.texts.differences import Hunk, differences, unknown_lines
from modelreg.texts.fingerprint import find_passage, letters_sha256, shingles_of, verify_clause
from modelreg.texts.normal import Normalised, decode, normalise
from modelreg.texts.places import KnownText, Passage

SAME, LAYOUT, CHANGED, ADDED, TRANSLATION = "same", "layout", "changed", "added", "translation-added"
_LONGEST = 400  # characters of changed words that a finding quotes
_CJK = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]{2,}")


@dataclass(frozen=True)
class Words:
    """Words that changed; line numbers are those of the new text, 1-based; 0 where there is no line."""

    was: str
    now: str
    first_line: int = 0
    last_line: int = 0

    def to_data(self) -> dict[str, object]:
        return {"was": self.was, "now": self.now, "lines": [self.first_line, self.last_line]}


@dataclass(frozen=True)
class ClauseChange:
    """A cited clause whose words are not there any more; `words` is empty where only that is known."""

    passage: Passage
    words: tuple[Words, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """How a fetched file compares.

    Attributes:
        kind: same, layout (only wrapping, line ends, quotation marks), changed, added (the words stand, others beside
            them), translation-added (the words stand, the others are in another language).
        clauses: cited clauses that changed; outside: changed words of no cited clause.
        note: what else there is to say (a PDF, no text).
    """

    kind: str
    clauses: tuple[ClauseChange, ...] = ()
    outside: tuple[Words, ...] = ()
    note: str = ""
    matched: int = field(default=0, compare=False)  # passages that were found


def compare(known: KnownText, data: bytes, old: Sequence[bytes] = ()) -> Comparison:
    """Compare a fetched file with a recorded text.

    Args:
        known: the record's side; data: the file; old: files of the recorded commit, where these could be had: they are
            believed only as far as they have the recorded words.
    """
    if known.sha256 and hashlib.sha256(data).hexdigest() in (known.sha256, known.pdf_sha256):
        return Comparison(SAME)
    try:
        words = normalise(decode(data))
    except InputError as error:
        return Comparison(CHANGED, note=error.message)
    return compare_words(known, words, [n for n in map(_words, old) if n is not None])


def _words(data: bytes) -> Normalised | None:
    try:
        return normalise(decode(data))
    except InputError:
        return None


def compare_words(known: KnownText, words: Normalised, old: Sequence[Normalised]) -> Comparison:
    """The same for a text that is decoded already."""
    whole = known.fingerprint
    if whole is not None:
        if letters_sha256(words) == whole.normalized_sha256:
            return Comparison(LAYOUT)
        at = find_passage(words.letters, whole.letters, whole.rolling, whole.normalized_sha256)
        if at is not None:
            return _around(known, words, at, at + whole.letters)
    found = [(p, verify_clause(words, p.digest)) for p in known.passages]
    lost = [p for p, place in found if place is None]
    matched = len(found) - len(lost)
    if known.part:
        # The rest of a README is not the record's: only the cited passages count.
        if not lost and found:
            return Comparison(SAME, matched=matched)
        return Comparison(CHANGED, tuple(_of_part(p, words, old) for p in lost), matched=matched)
    official = next((o for o in old if whole is not None and letters_sha256(o) == whole.normalized_sha256), None)
    hunks = differences(words, official) if official is not None else None
    if hunks is not None and official is not None:
        return _by_hunks(official, lost, hunks, matched)
    return _by_lines(known, words, lost, matched)


def _around(known: KnownText, words: Normalised, begin: int, end: int) -> Comparison:
    """All recorded words stand there in a row; what else does?"""
    if known.part:
        return Comparison(SAME)
    offsets = words.letter_offsets
    before, after = words.text[: offsets[begin]], words.text[offsets[end - 1] + 1 :]
    extra = [_quote(words, 0, offsets[begin]), _quote(words, offsets[end - 1] + 1, len(words.text))]
    more = f"{before} {after}"
    if sum(c.isalnum() for c in more) < 4:
        return Comparison(LAYOUT)
    kind = TRANSLATION if other_language(more, known.language) else ADDED
    return Comparison(kind, outside=tuple(e for e in extra if e.now))


def other_language(text: str, known: Sequence[str]) -> bool:
    """Whether a text is mainly in a language (Chinese or English) that the known text is not in."""
    chinese, english = len(_CJK.findall(text)), len(_LATIN.findall(text))
    if chinese + english < 20:
        return False
    language = "zh" if chinese > english else "en"
    return bool(known) and language not in known


def _quote(words: Normalised, start: int, stop: int) -> Words:
    text = " ".join(words.text[start:stop].split())
    return Words("", _short(text), words.line_of(start), words.line_of(max(start, stop - 1)))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _of_hunk(hunk: Hunk) -> Words:
    return Words(_short(hunk.official_words), _short(hunk.words), hunk.first_line, hunk.last_line)


def _by_hunks(official: Normalised, lost: list[Passage], hunks: list[Hunk], matched: int) -> Comparison:
    """With the recorded text at hand: each changed place, given to the clause that it stands in."""
    inside: dict[int, list[Words]] = {i: [] for i in range(len(lost))}
    outside: list[Words] = []
    places = [verify_clause(official, p.digest) for p in lost]
    for hunk in hunks:
        mine = [
            i
            for i, place in enumerate(places)
            if place is not None
            and place.first_line <= hunk.official_last_line
            and hunk.official_first_line <= place.last_line
        ]
        for i in mine:
            inside[i].append(_of_hunk(hunk))
        if not mine and not hunk.passing:  # a copyright notice counts where a clause cites it
            outside.append(_of_hunk(hunk))
    clauses = tuple(ClauseChange(p, tuple(inside[i])) for i, p in enumerate(lost))
    return Comparison(CHANGED if clauses or outside else LAYOUT, clauses, tuple(outside), matched=matched)


def _by_lines(known: KnownText, words: Normalised, lost: list[Passage], matched: int) -> Comparison:
    """Without it: the lines whose words the fingerprint does not know, given to the clause that should stand there."""
    lines = unknown_lines(words, known.fingerprint) if known.fingerprint is not None else []
    shift = len(words.letters) - (known.fingerprint.letters if known.fingerprint is not None else len(words.letters))
    spans = [_expected(words, p, shift) for p in lost]
    inside: dict[int, list[Words]] = {i: [] for i in range(len(lost))}
    outside: list[Words] = []
    for line in lines:
        shown = Words("", _short(line.words), line.first_line, line.last_line)
        mine = [i for i, (a, b) in enumerate(spans) if a <= line.last_line and line.first_line <= b]
        for i in mine:
            inside[i].append(shown)
        if not mine:
            outside.append(shown)
    clauses = tuple(ClauseChange(p, tuple(inside[i])) for i, p in enumerate(lost))
    if not clauses and outside and all(w.now for w in outside):
        more = " ".join(w.now for w in outside)
        return Comparison(TRANSLATION if other_language(more, known.language) else CHANGED, (), tuple(outside))
    return Comparison(CHANGED, clauses, tuple(outside), matched=matched)


def _expected(words: Normalised, passage: Passage, shift: int) -> tuple[int, int]:
    """The lines where a lost passage should stand: as many letters in as before, give or take what was added."""
    offsets = words.letter_offsets
    if not offsets:
        return 0, 0
    last = len(offsets) - 1
    begin = min(max(0, passage.digest.start + min(0, shift)), last)
    end = min(max(0, passage.digest.start + passage.digest.length + max(0, shift)), last)
    return words.line_of(offsets[begin]), words.line_of(offsets[end])


def _of_part(passage: Passage, words: Normalised, old: Sequence[Normalised]) -> ClauseChange:
    """A changed section of a README: the recorded one against the lines that are most like it."""
    for before in old:
        place = verify_clause(before, passage.digest)
        if place is None:
            continue
        was = before.text[place.start : place.end]
        span = _likest(words, was)
        if span is None:
            return ClauseChange(passage, (Words(_short(" ".join(was.split())), ""),))
        first, last = span
        starts = words.line_starts
        now = words.text[starts[first - 1] : starts[last] if last < len(starts) else len(words.text)]
        hunks = [h for h in differences(now, was) if not h.passing]
        found = [
            Words(_short(h.official_words), _short(h.words), h.first_line + first - 1, h.last_line + first - 1)
            for h in hunks
        ]
        return ClauseChange(passage, tuple(found))
    return ClauseChange(passage)


def _likest(words: Normalised, passage: str) -> tuple[int, int] | None:
    """First and last line of the stretch that shares most with a passage."""
    wanted = set(shingles_of(normalise(passage).body).hashes)
    if not wanted:
        return None
    own = shingles_of(words.body)
    index, offsets = words.body_index, words.letter_offsets
    hits = [
        words.line_of(offsets[index[start]])
        for value, start in zip(own.hashes, own.starts, strict=True)
        if value in wanted
    ]
    if not hits:
        return None
    middle = hits[len(hits) // 2]
    height = passage.count("\n") + 2
    near = [line for line in hits if abs(line - middle) <= height]
    return min(near), max(near)
