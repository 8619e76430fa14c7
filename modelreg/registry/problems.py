"""One fault in the data, as a value: `validate` lists all of them, the loader raises them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from modelreg.errors import InputError

Severity = Literal["error", "warning"]


class Problem(NamedTuple):
    """What is wrong, where, and what to do.

    Attributes:
        severity: an error keeps the registry from loading, a warning does not.
        code: kebab-case, public; where: file:line:column; hint: the fix.
    """

    severity: Severity
    code: str
    message: str
    where: str
    hint: str

    def __str__(self) -> str:
        lines = [f"{self.severity}[{self.code}]: {self.message}", f"  at:   {self.where}"]
        return "\n".join([*lines, f"  hint: {self.hint}"] if self.hint else lines)


def from_error(error: InputError) -> Problem:
    """The problem that an InputError tells of."""
    return Problem("error", error.code, error.message, error.where, error.hint)


def raise_first(problems: Sequence[Problem]) -> None:
    """Raise InputError for the first error, with the count of the others; return if there is none."""
    errors = [p for p in problems if p.severity == "error"]
    if not errors:
        return
    first = errors[0]
    more = len(errors) - 1
    message = f"{first.message} (and {more} more)" if more else first.message
    hint = f"{first.hint}; modelreg validate lists all" if first.hint and more else first.hint or "modelreg validate"
    raise InputError(message, code=first.code, where=first.where, hint=hint)
