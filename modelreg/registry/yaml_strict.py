"""A strict reader of YAML: what is written is what is meant, and every error says where and how to mend it.

PyYAML's `safe_load` makes `1.10` a 1.1, `no` a False and a date an object, keeps the last of two equal keys,
and lets nine lines of aliases fill the memory. Here `true` and `false` are the only booleans, plain decimal
digits the only integers, and every other scalar stays the text that was typed. Nothing here recurses, so
deep nesting is an error and not a crash.

The reader walks libyaml's events (PyYAML's own parser where the C one is missing), so it depends on PyYAML
for the grammar only.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from modelreg.errors import InputError

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_NODES: Final = 1_000_000  # of a whole file
MAX_ALIASED: Final = 20_000  # nodes that aliases may add: enough for tables, too few for a bomb
MAX_DIGITS: Final = 18  # such an integer fits 64 bits everywhere

Path_ = tuple[str | int, ...]

_Parser: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
# Control characters, breaks that editors do not show, lone surrogates, and marks that reorder text on screen.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


class Position(NamedTuple):
    """Where a key and its value stand; lines and columns count from 1 (for an item of a list both agree)."""

    key_line: int
    key_column: int
    line: int
    column: int


class Document:
    """A file that was read: plain values, and where each stands.

    Attributes:
        file: the name as errors show it.
        value: dict, list, str, int or bool, nested; keys are always str.
        positions: JSON path (keys and indices) to Position; `()` is the whole document.
    """

    __slots__ = ("file", "positions", "value")

    def __init__(self, file: str, value: Any, positions: dict[Path_, Position]) -> None:
        self.file = file
        self.value = value
        self.positions = positions

    def where(self, path: Path_ = (), *, key: bool = False) -> str:
        """`file:line:column` of the value at a path, or of its key; of the nearest parent if it has none."""
        path = tuple(path)
        while path and path not in self.positions:
            path, key = path[:-1], False
        at = self.positions.get(path)
        if at is None:
            return self.file
        return f"{self.file}:{at.key_line}:{at.key_column}" if key else f"{self.file}:{at.line}:{at.column}"


def read_yaml(path: Path | str, *, name: str = "", max_bytes: int = MAX_BYTES) -> Document:
    """Read a file strictly.

    Args:
        path: the file; name: how errors call it (the path, if empty); max_bytes: refuse longer files.
    Raises: InputError if it cannot be read, is not UTF-8, or is not strict YAML.
    """
    path = Path(path)
    name = name or str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"cannot read {name}: {reason}",
            code="file-unreadable",
            where=name,
            hint="check the path and its permissions",
        ) from error
    return parse_yaml(data, name, max_bytes=max_bytes)


def parse_yaml(data: bytes | str, name: str = "<text>", *, max_bytes: int = MAX_BYTES) -> Document:
    """Read YAML from memory strictly; arguments and errors as for `read_yaml`."""
    if len(data) > max_bytes:
        raise InputError(
            f"file is larger than {max_bytes} bytes",
            code="yaml-too-large",
            where=name,
            hint="split it into several files",
        )
    text = _decode(data, name) if isinstance(data, bytes) else data.removeprefix("\ufeff")
    bad = _FORBIDDEN.search(text)
    if bad:
        line, column = _line_column(text, bad.start())
        raise InputError(
            f"character U+{ord(bad.group()):04X} is not allowed",
            code="yaml-character",
            where=f"{name}:{line}:{column}",
            hint="remove it; it does not show on screen",
        )
    try:
        return _Reader(text, name).document()
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, name) from error
    except yaml.YAMLError as error:
        raise InputError(
            f"not YAML: {_one_line(str(error))}",
            code="yaml-syntax",
            where=f"{name}:1:1",
            hint="save the file as UTF-8 text",
        ) from error


class _Open:
    """A mapping or list that is being filled."""

    __slots__ = ("anchor", "first", "key", "key_at", "keys", "path", "start", "value")

    def __init__(self, value: dict[str, Any] | list[Any], path: Path_, start: int, anchor: str | None) -> None:
        self.value = value
        self.path = path
        self.key: str | None = None
        self.key_at = (0, 0)
        self.keys: dict[str, int] = {}
        self.start = start  # count of nodes before it: its size when it closes
        self.anchor = anchor


class _Reader:
    """One pass over the events of one document."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.parser = _Parser(text)
        self.stack: list[_Open] = []
        self.positions: dict[Path_, Position] = {}
        self.anchors: dict[str, tuple[Any, int, Path_] | None] = {}  # None: still open
        self.nodes = 0
        self.aliased = 0
        self.root: Any = None

    def document(self) -> Document:
        seen = 0
        for event in self._events():
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent:
                self._open({}, event)
            elif kind is yaml.SequenceStartEvent:
                self._open([], event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._close()
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                seen += 1
                if seen > 1:
                    raise self._error(
                        "a second document starts here", "yaml-documents", event, "keep one document a file"
                    )
                if event.tags:
                    raise self._error("%TAG directives are not allowed", "yaml-tag", event, "remove the directive")
        if not seen:
            raise InputError(
                "the file is empty",
                code="yaml-empty",
                where=f"{self.name}:1:1",
                hint="write a mapping, or {}",
            )
        return Document(self.name, self.root, self.positions)

    def _events(self) -> Iterator[Any]:
        while self.parser.check_event():
            yield self.parser.get_event()

    def _error(self, message: str, code: str, event: Any, hint: str) -> InputError:
        mark = event.start_mark
        return InputError(message, code=code, where=f"{self.name}:{mark.line + 1}:{mark.column + 1}", hint=hint)

    def _count(self, event: Any, more: int = 1) -> None:
        self.nodes += more
        if self.nodes > MAX_NODES:
            raise self._error(f"more than {MAX_NODES} values", "yaml-too-large", event, "split the file")

    def _is_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None

    def _no_tag(self, event: Any) -> None:
        if event.tag is not None:
            raise self._error(
                f"tag {event.tag!r} is not allowed",
                "yaml-tag",
                event,
                "remove the tag; quote what is to be text",
            )

    def _new_anchor(self, event: Any) -> None:
        if event.anchor is not None and event.anchor in self.anchors:
            raise self._error(
                f"anchor '&{event.anchor}' is defined twice", "yaml-anchor", event, "give it another name"
            )

    def _scalar(self, event: Any) -> None:
        self._no_tag(event)
        self._new_anchor(event)
        if event.style and (bad := _FORBIDDEN.search(event.value)):
            message = f"string holds the character U+{ord(bad.group()):04X}"
            raise self._error(message, "yaml-character", event, "remove the escape")
        if self._is_key():
            self._key(event)
            return
        value = event.value if event.style else self._plain(event)
        self._count(event)
        path = self._place(value, event)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1, path)

    def _plain(self, event: Any) -> str | int | bool:
        text: str = event.value
        if text in _NULLS:
            what = f"'{text}'" if text else "no value"
            hint = f'give a value or take the key out; quote the word if text is meant: "{text}"'
            raise self._error(f"{what} where a value is needed", "yaml-null", event, hint)
        if text == "true" or text == "false":
            return text == "true"
        if _INTEGER.match(text):
            if len(text) > MAX_DIGITS:
                raise self._error(f"integer of {len(text)} digits", "yaml-integer", event, "quote it if text is meant")
            return int(text)
        return text

    def _key(self, event: Any) -> None:
        top = self.stack[-1]
        key: str = event.value
        line = event.start_mark.line + 1
        if not event.style and key in _NULLS:
            raise self._error("a key is missing", "yaml-key", event, "write a name before the colon")
        if not event.style and key == "<<":
            raise self._error("merge keys ('<<') are not allowed", "yaml-merge", event, "write the keys out")
        if event.anchor is not None:
            raise self._error("a key has an anchor", "yaml-anchor", event, "put the anchor on the value")
        if key in top.keys:
            message = f"key {_short(key)} is repeated; it stands on line {top.keys[key]} already"
            raise self._error(message, "yaml-repeated-key", event, "remove one of the two, or join their values")
        top.keys[key] = line
        top.key = key
        top.key_at = (line, event.start_mark.column + 1)

    def _open(self, value: dict[str, Any] | list[Any], event: Any) -> None:
        self._no_tag(event)
        self._new_anchor(event)
        if self._is_key():
            raise self._error(
                "a mapping or list stands where a key is needed", "yaml-key", event, "keys are plain words"
            )
        if len(self.stack) >= MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels", "yaml-depth", event, "flatten the structure")
        start = self.nodes
        self._count(event)
        path = self._place(value, event)
        self.stack.append(_Open(value, path, start, event.anchor))
        if event.anchor is not None:
            self.anchors[event.anchor] = None

    def _close(self) -> None:
        done = self.stack.pop()
        if done.anchor is not None:
            self.anchors[done.anchor] = (done.value, self.nodes - done.start, done.path)

    def _alias(self, event: Any) -> None:
        if self._is_key():
            raise self._error("an alias stands where a key is needed", "yaml-key", event, "write the key out")
        if event.anchor not in self.anchors:
            raise self._error(
                f"alias '*{event.anchor}' has no anchor",
                "yaml-alias",
                event,
                f"define &{event.anchor} before it",
            )
        found = self.anchors[event.anchor]
        if found is None:
            raise self._error(f"'*{event.anchor}' stands inside itself", "yaml-alias", event, "write the value out")
        value, size, origin = found
        self.aliased += size
        if self.aliased > MAX_ALIASED:
            raise self._error(
                f"aliases add more than {MAX_ALIASED} values", "yaml-alias", event, "write the values out"
            )
        if len(self.stack) + _depth(value) > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels", "yaml-depth", event, "flatten the structure")
        self._count(event, size)
        path = self._place(copy.deepcopy(value), event)
        for below in _paths(value):  # what is inside stands where the anchor's value stands
            self.positions[path + below] = self.positions[origin + below]

    def _place(self, value: Any, event: Any) -> Path_:
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        if not self.stack:
            self.root = value
            self.positions[()] = Position(line, column, line, column)
            return ()
        top = self.stack[-1]
        if isinstance(top.value, dict):
            key = top.key
            assert key is not None  # noqa: S101  # _is_key() was asked before
            top.value[key] = value
            path: Path_ = (*top.path, key)
            self.positions[path] = Position(*top.key_at, line, column)
            top.key = None
        else:
            path = (*top.path, len(top.value))
            top.value.append(value)
            self.positions[path] = Position(line, column, line, column)
        return path


def _paths(value: Any) -> list[Path_]:
    """Paths of all that is inside a value, without the value itself."""
    found: list[Path_] = []
    todo: list[tuple[Path_, Any]] = [((), value)]
    while todo:
        path, item = todo.pop()
        pairs: list[tuple[str | int, Any]] = []
        if isinstance(item, dict):
            pairs = list(item.items())
        elif isinstance(item, list):
            pairs = list(enumerate(item))
        for key, inner in pairs:
            found.append((*path, key))
            todo.append(((*path, key), inner))
    return found


def _depth(value: Any) -> int:
    return max((len(path) for path in _paths(value)), default=0)


def _decode(data: bytes, name: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("the file is UTF-16", code="yaml-encoding", where=f"{name}:1:1", hint="save it as UTF-8")
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
        line, column = _line_column(before, len(before))
        raise InputError(
            f"byte 0x{data[error.start]:02X} is not UTF-8",
            code="yaml-encoding",
            where=f"{name}:{line}:{column}",
            hint="save the file as UTF-8",
        ) from error


def _line_column(text: str, index: int) -> tuple[int, int]:
    head = text[:index].replace("\r\n", "\n").replace("\r", "\n")
    return head.count("\n") + 1, len(head) - (head.rfind("\n") + 1) + 1


def _syntax(error: yaml.MarkedYAMLError, name: str) -> InputError:
    mark = error.problem_mark or error.context_mark
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else f"{name}:1:1"
    problem = _one_line(error.problem or error.context or "cannot be read")
    hint = "look at the indentation, and quote text that holds ': ', ' #' or starts with a symbol"
    if "tab" in problem or "\\t" in problem or "cannot start any token" in problem:
        hint = "indent with spaces, not tabs; quote text that starts with a symbol such as @, ` or %"
    elif "mapping values are not allowed" in problem:
        hint = "quote the text that holds ': ', or look at the indentation"
    elif "unexpected end" in problem or "expected ',' or" in problem:
        hint = "close the quote or bracket; in {…} and […] quote text that holds a comma or bracket"
    return InputError(f"not YAML: {problem}", code="yaml-syntax", where=where, hint=hint)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
