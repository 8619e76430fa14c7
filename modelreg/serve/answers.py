"""Answers in OpenAI's form: whole, and in pieces as server-sent events."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelreg.inference.replies import ToolCallError, parse_call, parse_json_call
from modelreg.inference.tokenizers import Tokenizer
from modelreg.serve.orders import Order
from modelreg.serve.protocol import as_json
from modelreg.serve.worker import Channel, Part, TokenChance

DONE = b"data: [DONE]\n\n"


def event(data: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + as_json(data).encode("utf-8", "replace") + b"\n\n"


@dataclass
class Choice:
    """One answer as it grows."""

    text: str = ""
    tool: str | None = None
    tokens: int = 0
    reused: int = 0
    finish: str | None = None
    chances: list[tuple[TokenChance, tuple[TokenChance, ...]]] = field(default_factory=list)

    def take(self, part: Part) -> None:
        """Add a part."""
        self.text += part.text
        self.tool, self.tokens, self.reused = part.tool, part.tokens, part.reused
        self.finish = part.finish
        self.chances += part.chances


class Form:
    """What chat and text completions have in common.

    Args: model: the name that answers carry; orders: one a choice; terms: put beside the answer.
    """

    kind = ""
    prefix = ""

    def __init__(self, model: str, tokenizer: Tokenizer, orders: list[Order]) -> None:
        self.model, self.tokenizer, self.orders = model, tokenizer, orders
        self.id = f"{self.prefix}-{secrets.token_hex(12)}"
        self.created = int(time.time())
        self.choices = [Choice() for _ in orders]

    def head(self, kind: str) -> dict[str, Any]:
        """The fields that every answer begins with."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def usage(self) -> dict[str, Any]:
        """Token counts; a prompt that several choices share counts once."""
        prompts = {order.prompt for order in self.orders}
        prompt = sum(len(p) for p in prompts)
        done = sum(choice.tokens for choice in self.choices)
        cached = min((choice.reused for choice in self.choices), default=0)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": done,
            "total_tokens": prompt + done,
            "prompt_tokens_details": {"cached_tokens": cached},
        }

    async def whole(self, channel: Channel) -> dict[str, Any]:
        """All of it, once it is there."""
        async for index, part in channel.parts():
            self.choices[index].take(part)
        body = self.head(self.kind)
        body["choices"] = [self.choice(i, choice) for i, choice in enumerate(self.choices)]
        body["usage"] = self.usage()
        return body

    def choice(self, index: int, choice: Choice) -> dict[str, Any]:
        """One finished choice."""
        raise NotImplementedError

    def stream(self, channel: Channel, *, usage: bool) -> AsyncIterator[bytes]:
        """Server-sent events as parts come. Args: usage: end with an event that has the counts."""
        raise NotImplementedError

    def token_text(self, token: int) -> tuple[str, list[int] | None]:
        """A token as text and bytes."""
        data = self.tokenizer.token_bytes(token)
        if not data:
            return self.tokenizer.piece(token), None
        return data.decode("utf-8", "replace"), list(data)


class ChatForm(Form):
    """chat.completion and its chunks.

    Args: tools: names of the tools that were offered.
    """

    kind, prefix = "chat.completion", "chatcmpl"

    def __init__(self, model: str, tokenizer: Tokenizer, orders: list[Order], tools: frozenset[str]) -> None:
        super().__init__(model, tokenizer, orders)
        self.tools = tools

    def choice(self, index: int, choice: Choice) -> dict[str, Any]:
        """See `Form.choice`."""
        message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None}
        finish = choice.finish
        call = self._call(choice)
        if call is not None:
            message["content"] = None
            message["tool_calls"] = [call]
            finish = "tool_calls"
        elif choice.tool:
            message["content"] = f"{choice.tool}\n{choice.text}"
        body = {"index": index, "message": message, "finish_reason": finish, "logprobs": None}
        if self.orders[index].logprobs is not None:
            body["logprobs"] = {"content": [self._chance(*c) for c in choice.chances], "refusal": None}
        return body

    async def stream(self, channel: Channel, *, usage: bool) -> AsyncIterator[bytes]:
        """Chunks as they come, `[DONE]` at the end."""
        for index in range(len(self.choices)):
            yield self._chunk(index, {"role": "assistant", "content": ""}, None, None, usage=usage)
        async for index, part in channel.parts():
            choice = self.choices[index]
            choice.take(part)
            logprobs = None
            if self.orders[index].logprobs is not None and part.chances:
                logprobs = {"content": [self._chance(*c) for c in part.chances], "refusal": None}
            if part.tool is None:
                if part.text or logprobs:
                    yield self._chunk(index, {"content": part.text}, None, logprobs, usage=usage)
                if part.finish is not None:
                    yield self._chunk(index, {}, part.finish, None, usage=usage)
            elif part.finish is not None:
                # A call is of use only as a whole: until the end nobody knows whether it can be read.
                call = self._call(choice)
                if call is None:
                    text = f"{choice.tool}\n{choice.text}"
                    yield self._chunk(index, {"content": text}, None, logprobs, usage=usage)
                    yield self._chunk(index, {}, part.finish, None, usage=usage)
                else:
                    yield self._chunk(index, {"tool_calls": [{"index": 0, **call}]}, None, logprobs, usage=usage)
                    yield self._chunk(index, {}, "tool_calls", None, usage=usage)
        if usage:
            yield event({**self.head("chat.completion.chunk"), "choices": [], "usage": self.usage()})
        yield DONE

    def _chunk(self, index: int, delta: dict[str, Any], finish: str | None, logprobs: Any, *, usage: bool) -> bytes:
        body = self.head("chat.completion.chunk")
        body["choices"] = [{"index": index, "delta": delta, "finish_reason": finish, "logprobs": logprobs}]
        if usage:
            body["usage"] = None
        return event(body)

    def _call(self, choice: Choice) -> dict[str, Any] | None:
        """The call that an answer is, None where it is none, or cannot be read as one."""
        if not choice.tool or choice.tool not in self.tools:
            return None
        try:
            if self.tokenizer.generation == "glm4":
                arguments = parse_json_call(choice.text)
            else:
                arguments = parse_call(choice.text.strip())
            if not isinstance(arguments, Mapping):
                return None
            text = as_json(arguments)
        except (ToolCallError, TypeError, ValueError):
            return None
        function = {"name": choice.tool, "arguments": text}
        return {"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}

    def _chance(self, chosen: TokenChance, top: tuple[TokenChance, ...]) -> dict[str, Any]:
        return {**self._one(chosen), "top_logprobs": [self._one(t) for t in top]}

    def _one(self, chance: TokenChance) -> dict[str, Any]:
        text, data = self.token_text(chance.token)
        return {"token": text, "bytes": data, "logprob": max(chance.logprob, -9999.0)}


class TextForm(Form):
    """text_completion; its chunks have the same kind."""

    kind, prefix = "text_completion", "cmpl"

    def __init__(self, model: str, tokenizer: Tokenizer, orders: list[Order], echo: list[str]) -> None:
        super().__init__(model, tokenizer, orders)
        self.echo = echo  # put before each answer, "" for none

    def choice(self, index: int, choice: Choice) -> dict[str, Any]:
        """See `Form.choice`."""
        body = {"index": index, "text": self.echo[index] + choice.text, "finish_reason": choice.finish}
        wanted = self.orders[index].logprobs is not None
        body["logprobs"] = self._chances(choice.chances, len(self.echo[index])) if wanted else None
        return body

    async def stream(self, channel: Channel, *, usage: bool) -> AsyncIterator[bytes]:
        """Chunks as they come, `[DONE]` at the end."""
        for index, echo in enumerate(self.echo):
            if echo:
                yield self._chunk(index, echo, None, None, usage=usage)
        async for index, part in channel.parts():
            choice = self.choices[index]
            before = len(self.echo[index]) + len(choice.text)
            choice.take(part)
            wanted = self.orders[index].logprobs is not None and part.chances
            logprobs = self._chances(list(part.chances), before) if wanted else None
            if part.text or part.finish or logprobs:
                yield self._chunk(index, part.text, part.finish, logprobs, usage=usage)
        if usage:
            yield event({**self.head(self.kind), "choices": [], "usage": self.usage()})
        yield DONE

    def _chunk(self, index: int, text: str, finish: str | None, logprobs: Any, *, usage: bool) -> bytes:
        body = self.head(self.kind)
        body["choices"] = [{"index": index, "text": text, "finish_reason": finish, "logprobs": logprobs}]
        if usage:
            body["usage"] = None
        return event(body)

    def _chances(self, chances: list[tuple[TokenChance, tuple[TokenChance, ...]]], offset: int) -> dict[str, list[Any]]:
        body: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for chosen, top in chances:
            text = self.token_text(chosen.token)[0]
            body["tokens"].append(text)
            body["token_logprobs"].append(max(chosen.logprob, -9999.0))
            body["top_logprobs"].append({self.token_text(t.token)[0]: max(t.logprob, -9999.0) for t in top})
            body["text_offset"].append(offset)
            offset += len(text)
        return body
