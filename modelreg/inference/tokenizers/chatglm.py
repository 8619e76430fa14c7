"""ChatGLM-6B: SentencePiece over text whose line breaks, tabs and runs of spaces are tokens of their own.

Source: research/chatglm-spec.md section 1; the ids and texts recorded in goldens/chatglm/tokenizer.json.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelreg.inference.tokenizers.base import (
    Batch,
    Rewrite,
    Tokenizer,
    TokenizerError,
    piece_bytes,
    without_surrogates,
)
from modelreg.inference.tokenizers.sentencepieces import open_sentencepiece

LINE_BREAK = "<n>"
TAB = "<|tab|>"
LONGEST_BLANK = 80
NEEDED = ("[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<pad>", "<unk>", LINE_BREAK)
NAMED = (
    "[MASK]", "[gMASK]", "[sMASK]", "<unused_0>", "<sop>", "<eop>", "<ENC>", "<dBLOCK>",
    "<pad>", "<unk>", "<s>", "</s>",
)  # fmt: skip

_SPACES = re.compile(" {2,}")
_WRITTEN_OUT = re.compile(r"<n>|<\|tab\|>|<\|blank_(\d+)\|>")
# The five that split a user's text; `[gMASK]` and `</s>` typed by a user are ordinary text.
_SPLITTING = re.compile(r"(\[MASK\]|<sop>|<eop>|<pad>|<unk>)")


class ChatGLMTokenizer(Tokenizer):
    """The first generation's tokenizer (`ice_text.model`).

    Args:
        path: the SentencePiece model.
        num_image_tokens: ids in front of the text vocabulary: 0, or 20000 in the March 2023 revision.
    Raises: TokenizerError if the model lacks the special tokens.
    """

    generation = "chatglm"

    def __init__(self, path: Path, num_image_tokens: int = 0) -> None:
        self._sp: Any = open_sentencepiece(path)
        self._offset = num_image_tokens
        missing = [name for name in NEEDED if self._sp.id_to_piece(self._sp.piece_to_id(name)) != name]
        if missing:
            raise TokenizerError(
                f"the model lacks the ChatGLM-6B tokens {', '.join(missing)}",
                where=str(path),
                hint="use the ice_text.model that came with the weights",
            )
        self.vocab_size = num_image_tokens + self._sp.vocab_size()
        names = [*NAMED, LINE_BREAK, TAB, *(f"<|blank_{k}|>" for k in range(2, LONGEST_BLANK + 1))]
        self.special_token_ids = {
            name: self._piece_id(name) for name in names if self._sp.id_to_piece(self._sp.piece_to_id(name)) == name
        }
        self.pad_token_id = self.special_token_ids["<pad>"]
        self.bos_token_id = self.special_token_ids["<sop>"]
        self.eos_token_id = self.special_token_ids["<eop>"]
        self.mask_token_id = self.special_token_ids["[MASK]"]
        self.gmask_token_id = self.special_token_ids["[gMASK]"]
        self.unk_token_id = self.special_token_ids["<unk>"]
        self.end_token_id = self.special_token_ids.get("</s>", self.eos_token_id)
        self.stop_ids = (self.eos_token_id,)
        self._skipped = {
            self.pad_token_id,
            self.bos_token_id,
            self.eos_token_id,
            self.mask_token_id,
            self.unk_token_id,
        }

    def _piece_id(self, piece: str) -> int:
        return int(self._sp.piece_to_id(piece)) + self._offset

    def encode(self, text: str, add_special_tokens: bool = True, allow_special: bool | None = None) -> list[int]:
        """See `Tokenizer.encode`; the prompt tokens `[gMASK] <sop>` come last here."""
        ids = [self._piece_id(piece) for piece in self._pieces(text, allow_special is not False)]
        return self.with_prompt_tokens(ids) if add_special_tokens else ids

    def with_prompt_tokens(self, ids: Sequence[int]) -> list[int]:
        """See `Tokenizer.with_prompt_tokens`: `ids [gMASK] <sop>`."""
        return [*ids, self.gmask_token_id, self.bos_token_id]

    def encode_pair(self, text: str, target: str) -> list[int]:
        """Encode a prompt and its answer for training: `text [gMASK] <sop> target <eop>`."""
        return [*self.encode(text), *self.encode(target, add_special_tokens=False), self.eos_token_id]

    def encode_text(
        self, text: str, *, linebreak: bool = True, whitespaces: bool = True, add_dummy_prefix: bool = True
    ) -> list[int]:
        """Encode one stretch of text with the published tokenizer's three switches; no special tokens.

        Args:
            linebreak: line breaks become `<n>`; whitespaces: tabs and runs of spaces become tokens.
            add_dummy_prefix: False drops the space that SentencePiece puts in front.
        """
        prepared = _write_out(without_surrogates(text), linebreak, whitespaces)
        if add_dummy_prefix:
            return [self._piece_id(piece) for piece in self._sp.encode(prepared, out_type=str)]
        # A line break in front keeps the dummy space away from the text; both are then dropped.
        return [self._piece_id(piece) for piece in self._sp.encode(LINE_BREAK + prepared, out_type=str)[2:]]

    def tokenize(self, text: str) -> list[str]:
        """See `Tokenizer.tokenize`."""
        return self._pieces(text, allow_special=True)

    def _pieces(self, text: str, allow_special: bool) -> list[str]:
        text = without_surrogates(text)
        if not allow_special:
            return list(self._sp.encode(_write_out(text, True, True), out_type=str))
        pieces: list[str] = []
        parts = _SPLITTING.split(text)  # text, token, text, token, ..., text
        for index, part in enumerate(parts):
            if index % 2:
                pieces.append(part)
                continue
            # As published, the spaces beside a special token are lost.
            left = part.lstrip() if index > 0 else part
            text = left.rstrip() if index < len(parts) - 1 else left
            if text:
                pieces.extend(self._sp.encode(_write_out(text, True, True), out_type=str))
        return pieces

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        """See `Tokenizer.decode`; padding is dropped and spaces before marks are cleaned up, as published."""
        if skip_special_tokens:
            ids = [token for token in ids if token not in self._skipped]
        text = self.window_text(ids)
        for rewrite in self.rewrites():
            text = rewrite.apply(text)
        return text

    def window_text(self, ids: Sequence[int]) -> str:
        """The SentencePiece text, with `<n>`, `<|tab|>` and `<|blank_k|>` still written out."""
        pieces = [self.piece(token) for token in ids if token != self.pad_token_id]
        return str(self._sp.decode_pieces(pieces)) if pieces else ""

    def piece(self, token: int) -> str:
        """See `Tokenizer.piece`."""
        if 0 <= token < self._offset:
            return f"<image_{token}>"
        if self._offset <= token < self.vocab_size:
            return str(self._sp.id_to_piece(token - self._offset))
        return ""  # embedding rows above the vocabulary are never trained

    def token_bytes(self, token: int) -> bytes:
        """See `Tokenizer.token_bytes`; line breaks, tabs and blanks are tokens of this vocabulary."""
        piece = self.piece(token)
        if token < self._offset or piece in NAMED:
            return b""
        blank = Whitespace().apply(piece)
        return blank.encode() if blank != piece else piece_bytes(piece)

    def rewrites(self) -> tuple[Rewrite, ...]:
        """Line breaks and blanks first, then the spaces before marks."""
        return (Whitespace(), SpacesBeforeMarks())

    def positions(self, ids: Sequence[int]) -> list[Any]:
        """(2, T), as the published model builds them for a lone prompt: `[gMASK]` before `[MASK]`.

        Raises: TokenizerError if the prompt has no `<sop>` or no mask token.
        """
        for name in ("[gMASK]", "[MASK]"):
            if self.special_token_ids[name] in ids and self.bos_token_id in ids:
                return self._two_rows(ids, self.special_token_ids[name])
        raise TokenizerError(
            "the prompt needs <sop> and one of [gMASK], [MASK]", hint="encode it with add_special_tokens=True"
        )

    def _two_rows(self, ids: Sequence[int], mask: int) -> list[list[int]]:
        """Row 0: the place in the context, then the mask's; row 1: the place in the answer."""
        context = ids.index(self.bos_token_id) if self.bos_token_id in ids else len(ids)
        place = ids.index(mask) if mask in ids else None
        answer = len(ids) - context
        row = [*range(context), *([place] * answer if place is not None else range(context, len(ids)))]
        return [row, [0] * context + list(range(1, answer + 1))]

    def pad(self, sequences: Sequence[Sequence[int]]) -> Batch:
        """Left padding, 4-D masks, 2-row positions; here `[MASK]` wins over `[gMASK]`, as published."""
        longest = max((len(ids) for ids in sequences), default=0)
        rows: list[list[int]] = []
        positions: list[list[list[int]]] = []
        masks: list[list[list[list[bool]]]] = []
        for ids in sequences:
            gap, length = longest - len(ids), len(ids)
            context = ids.index(self.bos_token_id) if self.bos_token_id in ids else length
            mask = self.mask_token_id if self.mask_token_id in ids else self.gmask_token_id
            rows.append([self.pad_token_id] * gap + list(ids))
            positions.append([[0] * gap + row for row in self._two_rows(ids, mask)])
            square = [[True] * longest for _ in range(gap)]
            for query in range(length):
                seen = max(query + 1, context)  # the context sees all of itself, the answer what came before
                square.append([True] * gap + [False] * seen + [True] * (length - seen))
            masks.append([square])
        return Batch(input_ids=rows, position_ids=positions, attention_mask=masks)


def _write_out(text: str, linebreak: bool, whitespaces: bool) -> str:
    """Spell line breaks, tabs and runs of spaces as the tokens that the vocabulary has for them."""
    if linebreak:
        text = text.replace("\n", LINE_BREAK)
    if whitespaces:
        text = _SPACES.sub(lambda run: _blanks(len(run.group())), text.replace("\t", TAB))
    return text


def _blanks(count: int) -> str:
    """`count` spaces as the longest blank tokens first; a single space left over stays a space."""
    full, rest = divmod(count, LONGEST_BLANK)
    tail = "" if rest == 0 else " " if rest == 1 else f"<|blank_{rest}|>"
    return f"<|blank_{LONGEST_BLANK}|>" * full + tail


class Whitespace(Rewrite):
    """`<n>`, `<|tab|>` and `<|blank_k|>` back to whitespace."""

    def apply(self, text: str) -> str:
        """See `Rewrite.apply`."""
        return _WRITTEN_OUT.sub(_whitespace_of, text)

    def undecided(self, text: str) -> int:
        """An unfinished `<|bla` at the end waits."""
        start = text.rfind("<")
        return len(text) - start if start >= 0 and text[start:] in _PREFIXES else 0


def _whitespace_of(found: re.Match[str]) -> str:
    if found.group() == LINE_BREAK:
        return "\n"
    if found.group() == TAB:
        return "\t"
    count = int(found.group(1))
    known = 2 <= count <= LONGEST_BLANK and found.group() == f"<|blank_{count}|>"
    return " " * count if known else found.group()


_PREFIXES = frozenset(
    token[:length]
    for token in (LINE_BREAK, TAB, *(f"<|blank_{k}|>" for k in range(2, LONGEST_BLANK + 1)))
    for length in range(1, len(token))
)


class SpacesBeforeMarks(Rewrite):
    """The library's default clean-up of English text: " ." -> "." and so on, one pattern after the other."""

    pairs = (
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"),
        (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    )  # fmt: skip
    _open = re.compile(r" (?:n'?|'[a-z]?)?\Z")

    def apply(self, text: str) -> str:
        """See `Rewrite.apply`."""
        for before, after in self.pairs:
            text = text.replace(before, after)
        return text

    def undecided(self, text: str) -> int:
        """See `Rewrite.undecided`."""
        # Spaces, each before at most an unfinished "n't", "'ve", ...: one change can ripple through them all.
        # Walked from the end in short steps: one pattern for the whole tail would take exponential time.
        end = len(text)
        while found := self._open.search(text, max(0, end - 3), end):
            end = found.start()
        return len(text) - end
