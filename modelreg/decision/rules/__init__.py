"""The rules, one a file: `RULE_ID` (public, kebab-case), `SUMMARY` (en, zh) and `check()`.

MODEL_RULES look at the model once; TEXT_RULES look at each bundle of texts (the model's own and every ancestor's).
"""

from __future__ import annotations

from types import ModuleType

from modelreg.decision.rules import (
    code_and_weights,
    commercial_use,
    conflicting_sources,
    duties,
    excluded_entities,
    field_of_use,
    grant_limits,
    hosting,
    lineage,
    outputs_only,
    terms_changed,
    territory,
    thresholds,
    trademark,
    training_on_outputs,
    use_policy,
    use_scope,
)

MODEL_RULES: tuple[ModuleType, ...] = (code_and_weights, terms_changed, lineage, conflicting_sources)
TEXT_RULES: tuple[ModuleType, ...] = (
    territory,
    excluded_entities,
    field_of_use,
    use_scope,
    outputs_only,
    thresholds,
    commercial_use,
    hosting,
    training_on_outputs,
    duties,
    use_policy,
    grant_limits,
    trademark,
)
ALL_RULES: dict[str, ModuleType] = {m.RULE_ID: m for m in (*MODEL_RULES, *TEXT_RULES)}
