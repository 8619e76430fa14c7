"""Answers that must have a form: JSON, any or after a schema.

llguidance (MIT, Microsoft; also in vLLM and llama.cpp) turns a JSON Schema into a mask over the vocabulary for each
step; it knows no torch, works from the bytes of the tokens, and takes microseconds a step.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from modelreg.errors import InputError
from modelreg.inference.tokenizers import Tokenizer

LONGEST_SCHEMA = 200_000  # characters
# Not -inf: scores that are not finite count as a failure of half precision (sampling.mend_invalid).
NEVER = -1e30
# One way to write it down: models that were not trained for JSON would fill their answer with blanks.
LAYOUT: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class SchemaError(InputError):
    """A JSON Schema that cannot be followed."""

    default_code = "bad-schema"


class Constraint(Protocol):
    """What one answer is held to; fits `Batch.submit(adjust=…)`."""

    def __call__(self, logits: Tensor, reply: Sequence[int]) -> Tensor:
        """Logits of the next token, (1, V), which are hopeless where it may not be, after these ids of the reply."""
        ...


class JsonGrammar:
    """The vocabulary of one tokenizer, ready for grammars. Costs some tenths of a second to make.

    Raises: ImportError where llguidance is not installed; ask `available()` first.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        import llguidance

        self._vocabulary = llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Bytes(tokenizer)))
        self._stop_ids = tuple(tokenizer.stop_ids)

    @staticmethod
    def available() -> bool:
        """Whether the package is here."""
        return importlib.util.find_spec("llguidance") is not None

    def constraint(self, schema: str) -> Constraint:
        """Hold an answer to a JSON Schema (as text).

        Raises: SchemaError, with what the grammar's compiler says.
        """
        import llguidance

        if len(schema) > LONGEST_SCHEMA:
            raise SchemaError(f"the schema has {len(schema):,} characters", where="response_format")
        try:
            grammar = llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=LAYOUT)
            matcher = llguidance.LLMatcher(self._vocabulary, grammar, log_level=0)
            problem = matcher.get_error()
        except (ValueError, TypeError, RuntimeError) as error:
            problem = str(error)
        if problem:
            raise SchemaError(f"the schema cannot be followed: {problem}"[:500], where="response_format")
        return _Matching(matcher, self._stop_ids)


class _Matching:
    """One answer on its way through a grammar."""

    def __init__(self, matcher: Any, stop_ids: tuple[int, ...]) -> None:
        self._matcher, self._stop_ids = matcher, stop_ids
        self._taken = 0

    def __call__(self, logits: Tensor, reply: Sequence[int]) -> Tensor:
        """See `Constraint`. Where the text is complete a stop token may come, where nothing can follow it must."""
        for token in reply[self._taken :]:
            if token not in self._stop_ids and not self._matcher.is_stopped():
                self._matcher.consume_token(token)
        self._taken = len(reply)
        size = logits.shape[-1]
        keep = torch.zeros(size, dtype=torch.bool)
        if not self._matcher.is_stopped():
            bits = self._matcher.compute_bitmask()  # bytes, a bit a token, the first in the lowest bit
            words = torch.frombuffer(bytearray(bits), dtype=torch.uint8)
            flat = ((words[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1).flatten()[:size].bool()
            keep[: flat.shape[0]] = flat
        stops = [i for i in self._stop_ids if i < size]
        keep[stops] = self._matcher.is_accepting() or self._matcher.is_stopped() or not bool(keep.any())
        return logits.masked_fill(~keep.to(logits.device), NEVER)


class _Bytes:
    """A tokenizer as llguidance wants it: the bytes of every token, special ones apart."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.eos_token_id = tokenizer.eos_token_id
        self.bos_token_id = None
        special = set(tokenizer.special_token_ids.values()) | set(tokenizer.stop_ids)
        self.tokens = [b"" if i in special else tokenizer.token_bytes(i) for i in range(tokenizer.vocab_size)]
        # A token without bytes must never be offered; as special ones they are not.
        self.special_token_ids = sorted(special | {i for i, b in enumerate(self.tokens) if not b})
        for token in self.special_token_ids:
            self.tokens[token] = b"<special>"
        self._ids = {data: i for i, data in enumerate(self.tokens) if i not in special and data != b"<special>"}
        self._longest = max(map(len, self._ids), default=0)

    def __call__(self, text: bytes | str) -> list[int]:
        """Tokens whose bytes are exactly the text, the longest first; a tokenizer would put a blank in front."""
        data = text.encode() if isinstance(text, str) else text
        found, at = [], 0
        while at < len(data):
            for size in range(min(self._longest, len(data) - at), 0, -1):
                token = self._ids.get(data[at : at + size])
                if token is not None:
                    found.append(token)
                    at += size
                    break
            else:
                at += 1  # a byte that no token has: it cannot be said
        return found
