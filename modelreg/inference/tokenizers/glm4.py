"""GLM-4-9B: byte-level BPE from a file of ranks (one base64 token and its rank a line), through tiktoken.

Source: research/chatglm-spec.md section 4; goldens/glm4/tokenizer.json.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelreg.errors import ModelEnvironmentError
from modelreg.inference.tokenizers.base import Tokenizer, TokenizerError, without_surrogates
from modelreg.inference.tokenizers.sentencepieces import INSTALL, read_tokenizer_file

SPECIAL_TOKENS = (
    "<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>",
    "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>",
    "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>",
)  # fmt: skip
# How text is cut before merging; part of the format, though the file does not hold it. In order:
# English contractions; a word with at most one mark in front; up to three digits; marks; line breaks; spaces.
SPLIT = "|".join((
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
    r"[^\r\n\p{L}\p{N}]?\p{L}+",
    r"\p{N}{1,3}",
    r" ?[^\s\p{L}\p{N}]+[\r\n]*",
    r"\s*[\r\n]+",
    r"\s+(?!\S)",
    r"\s+",
))  # fmt: skip


class GLM4Tokenizer(Tokenizer):
    """The GLM-4 tokenizer (`tokenizer.model`, a text file).

    Args:
        path: the file of ranks.
        added_tokens: names and ids from tokenizer_config.json, over the published ones above the ranks.
    Raises: TokenizerError for a malformed file or ids that collide.
    """

    generation = "glm4"
    invalid_score_id = 198

    def __init__(self, path: Path, added_tokens: Mapping[str, int] | None = None) -> None:
        ranks = read_ranks(path)
        self._bpe = _encoding(path, ranks)
        self._tokens = {rank: token for token, rank in ranks.items()}
        self.vocab_size = len(ranks)
        usual = {name: len(ranks) + index for index, name in enumerate(SPECIAL_TOKENS)}
        self.special_token_ids = usual | dict(added_tokens or {})
        taken = sorted(self.special_token_ids.values())
        if taken[0] < len(ranks) or len(set(taken)) < len(taken):
            raise TokenizerError(
                "special tokens share ids with each other or with the ranks",
                where=str(path),
                hint="take tokenizer_config.json from the model's own repository, unchanged",
            )
        self._names = {token: name for name, token in self.special_token_ids.items()}
        longest_first = sorted(self.special_token_ids, key=len, reverse=True)
        self._special = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")
        self.pad_token_id = self.eos_token_id = self.special_token_ids["<|endoftext|>"]
        self.prefix_ids = [self.special_token_ids["[gMASK]"], self.special_token_ids["<sop>"]]
        self.stop_ids = (self.eos_token_id, self.role_id("user"), self.role_id("observation"))

    def role_id(self, role: str) -> int:
        """The id of `<|role|>`; raises KeyError for a role that the model does not know."""
        return self.special_token_ids[f"<|{role}|>"]

    def encode(self, text: str, add_special_tokens: bool = True, allow_special: bool | None = None) -> list[int]:
        """See `Tokenizer.encode`; the prompt tokens `[gMASK] <sop>` come first."""
        ids: list[int] = []
        for part in self._parts(without_surrogates(text), allow_special is not False):
            if isinstance(part, int):
                ids.append(part)
            else:
                ids.extend(self._bpe.encode_ordinary(part))
        return self.with_prompt_tokens(ids) if add_special_tokens else ids

    def with_prompt_tokens(self, ids: Sequence[int]) -> list[int]:
        """See `Tokenizer.with_prompt_tokens`: `[gMASK] <sop> ids`."""
        return [*self.prefix_ids, *ids]

    def _parts(self, text: str, allow_special: bool) -> list[str | int]:
        """Split at special tokens: they as ids, what is between as text."""
        if not allow_special:
            return [text]
        return [self.special_token_ids.get(part, part) for part in self._special.split(text) if part]

    def tokenize(self, text: str) -> list[str]:
        """See `Tokenizer.tokenize`; bytes are written as Latin-1: a token can be half a character."""
        ids = self.encode(text, add_special_tokens=False)
        return [self.piece(token) for token in ids]

    def piece(self, token: int) -> str:
        """See `Tokenizer.piece`."""
        return self._names.get(token) or self._tokens.get(token, b"").decode("latin-1")

    def ranks(self) -> list[tuple[int, bytes]]:
        """Every token of the file of ranks, by rank."""
        return sorted(self._tokens.items())

    def token_bytes(self, token: int) -> bytes:
        """See `Tokenizer.token_bytes`."""
        return b"" if token in self._names else self._tokens.get(token, b"")

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        """See `Tokenizer.decode`; special tokens stand between single spaces, as published."""
        parts: list[str] = []
        run: list[bytes] = []
        for token in ids:
            if token not in self._names:
                run.append(self._tokens.get(token, b""))
            elif not skip_special_tokens:
                if run:
                    parts.append(b"".join(run).decode("utf-8", "replace"))
                    run = []
                parts.append(self._names[token])
        if run:
            parts.append(b"".join(run).decode("utf-8", "replace"))
        return " ".join(parts)


def read_ranks(path: Path) -> dict[bytes, int]:
    """Read `base64 rank` lines.

    Raises: TokenizerError naming the wrong line, or if ranks are missing or a byte has no token.
    """
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(read_tokenizer_file(path).splitlines(), start=1):
        if not line:
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error):
            raise TokenizerError(
                f"expected a base64 token and a rank, got {line[:40]!r}",
                where=f"{path}:{number}",
                hint="fetch the file again: it is cut short, or is not a GLM-4 tokenizer",
            ) from None
    gaps = sorted(ranks.values()) != list(range(len(ranks)))
    if gaps or any(bytes([byte]) not in ranks for byte in range(256)):
        raise TokenizerError(
            f"the {len(ranks):,} ranks do not run from 0 without gaps or do not cover every byte",
            where=str(path),
            hint="fetch the file again",
        )
    return ranks


def _encoding(path: Path, ranks: dict[bytes, int]) -> Any:
    try:
        import tiktoken
    except ImportError:
        raise ModelEnvironmentError(
            "tiktoken is not installed, and GLM-4's tokenizer needs it", code="missing-extra", hint=INSTALL
        ) from None
    return tiktoken.Encoding(name=path.name, pat_str=SPLIT, mergeable_ranks=ranks, special_tokens={})
