"""Several engines under Ray Serve: each replica passes the gate for itself and opens the model; one front serves.

The front (this process) keeps what there must be one of: keys, log, terms, page. It reaches the replicas through Ray's
handles, and a request whose replica dies before its first byte goes to another (see `proxy`).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from modelreg.errors import ModelEnvironmentError
from modelreg.serve.proxy import Answer, EngineGoneError, Upstream

APPLICATION = "modelreg"
START_SECONDS = 600.0
_CALL_SECONDS = 10.0


class Replica:
    """One engine in a process of its own. Args: plan: of `cli/_backends`; make: builds the site, asking the gate."""

    def __init__(self, plan: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Any]) -> None:
        from modelreg.serve.app import build

        self._site = make(plan)
        self._app: Any = build(self._site)
        self._site.start()

    async def ask(self, path: str, body: bytes) -> AsyncIterator[Any]:
        """Run one request through the application. Yields: (status, type), then the body's pieces."""
        outgoing: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        gone = asyncio.Event()
        asked = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Mapping[str, Any]:
            if asked:
                return asked.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            await outgoing.put(message)

        async def run() -> None:
            try:
                await self._app(_scope(path, len(body)), receive, send)
            finally:
                await outgoing.put(None)

        task = asyncio.create_task(run())
        try:
            while (message := await outgoing.get()) is not None:
                if message["type"] == "http.response.start":
                    headers = dict(message.get("headers") or ())
                    yield message["status"], headers.get(b"content-type", b"").decode("latin-1")
                elif message.get("body"):
                    yield message["body"]
            await task
        finally:
            gone.set()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def state(self) -> dict[str, Any]:
        """Whether it takes requests, and its figures for the page."""
        return {"ready": self._site.ready, "stats": tuple(self._site.stats), "figures": self._site.figures()}

    def check_health(self) -> None:
        """Asked by Ray, which replaces a replica whose model failed."""
        if not self._site.ready:
            raise RuntimeError("the model failed")


class RayUpstream(Upstream):
    """The replicas, through Ray's handle. Args: handle: of `serve.run`; name: of the model, as the replicas call it."""

    def __init__(self, handle: Any, name: str) -> None:
        self._handle, self.name = handle, name

    async def send(self, path: str, body: bytes) -> Answer:
        """See `Upstream.send`."""
        answer = self._handle.options(stream=True).ask.remote(path, body)
        try:
            status, kind = await anext(aiter(answer))
        except Exception as error:  # noqa: BLE001 - Ray's own errors have no common root
            raise EngineGoneError(f"a replica was lost ({type(error).__name__})") from None
        return Answer(status, kind, self._pieces(answer))

    async def _pieces(self, answer: Any) -> AsyncIterator[bytes]:
        try:
            async for piece in answer:
                yield piece
        except GeneratorExit:
            with contextlib.suppress(Exception):
                answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001
            raise EngineGoneError(f"a replica was lost ({type(error).__name__})") from None

    async def ready(self) -> bool:
        """See `Upstream.ready`."""
        try:
            state = await asyncio.wait_for(self._handle.state.remote(), _CALL_SECONDS)
        except Exception:  # noqa: BLE001
            return False
        return bool(state["ready"])

    async def close(self) -> None:
        """See `Upstream.close`."""


def start(
    plan: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Any], *, replicas: int, name: str, threads: int
) -> RayUpstream:
    """Start the replicas and wait until all answer.

    Args:
        plan: plain values, which travel to the replicas; make: importable there; threads: of each replica.
    Raises: ModelEnvironmentError: Ray is not installed, or a replica does not start (a refusal of the gate is quoted).
    """
    try:
        ray, serve = _ray()
    except ImportError:
        raise ModelEnvironmentError(
            "--replicas needs Ray Serve", code="extra-missing", where="--replicas", hint='pip install "modelreg[ray]"'
        ) from None
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    options: dict[str, Any] = {
        "num_replicas": replicas,
        "max_ongoing_requests": 256,
        "health_check_period_s": 2,
        "graceful_shutdown_timeout_s": 5,
        # A share of the processors as a reservation: all replicas must start on one machine as well.
        "ray_actor_options": {"num_cpus": 0.1, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": str(threads)}}},
    }
    deployment = serve.deployment(Replica, name="engine", **options)
    serve.start(proxy_location="Disabled", logging_config={"enable_access_log": False, "log_level": "ERROR"})
    serve.run(deployment.bind(dict(plan), make), name=APPLICATION, route_prefix=None, blocking=False)
    try:
        _wait(serve, replicas)
    except BaseException:
        stop()
        raise
    return RayUpstream(serve.get_app_handle(APPLICATION), name)


def _ray() -> tuple[Any, Any]:
    """Ray and its Serve, untyped: the extra need not be installed where types are checked."""
    return importlib.import_module("ray"), importlib.import_module("ray.serve")


def stop() -> None:
    """End the replicas."""
    ray, serve = _ray()
    with contextlib.suppress(Exception):
        serve.shutdown()
    with contextlib.suppress(Exception):
        ray.shutdown()


def _wait(serve: Any, replicas: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        found = serve.status().applications.get(APPLICATION)
        parts = list(found.deployments.values()) if found is not None else []
        running = sum(
            int(count) for part in parts for state, count in part.replica_states.items() if state == "RUNNING"
        )
        if running >= replicas:
            return
        told = " ".join(str(part.message) for part in parts)
        if found is not None and (
            str(found.status) in ("DEPLOY_FAILED", "UNHEALTHY") or "Traceback" in told or "Error" in told
        ):
            raise ModelEnvironmentError(f"a replica did not start: {_last(told)}", code="replica", where="--replicas")
        time.sleep(0.5)
    raise ModelEnvironmentError(
        f"the replicas did not start in {START_SECONDS:.0f} s", code="replica", where="--replicas"
    )


def _last(told: str) -> str:
    """The line of a traceback that says what happened."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    said = [line for line in lines if "error[" in line or "Error" in line]
    return (said or lines or ["no reason was told"])[-1][:500]


def _scope(path: str, length: int) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"content-length", str(length).encode())],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 0),
    }
