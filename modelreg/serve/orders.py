"""From requests to orders: the ids of the prompt, how to sample, where to stop; one order an answer.

An order knows nothing of HTTP or of OpenAI; a worker can carry it out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from modelreg.inference.chat import MAX_LENGTH, published_sampling
from modelreg.inference.constrain import Constraint, JsonGrammar
from modelreg.inference.prompts import conversation_ids, has_roles, header_ids, query_ids
from modelreg.inference.sampling import Sampling
from modelreg.inference.tokenizers import Tokenizer
from modelreg.serve.problems import RequestError
from modelreg.serve.protocol import (
    ChatMessage,
    ChatRequest,
    Common,
    CompletionRequest,
    NamedTool,
    OriginalRequest,
    Tool,
)

RESERVE = 1  # at least one token must be left for the answer


@dataclass(frozen=True, slots=True)
class Order:
    """One answer to be made.

    Attributes:
        prompt: ids, (T,); budget: most new tokens.
        stop: strings that end the answer; logprobs: how many likely tokens to tell beside each (None: none at all).
        tool: the call that the prompt forces, "" for plain text that it forces, None where the model may choose.
        roles: the reply begins with a header line; raw: text completion, shown as the model wrote it.
        constraint: what the text has to be, e.g. JSON; made anew for each order.
        seconds: after which the answer is cut.
    """

    prompt: tuple[int, ...]
    sampling: Sampling
    budget: int
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    tool: str | None = None
    raw: bool = False
    constraint: Constraint | None = None
    seconds: float = 600.0


class Caps(NamedTuple):
    """Limits of the server, in tokens and seconds."""

    context: int
    max_tokens: int
    seconds: float


@dataclass(frozen=True)
class OrderBook:
    """Makes orders for one model.

    Attributes: defaults: the publisher's sampling; grammar: for JSON answers, None where its package is missing.
    """

    tokenizer: Tokenizer
    caps: Caps
    grammar: JsonGrammar | None = None
    defaults: Sampling = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "defaults", published_sampling(self.tokenizer))

    def chat(self, request: ChatRequest) -> list[Order]:
        """One order a choice. Raises: RequestError, MessageError (of the conversation)."""
        request.refuse()
        generation = self.tokenizer.generation
        tools, forced = _tools(request)
        messages = [_message(m, generation) for m in request.messages]
        prompt = conversation_ids(self.tokenizer, messages, tools)
        schema = _schema(request)
        if schema is not None and forced is None:
            forced = ""  # the answer is text, so that the grammar governs all of it
        if forced is not None and has_roles(generation):
            prompt = [*prompt, *header_ids(self.tokenizer, forced)]
        wanted = request.max_completion_tokens or request.max_tokens
        logprobs = (request.top_logprobs or 0) if request.logprobs else None
        return self._orders(request, prompt, wanted, logprobs, tool=forced, schema=schema)

    def completions(self, request: CompletionRequest) -> list[Order]:
        """`n` orders a prompt, prompts in order. Raises: RequestError."""
        request.refuse()
        orders: list[Order] = []
        for prompt in request.prompts():
            if isinstance(prompt, str):
                ids = self.tokenizer.encode(prompt)
            else:
                ids = list(prompt)
                wrong = [i for i in ids if not 0 <= i < self.tokenizer.vocab_size]
                if wrong:
                    raise RequestError(f"no token has the id {wrong[0]}", param="prompt")
            wanted = request.max_tokens or 16  # OpenAI's default
            orders += self._orders(request, ids, wanted, request.logprobs, raw=True)
        return orders

    def original(self, request: OriginalRequest) -> Order:
        """The order of POST /, with api.py's defaults where a field is missing or 0."""
        generation = self.tokenizer.generation
        history = original_history(request.history or (), generation)
        prompt = query_ids(self.tokenizer, request.prompt, history)
        sampling = self.defaults.but(top_p=request.top_p or 0.7, temperature=request.temperature or 0.95)
        length = request.max_length or MAX_LENGTH[generation]
        budget = self._budget(len(prompt), max(1, length - len(prompt)))
        return Order(tuple(prompt), sampling, budget, seconds=self.caps.seconds)

    def _orders(
        self,
        request: Common,
        prompt: Sequence[int],
        wanted: int | None,
        logprobs: int | None,
        *,
        tool: str | None = None,
        raw: bool = False,
        schema: str | None = None,
    ) -> list[Order]:
        budget = self._budget(len(prompt), wanted)
        sampling = self.defaults.but(
            temperature=request.temperature,
            top_p=request.top_p,
            top_k=request.top_k,
            min_p=request.min_p,
            repetition_penalty=request.repetition_penalty,
            presence_penalty=request.presence_penalty,
            frequency_penalty=request.frequency_penalty,
        )
        orders = []
        for choice in range(request.n or 1):
            seed = None if request.seed is None else (request.seed + choice) % 2**63
            constraint = None
            if schema is not None:
                if self.grammar is None:
                    raise RequestError(
                        "JSON answers need the package llguidance: pip install 'modelreg[run]'",
                        code="unsupported_parameter",
                        param="response_format",
                    )
                constraint = self.grammar.constraint(schema)
            orders.append(
                Order(
                    tuple(prompt),
                    sampling.but(seed=seed),
                    budget,
                    request.stops(),
                    logprobs,
                    tool,
                    raw,
                    constraint,
                    self.caps.seconds,
                )
            )
        return orders

    def _budget(self, prompt: int, wanted: int | None) -> int:
        room = self.caps.context - prompt
        if room < RESERVE:
            raise RequestError(
                f"the prompt has {prompt} tokens; the model takes {self.caps.context} with the answer",
                code="context_length_exceeded",
                param="messages",
            )
        return max(1, min(wanted or self.caps.max_tokens, self.caps.max_tokens, room))


def original_history(history: Sequence[Any], generation: str) -> list[Any]:
    """The history of POST / as the generation has it: pairs, or messages for those with roles.

    Raises: RequestError for anything else.
    """
    found: list[Any] = []
    for item in history:
        if isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(x, str) for x in item):
            pair = (item[0], item[1])
            if generation in ("chatglm3", "glm4"):
                found += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
            else:
                found.append(pair)
        elif isinstance(item, Mapping) and generation in ("chatglm3", "glm4") and isinstance(item.get("role"), str):
            found.append(dict(item))
        else:
            raise RequestError("history holds [question, answer] pairs", param="history", code="invalid_value")
    return found


def _tools(request: ChatRequest) -> tuple[list[dict[str, Any]] | None, str | None]:
    """The tools to tell the model of, and the header that the answer must have (see `Order.tool`)."""
    if not request.tools or request.tool_choice == "none":
        return None, None
    tools = [_tool(t) for t in request.tools]
    choice = request.tool_choice
    if isinstance(choice, NamedTool):
        return tools, choice.function.name
    if choice == "required":
        if len(tools) > 1:
            raise RequestError(
                "tool_choice 'required' with several tools is not offered; name one: "
                '{"type": "function", "function": {"name": …}}',
                code="unsupported_parameter",
                param="tool_choice",
            )
        return tools, request.tools[0].function.name
    return tools, None


def _tool(tool: Tool) -> dict[str, Any]:
    spec = tool.function
    function: dict[str, Any] = {"name": spec.name, "description": spec.description or ""}
    function["parameters"] = spec.parameters or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def _schema(request: ChatRequest) -> str | None:
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.json_schema is not None and wanted.type == "json_schema":
        return json.dumps(wanted.json_schema.schema_)
    return '{"type": "object"}'


def _message(message: ChatMessage, generation: str) -> dict[str, Any]:
    """OpenAI's message in the words of the generation; calls as the model itself writes them."""
    text = message.text()
    if message.role == "developer":
        return {"role": "system", "content": text}
    if message.role in ("tool", "function"):
        return {"role": "observation", "content": text}
    calls = [c.function for c in message.tool_calls or ()]
    if message.function_call is not None:
        calls.append(message.function_call)
    if message.role == "assistant" and calls:
        if len(calls) > 1:
            raise RequestError("these models make one call at a time; the message has several", param="messages")
        call = calls[0]
        return {"role": "assistant", "metadata": call.name, "content": _call_text(call.arguments, generation)}
    return {"role": message.role, "content": text}


def _call_text(arguments: str, generation: str) -> str:
    if generation != "chatglm3":
        return arguments
    try:
        values = json.loads(arguments or "{}")
    except ValueError as error:
        raise RequestError(f"a call's arguments are no JSON: {error}", param="messages") from None
    if not isinstance(values, dict):
        raise RequestError("a call's arguments are no JSON object", param="messages")
    given = ", ".join(f"{name}={value!r}" for name, value in values.items())
    return f" ```python\ntool_call({given})\n```"
