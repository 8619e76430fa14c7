# ruff: noqa: ARG002 - the base class dictates the arguments
# mypy: disable-error-code="misc,no-untyped-call,override"
# transformers is typed in part only: its tokenizer base is not.
"""The native tokenizers as a transformers 5 class, for AutoTokenizer.

One class serves all generations, since their tokenizer_config.json all name `ChatGLMTokenizer` (GLM-4's names
`ChatGLM4Tokenizer`); the files say which generation it is. Ids, texts, padding, masks and positions are the
native tokenizer's, that is the published ones; special tokens written by users are handled as published.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from transformers import AutoTokenizer, PreTrainedTokenizer
from transformers.utils.generic import PaddingStrategy

from modelreg.inference.prompts import messages_ids, messages_text
from modelreg.inference.tokenizers import Generation, load_tokenizer


class ChatGLMTokenizer(PreTrainedTokenizer):
    """A tokenizer of any generation.

    Args:
        vocab_file: tokenizer.model; first_file: ice_text.model (ChatGLM-6B). The other files of the folder
            are read too (see `load_tokenizer`).
        generation: overrides the detection.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {
        "vocab_file": "tokenizer.model",
        "first_file": "ice_text.model",
    }
    model_input_names: ClassVar[list[str]] = ["input_ids", "attention_mask", "position_ids"]
    padding_side = "left"

    def __init__(
        self,
        vocab_file: str | None = None,
        first_file: str | None = None,
        generation: Generation | None = None,
        **kwargs: Any,
    ) -> None:
        file = Path(first_file or vocab_file or "tokenizer.model")
        self.native = load_tokenizer(file.parent, generation)
        self._file = file
        self._ids: dict[str, int] = {}
        self._pieces: list[str] = []
        for token in range(max(self.native.vocab_size, *self.native.special_token_ids.values()) + 1):
            piece = self.native.piece(token)
            self._ids.setdefault(piece, token)
            self._pieces.append(piece)
        # What tokenizer_config.json says of tokens is in the native tokenizer already.
        for name in (
            "added_tokens_decoder",
            "additional_special_tokens",
            "extra_special_tokens",
            "chat_template",
        ):
            kwargs.pop(name, None)
        for name in ("bos_token", "unk_token", "mask_token", "end_token", "gmask_token"):
            kwargs.pop(name, None)
        kwargs["pad_token"] = self._pieces[self.native.pad_token_id]
        kwargs["eos_token"] = self._pieces[self.native.eos_token_id]
        kwargs["padding_side"] = "left"
        super().__init__(generation=generation, **kwargs)

    @property
    def vocab_size(self) -> int:
        """As the published tokenizer counts it."""
        return self.native.vocab_size

    def get_vocab(self) -> dict[str, int]:
        """Pieces and their ids."""
        return dict(self._ids)

    def __len__(self) -> int:
        """Ids that exist."""
        return len(self._pieces)

    def tokenize(self, text: str, **kwargs: Any) -> list[str]:
        """See `Tokenizer.tokenize`; the base class would split text at tokens that are plain text here."""
        return self.native.tokenize(text)

    def _convert_token_to_id(self, token: str) -> int | None:
        return self._ids.get(token)

    def _convert_id_to_token(self, index: int) -> str:
        return self._pieces[index] if 0 <= index < len(self._pieces) else ""

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Text of pieces."""
        return self.native.decode([self._ids[token] for token in tokens if token in self._ids])

    def _decode(self, token_ids: int | Sequence[int], skip_special_tokens: bool = False, **kwargs: Any) -> str:
        ids = [token_ids] if isinstance(token_ids, int) else [int(token) for token in token_ids]
        return self.native.decode(ids, skip_special_tokens)

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """A prompt with the generation's own tokens; a pair ends with the end token."""
        ids = self.native.with_prompt_tokens(token_ids_0)
        return ids if token_ids_1 is None else [*ids, *token_ids_1, self.native.eos_token_id]

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """2, and one for a pair."""
        return 3 if pair else 2

    def _pad(
        self,
        encoded_inputs: Any,
        max_length: int | None = None,
        padding_strategy: PaddingStrategy = PaddingStrategy.DO_NOT_PAD,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
    ) -> Any:
        if padding_side not in (None, "left"):
            raise ValueError("ChatGLM is padded on the left alone, as published")
        ids = list(encoded_inputs["input_ids"])
        first = self.native.generation == "chatglm"
        if first and padding_strategy == PaddingStrategy.DO_NOT_PAD:
            encoded_inputs.pop("attention_mask", None)  # as published: the model makes its own from the ids
            return encoded_inputs
        length = max_length if padding_strategy == PaddingStrategy.MAX_LENGTH and max_length else len(ids)
        if pad_to_multiple_of:
            length = -(-length // pad_to_multiple_of) * pad_to_multiple_of
        padded = self.native.pad([ids, [self.native.pad_token_id] * max(length, len(ids))])
        encoded_inputs["input_ids"] = padded.input_ids[0]
        encoded_inputs["position_ids"] = padded.position_ids[0]
        if return_attention_mask is not False and padded.attention_mask is not None:
            encoded_inputs["attention_mask"] = padded.attention_mask[0]
        return encoded_inputs

    def apply_chat_template(
        self, conversation: Any, chat_template: str | None = None, add_generation_prompt: bool = False,
        tokenize: bool = True, return_tensors: str | None = None, return_dict: bool = True, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """ChatGLM3's and GLM-4's prompt as the published `chat()` builds it, not the template string."""
        if not tokenize:
            return messages_text(self.native.generation, conversation, add_generation_prompt)
        ids = messages_ids(self.native, conversation, add_generation_prompt)
        encoded = self([ids] if return_tensors else ids, add_special_tokens=False, return_tensors=return_tensors)
        return encoded if return_dict else encoded["input_ids"]

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str]:
        """Copy the tokenizer file."""
        target = Path(save_directory) / self._file.name
        if target.resolve() != self._file.resolve():
            shutil.copyfile(self._file, target)
        return (str(target),)


class ChatGLM4Tokenizer(ChatGLMTokenizer):
    """The name that GLM-4's tokenizer_config.json asks for."""


def register_tokenizers(*configs: type[Any]) -> None:
    """Make AutoTokenizer use these classes for the given configuration classes, and by name."""
    for config in configs:
        AutoTokenizer.register(config, tokenizer_class=ChatGLM4Tokenizer, exist_ok=True)
        AutoTokenizer.register(config, tokenizer_class=ChatGLMTokenizer, exist_ok=True)
