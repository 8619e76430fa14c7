"""Small parts of pages: Markdown that cannot be broken by data, links, tables, addresses of pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from modelreg.core.holdings import Holdings, text_url
from modelreg.core.license import License
from modelreg.core.model import Model
from modelreg.i18n import Vocabulary

DASH = "–"
# What Markdown or HTML would read as markup; the characters that matter only at the start of a line never are there.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~])")
_WEB = re.compile(r"https?://[^\s<>()|]+")


def md(text: str) -> str:
    """Text as Markdown that shows exactly this text."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """A name or string in code type; pipes are written so that they do not end a table cell."""
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{' '.join(text.split())}{pad}{fence}".replace("|", "\\|")


def link(text: str, target: str) -> str:
    """A link; the text is escaped, the target is an address already."""
    return f"[{md(text)}]({target})"


def web(url: str, text: str = "") -> str:
    """A link to the web, or plain text where it is no web address."""
    if not _WEB.fullmatch(url):
        return md(text or url)
    return link(text or url.removeprefix("https://"), quote(url, safe=":/?#[]@!$&'*+,;=%~"))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table of cells that are Markdown already; none if it has no rows."""
    lines = [f"| {' | '.join(cell or DASH for cell in row)} |" for row in rows]
    return [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns), *lines] if lines else []


def slug(text: str) -> str:
    """A name of a page or of a place in it."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


def anchor(clause: str) -> str:
    """Where a clause stands in the page of its licence."""
    plain = slug(clause).lower().replace(".", "-")
    # Names in Chinese would all come out empty: the code points keep them apart.
    rest = "".join(f"{ord(c):x}" for c in clause if ord(c) > 127)
    return "clause-" + (f"{plain}-{rest}" if rest and plain else plain or rest)


class Site:
    """What all pages of one language share.

    Args:
        part: the whole registry; words: the language.
    """

    def __init__(self, part: Holdings, words: Vocabulary) -> None:
        self.part = part
        self.words = words
        self.families: dict[str, list[Model]] = {}
        self.governed: dict[str, list[tuple[Model, str, str]]] = {}
        self.together: dict[str, set[str]] = {}
        self.successors: dict[str, list[str]] = {}
        for model in part.models.values():
            self.families.setdefault(model.family, []).append(model)
            for period in model.periods:
                for id_ in (period.license, *period.beside):
                    self.governed.setdefault(id_, []).append((model, period.start, period.end))
                for id_ in period.beside:
                    self.together.setdefault(id_, set()).add(period.license)
                    self.together.setdefault(period.license, set()).add(id_)
        for record in part.licenses.values():
            before = record.record.get("supersedes")
            if before:
                self.successors.setdefault(before, []).append(record.id)
        self.families = dict(sorted(self.families.items()))

    def license(self, id_: str, up: str = "") -> str:
        """A link to the page of a licence; `up` leads from the page to the folder of the language."""
        return link(id_, f"{up}licenses/{slug(id_)}.md") if id_ in self.part.licenses else md(id_)

    def family(self, name: str, up: str = "") -> str:
        """A link to the page of a family."""
        return link(name, f"{up}families/{slug(name)}.md") if name in self.families else md(name)

    def model(self, id_: str, up: str = "") -> str:
        """A link to the page of a model's family."""
        model = self.part.models.get(id_)
        return link(id_, f"{up}families/{slug(model.family)}.md") if model else md(id_)

    def clauses(self, record: License, ids: Iterable[str], page: str = "") -> str:
        """Links to clauses of a record, on its own page or (`page`) on that page."""
        known = record.record.get("clauses") or {}
        return ", ".join(link(c, f"{page}#{anchor(c)}") if c in known else md(c) for c in ids)

    def switch(self, path: str) -> str:
        """The link to the same page in the other language."""
        other = "en" if self.words.lang == "zh" else "zh"
        up = "../" * path.count("/")
        return self.words("page.other-language", link=f"{up}../{other}/{path}")


def source(text: Mapping[str, Any]) -> str:
    """Where an official text was read, as a link where the web has the place."""
    blocks = text.get("blocks") or ()
    head = {**text, **blocks[0]} if blocks else text
    repository = str(head.get("repository") or "")
    place = " ".join(p for p in (repository.partition(":")[2] or repository, str(head.get("path") or "")) if p)
    place = place or str(text.get("url") or text.get("package") or text.get("slug") or "")
    if head.get("commit"):
        place += f" @ {str(head['commit'])[:12]}"
    url = text_url(text)
    return web(url, place) if url else md(place)
