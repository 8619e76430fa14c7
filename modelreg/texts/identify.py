"""Which licence, in which version, is this text? Answered from fingerprints, without the official texts.

`identify` says what each record shares with the text; `best` decides. Both are pure. What the numbers mean:

    segment    the stretch of the text where the licence stands; a README around it is outside
    contained  share of the record's shingles in the segment (1 = nothing of the licence is missing)
    known      share of the segment's shingles that the record knows    (1 = nothing was added inside)
    breaks     places inside the segment where the words are not the record's: each edit is one
    extra      share of the whole text outside the segment
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

from modelreg.texts.fingerprint import (
    Fingerprint,
    Shingles,
    decode,
    find_passage,
    letters_sha256,
    normalise,
    shingles_of,
)
from modelreg.texts.normal import Normalised


class MatchKind(StrEnum):
    """How sure a match is, from sure to vague."""

    EXACT = "exact"  # the bytes as published
    NORMALISED = "normalised"  # the same letters: wrapping, line ends, quotation marks, encoding differ
    CONTAINED = "contained"  # all letters of the official text stand in a row inside a larger text
    SIMILAR = "similar"  # shared shingles only: something was changed, added or left out


@dataclass(frozen=True)
class Match:
    """What a text shares with one official text; shares are 0..1, see the module's docstring.

    Attributes:
        text_id: key of the record.
        kind: how sure it is.
        score: 1 for the same letters; below 1 for any other: twice the shared shingles by those of both
        sides. contained, known, extra: shares.
        breaks: number of places that differ inside the segment.
        first_line, last_line: where the segment stands, 1-based.
        embedded: the text around the segment is more than a title and a signature.
        copies: close enough to be named (see `best`).
        within: a better match that explains most of the same words; "" if this one stands for itself.
        tie: what sets it apart from `within` stands in the text as much as what sets that one apart.
    """

    text_id: str
    kind: MatchKind
    score: float
    contained: float
    known: float
    extra: float
    breaks: int
    first_line: int
    last_line: int
    embedded: bool = False
    copies: bool = True
    within: str = ""
    tie: bool = False


class Outcome(StrEnum):
    """What `best` found."""

    ONE = "one"  # the file is that licence, as published or with slight changes (see the match)
    CONTAINS = "contains"  # the licence is a part of the file: a README, a collection, a licence with additions
    AMBIGUOUS = "ambiguous"
    NONE = "none"


@dataclass(frozen=True)
class Decision:
    """The name of a text, or what came nearest.

    Attributes:
        outcome: one name, a name for a part of the file, several that the text does not tell apart, or none.
        text_ids: the name, or the names that tie; empty for none.
        match: the match behind the (first) name; for none, the nearest one, None if nothing is near.
        also: other official texts that stand elsewhere in the same file.
    """

    outcome: Outcome
    text_ids: tuple[str, ...] = ()
    match: Match | None = None
    also: tuple[Match, ...] = ()


OTHER = "other:"  # before the ids of licences that `best` never names

# Records that share less than this with the text are not listed. Unrelated licences share up to a third
# (warranty disclaimers are copied from each other).
_LISTED = 0.35
_ANALYSED = 12  # the nearest records that are looked at closely: more than the largest family of near-twins
_GAP_COST = 0.5  # a segment ends where more than twice as many foreign shingles as known ones follow
_MIN_SHINGLES = 8  # shorter records (some 50 letters) are matched whole or not at all
_EMBEDDED = 0.1  # a title and a line of contact around a licence are less
_MARGIN = 2000  # letters around a segment in which the whole official text may begin or end

# A text is named if what differs is a slight edit. Measured with the 139 texts here against the 2,600
# licences that ScanCode ships: other licences that grew from a common root reach 0.970 (CC-BY-4.0 against
# CC-BY-NC-4.0), 0.961 (GTPL against Apache-2.0), 0.955 (Llama 3.2 against 4), while copies of the same text
# with one to three edits stay above 0.98 when they are long. In a short text one edit weighs more: inserting
# four words costs about 11 of MIT's 188 shingles on either side, so 16 shingles may differ whatever the
# length (MIT: 0.915; from 800 shingles on: 0.98).
_SLIGHT_SHARE, _SLIGHT_SHINGLES = 0.02, 16
# Or the copy is cut short: what is there is all known, but whole parts are missing (Apache-2.0 without its
# appendix: contained 0.90). Modified licences have breaks, or known below 0.99 (Pixar's Apache: 0.987).
_CUT_KNOWN, _CUT_CONTAINED, _CUT_BREAKS = 0.99, 0.75, 2

_RANK = {MatchKind.EXACT: 0, MatchKind.NORMALISED: 1, MatchKind.CONTAINED: 2, MatchKind.SIMILAR: 2}


def identify(data: bytes | str | Normalised, known: Mapping[str, Fingerprint]) -> list[Match]:
    """Rank the official texts that a text may be a copy of.

    Args:
        data: the file's bytes (only these can match exactly), or its text.
        known: fingerprints by text id.
    Returns: matches, best first; empty where nothing is like it. Feed them to `best` for a name.
    Raises:
        InputError: the bytes are not text, or a fingerprint is damaged.
    """
    raw = hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else ""
    if isinstance(data, bytes):
        data = decode(data)
    words = normalise(data) if isinstance(data, str) else data
    if not words.letters:
        return []
    letters_hash = letters_sha256(words)
    own = shingles_of(words.body)
    own_set = frozenset(own.hashes)

    same, near = [], []
    for text_id, record in known.items():
        if record.normalized_sha256 == letters_hash or record.sha256 == raw:
            same.append(_same(text_id, record, words, raw))
            continue
        size = len(record.shingles)
        shared = len(record.shingles & own_set)
        if size >= _MIN_SHINGLES and shared >= _LISTED * size:
            # what it explains less what it lacks: a licence goes before the policy that it contains
            near.append((size - 2.0 * shared, text_id))
    near.sort()
    matches = same + [_compare(text_id, known[text_id], words, own) for _, text_id in near[:_ANALYSED]]
    matches.sort(key=lambda m: (_RANK[m.kind], -_weight(m, known[m.text_id]), m.text_id))
    return _relate(matches, known, own_set)


def best(matches: Sequence[Match]) -> Decision:
    """Decide on a name: one, several that tie, or none.

    Args:
        matches: from `identify`.
    """
    leaders = [m for m in matches if m.copies and not m.within]
    own = [m for m in leaders if not m.text_id.startswith(OTHER)]
    # A text that is mostly another licence has no name here, even if it quotes one of ours.
    if not own or leaders[0] is not own[0]:
        nearest = leaders[0] if leaders else matches[0] if matches else None
        return Decision(Outcome.NONE, (), nearest, tuple(own))
    named, also = own[0], tuple(own[1:])
    ties = tuple(m.text_id for m in matches if m.copies and m.within == named.text_id and m.tie)
    outcome = Outcome.AMBIGUOUS if ties else Outcome.CONTAINS if named.embedded else Outcome.ONE
    return Decision(outcome, (named.text_id, *ties), named, also)


@cache
def neighbours() -> Mapping[str, Fingerprint]:
    """Licences that are not in the registry but look like one that is (`scripts/neighbours.py`).

    Their ids begin with OTHER. Pass `{**known, **neighbours()}` to `identify`: CC-BY-4.0 is then recognised
    as itself, and `best` gives it no name, where it would else pass for an edited CC-BY-NC-4.0.
    """
    import json  # only here: every command that names a licence imports this module, few ask for neighbours

    data = json.loads(Path(__file__).with_name("neighbours.json").read_text(encoding="utf-8"))
    return {OTHER + key: Fingerprint.from_data(value, where=f"neighbours.json: {key}") for key, value in data.items()}


def _same(text_id: str, record: Fingerprint, words: Normalised, raw: str) -> Match:
    kind = MatchKind.EXACT if record.sha256 == raw else MatchKind.NORMALISED
    first, last = words.line_of(words.letter_offsets[0]), words.line_of(words.letter_offsets[-1])
    return Match(text_id, kind, 1.0, 1.0, 1.0, 0.0, 0, first, last)


def _weight(match: Match, record: Fingerprint) -> float:
    """What a record explains of the text, less what it does not.

    Words that were added inside weigh more than words that are missing: a copy may lack its appendix, and
    Apache-2.0 without one is nearer to Pixar's changed version, which has none, if both weigh the same.
    """
    size = len(record.shingles)
    shared = match.contained * size
    added = shared / match.known - shared if match.known else 0.0
    return shared - 0.35 * (size - shared) - 3 * added


def _compare(text_id: str, record: Fingerprint, words: Normalised, own: Shingles) -> Match:
    hits = [value in record.shingles for value in own.hashes]
    first, last = _segment(hits)
    inside = own.hashes[first:last]
    distinct = len(set(inside))
    shared = len(record.shingles.intersection(inside))
    contained, known = shared / len(record.shingles), shared / distinct
    breaks = sum(1 for a, b in zip(hits[first:last], hits[first + 1 : last], strict=False) if a and not b)
    begin, end = own.starts[first], own.ends[last - 1]
    extra = 1 - (end - begin) / len(words.body)
    begin, end = words.body_index[begin], words.body_index[end - 1] + 1
    around = words.letters[max(0, begin - _MARGIN) : end + _MARGIN]
    whole = (
        contained > 0.97  # the search is worth while only then
        and find_passage(around, record.letters, record.rolling, record.normalized_sha256) is not None
    )
    size = len(record.shingles)
    # Never 1: the letters are not the same, even where every shingle is (paragraphs in another order, page
    # numbers).
    score = min(2 * shared / (size + distinct), 0.9999)
    slight = score >= 1 - max(_SLIGHT_SHARE, min(_SLIGHT_SHINGLES / size, 0.1))
    cut = known >= _CUT_KNOWN and contained >= _CUT_CONTAINED and breaks <= _CUT_BREAKS
    return Match(
        text_id,
        MatchKind.CONTAINED if whole else MatchKind.SIMILAR,
        round(score, 4),
        round(contained, 4),
        round(known, 4),
        round(extra, 4),
        breaks,
        words.line_of(words.letter_offsets[begin]),
        words.line_of(words.letter_offsets[end - 1]),
        embedded=extra > _EMBEDDED,
        copies=whole or slight or cut,
    )


def _segment(hits: Sequence[bool]) -> tuple[int, int]:
    """The half-open stretch with the greatest sum of hits less the cost of the gaps (Kadane)."""
    best_sum, best_span, total, start = 0.0, (0, 1), 0.0, 0
    for i, hit in enumerate(hits):
        total += 1.0 if hit else -_GAP_COST
        if total <= 0:
            total, start = 0.0, i + 1
        elif total > best_sum:
            best_sum, best_span = total, (start, i + 1)
    return best_span


def _relate(matches: list[Match], known: Mapping[str, Fingerprint], own: frozenset[int]) -> list[Match]:
    """Say of each match whether a better one explains most of its words, and whether the two tie."""
    leaders: list[Match] = []
    out = []
    for match in matches:
        record = known[match.text_id].shingles
        mine = record & own
        for leader in leaders:
            other = known[leader.text_id].shingles
            if len(mine & other) * 2 < len(mine):
                continue
            apart, against = other - record, record - other
            tie = 2 * _share(against, own, 0.0) >= _share(apart, own, 1.0)
            if leader.score == 1.0:
                tie = match.kind == leader.kind
            match = replace(match, within=leader.text_id, tie=tie)
            break
        else:
            leaders.append(match)
        out.append(match)
    return out


def _share(apart: frozenset[int], own: frozenset[int], if_none: float) -> float:
    return len(apart & own) / len(apart) if apart else if_none
