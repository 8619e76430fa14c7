"""Pictures of the page for docs/serving.md, from a real server and Chromium: python scripts/make_screenshots.py URL

Needs the package playwright and a Chromium on PATH; URL is that of a running `modelreg run chatglm-demo`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
QUESTIONS = {"en-US": "What is a model licence?", "zh-CN": "ChatGLM-6B 可以商用吗？"}
SHOTS = (
    ("page-light", "en-US", "light", 1200, 760),
    ("page-dark", "zh-CN", "dark", 1200, 760),
    ("page-phone", "zh-CN", "light", 390, 760),
)


def shoot(page: Page, url: str, question: str, file: Path) -> None:
    """Ask, wait for the answer, take the picture."""
    page.goto(url)
    page.wait_for_selector("#terms:not(:empty)")
    page.fill("#question", question)
    page.keyboard.press("Enter")
    page.wait_for_selector("#send:not([hidden])")
    page.screenshot(path=file)
    print(file)


def main() -> None:
    url = sys.argv[1]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, locale, theme, width, height in SHOTS:
            context = browser.new_context(
                locale=locale,
                color_scheme=theme,  # type: ignore[arg-type]
                viewport={"width": width, "height": height},
            )
            shoot(context.new_page(), url, QUESTIONS[locale], FOLDER / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
