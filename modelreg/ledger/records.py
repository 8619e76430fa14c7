"""What a line of the ledger holds: its fields, its check, its hash.

A line is the canonical JSON of one object, so that a changed blank is a changed line. `hash` is the SHA-256 of the
canonical JSON without `hash`; `prev` is the hash of the line before. A signature, where there is one, is inside the
hash and covers everything but `signature` and `hash`.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from modelreg.core.canonical import canonical_json, sha256_of
from modelreg.core.facts import is_date
from modelreg.errors import InputError

SCHEMA = 1
GENESIS = "0" * 64
MAX_LINE = 1_000_000  # bytes; a record of a merge of a dozen models has some 20,000
MAX_TEXT = 4000
SHORT_ID = 12  # hex digits of the hash that people type: 48 bits

OPEN, ACCEPT, REVOKE, ADOPT = "open", "accept", "revoke", "adopt"


class Record(NamedTuple):
    """One line that was read and checked, or written."""

    data: Mapping[str, Any]

    @property
    def hash(self) -> str:
        return str(self.data["hash"])

    @property
    def id(self) -> str:
        """What people call it: the first digits of its hash."""
        return self.hash[:SHORT_ID]

    @property
    def kind(self) -> str:
        return str(self.data["kind"])

    @property
    def seq(self) -> int:
        return int(self.data["seq"])

    @property
    def time(self) -> str:
        """UTC, `YYYY-MM-DDTHH:MM:SSZ`."""
        return str(self.data["time"])


class BadRecordError(ValueError):
    """A line that is no record; the message says what is wrong with it."""


def seal(fields: Mapping[str, Any], sign: Callable[[bytes], Mapping[str, str]] | None = None) -> tuple[bytes, Record]:
    """The line (with its line end) and the record of checked fields.

    Args:
        fields: all but `hash` and `signature`; sign: makes the signature of some bytes.
    Raises:
        InputError: a field is missing, unknown or of the wrong kind.
    """
    data = dict(fields)
    try:
        if sign is not None:
            data["signature"] = dict(sign(canonical_json(data)))
        data["hash"] = sha256_of(data)
        check(data)
        line = canonical_json(data)
    except ValueError as error:  # BadRecordError, a lone surrogate, NaN
        raise InputError(f"this cannot be recorded: {error}", code="bad-record") from error
    if len(line) > MAX_LINE:
        raise InputError(f"a record of {len(line)} bytes; at most {MAX_LINE} are kept", code="bad-record")
    return line + b"\n", Record(data)


def parse(line: bytes) -> Mapping[str, Any]:
    """The object of a line (without line end), schema checked. Its hash is not: see `sealed`.

    Raises:
        BadRecordError: not JSON, not canonical, or not a record.
    """
    try:
        data = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadRecordError("not JSON") from error
    if not isinstance(data, dict):
        raise BadRecordError("not an object")
    check(data)
    try:
        same = canonical_json(data) == line
    except (ValueError, UnicodeEncodeError) as error:
        raise BadRecordError("holds what JSON has not") from error
    if not same:
        raise BadRecordError("not as it was written (blanks, order or a repeated key)")
    return data


def sealed(data: Mapping[str, Any]) -> bool:
    """Whether the hash in a record is its own."""
    return bool(data["hash"] == sha256_of({k: v for k, v in data.items() if k != "hash"}))


def signed_bytes(data: Mapping[str, Any]) -> bytes:
    """What a signature covers."""
    return canonical_json({k: v for k, v in data.items() if k not in ("hash", "signature")})


def check(data: Mapping[str, Any]) -> None:
    """Hold a record against its schema.

    Raises:
        BadRecordError: names the field.
    """
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadRecordError(f"kind {kind!r} is not one of {', '.join(_KINDS)}")
    if data.get("schema") != SCHEMA:
        raise BadRecordError(f"schema {data.get('schema')!r}; this version reads {SCHEMA}")
    fields = {**_COMMON, **_KINDS[kind]}
    for name, test in fields.items():
        if name not in data:
            raise BadRecordError(f"'{name}' is missing")
        if not test(data[name]):
            raise BadRecordError(f"'{name}' is not what it must be: {str(data[name])[:80]!r}")
    if "signature" in data and not _strings(data["signature"], "signer", "sshsig"):
        raise BadRecordError("'signature' must hold signer and sshsig")
    unknown = set(data) - set(fields) - {"signature"}
    if unknown:
        raise BadRecordError(f"unknown field '{min(unknown)}'")


def is_plain(text: str) -> bool:
    """No control, direction or surrogate characters: what is printed shows what it is."""
    return all(unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in text)


def is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")


def is_time(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) == 20
        and value[10] == "T"
        and value[19] == "Z"
        and is_date(value[:10])
        and value[13] == value[16] == ":"
        and (value[11:13] + value[14:16] + value[17:19]).isdigit()
    )


def _text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and is_plain(value)


def _text_or_empty(value: object) -> bool:
    return value == "" or _text(value)


def _number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(_text(v) for v in value)


def _hashes(value: object) -> bool:
    return isinstance(value, list) and all(is_hash(v) for v in value)


def _strings(value: object, *names: str) -> bool:
    return isinstance(value, dict) and set(value) == set(names) and all(isinstance(v, str) for v in value.values())


def _date_or_empty(value: object) -> bool:
    return value == "" or (isinstance(value, str) and is_date(value))


def _terms(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(t, dict)
            and set(t) == {"license", "model", "texts", "digest"}
            and _text(t["license"])
            and _text(t["model"])
            and is_hash(t["digest"])
            and isinstance(t["texts"], dict)
            and all(_text(k) and (v is None or is_hash(v)) for k, v in t["texts"].items())
            for t in value
        )
    )


def _shown(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(t, dict)
        and set(t) == {"license", "where", "sha256", "proof"}
        and _text(t["license"])
        and _text_or_empty(t["where"])
        and (t["sha256"] == "" or is_hash(t["sha256"]))
        and t["proof"] in ("sha256", "normalised", "unknown", "not-shown")
        for t in value
    )


def _use(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"commercial", "uses"}
        and (value["commercial"] is None or isinstance(value["commercial"], bool))
        and _texts(value["uses"])
    )


def _facts(value: object) -> bool:
    return isinstance(value, dict) and all(
        _text(k) and (isinstance(v, bool | int) or _text(v) or _texts(v)) for k, v in value.items()
    )


def _evidence(value: object) -> bool:
    return isinstance(value, dict) and all(
        _text(k) and (_letter(v) if k == "letter" else _text(v)) for k, v in value.items()
    )


def _letter(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"name", "sha256"}
        and _text(value["name"])
        and is_hash(value["sha256"])
    )


def _folder(value: object) -> bool:
    return value is None or (
        isinstance(value, dict)
        and set(value) == {"digest", "how", "name"}
        and is_hash(value["digest"])
        and _text(value["how"])
        and _text(value["name"])
    )


_COMMON: dict[str, Callable[[object], bool]] = {
    "schema": _number,
    "kind": _text,
    "seq": _number,
    "prev": is_hash,
    "time": is_time,
    "tool": _text,
    "account": _text,
    "hash": is_hash,
}
_PLACE = {"ledger": _text, "scope": lambda v: v in ("user", "project", "file"), "home": _text}
_KINDS: dict[str, dict[str, Callable[[object], bool]]] = {
    OPEN: _PLACE,
    ADOPT: {**_PLACE, "person": _text},
    ACCEPT: {
        "model": _text,
        "variants": _texts,
        "revision": _text_or_empty,
        "registry": is_hash,
        "terms": _terms,
        "shown": _shown,
        "use": _use,
        "facts": _facts,
        "verdict": lambda v: v in ("permitted", "permitted-with-conditions"),
        "permission": _text_or_empty,
        "conditions": _texts,
        "provenance": _texts,
        "person": _text,
        "organisation": _text_or_empty,
        "evidence": _evidence,
        "expires": _date_or_empty,
        "folder": _folder,
    },
    REVOKE: {"revokes": _hashes, "person": _text, "reason": _text},
}
