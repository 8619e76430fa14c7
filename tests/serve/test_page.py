"""The page, in a real Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server_support import Server, start, stop

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright drives the browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
QUESTION = "What is a model licence?"
ANSWER = "A model license is the text"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """A new browser profile on the page; foreign requests and errors of the script fail the test."""
    context = browser.new_context(locale="en-US", viewport={"width": 1200, "height": 800})
    page = context.new_page()
    foreign, problems = [], []
    page.on("request", lambda r: None if r.url.startswith((server.url, "data:", "blob:")) else foreign.append(r.url))
    page.on("pageerror", lambda e: problems.append(str(e)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.goto(server.url + "/")
    page.wait_for_selector("#terms:not(:empty)")
    yield page
    context.close()
    assert foreign == []
    assert problems == []


def ask(page: Any, text: str = QUESTION) -> str:
    page.fill("#question", text)
    page.keyboard.press("Enter")
    page.wait_for_selector("#send:not([hidden])")
    return str(page.inner_text(".assistant:last-of-type .bubble"))


def test_a_chat_survives_a_reload(page: Any) -> None:
    assert ask(page).startswith(ANSWER)
    assert "tokens/s" in page.inner_text("#speed")
    page.reload()
    page.wait_for_selector(".assistant")
    assert page.inner_text(".user .bubble") == QUESTION
    assert page.inner_text(".assistant .bubble").startswith(ANSWER)
    assert page.inner_text("#chats .current").startswith(QUESTION)


def test_it_says_what_runs_and_on_which_terms(page: Any) -> None:
    assert page.inner_text("#name") == "chatglm-demo"
    assert page.inner_text("#device") == "cpu"
    page.click("#terms")
    page.wait_for_selector("#terms-box[open]")
    assert "LicenseRef-modelreg-demo-1.0" in page.inner_text("#terms-text")


def test_an_answer_can_be_stopped(page: Any) -> None:
    page.evaluate("options.max_tokens = 400; options.temperature = 2; options.top_p = 1")
    page.fill("#question", "Tell me everything")
    page.keyboard.press("Enter")
    page.wait_for_selector(".assistant .bubble > *")  # some of the answer is there
    page.keyboard.press("Escape")
    page.wait_for_selector("#send:not([hidden])")
    assert "stopped" in page.inner_text(".assistant .tools")
    assert ask(page).strip()  # and it goes on


def test_edit_and_retry(page: Any) -> None:
    first = ask(page)
    page.click(".assistant button:has-text('Retry')")
    page.wait_for_selector("#send:not([hidden])")
    assert page.locator(".turn").count() == 2
    assert first
    page.click(".user button:has-text('Edit')")
    page.fill(".turn.user textarea", "你好")
    page.click("button:has-text('Save and ask')")
    page.wait_for_selector("#send:not([hidden])")
    assert page.inner_text(".user .bubble") == "你好"
    assert page.locator(".turn").count() == 2


def test_enter_within_an_input_method_does_not_send(page: Any) -> None:
    page.focus("#question")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Input.imeSetComposition", {"text": "nihao", "selectionStart": 5, "selectionEnd": 5})
    devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "windowsVirtualKeyCode": 229, "key": "Enter"})
    assert page.locator(".turn").count() == 0
    devtools.send("Input.insertText", {"text": "你好"})
    assert page.input_value("#question") == "你好"
    page.keyboard.press("Enter")
    page.wait_for_selector(".turn.user")
    page.wait_for_selector("#send:not([hidden])")
    assert page.inner_text(".user .bubble") == "你好"


def test_languages_and_themes(page: Any) -> None:
    assert page.inner_text("#new") == "New chat"
    page.click("#language")
    assert page.inner_text("#new") == "新对话"
    assert page.get_attribute("html", "lang") == "zh-CN"
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.reload()
    page.wait_for_selector("#terms:not(:empty)")
    assert page.inner_text("#new") == "新对话"
    assert page.get_attribute("html", "data-theme") == "dark"


def test_what_is_said_never_becomes_markup(page: Any) -> None:
    evil = "<img src=x onerror=alert(1)> <script>window.hit=1</script> [x](javascript:window.hit=1)"
    ask(page, evil)
    page.evaluate(
        "(t) => { $('log').append(markdown(t)); }", evil + "\n\n```html\n<b>x</b>\n```\n| a | b |\n|---|---|\n| 1 | 2 |"
    )
    assert page.evaluate("window.hit === undefined")
    assert page.locator("#log img").count() == 0
    assert page.locator("#log a[href^='javascript']").count() == 0
    assert page.locator("#log table td").count() == 2
    assert page.inner_text("#log pre code") == "<b>x</b>"


def test_a_phone_has_room(browser: Any, server: Server) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 700}, locale="zh-CN", has_touch=True)
    page = context.new_page()
    page.goto(server.url + "/")
    page.wait_for_selector("#terms:not(:empty)")
    ask(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert not page.is_visible("#new")
    page.click("#menu")
    page.wait_for_selector("#side.open")
    assert page.is_visible("#new")
    context.close()


def test_a_key_is_asked_for(browser: Any, tmp_path: Path) -> None:
    server = start(tmp_path, "--log", os.devnull, environ={"MODELREG_API_KEYS": "correct-horse"})
    try:
        context = browser.new_context(locale="en-US")
        page = context.new_page()
        page.goto(server.url + "/")
        page.wait_for_selector("#settings-box[open]")
        page.fill("#key", "correct-horse")
        page.click("#settings-box button.main")
        page.wait_for_selector("#terms:not(:empty)")
        assert ask(page).startswith(ANSWER)
        context.close()
    finally:
        stop(server)
