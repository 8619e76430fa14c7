"""Our own engine behind the routes: requests become orders, the worker carries them out, forms write the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from modelreg.serve import original
from modelreg.serve.answers import DONE, ChatForm, Form, TextForm, event
from modelreg.serve.orders import OrderBook
from modelreg.serve.problems import RequestError
from modelreg.serve.protocol import ChatRequest, CompletionRequest, OriginalRequest, read
from modelreg.serve.site import SSE, Site
from modelreg.serve.worker import Channel, Stats, Worker


@dataclass
class Native(Site):
    """The routes over a loaded model."""

    worker: Worker
    orders: OrderBook

    @property
    def ready(self) -> bool:
        """See `Site.ready`."""
        return self.worker.ready

    @property
    def stats(self) -> Stats:
        """See `Site.stats`."""
        return self.worker.stats

    def figures(self) -> dict[str, Any]:
        """See `Site.figures`."""
        defaults, caps = self.orders.defaults, self.orders.caps
        return {
            "defaults": {"temperature": defaults.temperature, "top_p": defaults.top_p},
            "max_tokens": caps.max_tokens,
            "context": caps.context,
        }

    def start(self) -> None:
        """See `Site.start`."""
        self.worker.start()

    def drain(self, seconds: float) -> None:
        """See `Site.drain`."""
        self.worker.drain(seconds)

    def stop(self) -> None:
        """See `Site.stop`."""
        self.worker.stop()
        self.log.close()

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        asked = read(ChatRequest, await self.body(request))
        model = self.check_model(asked.model)
        orders = await _work(self.orders.chat, asked)
        offered = () if asked.tool_choice == "none" else asked.tools or ()
        form = ChatForm(model, self.orders.tokenizer, orders, frozenset(t.function.name for t in offered))
        return await self.answer(request, form, "chat", stream=bool(asked.stream), usage=_usage(asked))

    async def completions(self, request: Request) -> Response:
        """POST /v1/completions."""
        asked = read(CompletionRequest, await self.body(request))
        model = self.check_model(asked.model)
        orders = await _work(self.orders.completions, asked)
        echo = [""] * len(orders)
        if asked.echo:
            tokenizer = self.orders.tokenizer
            told = [p if isinstance(p, str) else tokenizer.decode(p) for p in asked.prompts()]
            echo = [text for text in told for _ in range(asked.n or 1)]
        form = TextForm(model, self.orders.tokenizer, orders, echo)
        return await self.answer(request, form, "text_completion", stream=bool(asked.stream), usage=_usage(asked))

    async def published(self, request: Request) -> Response:
        """POST /: as api.py of ChatGLM-6B."""
        asked = read(OriginalRequest, await self.body(request))
        order = await _work(self.orders.original, asked)
        form = original.OriginalForm(asked, self.orders.tokenizer, order)
        return await self.answer(request, form, "chat", stream=False, usage=False)

    async def published_stream(self, request: Request) -> Response:
        """POST /stream: the same, piece by piece."""
        asked = read(OriginalRequest, await self.body(request))
        order = await _work(self.orders.original, asked)
        form = original.OriginalForm(asked, self.orders.tokenizer, order)
        return await self.answer(request, form, "chat", stream=True, usage=False)

    async def answer(self, request: Request, form: Form, operation: str, *, stream: bool, usage: bool) -> Response:
        """Put the orders in line and answer with what comes, whole or as a stream."""
        channel = self.worker.submit(form.orders, asyncio.get_running_loop())
        call = _Call(self, request, form, operation)
        if stream:
            return StreamingResponse(call.streamed(channel, usage=usage), headers=SSE)
        return JSONResponse(await call.whole(channel))


class _Call:
    """One request that is being answered: what is measured and logged of it."""

    def __init__(self, serving: Native, request: Request, form: Form, operation: str) -> None:
        self.serving, self.request, self.form, self.operation = serving, request, form, operation
        self.started = time.monotonic()
        self.first: float | None = None

    async def whole(self, channel: Channel) -> dict[str, Any]:
        """The whole answer; given up when the client goes away."""
        gone = asyncio.ensure_future(self._gone())
        answer = asyncio.ensure_future(self.form.whole(channel))
        status = "ok"
        try:
            done, _ = await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
            if answer not in done:
                status = "disconnected"
                raise ClientDisconnect
            return answer.result()
        except RequestError as error:
            status = error.code or "error"
            raise
        finally:
            channel.cancel()
            for task in (gone, answer):
                task.cancel()
            await asyncio.gather(gone, answer, return_exceptions=True)
            self._note(status)

    async def streamed(self, channel: Channel, *, usage: bool) -> AsyncIterator[bytes]:
        """The events; an error on the way is the last event, as the status went out long before."""
        status = "disconnected"
        try:
            async for piece in self.form.stream(channel, usage=usage):
                if self.first is None:
                    self.first = time.monotonic() - self.started
                yield piece
            status = "ok"
        except RequestError as error:
            status = error.code or "error"
            yield event(error.to_data())
            yield DONE
        finally:
            channel.cancel()
            self._note(status)

    async def _gone(self) -> None:
        while True:
            message = await self.request.receive()
            if message["type"] == "http.disconnect":
                return

    def _note(self, status: str) -> None:
        seconds = time.monotonic() - self.started
        usage = self.form.usage()
        prompt, output = usage["prompt_tokens"], usage["completion_tokens"]
        metrics = self.serving.metrics
        metrics.done(self.operation, seconds, "" if status == "ok" else status)
        if status == "ok":
            metrics.tokens(self.operation, prompt, output, self.first, seconds)
        self.serving.log.answer(
            self.request, self.form, operation=self.operation, status=status, seconds=seconds, first=self.first
        )


def _usage(asked: ChatRequest | CompletionRequest) -> bool:
    return asked.stream_options is not None and bool(asked.stream_options.include_usage)


async def _work(make: Callable[[Any], Any], asked: Any) -> Any:
    """Tokenising a long prompt takes milliseconds to seconds: not in the event loop."""
    return await asyncio.get_running_loop().run_in_executor(None, make, asked)
