"""Find a passage of known length and hash in a text, in time linear in the text (Rabin-Karp)."""

from __future__ import annotations

from itertools import accumulate

# Mersenne prime 2**61 - 1 and an arbitrary base below it: a foreign window of a 100,000-letter text has the
# wanted hash by chance once in 10**13 texts, and callers prove a hit by SHA-256 anyway.
_MODULUS = (1 << 61) - 1
_BASE = 911_382_323_198_741_031


def rolling_hash(letters: str) -> int:
    """The polynomial hash of a string: sum of ord(letter) * base**(letters after it), modulo 2**61 - 1."""
    value = 0
    for letter in map(ord, letters):
        value = (value * _BASE + letter) % _MODULUS
    return value


def find_window(letters: str, size: int, wanted: int) -> list[int]:
    """Every place where `size` letters have the hash `wanted`, from left to right.

    Args:
        letters: the text to search.
        size: length of the passage, at least 1.
        wanted: its `rolling_hash`.
    """
    if not 1 <= size <= len(letters):
        return []
    codes = list(map(ord, letters))
    base, modulus = _BASE, _MODULUS
    prefix = list(accumulate(codes, lambda value, code: (value * base + code) % modulus, initial=0))
    power = pow(base, size, modulus)
    return [
        i
        for i, (before, after) in enumerate(zip(prefix, prefix[size:], strict=False))
        if (after - before * power) % modulus == wanted
    ]
