"""ChatGLM2-6B and ChatGLM3-6B: SentencePiece with byte fallback, special tokens above the vocabulary.

Source: research/chatglm-spec.md sections 2 and 3; goldens/chatglm2 and chatglm3, tokenizer.json.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from modelreg.inference.tokenizers.base import Generation, Tokenizer, piece_bytes, without_surrogates
from modelreg.inference.tokenizers.sentencepieces import open_sentencepiece

PROMPT_TOKENS = ("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop")
ROLE_TOKENS = ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")


class ChatGLM2Tokenizer(Tokenizer):
    """The second generation's tokenizer (`tokenizer.model`); special ids decode to nothing.

    Args: path: the SentencePiece model; its pieces come first, then the special tokens.
    """

    generation: ClassVar[Generation] = "chatglm2"
    added: ClassVar[tuple[str, ...]] = PROMPT_TOKENS

    def __init__(self, path: Path) -> None:
        self._sp: Any = open_sentencepiece(path)
        pieces = int(self._sp.vocab_size())
        self.vocab_size = pieces + len(self.added)
        self.sp_bos_id = int(self._sp.bos_id())
        self.sp_eos_id = int(self._sp.eos_id())
        self.sp_unk_id = int(self._sp.unk_id())
        self.pad_token_id = self.sp_unk_id  # the published tokenizer pads with the unknown piece
        self.eos_token_id = self.sp_eos_id
        self._added_ids = {name: pieces + index for index, name in enumerate(self.added)}
        self._added_names = {token: name for name, token in self._added_ids.items()}
        self.special_token_ids = {
            **self._added_ids, "<bos>": self.sp_bos_id, "<eos>": self.sp_eos_id, "<pad>": self.pad_token_id,
        }  # fmt: skip
        self.prefix_ids = [self._added_ids["[gMASK]"], self._added_ids["sop"]]
        self.stop_ids = (self.eos_token_id,)
        self._silent = {self.sp_bos_id, self.sp_eos_id, self.pad_token_id}

    def encode(self, text: str, add_special_tokens: bool = True, allow_special: bool | None = None) -> list[int]:
        """See `Tokenizer.encode`; the prompt tokens `[gMASK] sop` come first."""
        ids = self._text_ids(without_surrogates(text), bool(allow_special))
        return self.with_prompt_tokens(ids) if add_special_tokens else ids

    def with_prompt_tokens(self, ids: Sequence[int]) -> list[int]:
        """See `Tokenizer.with_prompt_tokens`: `[gMASK] sop ids`."""
        return [*self.prefix_ids, *ids]

    def _text_ids(self, text: str, allow_special: bool) -> list[int]:  # noqa: ARG002 - this generation has no such tokens
        return list(self._sp.encode(text))

    def tokenize(self, text: str) -> list[str]:
        """See `Tokenizer.tokenize`."""
        return list(self._sp.encode(without_surrogates(text), out_type=str))

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:  # noqa: ARG002 - see _special_text
        """See `Tokenizer.decode`; the published tokenizers take no notice of `skip_special_tokens`."""
        return str(self._sp.decode_pieces([self._piece(token) for token in ids]))

    def piece(self, token: int) -> str:
        """See `Tokenizer.piece`."""
        if token in self._added_names:
            return self._added_names[token]
        return str(self._sp.id_to_piece(token)) if 0 <= token < self.vocab_size else ""

    def pieces(self) -> list[tuple[str, float]]:
        """The SentencePiece pieces with their scores, by id; the added tokens come after them."""
        return [(str(self._sp.id_to_piece(i)), float(self._sp.get_score(i))) for i in range(int(self._sp.vocab_size()))]

    def token_bytes(self, token: int) -> bytes:
        """See `Tokenizer.token_bytes`."""
        if token in self._added_names or token in self._silent or not 0 <= token < self.vocab_size:
            return b""
        return piece_bytes(str(self._sp.id_to_piece(token)))

    def _piece(self, token: int) -> str:
        if token in self._added_names:
            return self._special_text(self._added_names[token])
        if token in self._silent or not 0 <= token < self.vocab_size:
            return ""
        return str(self._sp.id_to_piece(token))

    def _special_text(self, name: str) -> str:  # noqa: ARG002
        return ""


class ChatGLM3Tokenizer(ChatGLM2Tokenizer):
    """The third generation: the same file, four role tokens more, and special ids decode to their names."""

    generation = "chatglm3"
    added = PROMPT_TOKENS + ROLE_TOKENS
    _roles = re.compile("(" + "|".join(re.escape(token) for token in ROLE_TOKENS) + ")")

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.stop_ids = (self.eos_token_id, self._added_ids["<|user|>"], self._added_ids["<|observation|>"])

    def role_id(self, role: str) -> int:
        """The id of `<|role|>`; raises KeyError for a role that the model does not know."""
        return self._added_ids[f"<|{role}|>"]

    def _text_ids(self, text: str, allow_special: bool) -> list[int]:
        if not allow_special:
            return super()._text_ids(text, False)
        ids: list[int] = []
        for index, part in enumerate(self._roles.split(text)):  # text, role, text, ...
            if index % 2:
                ids.append(self._added_ids[part])
            elif part:
                ids.extend(super()._text_ids(part, False))
        return ids

    def _special_text(self, name: str) -> str:
        return name
