"""What an audit finds: places that name a model, what could not be resolved, what was not looked at, findings.

`Reference` is what a detector saw; `Finding` is what the project is told: the same place with the decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# How much a place matters. Only `use` and `option` fail a build unless the policy says otherwise.
USE = "use"  # what is loaded when nobody chooses
OPTION = "option"  # one of several: a map, a list of choices, a branch, a commented alternative that is switchable
TEST = "test"  # test code and its data
MENTION = "mention"  # documents, comments, docstrings, help texts, messages, comparisons
HOSTED = "hosted"  # served by somebody's API: no weights are taken, the API's terms apply
LEVELS = (USE, OPTION, TEST, MENTION, HOSTED)

# How sure it is that the text names a model.
CERTAIN, LIKELY, POSSIBLE = "certain", "likely", "possible"


class Reference(NamedTuple):
    """One place that names one model.

    Attributes:
        file: path from the root that was audited, with `/`; line, column: 1-based, column in characters of the line;
            end_column: the first column behind it.
        text: as written there; name: the name that is meant, after constants and defaults were resolved
            ("THUDM/chatglm-6b", "qwen2.5:3b", "chatglm3-6b").
        hub: huggingface | modelscope | ollama | github | file | "" where the place does not say.
        kind: what stands there: hub-id | bare-name | ollama-tag | gguf-file | url | path | weights | card | partial
            | hosted.
        place: where it stands, a stable word for the reports: load-call, call-keyword, constant, dict-value,
            parameter-default, env-default, config-key, flag, command, from-line, base-model, comment, docstring, link
        level: one of LEVELS. confidence: CERTAIN, LIKELY or POSSIBLE.
        revision: commit or tag that the place pins, else "".
        via: how it was resolved, for a reader ("constant MODEL in settings.py:3"), else "".
    """

    file: str
    line: int
    column: int
    end_column: int
    text: str
    name: str
    hub: str
    kind: str
    place: str
    level: str
    confidence: str = LIKELY
    revision: str = ""
    via: str = ""


class Unresolved(NamedTuple):
    """A model place whose model is not written in the tree; reason: a code with a text in `i18n`."""

    file: str
    line: int
    column: int
    text: str
    place: str
    reason: str


class Skipped(NamedTuple):
    """A file or folder that was not looked at; reason: a code (too-large, binary, fifo, symlink-loop, ...)."""

    file: str
    reason: str
    detail: str = ""


class Suppression(NamedTuple):
    """Why a finding does not count: status is `accepted`, `expired` or `unused`."""

    status: str
    owner: str
    justification: str
    expires: str  # ISO date; "" for none
    where: str  # file:line of the rule


class Finding(NamedTuple):
    """One thing that the project is told about one model in one place.

    Attributes:
        rule_id: kebab-case and stable, with a page in docs/rules/.
        severity: error (fails), warning, note.
        reference: the place; for findings about the policy or the lock, a place in that file.
        model: id in the registry, or "" where it is unknown; purl: of the model as named, "" where there is none.
        verdict: of the decision, "" where there is none; conditions: labels, in order; unmet: those that are missed.
        message: code and parameters, text is made by `i18n`.
        fingerprint: 32 hex digits of what was found, not of its line: stable when lines are added above.
    """

    rule_id: str
    severity: str
    reference: Reference
    model: str
    purl: str
    verdict: str
    conditions: tuple[str, ...]
    unmet: tuple[str, ...]
    message: tuple[str, Mapping[str, Any]]
    fingerprint: str
    licenses: tuple[str, ...] = ()
    suppression: Suppression | None = None
    baseline: bool = False  # known before: stands in the baseline file


class AuditReport(NamedTuple):
    """The whole answer for one tree: values only; `report/` makes text of it.

    Attributes:
        root: what was audited, as it was named; facts: the declared use; as_of: ISO date.
        models: one mapping a model, by name: model, purl, verdict, decision (`Decision.to_data()`), places, level, ...
        summary: counts by level, verdict, rule and severity, files looked at, what was not looked at.
    """

    root: str
    as_of: str
    facts: Mapping[str, Any]
    findings: tuple[Finding, ...]
    models: tuple[Mapping[str, Any], ...]
    unresolved: tuple[Unresolved, ...]
    skipped: tuple[Skipped, ...]
    summary: Mapping[str, Any]
    policy: str = ""  # path of the policy, "" for none
