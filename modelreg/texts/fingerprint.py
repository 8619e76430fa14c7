"""What a licence record holds in place of the official text: hashes, shingles, clause digests, not the words.

A shingle is a run of letters as long as some five words. One in four is kept, chosen by its hash, as 24
bits: the 139 texts gathered for this project come to half a megabyte of base64. Every letter lies in some
two dozen shingles, so even versions of one licence that differ in a single digit of a name (ChatGLM2-6B and
ChatGLM3-6B of 2023-10-27) are told apart. Runs of letters and not of words: a copy that was wrapped,
hyphenated or taken from a PDF may cut words anywhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from modelreg.errors import InputError
from modelreg.texts.normal import MAX_BYTES, Normalised, decode, normalise
from modelreg.texts.rolling import find_window, rolling_hash

__all__ = [
    "MAX_BYTES",
    "ClauseDigest",
    "Fingerprint",
    "Found",
    "Normalised",
    "Shingles",
    "decode",
    "digest_lines",
    "find_passage",
    "fingerprint",
    "letters_sha256",
    "normalise",
    "shingles_of",
    "verify_clause",
]

# 24 Latin letters are some five words, six Chinese characters some three: shorter runs are common phrases of
# all licences, longer ones let an inserted word spoil too much of a short text such as MIT (850 letters).
_WEIGHT, _CJK_WEIGHT = 24, 4
_KEEP_ONE_IN = 4
_BUCKETS = 256  # by the high byte of the 24 bits; the low 16 bits of each hash are stored as they are
_SCHEME = 1  # in the data, so that a change of normalisation or hashing is seen and not taken for a changed text
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Shingles:
    """The kept shingles of a text, in order.

    Attributes:
        hashes: 24-bit numbers.
        starts, ends: the half-open range of letters of `body` that each was made of.
    """

    hashes: list[int]
    starts: list[int]
    ends: list[int]


def shingles_of(body: str) -> Shingles:
    """The sampled shingles of a string of letters (`Normalised.body`).

    CRC-32 is enough: identity is proved by SHA-256, shingles only count what two texts share. A foreign
    shingle hits a record of 2,000 by chance once in 8,000 tries.
    """
    ends = _window_ends(body)
    view, crc32 = memoryview(body.encode("utf-32-le", "surrogatepass")), zlib.crc32
    made = [crc32(view[4 * a : 4 * b]) for a, b in enumerate(ends)]
    kept = [i for i, value in enumerate(made) if value % _KEEP_ONE_IN == 0]
    return Shingles([made[i] >> 8 for i in kept], kept, [ends[i] for i in kept])


def _window_ends(body: str) -> Sequence[int]:
    if body.isascii():
        return range(_WEIGHT, len(body) + 1)
    ends, end, weight = [], 0, 0
    weights = [_CJK_WEIGHT if letter > "\u2e7f" else 1 for letter in body]
    for own in weights:
        while weight < _WEIGHT and end < len(weights):
            weight += weights[end]
            end += 1
        if weight < _WEIGHT:
            break
        ends.append(end)
        weight -= own
    return ends


def letters_sha256(text: str | Normalised) -> str:
    """SHA-256 (hex) of the letters alone: the same for every wrapping, line end and quotation style."""
    words = normalise(text) if isinstance(text, str) else text
    return _sha256(words.letters)


def _sha256(letters: str) -> str:
    return hashlib.sha256(letters.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Fingerprint:
    """An official text, recognisable without its words.

    Attributes:
        sha256: of the bytes as published.
        normalized_sha256: of the letters alone (`letters_sha256`).
        tokens: number of words, numbers and Chinese characters.
        letters: number of letters; with `rolling` it finds the text inside a larger one in linear time.
        rolling: polynomial hash of the letters (see `texts/rolling.py`).
        packed: the set of shingle hashes, base64; read through `shingles`.
    """

    sha256: str
    normalized_sha256: str
    tokens: int
    letters: int
    rolling: int
    packed: str = field(repr=False)

    @cached_property
    def shingles(self) -> frozenset[int]:
        """Hashes of the text's shingles; unpacked on first use, so that loading a registry does not pay for
        it.

        Raises:
            InputError: `packed` is not what `fingerprint` writes.
        """
        return _unpack(self.packed)

    def to_data(self) -> dict[str, str | int]:
        """Strings and integers only, for a YAML record."""
        return {
            "scheme": _SCHEME,
            "sha256": self.sha256,
            "normalized_sha256": self.normalized_sha256,
            "tokens": self.tokens,
            "letters": self.letters,
            "rolling": f"{self.rolling:x}",  # hexadecimal text: too long for a YAML integer
            "shingles": self.packed,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, object], *, where: str = "") -> Fingerprint:
        """Read what `to_data` wrote. The shingles are unpacked later, on first use.

        Args:
            data: a mapping with exactly the keys of `to_data`.
            where: file:line:column for the message.
        Raises:
            InputError: a key is missing or of the wrong kind, or the data were made by another scheme.
        """
        if data.get("scheme") != _SCHEME:
            raise InputError(
                f"fingerprint of scheme {data.get('scheme')!r}; this version reads scheme {_SCHEME}",
                code="bad-fingerprint",
                where=where,
                hint="make it anew from the official text: modelreg license fingerprint FILE",
            )
        return cls(
            sha256=_hex(data, "sha256", where),
            normalized_sha256=_hex(data, "normalized_sha256", where),
            tokens=_count(data, "tokens", where),
            letters=_count(data, "letters", where),
            rolling=_hash(data, "rolling", where),
            packed=_string(data, "shingles", where),
        )


def fingerprint(data: bytes, *, where: str = "") -> Fingerprint:
    """The fingerprint of an official text.

    Args:
        data: the file as published.
        where: its name, for messages.
    Raises:
        InputError: the bytes are not text (see `decode`).
    """
    words = normalise(decode(data, where=where))
    return Fingerprint(
        sha256=hashlib.sha256(data).hexdigest(),
        normalized_sha256=letters_sha256(words),
        tokens=len(words.tokens),
        letters=len(words.letters),
        rolling=rolling_hash(words.letters),
        packed=_pack(set(shingles_of(words.body).hashes)),
    )


def _pack(hashes: set[int]) -> str:
    """256 counts (hashes by first byte), then the low 16 bits of each, sorted; deflated; base64."""
    counts = array("H", bytes(2 * _BUCKETS))
    lows = array("H")
    for value in sorted(hashes):
        counts[value >> 16] += 1
        lows.append(value & 0xFFFF)
    return base64.b64encode(zlib.compress(_little(counts) + _little(lows), 9)).decode("ascii")


def _unpack(packed: str) -> frozenset[int]:
    try:
        unzip = zlib.decompressobj()
        raw = unzip.decompress(base64.b64decode(packed, validate=True), 2 * _BUCKETS + 2 * MAX_BYTES)
        values = array("H", raw)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise InputError(f"shingles cannot be read: {error}", code="bad-fingerprint") from error
    if _BIG_ENDIAN:
        values.byteswap()
    counts, lows = values[:_BUCKETS], values[_BUCKETS:]
    if not unzip.eof or len(counts) != _BUCKETS or sum(counts) != len(lows):
        raise InputError("shingles are cut short or damaged", code="bad-fingerprint")
    out: list[int] = []
    position = 0
    for high, count in enumerate(counts):
        base = high << 16
        out += [base | low for low in lows[position : position + count]]
        position += count
    return frozenset(out)


_BIG_ENDIAN = array("H", b"\1\0")[0] != 1


def _little(values: array[int]) -> bytes:
    if _BIG_ENDIAN:
        values = values[:]
        values.byteswap()
    return values.tobytes()


# --- clauses ---


@dataclass(frozen=True)
class ClauseDigest:
    """One passage of an official text, provable without its words.

    Attributes:
        sha256: of the passage's letters.
        start: how many letters of the official text stand before it (a hint: copies may have more or fewer).
        length: its letters.
        rolling: polynomial hash of its letters, which finds it anywhere in linear time.
    """

    sha256: str
    start: int
    length: int
    rolling: int

    def to_data(self) -> dict[str, str | int]:
        """Strings and integers only, for a YAML record."""
        return {"sha256": self.sha256, "start": self.start, "length": self.length, "rolling": f"{self.rolling:x}"}

    @classmethod
    def from_data(cls, data: Mapping[str, object], *, where: str = "") -> ClauseDigest:
        """Read what `to_data` wrote.

        Raises:
            InputError: a key is missing or of the wrong kind.
        """
        return cls(
            sha256=_hex(data, "sha256", where),
            start=_count(data, "start", where),
            length=_count(data, "length", where),
            rolling=_hash(data, "rolling", where),
        )


@dataclass(frozen=True)
class Found:
    """Where a cited passage stands in a text.

    Attributes:
        start, end: half-open range of characters.
        first_line, last_line: 1-based, inclusive.
        moved: not as many letters stand before it as in the official text (title removed, preamble added,
        ...).
    """

    start: int
    end: int
    first_line: int
    last_line: int
    moved: bool


def digest_lines(text: str | Normalised, first_line: int, last_line: int) -> ClauseDigest:
    """Digest the passage on some lines of an official text.

    Args:
        text: the official text.
        first_line, last_line: 1-based, inclusive; lines end at \\n, \\r\\n or \\r.
    Raises:
        ValueError: the lines are not in the text, or carry no letters.
    """
    words = normalise(text) if isinstance(text, str) else text
    lines = len(words.line_starts)
    if not 1 <= first_line <= last_line <= lines:
        raise ValueError(f"lines {first_line} to {last_line} of a text that has {lines}")
    begin = words.line_starts[first_line - 1]
    stop = words.line_starts[last_line] if last_line < lines else len(words.text)
    # Found through the whole text's letters: on its own, a passage that starts with ".5" would lose its
    # joint.
    offsets = words.letter_offsets
    inside = [i for i, offset in enumerate(offsets) if begin <= offset < stop]
    if not inside:
        raise ValueError(f"lines {first_line} to {last_line} carry no letters")
    start, length = inside[0], len(inside)
    letters = words.letters[start : start + length]
    return ClauseDigest(_sha256(letters), start, length, rolling_hash(letters))


def find_passage(letters: str, size: int, rolling: int, sha256: str, near: int = 0) -> int | None:
    """Where a passage of known length and hashes begins, nearest to `near`; None if nowhere."""
    places = sorted(find_window(letters, size, rolling), key=lambda p: abs(p - near))
    # A false hit of the rolling hash is all but impossible; only a forged record has many, and costs no more
    # than this.
    return next((p for p in places[:16] if _sha256(letters[p : p + size]) == sha256), None)


def verify_clause(text: str | Normalised, digest: ClauseDigest) -> Found | None:
    """Find the same words in a copy, however it is wrapped, quoted or encoded, and wherever they moved to.

    Args:
        text: a copy of the licence; pass a `Normalised` to check many clauses of one text.
        digest: from `digest_lines` of the official text.
    Returns: the nearest place to the official one, or None where the words do not stand in the text.
    """
    words = normalise(text) if isinstance(text, str) else text
    letters, size = words.letters, digest.length
    if size < 1 or size > len(letters):
        return None
    start = digest.start
    if _sha256(letters[start : start + size]) != digest.sha256:
        found = find_passage(letters, size, digest.rolling, digest.sha256, digest.start)
        if found is None:
            return None
        start = found
    begin = words.letter_offsets[start]
    end = words.letter_offsets[start + size - 1] + 1
    return Found(begin, end, words.line_of(begin), words.line_of(end - 1), start != digest.start)


# --- reading records ---


def _string(data: Mapping[str, object], key: str, where: str) -> str:
    value = data.get(key)
    if not isinstance(value, str):
        raise InputError(f"{key}: expected a string, got {value!r}", code="bad-fingerprint", where=where)
    return value


def _hex(data: Mapping[str, object], key: str, where: str) -> str:
    value = _string(data, key, where)
    if not _SHA256.fullmatch(value):
        raise InputError(
            f"{key}: expected 64 hexadecimal digits, got {value[:80]!r}", code="bad-fingerprint", where=where
        )
    return value


def _count(data: Mapping[str, object], key: str, where: str) -> int:
    value = data.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError(
            f"{key}: expected a whole number from 0 on, got {value!r}", code="bad-fingerprint", where=where
        )
    return value


def _hash(data: Mapping[str, object], key: str, where: str) -> int:
    value = _string(data, key, where)
    if not value.isascii() or not value.isalnum() or len(value) > 16:
        raise InputError(
            f"{key}: expected up to 16 hexadecimal digits, got {value[:80]!r}", code="bad-fingerprint", where=where
        )
    try:
        return int(value, 16)
    except ValueError as error:
        raise InputError(
            f"{key}: expected hexadecimal digits, got {value!r}", code="bad-fingerprint", where=where
        ) from error
