"""HTML, XML and components: scripts as JavaScript, the rest as prose with its links."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelreg.audit import emit
from modelreg.audit.code import JAVASCRIPT, read_code
from modelreg.audit.lines import Page
from modelreg.audit.source import Lexicon, Source
from modelreg.core.finding import MENTION, Reference, Unresolved

_SCRIPT = re.compile(r"(?is)<script\b([^>]*)>(.*?)</script\s*>")
_OPTION = re.compile(r"(?i)<option\b[^>]*\bvalue\s*=\s*[\"']([^\"'{}<>]{3,200})[\"']")


def detect(source: Source, lexicon: Lexicon) -> Iterator[Reference | Unresolved]:
    """Models in a page or component."""
    page = Page(source, lexicon)
    text = source.text
    component = source.path.lower().endswith((".vue", ".svelte", ".astro"))
    at = 0
    for script in _SCRIPT.finditer(text):
        emit.running_text(page, at, script.start(), "prose")
        if "json" in script[1].lower() or len(script[2]) > 1_000_000:
            emit.running_text(page, script.start(2), script.end(2), "prose")
        else:
            read_code(page, JAVASCRIPT, script.start(2), script.end(2))
        at = script.end()
    emit.running_text(page, at, len(text), "prose")
    if component or "<select" in text:
        for option in _OPTION.finditer(text):
            emit.in_place(
                page, option.start(1), option.end(1), option[1], "list", "option" if component else MENTION, weak=True
            )
    yield from page.results()
