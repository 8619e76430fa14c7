"""From what a model wrote to what is shown and remembered: post-processing and tool calls.

The published ChatGLM3 code runs `eval` on what the model writes; here a call is parsed and nothing is run.
Source: research/chatglm-spec.md sections 1 to 3; `process_response` in goldens/*/e2e_chat.json.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Sequence
from typing import Any

from modelreg.errors import InputError
from modelreg.inference.prompts import Message
from modelreg.inference.streaming import open_stop
from modelreg.inference.tokenizers import Generation
from modelreg.inference.tokenizers.base import Rewrite

TRAINING_TIME, TRAINING_YEAR = "[[训练时间]]", "2023年"
MARKS = {",": "，", "!": "！", ":": "：", ";": "；", "?": "？"}
LONGEST_CALL = 100_000  # characters; what is longer is no call that anybody meant


class ToolCallError(InputError):
    """The model's reply has the form of a tool call but cannot be read as one."""

    default_code = "tool-call"


class ToolCallSyntaxError(ToolCallError, SyntaxError):
    """The call is not Python, or does more than call `tool_call` with literal values; also a SyntaxError."""


class ReplyFormatError(ToolCallError, ValueError):
    """The reply lacks the line that separates metadata from content; also a ValueError."""


class TrainingTime(Rewrite):
    """The placeholder for the training date becomes the year."""

    def apply(self, text: str) -> str:
        """See `Rewrite.apply`."""
        return text.replace(TRAINING_TIME, TRAINING_YEAR)

    def undecided(self, text: str) -> int:
        """See `Rewrite.undecided`."""
        return open_stop(text, [TRAINING_TIME])


class FullWidthMarks(Rewrite):
    """ChatGLM-6B's vocabulary has only ASCII marks; those beside Chinese characters become full-width."""

    def apply(self, text: str) -> str:
        """See `Rewrite.apply`; one mark at a time, first those after a Chinese character."""
        for mark, wide in MARKS.items():
            text = re.sub(f"(?<=[\u4e00-\u9fff]){re.escape(mark)}", wide, text)
            text = re.sub(f"{re.escape(mark)}(?=[\u4e00-\u9fff])", wide, text)
        return text

    def undecided(self, text: str) -> int:
        """A mark or Chinese character at the end waits for its neighbour, and so does what touches it."""
        at = len(text)
        if at and (text[-1] in MARKS or _chinese(text[-1])):
            at -= 1
            while at and self._touch(text[at - 1], text[at]):
                at -= 1
        return len(text) - at

    @staticmethod
    def _touch(left: str, right: str) -> bool:
        return (left in MARKS and _chinese(right)) or (_chinese(left) and right in MARKS)


def _chinese(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"


def text_rewrites(generation: Generation) -> tuple[Rewrite, ...]:
    """What a reply's text goes through, besides trimming, before people see it."""
    return (TrainingTime(), FullWidthMarks()) if generation == "chatglm" else (TrainingTime(),)


def process_text(generation: Generation, text: str) -> str:
    """A reply as shown: trimmed, the training date filled in, ChatGLM-6B's marks widened."""
    text = text.strip()
    for rewrite in text_rewrites(generation):
        text = rewrite.apply(text)
    return text


def process_messages(
    generation: Generation, output: str, history: Sequence[Message]
) -> tuple[str | dict[str, Any], list[Message]]:
    """Read a reply of ChatGLM3 or GLM-4 into messages.

    Args:
        output: one or more parts separated by `<|assistant|>`, each `metadata`, a line break, content.
        history: the messages before, the question included; not changed.
    Returns: the last part as shown (text, or a tool call as a dict with name and parameters, or name and
        content where no tools were offered), and the history with the new messages.
    Raises: ToolCallSyntaxError.
    """
    new = list(history)
    content: str | dict[str, Any] = ""
    for part in output.split("<|assistant|>"):
        metadata, text = part.split("\n", maxsplit=1) if "\n" in part else ("", part)
        if not metadata.strip():
            text = text.strip()
            new.append({"role": "assistant", "metadata": metadata, "content": text})
            content = TrainingTime().apply(text)
            continue
        new.append({"role": "assistant", "metadata": metadata, "content": text})
        if new[0].get("role") == "system" and "tools" in new[0]:
            arguments = parse_json_call(text) if generation == "glm4" else parse_call(text)
            content = {"name": metadata.strip(), "parameters": arguments}
        else:
            content = {"name": metadata.strip(), "content": text}
    return content, new


def parse_call(content: str) -> dict[str, Any] | None:
    """Read ChatGLM3's call: a code fence around `tool_call(name=value, ...)`, the values literals.

    Args: content: what follows the metadata line; its first and last line, the fence, are not looked at.
    Returns: the arguments by name. `print(...)` of anything reads as None, which is what running it gave.
    Raises: ToolCallSyntaxError.
    """
    code = "\n".join(content.split("\n")[1:-1])
    if len(code) > LONGEST_CALL:
        raise ToolCallSyntaxError(f"the tool call has {len(code):,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes in what a model wrote
            call = ast.parse(code.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ToolCallSyntaxError(f"expected tool_call(name=value, ...), got {code[:60]!r}")
        if call.func.id == "print":
            return None
        if call.func.id != "tool_call" or call.args:
            raise ToolCallSyntaxError(f"expected tool_call(name=value, ...), got {code[:60]!r}")
        arguments: dict[str, Any] = {}
        for keyword in call.keywords:
            value = ast.literal_eval(keyword.value)
            arguments.update({keyword.arg: value} if keyword.arg is not None else dict(**value))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        if isinstance(error, ToolCallError):
            raise
        raise ToolCallSyntaxError(f"the tool call cannot be read: {code[:60]!r}") from None
    return arguments


def parse_json_call(content: str) -> Any:
    """Read GLM-4's call: the arguments as JSON. Raises: ToolCallSyntaxError."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise ToolCallSyntaxError(f"the tool call is not JSON: {content[:60]!r}") from None
