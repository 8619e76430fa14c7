"""Get the words of an official text: from a file, a model folder, an installed licence database or the Hub.

Nothing is believed: every text that is found is compared with what the record holds, and says how it
compared. The Hub is the only place outside this machine, and huggingface_hub is imported only when it is
asked.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from modelreg.errors import InputError, ModelEnvironmentError
from modelreg.texts.fingerprint import Fingerprint, find_passage, letters_sha256
from modelreg.texts.normal import MAX_BYTES, Normalised, decode, normalise


class Proof(StrEnum):
    """How a text that was found compares with the record, from sure to not at all."""

    SHA256 = "sha256"  # byte for byte as published
    NORMALISED = "normalised"  # the same letters; wrapping, line ends, quotation marks or encoding differ
    NONE = "none"  # another text, or one that was changed


@dataclass(frozen=True)
class Wanted:
    """What a licence record says about its official text, as plain values; any of them may be missing.

    Attributes:
        text_id: for messages.
        sha256s: of the published bytes, one for each known form.
        normalized_sha256s: of their letters.
        fingerprints: count as both, and find the text inside a larger file.
        repository: "hf:owner/name" or "owner/name" (Hugging Face); other hosts ("github:owner/name") are not
            asked.
        path: of the file in the repository.
        commit: revision there; the newest if empty.
        url: page for people; named in hints, and read for the Hub's repository where `repository` has none.
        scancode_key: key in ScanCode's licence data.
    """

    text_id: str = ""
    sha256s: tuple[str, ...] = ()
    normalized_sha256s: tuple[str, ...] = ()
    fingerprints: tuple[Fingerprint, ...] = ()
    repository: str = ""
    path: str = ""
    commit: str = ""
    url: str = ""
    scancode_key: str = ""


@dataclass(frozen=True)
class OfficialText:
    """A text that was found.

    Attributes:
        data: its bytes.
        where: path or hub address, with #Lfirst-Llast where it is a part of a file.
        proof: how it compares with the record.
    """

    data: bytes
    where: str
    proof: Proof


def find_text(
    wanted: Wanted,
    *,
    file: Path | None = None,
    folder: Path | None = None,
    database: bool = True,
    hub: bool = False,
) -> OfficialText:
    """Look in the given places, nearest first, and return the first proved text.

    Args:
        wanted: what the record says.
        file: a file that the user names; returned even if unproved, with Proof.NONE.
        folder: a downloaded model; its licence is returned unproved only if no place has a proved one.
        database: look into an installed ScanCode licence database.
        hub: ask the Hugging Face Hub (honours HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN).
    Raises:
        InputError: `file` or `folder` cannot be read, or the file is not text.
        ModelEnvironmentError: no place has the text, or the Hub was the last hope and cannot be reached.
    """
    if file is not None:
        return from_file(file, wanted)
    unproved: list[OfficialText] = []
    looked: list[str] = []

    def proved(found: OfficialText | None) -> bool:
        if found is not None:
            unproved.append(found)
        return found is not None and found.proof is not Proof.NONE

    if folder is not None:
        looked.append(str(folder))
        if proved(from_folder(folder, wanted)):
            return unproved[-1]
    if database and wanted.scancode_key:
        looked.append("installed ScanCode licence data")
        if proved(from_database(wanted)):
            return unproved[-1]
    failure: ModelEnvironmentError | None = None
    if hub:
        looked.append("the Hugging Face Hub")
        try:
            if proved(from_hub(wanted)):
                return unproved[-1]
        except ModelEnvironmentError as error:
            failure = error
    if unproved:
        return unproved[0]
    if failure is not None:
        raise failure
    raise ModelEnvironmentError(
        f"the text of {wanted.text_id or 'this licence'} is not on this machine"
        + (f"; looked in: {', '.join(looked)}" if looked else ""),
        code="text-not-found",
        where=wanted.url,
        hint=_hint(wanted),
    )


def prove(data: bytes, wanted: Wanted) -> Proof:
    """Compare some bytes with the record."""
    sha256s = {*wanted.sha256s, *(f.sha256 for f in wanted.fingerprints)}
    if hashlib.sha256(data).hexdigest() in sha256s:
        return Proof.SHA256
    normalised = {*wanted.normalized_sha256s, *(f.normalized_sha256 for f in wanted.fingerprints)}
    try:
        same = bool(normalised) and letters_sha256(decode(data)) in normalised
    except InputError:  # a PDF can be the published form, but then its bytes are
        return Proof.NONE
    return Proof.NORMALISED if same else Proof.NONE


def from_file(path: Path, wanted: Wanted) -> OfficialText:
    """Read a file that the user names; if it holds the text among others, return that part.

    Raises:
        InputError: it cannot be read, is too large, or is not text.
    """
    data = _read(path)
    proof = prove(data, wanted)
    if proof is not Proof.NONE:
        return OfficialText(data, str(path), proof)
    words = normalise(decode(data, where=str(path)))
    return _part(words, str(path), wanted) or OfficialText(data, str(path), Proof.NONE)


# In the order in which they are believed; only the folder itself is looked into, as on the Hub.
_LICENCE_NAME = re.compile(r"(?i)(?:model[_-]?)?(?:licen[cs]e|copying|notice|许可|协议|.*(?:licen[cs]e|许可|协议))")
_README_NAME = re.compile(r"(?i)readme")
_TEXT_SUFFIXES = {"", ".txt", ".md", ".rst", ".markdown"}
_HEADING = re.compile(r"^(#{1,6})[ \t]*(.*)$", re.MULTILINE)
_LICENCE_HEADING = re.compile(r"(?i)licen[cs]|terms|许可|协议|授权")


def from_folder(folder: Path, wanted: Wanted) -> OfficialText | None:
    """Look for the text in a downloaded model: LICENSE*, MODEL_LICENSE*, COPYING*, other *.md, README
    sections.

    Returns: the best proved text, else the first licence file unproved, else None.
    Raises:
        InputError: the folder cannot be read.
    """
    try:
        names = sorted(p for p in folder.iterdir() if p.suffix.lower() in _TEXT_SUFFIXES and p.is_file())
    except OSError as error:
        raise InputError(
            f"cannot read the folder: {error.strerror or error}", code="unreadable", where=str(folder)
        ) from error
    licences = [p for p in names if _LICENCE_NAME.match(p.name) and not _README_NAME.match(p.name)]
    licences.sort(key=lambda p: (not p.name.lower().startswith("model"), p.name))
    others = [p for p in names if p.suffix.lower() in (".md", ".markdown") and p not in licences]
    best: OfficialText | None = None
    for path in licences + others:
        try:
            data = _read(path)
            words = normalise(decode(data, where=str(path)))
        except InputError:
            continue  # weights named LICENSE, PDF files: not what is looked for here
        proof = prove(data, wanted)
        if proof is Proof.SHA256:
            return OfficialText(data, str(path), proof)
        found: OfficialText | None = OfficialText(data, str(path), proof)
        if proof is Proof.NONE:
            found = _part(words, str(path), wanted)
            if found is None and path in licences:
                found = OfficialText(data, str(path), proof)
            elif found is None and _README_NAME.match(path.name):
                found = _licence_section(words, str(path), wanted)
        if found is not None and (best is None or (best.proof is Proof.NONE and found.proof is not Proof.NONE)):
            best = found
    return best


def _part(words: Normalised, where: str, wanted: Wanted) -> OfficialText | None:
    """The stretch of a larger file that has all letters of the official text in a row."""
    for record in wanted.fingerprints:
        at = find_passage(words.letters, record.letters, record.rolling, record.normalized_sha256)
        if at is not None and record.letters:
            first = words.line_of(words.letter_offsets[at])
            last = words.line_of(words.letter_offsets[at + record.letters - 1])
            return _lines(words, first, last, where, Proof.NORMALISED)
    return None


def _lines(words: Normalised, first: int, last: int, where: str, proof: Proof) -> OfficialText:
    starts = words.line_starts
    stop = starts[last] if last < len(starts) else len(words.text)
    data = words.text[starts[first - 1] : stop].encode("utf-8", "surrogatepass")
    return OfficialText(data, f"{where}#L{first}-L{last}", proof)


def _licence_section(words: Normalised, where: str, wanted: Wanted) -> OfficialText | None:
    """A README's section on the licence, up to the next heading of its level."""
    headings = list(_HEADING.finditer(words.text))
    for i, heading in enumerate(headings):
        if not _LICENCE_HEADING.search(heading[2]):
            continue
        end = next((h.start() for h in headings[i + 1 :] if len(h[1]) <= len(heading[1])), len(words.text))
        last = words.line_of(max(heading.start(), end - 1))
        found = _lines(words, words.line_of(heading.start()), last, where, Proof.NONE)
        return OfficialText(found.data, found.where, prove(found.data, wanted))
    return None


# The wheels scancode-toolkit, scancode-toolkit-mini (32.5.0: 2,615 texts) and licensedcode-data (32.1.0, of
# 2024) all install licensedcode/data/licenses/KEY.LICENSE: YAML front matter, then the text.
_SCANCODE_PACKAGE = "licensedcode"
_SCANCODE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_FRONT_MATTER = re.compile(rb"\A---\r?\n.*?\r?\n---\r?\n", re.DOTALL)


def database_folder() -> Path | None:
    """The folder of *.LICENSE files of an installed ScanCode wheel; found without importing the package."""
    try:
        spec = importlib.util.find_spec(_SCANCODE_PACKAGE)
    except (ImportError, ValueError):
        return None
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(place) / "data" / "licenses"
        if folder.is_dir():
            return folder
    return None


def from_database(wanted: Wanted) -> OfficialText | None:
    """Read the text from an installed ScanCode licence database, its front matter taken off.

    Returns: None where no database is installed, or it lacks the text.
    """
    folder = database_folder()
    return from_database_folder(folder, wanted) if folder is not None else None


def from_database_folder(folder: Path, wanted: Wanted) -> OfficialText | None:
    """The same, from a folder of ScanCode's *.LICENSE files."""
    if not _SCANCODE_KEY.fullmatch(wanted.scancode_key):
        return None
    path = folder / f"{wanted.scancode_key}.LICENSE"
    if not path.is_file():
        return None
    body = _FRONT_MATTER.sub(b"", _read(path), count=1)
    for data in (body, body.lstrip(b"\r\n"), body.strip(b"\r\n"), body.strip(b"\r\n") + b"\n"):
        if prove(data, wanted) is Proof.SHA256:
            return OfficialText(data, str(path), Proof.SHA256)
    body = body.lstrip(b"\r\n")
    return OfficialText(body, str(path), prove(body, wanted))


_HUB_URL = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co|hf-mirror\.com)/([\w.-]+/[\w.-]+)")
_HUB_NAME = re.compile(r"(?:(?:hf|huggingface):)?([\w.-]+/[\w.-]+)")
_HUB_PATHS = ("MODEL_LICENSE", "LICENSE", "LICENSE.txt", "LICENSE.md", "README.md")


def from_hub(wanted: Wanted) -> OfficialText | None:
    """Download the text from the Hugging Face Hub, or take it from the Hub's cache.

    Returns: the first proved file, else the first there is; None where the record names no Hub repository.
    Raises:
        ModelEnvironmentError: huggingface_hub is not installed, the Hub is offline, unreachable or refuses.
    """
    name = _HUB_NAME.fullmatch(wanted.repository) or _HUB_URL.match(wanted.url)
    if name is None:
        return None
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise ModelEnvironmentError(
            "huggingface_hub is needed to ask the Hub, and is not installed",
            code="extra-missing",
            hint='pip install "modelreg[hub]"',
        ) from error
    first: OfficialText | None = None
    for path in (wanted.path,) if wanted.path else _HUB_PATHS:
        where = f"hf:{name[1]}@{wanted.commit or 'main'}/{path}"
        try:
            local = hf_hub_download(name[1], path, revision=wanted.commit or None)
            found = from_file(Path(local), wanted)
        except LocalEntryNotFoundError as error:  # offline, or no answer and nothing in the cache
            raise _unreachable(wanted, where, error) from error
        except EntryNotFoundError:
            continue
        except (HfHubHTTPError, OSError, ValueError) as error:  # gated, no such repository, bad name, network
            raise _unreachable(wanted, where, error) from error
        found = OfficialText(found.data, where, found.proof)
        if found.proof is not Proof.NONE:
            return found
        first = first or found
    return first


def _unreachable(wanted: Wanted, where: str, error: Exception) -> ModelEnvironmentError:
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return ModelEnvironmentError(
        f"the Hub did not give {where}: {reason}", code="hub-unreachable", where=where, hint=_hint(wanted)
    )


def _hint(wanted: Wanted) -> str:
    ways = ["name a file with --from FILE or a downloaded model's folder"]
    if wanted.scancode_key and database_folder() is None:
        ways.append("pip install --no-deps scancode-toolkit-mini")
    if wanted.url:
        ways.append(f"save it from {wanted.url}")
    return "; or ".join(ways)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(
                f"{path.stat().st_size} bytes are too many for a licence text; at most {MAX_BYTES} are read",
                code="text-too-large",
                where=str(path),
                hint="name the licence file itself",
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the file: {error}", code="unreadable", where=str(path)) from error
