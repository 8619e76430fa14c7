"""The answer: a verdict, what it rests on, what it demands, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from modelreg.core.license import Citation
from modelreg.core.model import Descent

PERMITTED = "permitted"
WITH_CONDITIONS = "permitted-with-conditions"
REQUIRES_AGREEMENT = "requires-agreement"
PROHIBITED = "prohibited"
UNDETERMINED = "undetermined"

# From the loosest to the strictest. An open question is stricter than a known duty, and a known "ask first"
# is stricter than an open question, because it already is a definite no for now.
ORDER = (PERMITTED, WITH_CONDITIONS, UNDETERMINED, REQUIRES_AGREEMENT, PROHIBITED)

REGISTRATION_FORM = "registration-form"
WRITTEN_AUTHORIZATION = "written-authorization"
SEPARATE_LICENCE = "separate-licence"
SIGNED_AGREEMENT = "signed-agreement"
# Kinds of permission from the lightest to the heaviest.
PERMISSION_KINDS = (REGISTRATION_FORM, SIGNED_AGREEMENT, WRITTEN_AUTHORIZATION, SEPARATE_LICENCE)

# What a condition is, for the reader and for the verdict.
DUTY = "duty"  # something to do; makes an answer conditional
LIMIT = "limit"  # something not to do or a bound to keep
PERMISSION = "permission"  # ask first
NOTE = "note"  # bears on how the answer is read, not on the verdict


class Condition(NamedTuple):
    """One duty, limit or permission that bears on the use.

    met: True (the plan meets it), False (the plan misses it), None (the facts do not say).
    when: empty, or the act on which it depends where the facts leave open whether the act takes place.
    """

    label: str
    role: str
    values: tuple[Any, ...]
    met: bool | None
    citation: Citation
    when: str = ""
    via: str = ""  # the ancestor through which it comes, if it is not the model's own

    def to_data(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "label": self.label,
            "role": self.role,
            "values": list(self.values),
            "met": self.met,
            **self.citation.to_data(),
        }
        if self.when:
            data["when"] = self.when
        if self.via:
            data["via"] = self.via
        return data


class Reason(NamedTuple):
    """Why: the effect that one rule found, as a code with parameters; text is made by `i18n`."""

    rule: str
    code: str
    effect: str
    citation: Citation
    params: Mapping[str, Any]

    def to_data(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "code": self.code,
            "effect": self.effect,
            **self.citation.to_data(),
            "params": dict(self.params),
        }


class NextStep(NamedTuple):
    """What to do to get a permission: where, and what to send."""

    kind: str
    urls: tuple[str, ...]
    emails: tuple[str, ...]
    documents: tuple[Any, ...]
    fee: str
    automatic: Any
    citation: Citation

    def to_data(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "urls": list(self.urls),
            "emails": list(self.emails),
            "documents": list(self.documents),
            "fee": self.fee,
            "automatic": self.automatic,
            **self.citation.to_data(),
        }


class Stale(NamedTuple):
    """A text that was last looked at long ago."""

    license: str
    retrieved: str  # ISO date
    days: int

    def to_data(self) -> dict[str, Any]:
        return {"license": self.license, "retrieved": self.retrieved, "days": self.days}


class Decision(NamedTuple):
    """The whole answer for one model and one use."""

    asked: str
    model: str | None
    as_of: str
    verdict: str
    permission: str | None
    conditions: tuple[Condition, ...]
    reasons: tuple[Reason, ...]
    conflicts: tuple[Mapping[str, Any], ...]
    missing_facts: tuple[str, ...]
    next_steps: tuple[NextStep, ...]
    licenses: tuple[Mapping[str, Any], ...]
    held: tuple[Condition, ...] = ()  # permissions that are in hand
    candidates: tuple[str, ...] = ()
    provenance: tuple[str, ...] = ()
    descent: Descent | None = None  # the copy is not in the registry; this is what it was carried to
    stale: tuple[Stale, ...] = ()  # facts that nobody looked at for long; they change no verdict

    @property
    def unmet(self) -> tuple[str, ...]:
        """Labels of conditions that the described plan misses, each once, in order."""
        return tuple(dict.fromkeys(c.label for c in self.conditions if c.met is False))

    def to_data(self) -> dict[str, Any]:
        """The contract of `check --format json|jsonl`."""
        return {
            "asked": self.asked,
            "model": self.model,
            "as_of": self.as_of,
            "verdict": self.verdict,
            "permission": self.permission,
            "conditions": [c.to_data() for c in self.conditions],
            "held": [c.to_data() for c in self.held],
            "unmet": list(self.unmet),
            "conflicts": [dict(c) for c in self.conflicts],
            "missing_facts": list(self.missing_facts),
            "reasons": [r.to_data() for r in self.reasons],
            "next_steps": [n.to_data() for n in self.next_steps],
            "licenses": [dict(x) for x in self.licenses],
            "candidates": list(self.candidates),
            "provenance": list(self.provenance),
            "lineage": self.descent.to_data() if self.descent else None,
            "stale": [s.to_data() for s in self.stale],
        }
