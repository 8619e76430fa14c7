"""What every ChatGLM tokenizer offers, and the errors that a bad tokenizer folder gives.

Plain Python lists come out; nothing here needs torch. A token id is an int, a sequence of T of them a list,
a batch of B sequences a `Batch`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from modelreg.errors import ModelEnvironmentError

Generation = Literal["chatglm", "chatglm2", "chatglm3", "glm4"]
GENERATIONS: tuple[Generation, ...] = get_args(Generation)


class TokenizerError(ModelEnvironmentError):
    """A tokenizer file is there but is not what its generation needs."""

    default_code = "bad-tokenizer"


class TokenizerMissingError(TokenizerError):
    """The folder holds no tokenizer file that we can read."""

    default_code = "tokenizer-missing"


class UnknownGenerationError(TokenizerError):
    """The files do not tell which ChatGLM generation the folder belongs to."""

    default_code = "unknown-generation"


@dataclass(frozen=True, slots=True)
class Batch:
    """B sequences padded on the left to T tokens.

    `input_ids` is (B, T). For ChatGLM2, 3 and GLM-4 `attention_mask` is (B, T) with 1 = real token and
    `position_ids` is (B, T); for ChatGLM-6B `attention_mask` is (B, 1, T, T) with **True = masked** and
    `position_ids` is (B, 2, T), position and block position. `attention_mask` None means: nothing is padded.
    """

    input_ids: list[list[int]]
    position_ids: list[Any]
    attention_mask: list[Any] | None


class Tokenizer(ABC):
    """Text to ids and back for one generation.

    `special_token_ids` maps every special token's name to its id; `stop_ids` end a reply; `invalid_score_id`
    is the token that the published code forces when a score is NaN or infinite.
    """

    generation: ClassVar[Generation]
    padding_side: ClassVar[Literal["left"]] = "left"
    invalid_score_id: ClassVar[int] = 5

    vocab_size: int
    pad_token_id: int
    eos_token_id: int
    stop_ids: tuple[int, ...]
    special_token_ids: Mapping[str, int]

    @abstractmethod
    def encode(self, text: str, add_special_tokens: bool = True, allow_special: bool | None = None) -> list[int]:
        """Turn text into ids.

        Args:
            text: any string; lone surrogates count as U+FFFD.
            add_special_tokens: add the generation's prompt tokens, e.g. `[gMASK] sop`.
            allow_special: let special tokens written out in `text` become special ids. None is what the
                published tokenizer does: yes for ChatGLM-6B and GLM-4, no for ChatGLM2 and 3.
        Returns: ids, (T,).
        """

    @abstractmethod
    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        """Turn ids into text as the published tokenizer does; ids outside the vocabulary give no text."""

    @abstractmethod
    def tokenize(self, text: str) -> list[str]:
        """The pieces that `encode(text, add_special_tokens=False)` stands for, in the published spelling."""

    @abstractmethod
    def piece(self, token: int) -> str:
        """One id's spelling, special tokens by name; empty for an id outside the vocabulary."""

    @abstractmethod
    def with_prompt_tokens(self, ids: Sequence[int]) -> list[int]:
        """A text's ids with the generation's prompt tokens, e.g. `[gMASK] sop`, where they belong."""

    @abstractmethod
    def token_bytes(self, token: int) -> bytes:
        """What one id adds to a text, as UTF-8 (perhaps half a character); empty for special ids and unknown ones."""

    def encode_ordinary(self, text: str) -> list[int]:
        """Encode without special tokens, whatever the text says: for text that users wrote."""
        return self.encode(text, add_special_tokens=False, allow_special=False)

    def window_text(self, ids: Sequence[int]) -> str:
        """Decode before the text clean-ups that look across tokens (see `streaming.StreamDecoder`)."""
        return self.decode(ids)

    def rewrites(self) -> tuple[Rewrite, ...]:
        """The clean-ups that `decode` applies after `window_text`, in order."""
        return ()

    def positions(self, ids: Sequence[int]) -> list[Any]:
        """Position ids of one prompt without padding, (T,) or, for ChatGLM-6B, (2, T)."""
        return list(range(len(ids)))

    def pad(self, sequences: Sequence[Sequence[int]]) -> Batch:
        """Pad B id sequences on the left to the longest, as the published tokenizers do."""
        longest = max((len(ids) for ids in sequences), default=0)
        gaps = [longest - len(ids) for ids in sequences]
        return Batch(
            input_ids=[[self.pad_token_id] * gap + list(ids) for gap, ids in zip(gaps, sequences, strict=True)],
            position_ids=[[0] * gap + list(range(len(ids))) for gap, ids in zip(gaps, sequences, strict=True)],
            attention_mask=[[0] * gap + [1] * len(ids) for gap, ids in zip(gaps, sequences, strict=True)],
        )

    def batch(self, texts: Sequence[str]) -> Batch:
        """Encode B texts with their special tokens and pad them on the left."""
        return self.pad([self.encode(text) for text in texts])


class Rewrite(ABC):
    """A clean-up of decoded text that can also be done piece by piece."""

    @abstractmethod
    def apply(self, text: str) -> str:
        """Rewrite a whole text."""

    @abstractmethod
    def undecided(self, text: str) -> int:
        """How many characters at the end of `text` a later character could still change.

        The text before them must be a safe place to cut: `apply(a) + apply(b) == apply(a + b)`.
        """


_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")


def piece_bytes(piece: str) -> bytes:
    """The text of a SentencePiece piece: a byte, or characters with `\u2581` for a space."""
    byte = _BYTE_PIECE.fullmatch(piece)
    return bytes([int(byte[1], 16)]) if byte else piece.replace("\u2581", " ").encode()


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 tokenizer can take (JSON can smuggle them in), by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
