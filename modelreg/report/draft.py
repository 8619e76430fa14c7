"""A drafted entry as YAML with remarks, for a person to finish."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./")


class Value(Protocol):
    """cli._draft.Field."""

    @property
    def value(self) -> Any: ...
    @property
    def todo(self) -> str: ...
    @property
    def note(self) -> str: ...


def draft_yaml(head: Iterable[str], publisher: Mapping[str, Value] | None, fields: Mapping[str, Value]) -> str:
    """An overlay file with one model (and its publisher, if that is new).

    Args:
        head: remarks at the top; a field with `todo` gets `# TODO …` behind it, which `validate` names.
    """
    out = [f"# {_line(text)}" for text in head]
    if publisher is not None:
        out += ["publishers:", *_entry(publisher)]
    out += ["models:", *_entry(fields)]
    return "\n".join(out) + "\n"


def _entry(fields: Mapping[str, Value]) -> list[str]:
    out: list[str] = []
    for name, field in fields.items():
        lead = "    " if out else "  - "
        remark = f"TODO {_line(field.todo)}" if field.todo else _line(field.note)
        behind = f"  # {remark}" if remark else ""
        if field.value is None:  # nothing is known: the key is left for a person
            out.append(f"{lead}# {name}:{behind}")
        elif isinstance(field.value, list) and field.value and isinstance(field.value[0], Mapping):
            out.append(f"{lead}{name}:{behind}")
            out += [f"      - {_flow(item)}" for item in field.value]
        else:
            out.append(f"{lead}{name}: {_flow(field.value)}{behind}")
    return out


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    if isinstance(value, str):
        plain = value and value[0].isalpha() and set(value) <= _PLAIN and value.lower() not in ("true", "false", "null")
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def _line(text: str) -> str:
    """One line that cannot end its comment: the texts come from other people's repositories."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:600]
