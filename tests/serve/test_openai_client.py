"""The real `openai` client against a real server."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import httpx
import openai
import pytest
from server_support import Server

QUESTION = [{"role": "user", "content": "What is a model licence?"}]
MODEL = "chatglm-demo"


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    http = httpx.Client(trust_env=False, timeout=60)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", http_client=http, max_retries=0) as client:
        yield client


def test_a_chat_whole_and_streamed_says_the_same(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=QUESTION, temperature=0)
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    text, reasons, usage = "", [], None
    with client.chat.completions.create(
        model=MODEL, messages=QUESTION, temperature=0, stream=True, stream_options={"include_usage": True}
    ) as chunks:
        for chunk in chunks:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                reasons.append(choice.finish_reason)
    assert text == whole.choices[0].message.content
    assert text.startswith("A model license is")
    assert [r for r in reasons if r] == ["stop"]
    assert usage is not None
    assert usage.completion_tokens == whole.usage.completion_tokens


def test_a_second_turn_reuses_the_first(client: openai.OpenAI) -> None:
    first = client.chat.completions.create(model=MODEL, messages=QUESTION, temperature=0)
    more = [
        *QUESTION,
        {"role": "assistant", "content": first.choices[0].message.content},
        {"role": "user", "content": "Who makes it?"},
    ]
    second = client.chat.completions.create(model=MODEL, messages=more, temperature=0)  # type: ignore[arg-type]
    assert second.usage is not None
    assert second.usage.prompt_tokens_details is not None
    assert second.usage.prompt_tokens_details.cached_tokens > first.usage.prompt_tokens  # type: ignore[operator,union-attr]


def test_a_seed_gives_the_same_answer_again(client: openai.OpenAI) -> None:
    said = [
        client.chat.completions.create(model=MODEL, messages=QUESTION, temperature=2, top_p=1, seed=seed, max_tokens=30)
        .choices[0]
        .message.content
        for seed in (7, 7, 8, 9, 10)
    ]
    assert said[0] == said[1]
    assert len(set(said)) > 1


def test_several_choices(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=QUESTION, temperature=2, top_p=1, seed=1, n=3, max_tokens=20
    )
    assert [c.index for c in answer.choices] == [0, 1, 2]
    alone = client.chat.completions.create(
        model=MODEL, messages=QUESTION, temperature=2, top_p=1, seed=2, max_tokens=20
    )
    assert answer.choices[1].message.content == alone.choices[0].message.content


def test_a_stop_string_is_not_shown(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION, temperature=0, stop=["licensor", "zzz"])
    assert (
        answer.choices[0].message.content == "A model license is the text in which the"
    )  # trailing blanks are not shown
    assert answer.choices[0].finish_reason == "stop"


def test_a_limit_is_told(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION, temperature=0, max_completion_tokens=5)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5


def test_logprobs(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=QUESTION, temperature=0, max_tokens=6, logprobs=True, top_logprobs=3
    )
    told = answer.choices[0].logprobs
    assert told is not None
    assert told.content is not None
    assert len(told.content) == 6
    for token in told.content:
        assert len(token.top_logprobs) == 3
        assert token.logprob == max(t.logprob for t in token.top_logprobs)  # greedy takes the likeliest
        assert sum(math.exp(t.logprob) for t in token.top_logprobs) <= 1.0001
    assert bytes(b for t in told.content for b in t.bytes or ()).decode().strip().startswith("A model license")


def test_penalties_hold_repetition_back(client: openai.OpenAI) -> None:
    """A prompt that the model goes on repeating, until repeating costs."""
    prompt, options = "the the the the", {"model": MODEL, "temperature": 0, "max_tokens": 30}
    plain = client.completions.create(prompt=prompt, **options).choices[0].text  # type: ignore[call-overload]
    held = client.completions.create(prompt=prompt, presence_penalty=2, frequency_penalty=2, **options).choices[0].text  # type: ignore[call-overload]
    assert plain != held


def test_json_after_a_schema(client: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}, "free": {"type": "boolean"}},
        "required": ["name", "free"],
        "additionalProperties": False,
    }
    for seed in range(3):
        answer = client.chat.completions.create(
            model=MODEL,
            messages=QUESTION,
            seed=seed,
            temperature=1.2,
            max_tokens=120,
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
        )
        assert answer.choices[0].finish_reason == "stop"
        told = json.loads(answer.choices[0].message.content or "")
        assert set(told) == {"name", "free"}
        assert isinstance(told["free"], bool)


def test_a_forced_tool_call_that_is_none_is_text(client: openai.OpenAI) -> None:
    """The demo model was not trained to call tools: what it writes behind the forced header cannot be read."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    answer = client.chat.completions.create(
        model=MODEL,
        messages=QUESTION,
        temperature=0,
        max_tokens=10,
        tools=[tool],  # type: ignore[list-item]
        tool_choice={"type": "function", "function": {"name": "weather"}},
    )
    message = answer.choices[0].message
    assert message.tool_calls is None
    assert (message.content or "").startswith("weather\n")


def test_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(model=MODEL, prompt="A model licence", max_tokens=8, temperature=0, logprobs=2)
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].logprobs is not None
    assert len(answer.choices[0].logprobs.tokens or ()) == 8
    echoed = client.completions.create(model=MODEL, prompt="A model licence", max_tokens=8, temperature=0, echo=True)
    assert echoed.choices[0].text == "A model licence" + answer.choices[0].text
    with client.completions.create(
        model=MODEL, prompt="A model licence", max_tokens=8, temperature=0, stream=True
    ) as streamed:
        assert "".join(c.choices[0].text for c in streamed) == answer.choices[0].text


def test_the_model_states_its_terms(client: openai.OpenAI) -> None:
    models = list(client.models.list())
    assert [m.id for m in models] == ["modelreg/chatglm-demo"]
    assert models[0].license == "LicenseRef-modelreg-demo-1.0"  # type: ignore[attr-defined]
    assert client.models.retrieve("modelreg/chatglm-demo").id == "modelreg/chatglm-demo"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (openai.BadRequestError, {"temperature": 9.0}),
        (openai.BadRequestError, {"logit_bias": {"5": 1.0}}),
        (openai.BadRequestError, {"top_logprobs": 2}),
        (openai.BadRequestError, {"messages": [{"role": "user", "content": "a " * 4000}]}),
        (openai.BadRequestError, {"messages": [{"role": "user", "content": "x"}], "tool_choice": "required"}),
        (openai.BadRequestError, {"extra_body": {"bananas": 1}}),
        (openai.NotFoundError, {"model": "gpt-4o"}),
    ],
)
def test_errors_are_the_exceptions_of_the_client(
    client: openai.OpenAI, kind: type[Exception], options: dict[str, object]
) -> None:
    with pytest.raises(kind) as caught:
        client.chat.completions.create(**{"model": MODEL, "messages": QUESTION, **options})  # type: ignore[call-overload]
    assert caught.value.body["message"]  # type: ignore[attr-defined]


def test_embeddings_are_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="no embeddings"):
        client.embeddings.create(model=MODEL, input="x")
