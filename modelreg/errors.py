"""What stopped us: one tree of exceptions and the exit codes that go with it.

A verdict is never an exception. `cli/app.py: main()` is the only place that turns these into text and an
exit status; misuse by a programmer stays ValueError or TypeError and is a bug.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit statuses of every command; CI can tell "found something" from "could not look"."""

    OK = 0  # ran; the answer is yes (conditions are printed)
    NO = 1  # ran; the answer is no: prohibited, requires agreement, undetermined, findings
    USAGE = 2  # wrong usage of the command line
    BAD_INPUT = 3  # registry, licence, facts, ledger or notebook that cannot be read
    NOT_ACCEPTED = 4  # acknowledgement missing or declined
    ENVIRONMENT = 5  # extra, device, weights, memory, disk or network
    BUG = 70  # a defect of modelreg (EX_SOFTWARE of sysexits.h)
    INTERRUPTED = 130  # Ctrl-C (128 + SIGINT)


class ModelregError(Exception):
    """Root of all that a user can mend.

    Args:
        message: what happened, with got and expected.
        code: a short kebab-case name, public and never reused.
        where: file:line:column, URL or option that is at fault, if there is one.
        hint: the next step, a command where possible.
    """

    exit_code: ExitCode = ExitCode.BUG
    default_code = "error"

    def __init__(self, message: str, *, code: str = "", where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.where = where
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        # Errors of other processes arrive as they were raised.
        return _again, (type(self), self.message, self.code, self.where, self.hint)

    def __str__(self) -> str:
        lines = [f"error[{self.code}]: {self.message}"]
        if self.where:
            lines.append(f"  at:   {self.where}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class UsageError(ModelregError):
    """Options that contradict each other or cannot be read."""

    exit_code = ExitCode.USAGE
    default_code = "usage"


class InputError(ModelregError):
    """A file that the user gave (registry, licence, facts, policy, ledger) is wrong."""

    exit_code = ExitCode.BAD_INPUT
    default_code = "bad-input"


class RefusedError(ModelregError):
    """The answer is no where a yes is needed: prohibited, requires an agreement, undetermined, not identified."""

    exit_code = ExitCode.NO
    default_code = "refused"


class NotAcceptedError(ModelregError):
    """The terms are not acknowledged, or the acknowledgement does not match."""

    exit_code = ExitCode.NOT_ACCEPTED
    default_code = "not-accepted"


class ModelEnvironmentError(ModelregError):
    """Something that the machine lacks: an extra, a device, weights, memory, disk, network."""

    exit_code = ExitCode.ENVIRONMENT
    default_code = "environment"


def _again(kind: type[ModelregError], message: str, code: str, where: str, hint: str) -> ModelregError:
    return kind(message, code=code, where=where, hint=hint)
