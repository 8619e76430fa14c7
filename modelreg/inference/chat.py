"""Question in, answer out. `chat` and `stream_chat` reproduce the published functions of each generation;
`stream_reply` is what our own programs use.

Source: research/chatglm-spec.md; goldens/*/e2e_chat.json.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from modelreg.inference.generate import FinishReason, LanguageModel, Limits, generate
from modelreg.inference.prefix import Memory
from modelreg.inference.prompts import History, has_roles, query_ids
from modelreg.inference.replies import ToolCallError, process_messages, process_text, text_rewrites
from modelreg.inference.sampling import Sampling
from modelreg.inference.speculate import Drafted
from modelreg.inference.streaming import REPLACEMENT, RewriteStream, StopStrings, StreamDecoder
from modelreg.inference.tokenizers import Generation, Tokenizer

MAX_LENGTH: dict[Generation, int] = {"chatglm": 2048, "chatglm2": 8192, "chatglm3": 8192, "glm4": 8192}


def published_sampling(tokenizer: Tokenizer) -> Sampling:
    """The defaults of the generation's published `chat()`; top-k 50 comes from the library's own defaults."""
    temperature, top_p = (0.95, 0.7) if tokenizer.generation == "chatglm" else (0.8, 0.8)
    return Sampling(temperature=temperature, top_p=top_p, invalid_score_id=tokenizer.invalid_score_id)


class Turn(NamedTuple):
    """An answer (text, or a tool call as a dict) and the history that includes it."""

    response: str | dict[str, Any]
    history: list[Any]


def chat(
    model: LanguageModel,
    tokenizer: Tokenizer,
    query: str,
    history: History | None = None,
    *,
    role: str = "user",
    sampling: Sampling | None = None,
    max_length: int | None = None,
    max_new_tokens: int | None = None,
) -> Turn:
    """Answer a query as the published `chat()` of the generation does; the caller's history is not changed.

    As published, ChatGLM3 and GLM-4 drop the last id even when it is no stop id but the length limit's.

    Args:
        history: (question, answer) rounds for ChatGLM-6B and ChatGLM2, messages for ChatGLM3 and GLM-4.
        max_length: prompt and reply together, in tokens; the published default where None.
    Raises: MessageError, ToolCallSyntaxError, UsageError, and what the model raises.
    """
    prompt = query_ids(tokenizer, query, history or (), role)
    limits = _limits(tokenizer, max_length, max_new_tokens)
    ids = list(generate(model, prompt, sampling or published_sampling(tokenizer), limits))
    text = tokenizer.decode(ids[:-1] if has_roles(tokenizer.generation) else ids)
    return _turn(tokenizer.generation, query, text, history or (), role)


def stream_chat(
    model: LanguageModel,
    tokenizer: Tokenizer,
    query: str,
    history: History | None = None,
    *,
    role: str = "user",
    sampling: Sampling | None = None,
    max_length: int | None = None,
    max_new_tokens: int | None = None,
    cache: Any = None,
) -> Iterator[Turn]:
    """Answer a query step by step, each time with the whole text so far, as the published function does.

    A text that ends inside a character waits for the rest. As published, ChatGLM-6B leaves out the step
    that samples the stop id or reaches the length limit; the others repeat the text there or lag by one id.
    A tool call that is not complete yet is given as text.

    Args: cache: of `model.new_cache()`; kept by the caller, the next turn continues it with only the new
        round (ChatGLM2, ChatGLM3, GLM-4). Others: see `chat`.
    """
    generation, history = tokenizer.generation, list(history or ())
    prompt = query_ids(tokenizer, query, history, role, cached=cache is not None and cache.length > 0)
    limits = _limits(tokenizer, max_length, max_new_tokens)
    budget = limits.budget(len(prompt))
    ids: list[int] = []
    for token in generate(model, prompt, sampling or published_sampling(tokenizer), limits, cache):
        ids.append(token)
        if generation == "chatglm":
            if token in limits.stop_ids or len(ids) == budget:
                continue
            text = tokenizer.decode(ids)
        else:
            text = tokenizer.decode(ids[:-1] if has_roles(generation) else ids)
            if not text:
                continue
        if not text.endswith(REPLACEMENT):
            try:
                yield _turn(generation, query, text, history, role)
            except ToolCallError:
                yield Turn(text, [*history, {"role": role, "content": query}])


def _limits(tokenizer: Tokenizer, max_length: int | None, max_new_tokens: int | None) -> Limits:
    length = MAX_LENGTH[tokenizer.generation] if max_length is None else max_length
    return Limits(stop_ids=tokenizer.stop_ids, max_length=length, max_new_tokens=max_new_tokens)


def _turn(generation: Generation, query: str, text: str, history: History, role: str) -> Turn:
    if has_roles(generation):
        return Turn(*process_messages(generation, text, [*history, {"role": role, "content": query}]))
    response = process_text(generation, text)
    return Turn(response, [*history, (query, response)])


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more of a reply.

    Attributes:
        text: new text, whole characters, as it is to be shown; perhaps empty.
        tool: the tool's name, if the reply is a call; `text` is then the call's content as written.
        tokens: how many ids the reply has so far, the stop id included.
        finish_reason: set on the last piece alone.
    """

    text: str
    tool: str | None = None
    tokens: int = 0
    finish_reason: FinishReason | None = None


def stream_reply(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: Sequence[int],
    *,
    sampling: Sampling,
    limits: Limits,
    stop: Sequence[str] = (),
    cache: Any = None,
    memory: Memory | None = None,
    speculate: int = 0,
    drafted: Drafted | None = None,
) -> Generator[Piece, None, None]:
    """Generate the reply to a prompt as pieces of shown text; joined, they are the processed reply.

    No piece ends inside a character, and an unfinished one at a length limit is dropped. Stop strings are
    looked for in the reply as the model wrote it and are not shown.

    Args:
        prompt: of `prompts.conversation_ids`; limits: its stop ids, or the tokenizer's where it has none.
        memory: of the conversation, instead of a cache: what it holds of the prompt is not computed again.
        speculate, drafted: as of `generate`.
    """
    if not limits.stop_ids:
        limits = Limits(tokenizer.stop_ids, limits.max_length, limits.max_new_tokens, limits.cancelled)
    reader = ReplyReader(tokenizer, limits.stop_ids, stop)
    held = 0
    if memory is not None:
        cache, held = memory.begin(prompt)
    steps = generate(
        model, prompt[held:], sampling, limits, cache, held=prompt[:held], speculate=speculate, drafted=drafted
    )
    reply: list[int] = []
    reason: FinishReason | None = None
    try:
        while reason is None:
            try:
                token = next(steps)
            except StopIteration as end:
                reason = end.value
                break
            reply.append(token)
            text = reader.put(token)
            if reader.stopped and token not in limits.stop_ids:  # a stop string; the loop ends itself at a stop id
                reason = "stop"
            if text:
                yield Piece(text, reader.tool, reader.tokens)
    finally:
        steps.close()
        if memory is not None:
            memory.end(prompt, reply)
    yield Piece(reader.finish(), reader.tool, reader.tokens, reason)


class ReplyReader:
    """Takes the ids of one reply as they come and gives the text that is shown, never half a character.

    Args:
        stop_ids: end the reply and are not shown; stop: strings that do so too.
        headed: the prompt ends behind the header line already (`prompts.header_ids`), with this tool's name or "".
        raw: a text completion: the text as the model writes it.
    Attributes: tool: the tool's name where the reply is a call; tokens: ids so far; stopped: the reply is over.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        stop_ids: Sequence[int],
        stop: Sequence[str] = (),
        *,
        headed: str | None = None,
        raw: bool = False,
    ) -> None:
        self._stop_ids = frozenset(stop_ids)
        self._shown = None if raw else _Shown(tokenizer.generation, headed)
        self._decoder, self._stopper = StreamDecoder(tokenizer), StopStrings(stop)
        self.tokens = 0
        self.stopped = False

    @property
    def tool(self) -> str | None:
        return self._shown.tool if self._shown is not None else None

    def put(self, token: int) -> str:
        """Take one id; return the text that is certain now, perhaps none."""
        self.tokens += 1
        if token in self._stop_ids:
            self.stopped = True
            return ""
        text = self._stopper.put(self._decoder.put(token))
        self.stopped = self._stopper.found is not None
        return text if self._shown is None else self._shown.put(text)

    def finish(self) -> str:
        """The rest; a character that a limit cut in two is dropped."""
        rest = self._decoder.finish()
        rest = self._stopper.put(rest if self.stopped else rest.rstrip(REPLACEMENT)) + self._stopper.finish()
        return rest if self._shown is None else self._shown.put(rest) + self._shown.finish()


class _Shown:
    """Takes a reply's text as written, gives it as shown: header line read, trimmed, rewritten."""

    # A reply with roles begins with a line that is empty or names a tool; other text means: no such line.
    _may_be_header = re.compile(r"[ \t]*[A-Za-z0-9_.\-]{0,64}[ \t]*\Z")

    def __init__(self, generation: Generation, headed: str | None = None) -> None:
        self._header: str | None = "" if has_roles(generation) and headed is None else None
        self._rewrites = [RewriteStream(rewrite) for rewrite in text_rewrites(generation)]
        self._started = False
        self._spaces = ""
        self.tool: str | None = headed or None

    def put(self, text: str) -> str:
        if self._header is not None:
            self._header += text
            line, line_break, text = self._header.partition("\n")
            if not line_break:
                if self._may_be_header.match(self._header):
                    return ""
                text = self._header
            elif line.strip():
                self.tool = line.strip()
            self._header = None
        if self.tool is not None:
            return text  # a program reads it, so it stays as written
        return self._rewrite(self._trimmed(text), last=False)

    def finish(self) -> str:
        text, self._header = self._header or "", None
        return self._rewrite(self._trimmed(text), last=True)

    def _trimmed(self, text: str) -> str:
        """Spaces wait until something follows them."""
        text = self._spaces + text if self._started else text.lstrip()
        kept = text.rstrip()
        self._spaces = text[len(kept) :]
        self._started = self._started or bool(kept)
        return kept

    def _rewrite(self, text: str, last: bool) -> str:
        for rewrite in self._rewrites:
            text = rewrite.put(text, last)
        return text
