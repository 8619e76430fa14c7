"""What the published ChatGLM3 API demo makes of OpenAI's messages and of the model's replies.

Source: goldens/chatglm3/openai_demo.json. Our own server's protocol is in modelreg/serve.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelreg.inference.prompts import TOOLS_INTRODUCTION
from modelreg.inference.replies import ReplyFormatError, ToolCallSyntaxError, TrainingTime, parse_call
from modelreg.inference.sampling import Sampling

MAX_TOKENS = 1024


def request_sampling(
    temperature: float = 0.8, top_p: float = 0.8, repetition_penalty: float = 1.1, seed: int | None = None
) -> Sampling:
    """The demo's defaults; greedy at a temperature of at most 1e-5."""
    return Sampling(
        temperature=temperature,
        top_p=top_p,
        repetition_penalty=repetition_penalty,
        invalid_score_id=5,
        seed=seed,
    )


def convert_messages(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """OpenAI's messages as ChatGLM3's.

    With tools, a system message about them comes first and the caller's first system message is dropped; a
    `function` message becomes an observation; an assistant's function call is split into its parts.

    Args: messages: role, content, and for a call `function_call` (or `has_function_call`).
    Raises: ReplyFormatError for a function call without a metadata line.
    """
    converted: list[dict[str, Any]] = []
    if tools:
        converted.append({"role": "system", "content": TOOLS_INTRODUCTION, "tools": list(tools)})
    drop_system = bool(tools)
    for item in messages:
        role, content = item["role"], item.get("content") or ""
        if role == "function":
            converted.append({"role": "observation", "content": content})
        elif role == "assistant" and (item.get("function_call") or item.get("has_function_call")):
            for part in content.split("<|assistant|>"):
                metadata, text = _halves(part)
                converted.append({"role": role, "metadata": metadata, "content": text.strip()})
        elif role == "system" and drop_system:
            drop_system = False
        else:
            converted.append({"role": role, "content": content})
    return converted


def read_reply(output: str, use_tool: bool = False) -> str | dict[str, str]:
    """A reply's last part: text, or a call with `arguments` as JSON (`use_tool`) or `content` as written.

    Raises: ReplyFormatError where a part has no metadata line; ToolCallSyntaxError.
    """
    result: str | dict[str, str] = ""
    for part in output.split("<|assistant|>"):
        metadata, text = _halves(part)
        if not metadata.strip():
            result = TrainingTime().apply(text.strip())
        elif use_tool:
            result = {"name": metadata.strip(), "arguments": _as_json(parse_call(text))}
        else:
            result = {"name": metadata.strip(), "content": text}
    return result


def _halves(part: str) -> tuple[str, str]:
    metadata, line_break, text = part.partition("\n")
    if not line_break:
        raise ReplyFormatError(f"the reply has no line break after its metadata: {part[:60]!r}")
    return metadata, text


def _as_json(arguments: dict[str, Any] | None) -> str:
    try:
        return json.dumps(arguments, ensure_ascii=False)
    except (TypeError, ValueError):
        raise ToolCallSyntaxError(f"the call's values have no JSON form: {str(arguments)[:60]}") from None
