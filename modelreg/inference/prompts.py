"""From what people and programs say to the ids that a model is given, one format a generation.

ChatGLM-6B and ChatGLM2 know rounds of question and answer; ChatGLM3 and GLM-4 know messages with roles.
Source: research/chatglm-spec.md sections 1 to 4; goldens/*/e2e_chat.json, glm4/chat_prompts.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from modelreg.errors import InputError
from modelreg.inference.glm4_texts import AFTER_FUNCTION, BUILT_IN_TOOLS, INTRODUCTION
from modelreg.inference.tokenizers import Generation, Tokenizer
from modelreg.inference.tokenizers.chatglm2 import ChatGLM3Tokenizer
from modelreg.inference.tokenizers.glm4 import GLM4Tokenizer

Message: TypeAlias = Mapping[str, Any]  # role, content; perhaps metadata, tools
Round: TypeAlias = Sequence[str]  # question, answer
History: TypeAlias = Sequence[Any]  # of Round for ChatGLM-6B and ChatGLM2, of Message for ChatGLM3 and GLM-4

ROLES = ("system", "user", "assistant", "observation")
# What ChatGLM3 was trained to see before a list of tools.
TOOLS_INTRODUCTION = "Answer the following questions as best as you can. You have access to the following tools:"


class MessageError(InputError):
    """A conversation that the generation's prompt format has no way to say."""

    default_code = "bad-message"


def has_roles(generation: Generation) -> bool:
    """Whether the generation's prompts are messages with roles (ChatGLM3, GLM-4)."""
    return generation in ("chatglm3", "glm4")


def rounds_text(generation: Generation, query: str, history: Sequence[Round] = (), cached: bool = False) -> str:
    """The prompt of ChatGLM-6B or ChatGLM2.

    Args:
        history: rounds of (question, answer), oldest first.
        cached: the model's cache already holds the history, so only the new round is wanted (ChatGLM2).
    """
    if generation == "chatglm":
        if not history:
            return query
        past = "".join(f"[Round {i}]\n问：{q}\n答：{a}\n" for i, (q, a) in enumerate(history))
        return f"{past}[Round {len(history)}]\n问：{query}\n答："
    past = "".join(f"[Round {i}]\n\n问：{q}\n\n答：{a}\n\n" for i, (q, a) in enumerate(history, start=1))
    last = f"[Round {len(history) + 1}]\n\n问：{query}\n\n答："
    return "\n\n" + last if cached else past + last


def query_ids(
    tokenizer: Tokenizer, query: str, history: History = (), role: str = "user", cached: bool = False
) -> list[int]:
    """The ids of a question after a history, as the published `chat()` builds them.

    Args:
        history: rounds or messages, as the generation has it.
        role: of the query, for generations with roles ("observation" for a tool's result).
        cached: a cache already holds the history; the ids then continue it as published.
    Returns: (T,). Raises: MessageError.
    """
    if has_roles(tokenizer.generation):
        # As published, the prompt tokens come again when a cache is continued.
        past = [] if cached else list(history)
        return messages_ids(tokenizer, [*past, {"role": role, "content": query}])
    if role != "user":
        raise MessageError(f"{tokenizer.generation} has no role {role!r}; it knows questions and answers")
    text = rounds_text(tokenizer.generation, query, history, cached and bool(history))
    if cached and history and tokenizer.generation == "chatglm2":
        return tokenizer.encode(text, add_special_tokens=False)[1:]  # without the dummy space in front
    return tokenizer.encode(text)


def message_ids(tokenizer: Tokenizer, role: str, metadata: str, content: str) -> list[int]:
    """One message of ChatGLM3 or GLM-4: role token, `metadata` and a line break, content; what users wrote
    stays text. Header and content are encoded apart, as published.

    Raises: MessageError for an unknown role, or a generation without roles.
    """
    if not isinstance(tokenizer, (ChatGLM3Tokenizer, GLM4Tokenizer)):
        raise MessageError(f"{tokenizer.generation} has no roles")
    header = tokenizer.encode_ordinary(f"{metadata}\n")
    return [_role_id(tokenizer, role), *header, *tokenizer.encode_ordinary(content)]


def header_ids(tokenizer: Tokenizer, tool: str = "") -> list[int]:
    """The header line of a reply, so that a prompt can end behind it: an empty line for text, or a tool's name.

    Returns: ids to put behind `messages_ids`; none for a generation without roles.
    """
    if not isinstance(tokenizer, (ChatGLM3Tokenizer, GLM4Tokenizer)):
        return []
    return tokenizer.encode_ordinary(f"{tool}\n")


def _role_id(tokenizer: ChatGLM3Tokenizer | GLM4Tokenizer, role: str) -> int:
    if role not in ROLES:
        raise MessageError(f"there is no role {role!r}; there are {', '.join(ROLES)}")
    return tokenizer.role_id(role)


def messages_ids(
    tokenizer: Tokenizer,
    messages: Sequence[Message],
    add_generation_prompt: bool = True,
) -> list[int]:
    """A whole conversation of ChatGLM3 or GLM-4, from `[gMASK] sop` to `<|assistant|>`.

    Args: add_generation_prompt: end with `<|assistant|>`, so that the model answers.
    Raises: MessageError.
    """
    if not isinstance(tokenizer, (ChatGLM3Tokenizer, GLM4Tokenizer)):
        raise MessageError(f"{tokenizer.generation} has no roles")
    ids = list(tokenizer.prefix_ids)
    for role, metadata, content in _plain(tokenizer.generation, messages):
        ids += message_ids(tokenizer, role, metadata, content)
    return [*ids, tokenizer.role_id("assistant")] if add_generation_prompt else ids


def messages_text(generation: Generation, messages: Sequence[Message], add_generation_prompt: bool = True) -> str:
    """The text rendering of a conversation: GLM-4's template, or ChatGLM3's later `chat_template` string.

    For ids use `messages_ids`: ChatGLM3's template puts spaces where the published `chat()` has none.
    """
    if generation == "glm4":
        plain = _plain(generation, messages)
        text = "[gMASK]<sop>" + "".join(f"<|{role}|>{meta}\n{content}" for role, meta, content in plain)
    elif generation == "chatglm3":
        told = "".join(f"<|{item['role']}|> \n {item['content']}" for item in messages)
        text = "[gMASK]sop" + told if messages else ""
    else:
        raise MessageError(f"{generation} has no roles")
    return text + "<|assistant|>" if add_generation_prompt else text


def _plain(generation: Generation, messages: Sequence[Message]) -> list[tuple[str, str, str]]:
    """(role, metadata, content) of every message, tools written into the text."""
    plain: list[tuple[str, str, str]] = []
    for item in messages:
        role, content = item.get("role"), item.get("content") or ""
        metadata = item.get("metadata") or ""
        if not isinstance(role, str) or not isinstance(content, str) or not isinstance(metadata, str):
            raise MessageError(f"a message needs a role and a text; got {str(dict(item))[:80]}")
        if generation == "glm4":
            if item.get("tools"):
                plain.append(("system", "", glm4_tools_text(item["tools"])))
            if not content:
                continue  # the published template leaves out messages without content
        elif role == "system" and "tools" in item:
            content += "\n" + json.dumps(item["tools"], indent=4, ensure_ascii=False)
        plain.append((role, metadata, content))
    return plain


def glm4_tools_text(tools: Sequence[Mapping[str, Any]]) -> str:
    """GLM-4's system message about tools.

    Args: tools: OpenAI-like; of type function, or one of python, simple_browser, cogview.
    Raises: MessageError for another type.
    """
    text = INTRODUCTION
    for tool in tools:
        kind = tool.get("type")
        if kind == "function":
            function = tool["function"]
            shown = json.dumps(function, indent=4, ensure_ascii=False)
            text += f"\n\n## {function['name']}\n\n{shown}{AFTER_FUNCTION}"
        elif kind in BUILT_IN_TOOLS:
            text += f"\n\n## {kind}\n\n{BUILT_IN_TOOLS[kind]}"
        else:
            raise MessageError(f"GLM-4 has no tools of type {kind!r}")
    return text


def conversation_ids(
    tokenizer: Tokenizer, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None
) -> list[int]:
    """The prompt for a conversation in role messages, whatever the generation.

    ChatGLM-6B and ChatGLM2 have no system role; as in their published API demo, its text goes before the
    last question. Tools need ChatGLM3 or GLM-4.

    Args: messages: roles system, user, assistant, observation; the last one is answered.
    Returns: (T,). Raises: MessageError.
    """
    if not messages:
        raise MessageError("the conversation has no messages")
    if has_roles(tokenizer.generation):
        return messages_ids(tokenizer, [*_tools_message(tokenizer.generation, tools), *messages])
    if tools:
        raise MessageError(f"{tokenizer.generation} was not made to call tools", hint="leave the tools out")
    return _rounds_of(tokenizer, messages)


def _tools_message(generation: Generation, tools: Sequence[Mapping[str, Any]] | None) -> list[Message]:
    if not tools:
        return []
    if generation == "glm4":
        return [{"role": "system", "content": "", "tools": list(tools)}]
    functions = [tool["function"] if tool.get("type") == "function" else tool for tool in tools]
    return [{"role": "system", "content": TOOLS_INTRODUCTION, "tools": functions}]


def _rounds_of(tokenizer: Tokenizer, messages: Sequence[Message]) -> list[int]:
    """Messages as rounds: questions in a row become one, an answer closes a round."""
    system: list[str] = []
    rounds: list[tuple[str, str]] = []
    asked: list[str] = []
    for item in messages:
        role, content = item.get("role"), str(item.get("content") or "")
        if role == "system":
            system.append(content)
        elif role == "user":
            asked.append(content)
        elif role == "assistant":
            rounds.append(("\n".join(asked), content))
            asked = []
        else:
            raise MessageError(f"{tokenizer.generation} has no role {role!r}")
    if not asked:
        raise MessageError("the last message must be the user's")
    return query_ids(tokenizer, "\n".join([*system, *asked]), rounds)
