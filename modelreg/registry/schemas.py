"""Entries against the JSON Schemas: every fault as a Problem with its place and the fix.

The only importer of jsonschema; nothing on the way to a cached answer comes here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from modelreg.registry.accept import Check, compile_schema
from modelreg.registry.nearest import distance
from modelreg.registry.problems import Problem
from modelreg.registry.raw import Entry
from modelreg.registry.sources import PACKAGE

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

    from modelreg.registry.yaml_strict import Document

DOCS = "docs/registry-format.md"
_DECIMAL = re.compile(r"[0-9]+\.[0-9]+\Z")


@cache
def schema(kind: str) -> dict[str, Any]:
    """The schema of one entry: license, model, variant, publishers or ambiguous."""
    name = "license" if kind == "license" else "registry"
    with open(os.path.join(PACKAGE, "schema", f"{name}.schema.json"), encoding="utf-8") as stream:
        whole: dict[str, Any] = json.load(stream)
    if kind in ("model", "variant"):
        return {**whole["$defs"][kind], "$defs": whole["$defs"]}
    if kind != "license":
        return {**whole["properties"][kind]["items"], "$defs": whole["$defs"]}
    return whole


@cache
def meets(kind: str) -> Check:
    """The quick test of an entry; see `accept`."""
    return compile_schema(schema(kind), schema(kind))


@cache
def validator(kind: str) -> Draft202012Validator:
    """The validator of an entry, which knows what is wrong with it."""
    from jsonschema import Draft202012Validator  # 100 ms, and only for data that are wrong

    return Draft202012Validator(schema(kind))


def decimals(value: dict[str, Any]) -> None:
    """Turn the text `5.5` of `memory: {int4: 5.5}` into a number, in place: the format's only decimals."""
    runtime = value.get("runtime")
    memory = runtime.get("memory") if isinstance(runtime, dict) else None
    if isinstance(memory, dict):
        for key, amount in memory.items():
            if isinstance(amount, str) and _DECIMAL.match(amount):
                memory[key] = float(amount)


def check(kind: str, entry: Entry) -> list[Problem]:
    """All faults of one entry against its schema; `kind` as for `validator`."""
    decimals(entry.value)
    if meets(kind)(entry.value):
        return []
    return [
        _problem(error, entry, DOCS) for top in validator(kind).iter_errors(entry.value) for error in _innermost(top)
    ]


def faults(document: Document, wanted: dict[str, Any], docs: str) -> list[Problem]:
    """All faults of a whole file against a schema of its own; docs: the page that hints name."""
    if compile_schema(wanted, wanted)(document.value):
        return []
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(wanted).iter_errors(document.value)
    return [_problem(error, document, docs) for top in errors for error in _innermost(top)]


def _innermost(error: ValidationError) -> Iterator[ValidationError]:
    """What is really wrong: of several allowed shapes, the faults of the one that was meant."""
    if error.validator not in ("oneOf", "anyOf") or not error.context:
        yield error
        return
    branches: dict[int, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    meant = [found for found in branches.values() if not any(_other_shape(inner) for inner in found)]
    if len(meant) == 1:
        for inner in meant[0]:
            yield from _innermost(inner)
    else:
        yield error


def _other_shape(error: ValidationError) -> bool:
    return not error.relative_path and error.validator in ("type", "enum", "const")


def _problem(error: ValidationError, entry: Entry | Document, docs: str) -> Problem:
    path = tuple(error.absolute_path)
    spot = ".".join(map(str, path)) or ("entry" if docs == DOCS else "the file")
    instance: Any = error.instance
    wanted: Any = error.validator_value
    inner: Any = error.schema
    where, hint = entry.where(path), f"see {docs}"
    if error.validator == "additionalProperties":
        known = list(inner.get("properties", {}))
        extra = [key for key in instance if key not in known]
        message = f"{spot} has unknown key{'s' if len(extra) > 1 else ''} {', '.join(map(repr, extra))}"
        where = entry.where((*path, extra[0]), key=True)
        hint = _one_of(extra[0], known)
    elif error.validator == "required":
        missing = [key for key in wanted if key not in instance]
        message = f"{spot} lacks {', '.join(map(repr, missing))}"
        silent = " (what the text does not say is silent)" if docs == DOCS else ""
        hint = f"add {missing[0]}: …{silent}"
    elif error.validator in ("enum", "const"):
        allowed = wanted if error.validator == "enum" else [wanted]
        message = f"{spot} is {_show(instance)}"
        hint = _one_of(instance, allowed)
    elif error.validator == "type":
        message = f"{spot} is {_show(instance)}; {wanted} is needed"
        hint = _type_hint(instance, str(wanted), docs)
    elif error.validator == "pattern":
        message = f"{spot} is {_show(instance)}, which does not have the form {wanted}"
    elif error.validator in ("oneOf", "anyOf"):
        words = [word for branch in wanted for word in branch.get("enum", ())]
        message = f"{spot} is {_show(instance)}"
        shape = "a list" if _wants_list(wanted) else "a mapping"
        hint = f"{', '.join(map(_show, words))}, or {shape}; see {docs}"
    else:
        message = f"{spot}: {error.message[:200]}"
    return Problem("error", "schema", message, where, hint)


def _wants_list(branches: list[dict[str, Any]]) -> bool:
    return any(branch.get("type") == "array" for branch in branches)


def _one_of(got: Any, allowed: list[Any]) -> str:
    words = [word for word in allowed if isinstance(word, str)]
    near = min(words, key=lambda word: distance(str(got), word, 3), default="")
    listed = f"one of {', '.join(map(_show, allowed))}"
    if near and distance(str(got), near, 3) <= 2:
        return f"did you mean {near}? {listed}"
    return listed


def _type_hint(instance: Any, wanted: str, docs: str) -> str:
    if wanted == "string" and isinstance(instance, (bool, int)):
        return f'quote it: "{json.dumps(instance)}"'
    if wanted in ("integer", "number") and isinstance(instance, str):
        return "write digits only, without quotes, separators or a unit"
    if wanted == "boolean":
        return "write true or false"
    if wanted == "array":
        return "write a list: [...]"
    return f"see {docs}"


def _show(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text[:77]}..." if len(text) > 80 else text
