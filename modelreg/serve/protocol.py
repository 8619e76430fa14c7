"""Requests as values: OpenAI's chat and text completions, and the published API of ChatGLM-6B.

What cannot be honoured is refused by name, never ignored; fields that have no effect on the answer (`user`,
`metadata`, `store`) are taken. The same classes give the OpenAPI description.

Source: OpenAI API reference (chat completions, completions); api.py of the ChatGLM-6B repository.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelreg.serve.problems import RequestError

MAX_STOPS = 16
MAX_CHOICES = 16
MAX_MESSAGES = 2048
MAX_TOP_LOGPROBS = 20
MAX_TOOLS = 128
MAX_LOGPROBS = 5  # of text completions

Float = Annotated[float, Field(allow_inf_nan=False)]
Stop = str | Annotated[list[str], Field(max_length=MAX_STOPS)] | None


class Strict(BaseModel):
    """No coercion and no field that nobody looks at."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())


class TextPart(Strict):
    """A piece of a message; only text can be read by these models."""

    type: Literal["text"]
    text: str


class FunctionCall(Strict):
    """A call as the model made it; `arguments` is JSON text."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    arguments: str


class ToolCall(Strict):
    """One call of an assistant's message."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall
    index: int | None = None


class ChatMessage(Strict):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    function_call: FunctionCall | None = None
    refusal: str | None = None
    # Clients send back what they were given.
    annotations: list[Any] | None = None
    audio: None = None
    reasoning_content: str | None = None

    def text(self) -> str:
        """Its text, parts joined."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class FunctionSpec(Strict):
    """What a tool is; `parameters` is a JSON Schema."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Strict):
    """A tool that the model may call."""

    type: Literal["function"]
    function: FunctionSpec


class NamedFunction(Strict):
    """The function of a forced call."""

    name: str


class NamedTool(Strict):
    """A forced call."""

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(Strict):
    """The schema that an answer has to follow."""

    name: str | None = None
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool | None = None


class ResponseFormat(Strict):
    """text, any JSON object, or JSON after a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Strict):
    """With `include_usage` the last chunk carries the counts."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Common(Strict):
    """What both kinds of completion share. Defaults are those of the model's publisher."""

    model: Annotated[str, Field(max_length=300)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[Float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=2**31)] | None = None
    min_p: Annotated[Float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[Float, Field(gt=0, le=10)] | None = None
    presence_penalty: Annotated[Float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[Float, Field(ge=-2, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=2**31)] | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: Stop = None
    user: str | None = None
    logit_bias: dict[str, Float] | None = None

    def stops(self) -> tuple[str, ...]:
        """Stop strings, empty ones left out."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(s for s in given if s)

    def refuse_common(self) -> None:
        """Raise RequestError for what is not offered."""
        if self.logit_bias:
            raise RequestError("logit_bias is not offered here", code="unsupported_parameter", param="logit_bias")
        if self.stream_options is not None and not self.stream:
            raise RequestError("stream_options needs stream: true", param="stream_options")


class ChatRequest(Common):
    """POST /v1/chat/completions."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    max_completion_tokens: Annotated[int, Field(ge=1, le=2**31)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    # Taken and without effect on the answer.
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None

    def refuse(self) -> None:
        """Raise RequestError for what is not offered or does not fit together."""
        self.refuse_common()
        if self.top_logprobs is not None and not self.logprobs:
            raise RequestError("top_logprobs needs logprobs: true", param="top_logprobs")
        wanted = self.response_format
        if wanted is not None and wanted.type == "json_schema" and wanted.json_schema is None:
            raise RequestError("json_schema is missing", param="response_format.json_schema")
        names = {tool.function.name for tool in self.tools or ()}
        choice = self.tool_choice
        if choice == "required" and not names:
            raise RequestError("tool_choice is 'required' and there are no tools", param="tool_choice")
        if isinstance(choice, NamedTool) and choice.function.name not in names:
            raise RequestError(f"no tool '{choice.function.name}' among the tools", param="tool_choice")


class CompletionRequest(Common):
    """POST /v1/completions: the text goes to the model as it is, with the model's own prompt tokens."""

    prompt: str | Annotated[list[str], Field(min_length=1, max_length=MAX_CHOICES)] | list[int] | list[list[int]]
    echo: bool | None = None
    best_of: int | None = None
    suffix: str | None = None
    logprobs: Annotated[int, Field(ge=0, le=MAX_LOGPROBS)] | None = None

    def refuse(self) -> None:
        """Raise RequestError for what is not offered."""
        self.refuse_common()
        if self.suffix:
            raise RequestError("suffix is not offered here", code="unsupported_parameter", param="suffix")
        if self.best_of is not None and self.best_of != (self.n or 1):
            raise RequestError("best_of is not offered here", code="unsupported_parameter", param="best_of")

    def prompts(self) -> list[str | list[int]]:
        """Each prompt, as text or as ids. Raises: RequestError for an empty one."""
        given: list[Any]
        if isinstance(self.prompt, str) or (self.prompt and isinstance(self.prompt[0], int)):
            given = [self.prompt]
        else:
            given = list(self.prompt)
        if not given or any(not isinstance(p, str) and not p for p in given):
            raise RequestError("a prompt is empty", param="prompt")
        if len(given) > MAX_CHOICES:
            raise RequestError(f"{len(given)} prompts; at most {MAX_CHOICES}", param="prompt")
        return given


class OriginalRequest(BaseModel):
    """POST / of 2023: api.py took what json.loads gave it, so fields are read loosely and unknown ones passed over."""

    model_config = ConfigDict(extra="ignore")

    prompt: str
    history: list[Any] | None = None
    max_length: Annotated[int, Field(ge=0, le=2**31)] | None = None
    top_p: Annotated[Float, Field(ge=0, le=1)] | None = None
    temperature: Annotated[Float, Field(ge=0, le=100)] | None = None


M = TypeVar("M", bound=BaseModel)


def read(kind: type[M], body: bytes) -> M:
    """A request body as a value.

    Raises:
        RequestError: no JSON, or a field is wrong; names the field.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from None
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body cannot be read: {error}", code="bad_json") from None


def _refusal(error: ValidationError) -> RequestError:
    first = error.errors(include_url=False, include_context=False, include_input=False)
    # Of a union every branch complains; the deepest place is the one that is meant.
    deepest = max(first, key=lambda e: len(e["loc"]))
    place = ".".join(str(p) for p in deepest["loc"] if not (isinstance(p, str) and ("[" in p or p[:1].isupper())))
    if deepest["type"] == "extra_forbidden":
        return RequestError(
            f"unrecognized request argument supplied: {place}", code="unknown_parameter", param=place or None
        )
    if deepest["type"] == "json_invalid":
        return RequestError(f"the body is not JSON: {deepest['msg']}", code="bad_json")
    return RequestError(f"{place or 'body'}: {deepest['msg']}", param=place or None, code="invalid_value")


def as_json(value: Any) -> str:
    """Compact JSON with its characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
