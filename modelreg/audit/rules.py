"""What an audit can tell, one rule a kind of finding: its id (public, kebab-case, never reused) and default severity.

The words are in i18n (`en_findings`, `zh_findings`); a page for each is in docs/rules/. A policy may change the
severity of any rule (`policy: {severity: {headroom: error}}`).
"""

from __future__ import annotations

ERROR, WARNING, NOTE, OFF = "error", "warning", "note", "off"
SEVERITIES = (ERROR, WARNING, NOTE)

# About a place that names a model. Where its level does not fail (`fail_on`), the severity is at most a note.
PROHIBITED_USE = "prohibited-use"
REQUIRES_AGREEMENT = "requires-agreement"
UNDETERMINED_TERMS = "undetermined-terms"
UNMET_CONDITION = "unmet-condition"
UNKNOWN_MODEL = "unknown-model"
AMBIGUOUS_MODEL = "ambiguous-model"
PARTIAL_NAME = "partial-name"
HOSTED_MODEL = "hosted-model"
MODEL_FOUND = "model-found"
DENIED_BY_POLICY = "denied-by-policy"
WARNED_BY_POLICY = "warned-by-policy"
CARD_CLAIMS_MORE = "card-claims-more"
UNRESOLVED_MODEL = "unresolved-model"
# About a model as a whole: told once, at the place that matters most.
NOT_ACKNOWLEDGED = "not-acknowledged"
EVIDENCE_MISSING = "evidence-missing"
NOT_PINNED = "not-pinned"
OTHER_REVISION = "other-revision"
TEXT_CHANGED = "text-changed"
STALE_FACTS = "stale-facts"
HEADROOM = "headroom"
# About the policy and the lock themselves.
NO_USE_DECLARED = "no-use-declared"
EXPIRED_SUPPRESSION = "expired-suppression"
UNUSED_SUPPRESSION = "unused-suppression"
UNUSED_PIN = "unused-pin"

# Told once a model, wherever its foremost place is: the place is no part of what they are.
WIDE = frozenset(
    {NOT_ACKNOWLEDGED, EVIDENCE_MISSING, NOT_PINNED, TEXT_CHANGED, STALE_FACTS, HEADROOM, NO_USE_DECLARED, UNUSED_PIN}
)

# rule id -> severity, in the order of docs/rules/README.md
RULES: dict[str, str] = {
    PROHIBITED_USE: ERROR,
    REQUIRES_AGREEMENT: ERROR,
    UNDETERMINED_TERMS: ERROR,
    UNMET_CONDITION: ERROR,
    UNKNOWN_MODEL: ERROR,
    AMBIGUOUS_MODEL: ERROR,
    PARTIAL_NAME: WARNING,
    HOSTED_MODEL: NOTE,
    MODEL_FOUND: NOTE,
    DENIED_BY_POLICY: ERROR,
    WARNED_BY_POLICY: WARNING,
    CARD_CLAIMS_MORE: ERROR,
    UNRESOLVED_MODEL: OFF,
    NOT_ACKNOWLEDGED: ERROR,
    EVIDENCE_MISSING: ERROR,
    NOT_PINNED: ERROR,
    OTHER_REVISION: ERROR,
    TEXT_CHANGED: ERROR,
    STALE_FACTS: WARNING,
    HEADROOM: WARNING,
    NO_USE_DECLARED: ERROR,
    EXPIRED_SUPPRESSION: ERROR,
    UNUSED_SUPPRESSION: WARNING,
    UNUSED_PIN: NOTE,
}
