"""The words in the head of a GGUF file: its name, what it was made of, its licence tag. Bytes in, plain values out.

Source: GGUF specification, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
"""

from __future__ import annotations

import struct

MAGIC = b"GGUF"
HEAD = 1_000_000  # bytes that are enough: the general.* keys stand before the tokens
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_INTEGERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 10: "<Q", 11: "<q"}
_STRING, _ARRAY = 8, 9
_MOST = 10_000  # keys, and letters of a value: more is no metadata


class _EndError(Exception):
    """The head was cut here, or what follows is not read."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            raise _EndError
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def text(self) -> str:
        return self.take(self.number("<Q")).decode("utf-8", "replace")

    def skip(self, kind: int) -> None:
        if kind in _SIZES:
            self.take(_SIZES[kind])
        elif kind == _STRING:
            self.take(self.number("<Q"))
        elif kind == _ARRAY:
            inner, count = self.number("<I"), self.number("<Q")
            if inner in _SIZES:
                self.take(count * _SIZES[inner])
            elif inner == _STRING:
                for _ in range(count):
                    self.skip(inner)
            else:
                raise _EndError
        else:
            raise _EndError


def read_metadata(head: bytes) -> dict[str, str | int]:
    """Texts and whole numbers of the metadata, as far as the given bytes reach; {} for another kind of file.

    Args:
        head: the first bytes of a file (see HEAD); untrusted.
    """
    reader = _Reader(head)
    found: dict[str, str | int] = {}
    try:
        if reader.take(4) != MAGIC or reader.number("<I") not in (2, 3):
            return {}
        reader.number("<Q")  # tensors
        for _ in range(min(reader.number("<Q"), _MOST)):
            key = reader.text()
            kind = reader.number("<I")
            if kind == _STRING:
                found[key] = reader.text()[:_MOST]
            elif kind in _INTEGERS:
                found[key] = reader.number(_INTEGERS[kind])
            else:
                reader.skip(kind)
    except _EndError:
        pass
    return found


def base_names(metadata: dict[str, str | int]) -> tuple[str, ...]:
    """What the file says that it was made of: repositories where it names them, else names."""
    names = []
    for number in range(min(int(metadata.get("general.base_model.count") or 0), 16)):
        for key in ("repo_url", "name"):
            value = metadata.get(f"general.base_model.{number}.{key}")
            if isinstance(value, str) and value:
                names.append(value)
                break
    return tuple(names)
