"""Ids to text as they come, never half a character; and strings that end a reply.

The pieces that a `StreamDecoder` gives, joined, equal `tokenizer.decode` of all ids: it decodes a short
window of recent tokens with the tokenizer itself instead of guessing at its rules.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelreg.inference.tokenizers import Tokenizer
from modelreg.inference.tokenizers.base import Rewrite

REPLACEMENT = "\ufffd"  # what decoders write for bytes that are no character, or not yet one
LONGEST_OPEN = 3  # an unfinished UTF-8 character has at most 3 bytes, so at most 3 replacement characters


class StreamDecoder:
    """Turns one reply's ids into text, piece by piece.

    Source of the window idea: a token's text depends only on what directly precedes it (a byte run, the space
    at the start), so decoding from the last token that ended on a whole character is enough.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._window: list[int] = []  # the anchor token, if any, and what came after it
        self._done = 0  # characters of the window's text that were given out
        self._stages = [RewriteStream(rewrite) for rewrite in tokenizer.rewrites()]

    def put(self, token: int) -> str:
        """Take one id; return the text that is now certain, often one piece, sometimes nothing."""
        self._window.append(token)
        text = self._tokenizer.window_text(self._window)
        whole = text.rstrip(REPLACEMENT)
        end = max(len(whole), len(text) - LONGEST_OPEN)
        piece = text[self._done : end]
        self._done = max(self._done, end)
        if end == len(text):
            alone = len(self._tokenizer.window_text([token]))
            if alone:
                self._window, self._done = [token], alone
        return self._pass(piece, last=False)

    def finish(self) -> str:
        """The rest of the text; a character that the model never finished comes out as U+FFFD."""
        piece = self._tokenizer.window_text(self._window)[self._done :]
        self._window, self._done = [], 0
        return self._pass(piece, last=True)

    def _pass(self, piece: str, last: bool) -> str:
        for stage in self._stages:
            piece = stage.put(piece, last)
        return piece


class RewriteStream:
    """One clean-up done piece by piece: what a later character could change waits."""

    def __init__(self, rewrite: Rewrite) -> None:
        self._rewrite = rewrite
        self._waiting = ""

    def put(self, piece: str, last: bool) -> str:
        """Take text; return what is certain, or with `last` all of it."""
        text = self._waiting + piece
        cut = len(text) if last else len(text) - self._rewrite.undecided(text)
        self._waiting = text[cut:]
        return self._rewrite.apply(text[:cut])


class StopStrings:
    """Ends a text at the first of some strings, which may arrive cut into pieces.

    Args: stops: the strings; empty ones are ignored.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._waiting = ""
        self.found: str | None = None

    def put(self, piece: str) -> str:
        """Take text; return what certainly comes before any stop string. After a find, nothing more comes."""
        if self.found is not None:
            return ""
        text = self._waiting + piece
        hits = [(text.find(stop), stop) for stop in self._stops if stop in text]
        if hits:
            place, self.found = min(hits, key=lambda hit: hit[0])
            self._waiting = ""
            return text[:place]
        cut = len(text) - open_stop(text, self._stops)
        self._waiting = text[cut:]
        return text[:cut]

    def finish(self) -> str:
        """What was held back because it could have begun a stop string."""
        rest, self._waiting = self._waiting, ""
        return rest


def open_stop(text: str, stops: Sequence[str]) -> int:
    """The length of the longest end of `text` that begins one of `stops` without completing it."""
    longest = min(len(text), max((len(stop) - 1 for stop in stops), default=0))
    for length in range(longest, 0, -1):
        if any(stop.startswith(text[-length:]) for stop in stops):
            return length
    return 0


def apply_stop_strings(reply: str, stops: Sequence[str]) -> tuple[str, bool]:
    """Cut a text at its first stop string, as the published API demo does for text so far.

    Returns: the text before the stop string, or before an unfinished one at its end; whether one was found.
    """
    stopper = StopStrings(stops)
    return stopper.put(reply), stopper.found is not None
