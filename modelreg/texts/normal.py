"""Bytes -> text -> the words that count, whoever wrapped, quoted or encoded the copy.

Two canonical forms of a text are made here, and every letter of both knows where in the text it stood:

`tokens`   words for comparing texts: a Latin word or number is one token, a Chinese character is one token.
`letters`  the same without the gaps between them, for hashes. A text that is wrapped at a fixed column is cut
           inside words wherever Chinese and Latin meet without a blank ("ChatGLM2" -> "Chat" + "GLM2"), so
           only a form that has no gaps stays the same at any width. What changes a meaning is kept: digits
           keep the separators between them (1.5 is not 15, 2023-03 is not 202303), and % $ € £ ¥ are letters.

Both forms ignore case, quotation marks of any style, dashes, brackets, bullets, markdown emphasis, white
space, line ends, hyphenation and zero-width characters, and read compatibility characters (full width,
ligatures, Kangxi radicals as pdftotext writes them) as what they stand for. A markdown link whose target
repeats its text counts once. Page numbers that pdftotext leaves in a text are words like any other: in a
re-wrapped copy nothing tells them from the rest, so dropping them would make the hash depend on the wrapping.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property

from modelreg.errors import InputError

MAX_BYTES = 4 * 1024 * 1024  # the longest licence here has 35 kB, whole NOTICE collections some 2 MB (4 s)

_PDF_HINT = "pdftotext -raw FILE.pdf FILE.txt, then name the .txt file"
_BINARY_MAGIC = {
    b"%PDF-": ("a PDF file", _PDF_HINT),
    b"PK\x03\x04": ("a ZIP archive or office document", "save it as plain text first"),
    b"\xd0\xcf\x11\xe0": ("an old office document", "save it as plain text first"),
    b"\x1f\x8b": ("gzip-compressed", "gunzip it first"),
    b"\x89PNG": ("an image", "name the text of the licence, not a picture of it"),
    b"\xff\xd8\xff": ("an image", "name the text of the licence, not a picture of it"),
    b"\x7fELF": ("a program", "name the text of the licence"),
}
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),  # before UTF-16, whose mark it begins with
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def decode(data: bytes, *, where: str = "") -> str:
    """Read the bytes of a licence file, whatever encoding it was saved in.

    UTF-8, UTF-16 and UTF-32 with their marks, UTF-16 without one, then GB18030 (older Chinese files), then
    Windows-1252. Line ends are left as they are.

    Args:
        data: the bytes of the file.
        where: name of the file for the message.
    Raises:
        InputError: the bytes are a PDF, an archive, an image or other binary data, or more than MAX_BYTES.
    """
    if len(data) > MAX_BYTES:
        raise InputError(
            f"{len(data)} bytes are too many for a licence text; at most {MAX_BYTES} are read",
            code="text-too-large",
            where=where,
            hint="name the licence file itself",
        )
    for magic, (what, hint) in _BINARY_MAGIC.items():
        if data.lstrip(b"\r\n\t ").startswith(magic) if magic == b"%PDF-" else data.startswith(magic):
            raise InputError(f"expected text, got {what}", code="not-text", where=where, hint=hint)
    text = _decoded(data)
    odd = sum(map(text.count, _CONTROLS)) if text else 0
    if text is None or odd * 50 > len(text):  # 2 %: old terminals' bold (\b) and form feeds are not counted
        raise InputError(
            "expected text, got binary data",
            code="not-text",
            where=where,
            hint=f"name the text of the licence; for a PDF: {_PDF_HINT}",
        )
    return text


_CONTROLS = [chr(c) for c in range(32) if c not in (8, 9, 10, 12, 13, 27)] + ["\x7f", "\ufffd"]


def _decoded(data: bytes) -> str | None:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            # A damaged tail must not hide the text: what cannot be read becomes U+FFFD and is counted as
            # binary.
            return data.decode(encoding, errors="replace").lstrip("\ufeff")
    if b"\0" in data:
        nuls = (data[0::2].count(0), data[1::2].count(0))
        if max(nuls) * 5 < len(data):  # UTF-16 without a mark has a NUL in nearly every other byte, if it is Latin
            return None
        return data.decode("utf-16-be" if nuls[0] > nuls[1] else "utf-16-le", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    # GB18030 reads nearly anything: only where bytes above 127 come in pairs, as Chinese does, is it
    # believed.
    high = re.findall(rb"[\x80-\xff]+", data)
    paired = sum(len(run) for run in high if len(run) > 1)
    if paired * 5 >= sum(map(len, high)) * 3:
        try:
            return data.decode("gb18030")
        except UnicodeDecodeError:
            pass
    return data.decode("cp1252", errors="replace")


# pdftotext writes some common characters as their radicals; NFKC leaves these (it does know U+2F00..U+2FD5).
_RADICALS = dict(
    zip(
        "⺟⺠⻁⻃⻄⻅⻆⻇⻉⻋⻑⻒⻓⻔⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻧⻨⻩⻬⻮⻰⻳",
        "母民虎西西见角角贝车长长长门青韦页风飞食马骨鬼鱼鸟卤麦黄齐齿龙龟",
        strict=True,
    )
)

# kana, ideographs
_CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SIGNS = "%‰$€£¥"  # change what a sentence says, so they are letters
_JOINTS = ".,/:-"  # letters between two digits only


class _Fold(dict[int, str]):
    """What each character counts as; filled as characters are met (str.translate asks __missing__)."""

    _LIMIT = 50_000  # entries kept; a fuzzer may show us all of Unicode

    def __missing__(self, code: int) -> str:
        folded = _fold(chr(code))
        if len(self) < self._LIMIT:
            self[code] = folded
        return folded


def _fold(char: str) -> str:
    if char == "©":
        return " c "  # as in "Copyright (c)"
    if char in "\n\r\v\f\x85\u2028\u2029":
        return "\n"
    if char in "*`~\u00ad™®":
        return "-" if char == "\u00ad" else ""
    out = []
    for c in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", _RADICALS.get(char, char)).casefold()):
        kind = unicodedata.category(c)
        if kind[0] in "LN" or kind == "Mc" or c in _SIGNS or c in _JOINTS:
            out.append(c)
        elif kind == "Pd" or c == "\u2212":
            out.append("-")
        elif c == "\u2044":  # the bar inside ½
            out.append("/")
        elif kind not in ("Mn", "Me", "Cf"):
            out.append(" ")
    return "".join(out)


_FOLD = _Fold()
_TOKEN = re.compile(
    # a sign or Chinese character; or a word, whose parts may be joined by a hyphen (also over a line end: a
    # wrapped
    # "non-exclusive" and a hyphenated "exclu-sive" both come out whole) or, between digits, by . , / :
    rf"[{_CJK}{_SIGNS}]"
    rf"|[^ \n{re.escape(_JOINTS)}{_SIGNS}{_CJK}]+"
    rf"(?:(?:-(?: *\n[ \n]*)?|(?<=[0-9])[.,/:](?=[0-9]))[^ \n{re.escape(_JOINTS)}{_SIGNS}{_CJK}]+)*"
)
_GAPS = re.compile(r"[ \n]+")
_LOOSE_JOINT = re.compile(rf"(?<![0-9])[{re.escape(_JOINTS)}]|[{re.escape(_JOINTS)}](?![0-9])")
_JOIN = str.maketrans("", "", "- \n")
_LINE_END = re.compile(r"\r\n|\n|\r")
# [text](target): the lengths are bounded so that "[[[[[..." costs linear time
_LINK = re.compile(r"\[([^\[\]]{1,400})\](\s{0,80}\([^()]{1,600}\))")
_BLANK = re.compile(r"\s+")
# A line that is a copyright notice (with a year, a sign or a placeholder: sentences on "copyright law" are
# not), a page number, or "=== ... ===", where a collection of excerpts says which file the next one was
# taken from.
_PASSING_LINE = re.compile(
    r"^[ \t>#*/;.-]{0,40}(?:copyright:?[ \t]{0,9}(?:\(c\)|©|[0-9]{4}|[\[<{](?:yyyy|year))|©"
    r"|\(c\)[ \t]{0,9}[0-9]{4})[^\r\n]{0,160}(?=[\r\n]|\Z)"
    r"|^[ \t\f]{0,80}(?:page[ \t]|[-–—第][ \t]?)?[0-9]{1,3}(?:[ \t]?(?:/|of)[ \t]?[0-9]{1,3})?[ \t]?[-–—页]?"
    r"[ \t\f]{0,80}(?=[\r\n]|\Z)"
    r"|===\s[^=]{1,400}\s===",
    re.IGNORECASE | re.MULTILINE,
)


class Normalised:
    """A text and its canonical forms; offsets are computed only when asked for.

    Attributes:
        text: the text as given.
        tokens: words, numbers and single Chinese characters, case-folded.
        letters: all letters without gaps; what `letters_sha256` and clause digests are taken over.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._folded = _without_repeated_targets(text).translate(_FOLD)
        self.tokens: list[str] = [t.translate(_JOIN) if "-" in t else t for t in _TOKEN.findall(self._folded)]

    @cached_property
    def letters(self) -> str:
        """The text's letters, digits and signs in order, without anything between them."""
        return _LOOSE_JOINT.sub("", _GAPS.sub("", self._folded))

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """For each token, the half-open range of characters of `text` that it was read from."""
        origin = self._origin
        return [(origin[m.start()], origin[m.end() - 1] + 1) for m in _TOKEN.finditer(self._folded)]

    @cached_property
    def letter_offsets(self) -> list[int]:
        """For each of `letters`, the offset in `text` of the character that it was read from."""
        dense = [(i, c) for i, c in enumerate(self._folded) if c not in " \n"]
        loose = {m.start() for m in _LOOSE_JOINT.finditer("".join(c for _, c in dense))}
        origin = self._origin
        return [origin[i] for n, (i, _) in enumerate(dense) if n not in loose]

    @cached_property
    def body(self) -> str:
        """`letters` without copyright notices, page numbers and `=== file ===` headings on their own lines.

        What shingles are made of: every MIT and Apache-2.0 file has its own notice, every PDF its own pages.
        Hashes and clause digests keep these lines, for once a text is re-wrapped nothing tells them from the
        rest.
        """
        return self.letters if not self._passing else "".join(self.letters[i] for i in self.body_index)

    @cached_property
    def body_index(self) -> Sequence[int]:
        """For each letter of `body`, its index in `letters`."""
        if not self._passing:
            return range(len(self.letters))
        return [i for i, offset in enumerate(self.letter_offsets) if not self.is_passing(offset)]

    def is_passing(self, offset: int) -> bool:
        """Whether the character at `offset` stands in a line that `body` leaves out."""
        i = bisect_right(self._passing, (offset, len(self.text))) - 1
        return i >= 0 and offset < self._passing[i][1]

    @cached_property
    def _passing(self) -> list[tuple[int, int]]:
        return [m.span() for m in _PASSING_LINE.finditer(self.text)]

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset of the first character of each line; lines end at \\n, \\r\\n or \\r, as in an editor."""
        return [0, *(m.end() for m in _LINE_END.finditer(self.text))]

    def line_of(self, offset: int) -> int:
        """The 1-based line that the character at `offset` stands in."""
        return bisect_right(self.line_starts, offset)

    @cached_property
    def _origin(self) -> list[int]:
        if len(self._folded) == len(self.text) and all(len(_FOLD[c]) == 1 for c in set(map(ord, self.text))):
            return list(range(len(self.text)))
        blanked = _without_repeated_targets(self.text)
        return [i for i, c in enumerate(blanked) for _ in _FOLD[ord(c)]]


def normalise(text: str) -> Normalised:
    """The canonical words of a text, with the way back to where they stand.

    Args:
        text: a text of any length, script and wrapping.
    Returns: its tokens and letters; `spans`, `letter_offsets` and `line_of` lead back to characters and
    lines.
    """
    return Normalised(text)


def _without_repeated_targets(text: str) -> str:
    """Blank the target of [https://x](https://x) and [a@b](mailto:a@b), keeping every offset."""
    if "](" not in text and not re.search(r"\]\s+\(", text):
        return text

    def blank(m: re.Match[str]) -> str:
        shown = _BLANK.sub("", m[1]).strip("<>*_`").rstrip("/").removeprefix("mailto:")
        target = _BLANK.sub("", m[2])[1:-1].strip("<>").rstrip("/").removeprefix("mailto:")
        return m[0] if shown != target else m[0][: len(m[1]) + 2] + " " * len(m[2])

    return _LINK.sub(blank, text)
