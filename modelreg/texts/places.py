"""Where each official text of a record stands on the net, and what is known of it there. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelreg.core.license import License
from modelreg.texts.fingerprint import ClauseDigest, Fingerprint

HUB, GITHUB = "hub", "github"

_HUB_URL = re.compile(
    r"https?://(?:www\.)?(?:huggingface\.co|hf\.co|hf-mirror\.com)/([\w.-]+/[\w.-]+)"
    r"(?:/(?:blob|raw|resolve|tree)/([^/?#]+)/?([^?#]*))?/?(?:[?#].*)?"
)
_GITHUB_URL = re.compile(
    r"https?://(?:www\.)?(?:github\.com/([\w.-]+/[\w.-]+)/(?:blob|raw)|raw\.githubusercontent\.com/([\w.-]+/[\w.-]+))"
    r"/([^/?#]+)/([^?#]+)"
)
_NAMED = re.compile(r"(?:(hf|huggingface|github):)?([\w.-]+/[\w.-]+)")


@dataclass(frozen=True, order=True)
class Place:
    """A file of a repository.

    Attributes:
        host: hub or github; repository: owner/name; path: of the file, with `/`.
    """

    host: str
    repository: str
    path: str

    def __str__(self) -> str:
        return f"{self.host}:{self.repository}/{self.path}"


@dataclass(frozen=True)
class Passage:
    """A cited clause of a text: how it is called, our summary of it, and the digest of its words."""

    clause: str
    title: Mapping[str, str]
    summary: Mapping[str, str]
    digest: ClauseDigest


@dataclass(frozen=True)
class KnownText:
    """What a record holds of one of its texts.

    Attributes:
        license: id of the record; key: of the text in it; slug: name in the reference collection.
        places: where it was read, with the commit there (may be empty): one file, or the blocks it was put together of.
        commit_date: of the newest of these; language: en, zh.
        sha256: of the text as gathered; pdf_sha256: of the PDF that it was extracted from.
        fingerprint: None where the record holds none; passages: the clauses that stand in this text.
        part: the text is a part of its files (a README's section).
    """

    license: str
    key: str
    slug: str
    places: tuple[tuple[Place, str], ...]
    commit_date: str
    language: tuple[str, ...]
    sha256: str
    pdf_sha256: str
    fingerprint: Fingerprint | None
    passages: tuple[Passage, ...]
    part: bool

    @property
    def commits(self) -> Mapping[Place, str]:
        """The newest recorded commit of each place."""
        return {place: commit for place, commit in self.places if commit}


def known_texts(record: License) -> Iterator[KnownText]:
    """The texts of a record, each with its places; a text without a place has none.

    Raises:
        InputError: a fingerprint or digest of the record is damaged.
    """
    data = record.record
    prints: Mapping[str, Any] = data.get("fingerprints") or {}
    clauses: Mapping[str, Any] = data.get("clauses") or {}
    texts: Mapping[str, Any] = data.get("texts") or {}
    for key, text in texts.items():
        passages = [
            Passage(clause, about["title"], about["summary"], ClauseDigest.from_data(digest, where=record.id))
            for clause, about in clauses.items()
            for digest in (prints.get("clauses") or {}).get(clause) or ()
            if digest.get("text", key) == key
        ]
        own = (prints.get("texts") or {}).get(key)
        blocks = text.get("blocks") or ()
        dates = [str(b.get("commit_date") or "") for b in blocks] or [str(text.get("commit_date") or "")]
        yield KnownText(
            license=record.id,
            key=key,
            slug=str(text["slug"]),
            places=tuple(_places(text)),
            commit_date=max(dates),
            language=tuple(text.get("language") or record.record.get("languages") or ()),
            sha256=str(text.get("sha256") or ""),
            pdf_sha256=str(text.get("pdf_sha256") or ""),
            fingerprint=Fingerprint.from_data(own, where=record.id) if own else None,
            passages=tuple(passages),
            part=bool(blocks) or text.get("exactness") == "embedded in another file",
        )


def _places(text: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    found: dict[Place, tuple[str, str]] = {}
    for block in text.get("blocks") or ():
        place = _repository(block.get("repository") or text.get("repository"), str(block["path"]))
        if place is not None:
            date = str(block.get("commit_date") or "")
            if place not in found or date >= found[place][1]:
                found[place] = (str(block.get("commit") or ""), date)
    if text.get("path") and not found:
        place = _repository(text.get("repository"), str(text["path"]))
        if place is not None:
            found[place] = (str(text.get("commit") or ""), "")
    url = str(text.get("url") or "")
    at = _of_url(url)
    if at is not None and at not in found:
        found[at] = ("", "")
    for place, (commit, _) in found.items():
        yield place, commit


def _repository(named: Any, path: str) -> Place | None:
    match = _NAMED.fullmatch(str(named or ""))
    if match is None:
        return None
    host = GITHUB if match[1] == "github" else HUB
    return Place(host, match[2], path.strip("/"))


def _of_url(url: str) -> Place | None:
    """The file that a page shows; a model's page shows its card."""
    hub = _HUB_URL.fullmatch(url)
    if hub is not None:
        return Place(HUB, hub[1], (hub[3] or "README.md").strip("/"))
    github = _GITHUB_URL.fullmatch(url)
    if github is not None:
        return Place(GITHUB, github[1] or github[2], github[4])
    return None
