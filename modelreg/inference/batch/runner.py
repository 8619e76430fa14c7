"""What a batch needs of a model: sequences that own their keys, and one step over pieces of several of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from modelreg.inference.problems import PromptError


class Chunk(NamedTuple):
    """Some more tokens of one sequence.

    Attributes:
        sequence: of `Runner.start` or `Runner.fork`.
        ids: the tokens, at least one; the first chunk of a sequence begins its prompt.
        keep: logits are wanted for the last so many of them; 0 for none.
    """

    sequence: Any
    ids: Sequence[int]
    keep: int


@runtime_checkable
class Runner(Protocol):
    """A model as a batch sees it.

    Attributes:
        ragged: whether chunks of several tokens may stand beside others in one step; if not, a step has either
            one chunk of any length, or one token a chunk.
        whole_prompts: a prompt must come in one chunk, as its tokens see each other in both directions
            (ChatGLM-6B); a prompt can then be reused as a whole alone.
    """

    ragged: bool
    whole_prompts: bool

    def check(self, prompt: Sequence[int]) -> None:
        """Refuse a prompt that the model cannot take, before anything is computed.

        Raises: PromptError.
        """
        ...

    def start(self) -> Any:
        """An empty sequence."""
        ...

    def length(self, sequence: Any) -> int:
        """Tokens that a sequence holds."""
        ...

    def nbytes(self, sequence: Any) -> int:
        """Bytes that a sequence takes; what it shares with others counts whole."""
        ...

    def forward(self, chunks: Sequence[Chunk]) -> list[Tensor]:
        """Append the chunks to their sequences. Returns: for each, logits (keep, V), float32."""
        ...

    def fork(self, sequence: Any, length: int) -> Any:
        """A sequence of its own that begins with the first `length` tokens of another, which stays as it is."""
        ...

    def crop(self, sequence: Any, length: int) -> None:
        """Forget all but the first `length` tokens."""
        ...

    def close(self, sequence: Any) -> None:
        """Give a sequence's memory back; it is not used again."""
        ...

    def begin_prompt(self, sequence: Any, ids: Sequence[int]) -> PromptWork | None:
        """Prepare a whole prompt to be computed in several steps, for runners with `whole_prompts`.

        None where that is not offered; the prompt then goes through `forward` in one step.
        """
        ...


class PromptWork(Protocol):
    """A whole prompt on its way through the layers."""

    def advance(self, tokens: int) -> Tensor | None:
        """Do about as much work as `tokens` tokens through all layers cost; logits (1, V) of the last at the end."""
        ...


def check_ids(ids: Sequence[int], vocabulary: int) -> None:
    """Raises: PromptError where an id is no row of the embedding table."""
    for token in (min(ids), max(ids)):
        if not 0 <= token < vocabulary:
            raise PromptError(
                f"token id {token} is not in the vocabulary of {vocabulary}", hint="use the model's own tokenizer"
            )


def runner_for(model: Any) -> Runner:
    """The best runner for a loaded model."""
    from modelreg.inference.batch.modules import ModuleRunner

    own = getattr(model, "runner", None)
    return own() if own is not None else ModuleRunner(model)
