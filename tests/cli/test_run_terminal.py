"""`modelreg run` at a terminal: what Ctrl-C stops, questions before a download, Chinese."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import ROOT
from fake_hub import FakeHub
from gate_support import TINY, Gate

pytest.importorskip("torch")
if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals", allow_module_level=True)
import pty

WAIT = 60.0  # seconds; torch starts slowly on a busy machine
# Makes the pseudo-terminal the controlling one, so that its Ctrl-C becomes a signal, and becomes the program.
SESSION = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])"


class Terminal:
    """A program at a pseudo-terminal."""

    def __init__(self, *args: str, **env: str) -> None:
        self.master, slave = pty.openpty()
        command = [sys.executable, "-c", SESSION, sys.executable, "-m", "modelreg", *args]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "200", **env}
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment
        )
        os.close(slave)
        self.seen = ""
        self._raw = b""

    def press(self, key: str, text: str) -> str:
        """Type a key until the text comes: one that arrives just before readline listens wakes nobody."""
        for _ in range(10):
            self.type(key)
            try:
                return self.expect(text, wait=WAIT / 10)
            except AssertionError as error:
                last = error
        raise last

    def expect(self, text: str, wait: float = WAIT) -> str:
        """Wait until the text comes; return what came before it."""
        end = time.monotonic() + wait
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} did not come; there is {self.seen[-500:]!r}"
            if not select.select([self.master], [], [], min(left, 0.5))[0]:
                continue
            try:
                self._raw += os.read(self.master, 65536)
            except OSError:
                raise AssertionError(f"{text!r} did not come before the end; there is {self.seen[-500:]!r}") from None
            self.seen = self._raw.decode("utf-8", "replace").replace("\r\n", "\n")
        before, _, rest = self.seen.partition(text)
        self._raw = rest.encode()
        self.seen = rest
        return before

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def code(self) -> int:
        """Wait for the end."""
        end = time.monotonic() + WAIT
        while self.process.poll() is None and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self._raw += os.read(self.master, 65536)
                except OSError:
                    time.sleep(0.05)
        assert self.process.poll() is not None
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for one in opened:
        one.close()


def test_ctrl_c_stops_the_answer_and_not_the_program(gate: Gate, tiny: Path, terminals: list[Terminal]) -> None:
    gate.accept(TINY)
    here = Terminal("run", str(tiny), "--chat", "--max-new-tokens", "8000", "--seed", "1")
    terminals.append(here)
    here.expect("Ctrl-C stops an answer")
    here.expect("You: ")
    here.type("tell me\n")
    here.expect("Tiny: ")
    time.sleep(0.5)
    here.type("\x03")
    answer = here.expect("(stopped)")
    assert len(answer) > 5
    here.expect("You: ")
    here.press("\x03", "To leave, type stop")
    here.expect("You: ")
    here.type("clear\n")
    here.expect("forgotten")
    here.expect("You: ")
    here.type("stop\n")
    assert here.code() == 0


def test_ctrl_c_ends_a_single_answer(gate: Gate, tiny: Path) -> None:
    gate.accept(TINY)
    command = [sys.executable, "-m", "modelreg", "run", str(tiny), "--prompt", "hi", "--max-new-tokens", "8000"]
    with subprocess.Popen(
        [*command, "--seed", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_chinese_at_the_terminal(gate: Gate, terminals: list[Terminal]) -> None:
    gate.accept("chatglm-demo")
    here = Terminal("run", "chatglm-demo", "--chat", "--greedy", LC_ALL="C.UTF-8", MODELREG_LANG="zh")
    terminals.append(here)
    here.expect("stop 终止程序")
    here.expect("用户：")
    here.type("你是谁？\n")
    here.expect("chatglm-demo: ")
    assert "模型" in here.expect("用户：")
    here.type("\x04")
    assert here.code() == 0


def test_a_download_is_asked_for(gate: Gate, tiny: Path, tmp_path: Path, terminals: list[Terminal]) -> None:
    gate.accept(TINY)
    with FakeHub() as hub:
        hub.add(TINY, {p.name: p.read_bytes() for p in tiny.iterdir()})
        args = ("run", TINY, "--endpoint", hub.url, "--prompt", "hi", "--max-new-tokens", "2")
        for answer, code in (("n", 5), ("y", 0)):
            here = Terminal(*args, HF_HOME=str(tmp_path / "home"))
            terminals.append(here)
            assert "to fetch from" in here.expect("Download? (y/N)")
            here.type(f"{answer}\n")
            if code:
                here.expect("declined")
            else:
                here.expect("Running on cpu")
            assert here.code() == code
