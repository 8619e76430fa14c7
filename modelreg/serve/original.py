"""The published API of ChatGLM-6B.

{prompt, history, max_length, top_p, temperature} -> {response, history, status, time}

Source: api.py of github.com/zai-org/ChatGLM-6B.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from modelreg.inference.tokenizers import Tokenizer
from modelreg.serve.answers import Choice, Form, event
from modelreg.serve.orders import Order
from modelreg.serve.protocol import OriginalRequest
from modelreg.serve.worker import Channel


def now() -> str:
    """As api.py writes it: local time, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())


class OriginalForm(Form):
    """Answers of POST / and POST /stream."""

    prefix = "glm"

    def __init__(self, asked: OriginalRequest, tokenizer: Tokenizer, order: Order) -> None:
        super().__init__("", tokenizer, [order])
        self.asked = asked

    async def whole(self, channel: Channel) -> dict[str, Any]:
        """See `Form.whole`."""
        choice = self.choices[0]
        async for _, part in channel.parts():
            choice.take(part)
        return self._body(choice)

    async def stream(self, channel: Channel, *, usage: bool) -> AsyncIterator[bytes]:  # noqa: ARG002
        """Each event has the new text (`delta`) and all so far (`response`); the last is `finished`."""
        choice = self.choices[0]
        async for _, part in channel.parts():
            choice.take(part)
            if part.finish is not None:
                yield event({"delta": part.text, "finished": True, **self._body(choice)})
            elif part.text:
                yield event({"delta": part.text, "finished": False, "response": self._text(choice), "status": 200})

    def choice(self, index: int, choice: Choice) -> dict[str, Any]:
        """See `Form.choice`."""
        return {"index": index, "response": self._text(choice), "finish_reason": choice.finish}

    def _text(self, choice: Choice) -> str:
        return f"{choice.tool}\n{choice.text}" if choice.tool else choice.text

    def _body(self, choice: Choice) -> dict[str, Any]:
        return body_of(self.asked, self._text(choice))


def body_of(asked: OriginalRequest, text: str) -> dict[str, Any]:
    """The answer of POST /: history as it came, as pairs or as messages."""
    said = list(asked.history or ())
    if said and isinstance(said[0], dict):
        said += [{"role": "user", "content": asked.prompt}, {"role": "assistant", "content": text}]
    else:
        said.append([asked.prompt, text])
    return {"response": text, "history": said, "status": 200, "time": now()}
