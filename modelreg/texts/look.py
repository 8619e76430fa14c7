"""One repository: its recorded files against what stands there now, and licence files that are new."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from posixpath import basename, dirname, splitext

from modelreg.errors import InputError
from modelreg.texts import compare as c
from modelreg.texts.findings import (
    CHANGED,
    MISSING,
    MOVED,
    NEW_FILE,
    OTHER_TEXT,
    TRANSLATION,
    Failure,
    Finding,
    Report,
    Repository,
)
from modelreg.texts.fingerprint import letters_sha256, shingles_of
from modelreg.texts.normal import decode, normalise
from modelreg.texts.places import KnownText, Place
from modelreg.texts.remote import CouldNotLook, NotThere
from modelreg.texts.sources import NEWEST, Source

_LICENCE_LIKE = re.compile(r"(?i)licen[cs]e|copying|agreement|acceptable.?use|use.?policy|许可|协议|条款")
_TEXTS = ("", ".txt", ".md", ".rst", ".markdown", ".pdf")
_NO_TEXTS = (
    ".py", ".js", ".ts", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".html", ".css", ".svg", ".png", ".jpg", ".jpeg",
    ".gif", ".c", ".cc", ".cpp", ".cu", ".h", ".hpp", ".go", ".rs", ".java", ".sh", ".ipynb", ".lock", ".cfg", ".ini",
)  # fmt: skip
_LANGUAGE = re.compile(
    r"(?i)[-_. (（]*(?:en|english|eng|zh|cn|zh[-_]cn|zh[-_]hans|chinese|中文|英文|英文版|中文版)[)）]?$"
)
_USUAL = (
    "LICENSE", "LICENSE.txt", "LICENSE.md", "MODEL_LICENSE", "MODEL_LICENSE.txt", "MODEL_LICENSE.md", "LICENSE-MODEL",
    "LICENSE_MODEL", "License.txt", "licenses/LICENSE", "licenses/MODEL_LICENSE",
)  # fmt: skip
_MOST = 12  # files of one repository that are fetched beside the recorded ones
_FEW = 5  # texts of a repository that a new file is taken to concern, if its name points to none of them
_LIKE = 0.5  # share of a text's shingles that a file must have to be that text, changed and moved


class _Files:
    """Files of one repository, each fetched once."""

    def __init__(self, repository: Repository, source: Source) -> None:
        self.repository = repository
        self.source = source
        self._kept: dict[tuple[str, str], bytes | NotThere | CouldNotLook] = {}

    def place(self, path: str) -> Place:
        return Place(self.repository.host, self.repository.name, path)

    def get(self, path: str, revision: str = NEWEST) -> bytes:
        """Raises: NotThere, CouldNotLook."""
        key = (path, revision)
        if key not in self._kept:
            try:
                self._kept[key] = self.source.get(self.place(path), revision)
            except (NotThere, CouldNotLook) as error:
                self._kept[key] = error
        found = self._kept[key]
        if isinstance(found, Exception):
            raise found
        return found

    def some(self, path: str, revision: str = NEWEST) -> bytes | None:
        """The same, None where it cannot be had."""
        try:
            return self.get(path, revision)
        except (NotThere, CouldNotLook):
            return None


def look(repository: Repository, source: Source) -> Report:
    """Compare all recorded files of a repository, and look for new ones."""
    report = Report()
    files = _Files(repository, source)
    try:
        listing = source.listing(repository.host, repository.name)
    except CouldNotLook as error:
        listing = None
        report.remarks.append(f"{repository.host}:{repository.name}: files could not be listed: {error}")
    used: set[str] = set()
    for path, texts in _by_path(repository).items():
        _file(repository, files, path, texts, listing, report, used)
    for text in repository.watched:
        if text.part:
            _part(files, text, report)
    if listing is not None:
        _new_files(repository, files, listing, report, used)
    return report


def _by_path(repository: Repository) -> dict[str, list[KnownText]]:
    """Whole files: path -> texts recorded there, the newest first."""
    out: dict[str, list[KnownText]] = {}
    for text in repository.watched:
        if text.part:
            continue
        for place, _ in text.places:
            if (place.host, place.repository) == (repository.host, repository.name):
                out.setdefault(place.path, []).append(text)
    for texts in out.values():
        texts.sort(key=lambda t: (t.commit_date, t.license), reverse=True)
    return out


def _file(
    repository: Repository,
    files: _Files,
    path: str,
    texts: list[KnownText],
    listing: Sequence[str] | None,
    report: Report,
    used: set[str],
) -> None:
    place = files.place(path)
    # One file holds one version: of several records of it, the newest; with it those of the very same text.
    newest = texts[0]
    ids = tuple(dict.fromkeys(t.license for t in texts if t.sha256 == newest.sha256))
    report.past.extend(t.license for t in texts if t.license not in ids)
    try:
        data = files.get(path)
    except CouldNotLook as error:
        report.failures.append(Failure(place, str(error), ids))
        return
    except NotThere:
        report.findings.append(_gone(repository, files, path, newest, ids, listing, used))
        return
    if data.lstrip()[:5] == b"%PDF-" and not newest.pdf_sha256:
        report.failures.append(Failure(place, "a PDF, of which no hash is recorded", ids))
        return
    found = c.compare(newest, data)
    if found.kind in (c.SAME, c.LAYOUT):
        (report.same if found.kind == c.SAME else report.layout).extend((i, place) for i in ids)
        return
    identified = _known_as(repository, data)
    if identified:
        report.findings.append(Finding(OTHER_TEXT, place, files.source.page(place), ids, identified=identified))
        return
    if found.kind == c.CHANGED and newest.commits.get(place):
        old = files.some(path, newest.commits[place])
        found = c.compare(newest, data, [old] if old is not None else [])
        if found.kind == c.LAYOUT:  # nothing but copyright notices and page numbers
            report.layout.extend((i, place) for i in ids)
            return
    report.findings.append(
        Finding(
            found.kind,
            place,
            files.source.page(place),
            ids,
            clauses=found.clauses,
            outside=found.outside,
            note=found.note,
        )
    )


def _known_as(repository: Repository, data: bytes) -> tuple[str, ...]:
    found = repository.by_hash.get(hashlib.sha256(data).hexdigest())
    if found:
        return found
    try:
        return repository.by_hash.get(letters_sha256(decode(data)), ())
    except InputError:
        return ()


def _gone(
    repository: Repository,
    files: _Files,
    path: str,
    text: KnownText,
    ids: tuple[str, ...],
    listing: Sequence[str] | None,
    used: set[str],
) -> Finding:
    """Not at its place: the same words elsewhere, or nowhere?"""
    place = files.place(path)
    best: tuple[float, str, c.Comparison] | None = None
    for other in _candidates(repository, path, listing):
        data = files.some(other)
        if data is None:
            continue
        found = c.compare(text, data)
        share = 1.0 if found.kind in (c.SAME, c.LAYOUT, c.ADDED, c.TRANSLATION) else _share(text, data)
        if best is None or share > best[0]:
            best = (share, other, found)
        if share == 1.0:
            break
    if best is None or best[0] < _LIKE:
        return Finding(MISSING, place, files.source.page(place), ids)
    target = files.place(best[1])
    used.add(best[1])
    found = best[2]
    if found.kind == c.CHANGED and text.commits.get(place):
        old = files.some(path, text.commits[place])
        data = files.some(best[1])
        if old is not None and data is not None:
            found = c.compare(text, data, [old])
    return Finding(
        MOVED, place, files.source.page(target), ids, clauses=found.clauses, outside=found.outside, target=target
    )


def _candidates(repository: Repository, path: str, listing: Sequence[str] | None) -> list[str]:
    """Where a text may have moved to, the likeliest first."""
    name = basename(path)
    if listing is None:
        folder = dirname(path)
        guesses = [*([f"{folder}/{n}" for n in _USUAL] if folder else []), *_USUAL, f"docs/{name}", f"licenses/{name}"]
        return [g for g in dict.fromkeys(guesses) if g not in repository.recorded][: 2 * _MOST]
    others = [p for p in listing if p not in repository.recorded and _is_licence(p, (name,))]
    others.sort(key=lambda p: (basename(p) != name, _stem(p) != _stem(path), p.count("/"), p))
    return others[:_MOST]


def _is_licence(path: str, names: Iterable[str] = ()) -> bool:
    name = basename(path)
    like = _LICENCE_LIKE.search(name) or name in names
    return bool(like) and splitext(name)[1].lower() not in _NO_TEXTS


def _stem(path: str) -> str:
    """A file's name without suffix and language: `LICENSE_zh.md` and `LICENSE` are `license`."""
    stem, suffix = splitext(basename(path))
    if suffix.lower() not in _TEXTS:
        stem += suffix  # `LICENSE.zh`
    return _LANGUAGE.sub("", stem).casefold()


def _share(text: KnownText, data: bytes) -> float:
    if text.fingerprint is None or not text.fingerprint.shingles:
        return 0.0
    try:
        own = set(shingles_of(normalise(decode(data)).body).hashes)
    except InputError:
        return 0.0
    return len(own & text.fingerprint.shingles) / len(text.fingerprint.shingles)


def _part(files: _Files, text: KnownText, report: Report) -> None:
    """A text that is a part of files (README sections): each passage must stand in one of them."""
    here = [(p, commit) for p, commit in text.places if (p.host, p.repository) == _where(files)]
    readable: list[tuple[Place, bytes, c.Comparison]] = []
    ids = (text.license,)
    missing: list[Place] = []
    for place, _ in here:
        try:
            data = files.get(place.path)
        except CouldNotLook as error:
            report.failures.append(Failure(place, str(error), ids))
            return
        except NotThere:
            missing.append(place)
            continue
        readable.append((place, data, c.compare(text, data)))
    if not readable:
        report.findings += [Finding(MISSING, p, files.source.page(p), ids) for p in missing]
        return
    if any(found.kind in (c.SAME, c.LAYOUT) for _, _, found in readable):
        report.same.append((text.license, readable[0][0]))
        return
    # A passage that is lost in every file is lost; it is shown in the file that has most of the others.
    lost = set.intersection(*[{id(cl.passage) for cl in found.clauses} for _, _, found in readable])
    if not lost and text.passages:
        report.same.append((text.license, readable[0][0]))
        return
    place, data, _ = max(readable, key=lambda r: r[2].matched)
    old = [o for p, commit in here if commit and (o := files.some(p.path, commit)) is not None]
    shown = c.compare(text, data, old)
    clauses = tuple(cl for cl in shown.clauses if id(cl.passage) in lost)
    report.findings.append(Finding(CHANGED, place, files.source.page(place), ids, clauses=clauses, note=shown.note))


def _where(files: _Files) -> tuple[str, str]:
    return files.repository.host, files.repository.name


def _new_files(repository: Repository, files: _Files, listing: Sequence[str], report: Report, used: set[str]) -> None:
    """Licence files that no record names and that were not there at the recorded commit."""
    folders = {dirname(p) for p in repository.recorded} | {""}
    new = [
        p
        for p in listing
        if p not in repository.recorded
        and p not in used
        and _is_licence(p)
        and (dirname(p) in folders or _LICENCE_LIKE.search(basename(dirname(p))))
    ]
    if not new:
        return
    commits = sorted((t.commit_date, commit) for t in repository.watched for _, commit in t.places if commit)
    baseline: Sequence[str] | None = None
    if commits:
        try:
            baseline = files.source.listing(repository.host, repository.name, commits[-1][1])
        except CouldNotLook as error:
            report.remarks.append(f"{repository.host}:{repository.name}: files of then could not be listed: {error}")
    for path in [p for p in new if baseline is None or p not in baseline][:_MOST]:
        place = files.place(path)
        data = files.some(path)
        identified = _known_as(repository, data) if data is not None else ()
        if identified and baseline is None:
            continue  # a copy of a known text, and nothing says that it is new
        related = [t for t in repository.watched if any(_stem(p.path) == _stem(path) for p, _ in t.places)]
        beside = repository.watched if len(repository.watched) <= _FEW else ()
        concerned = tuple(dict.fromkeys(t.license for t in related or beside))
        kind = TRANSLATION if not identified and _translates(path, data, related) else NEW_FILE
        report.findings.append(Finding(kind, place, files.source.page(place), concerned, identified=identified))


def _translates(path: str, data: bytes | None, related: Sequence[KnownText]) -> bool:
    """Whether a new file is another language of a recorded one: by its name, and by what it is written in."""
    if not related or data is None:
        return False
    try:
        text = decode(data)
    except InputError:
        return False
    languages = [language for t in related for language in t.language]
    if c.other_language(text, languages):
        return True
    name, suffix = splitext(basename(path))
    marked = _LANGUAGE.search(name if suffix.lower() in _TEXTS else name + suffix) is not None
    return marked and len(set(languages)) > 1
