"""Words for audit reports: findings, rules, levels, what was not resolved and what was not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelreg.i18n import Words


class AuditWords:
    """The catalogue of audit reports in one language; only reports load it.

    Codes come from detectors, policy and walker. One without words is shown as it is, so that a new code never stops a
    report; tests/i18n keeps both languages equal. Sentences of findings and rules stand in `en_findings` and its twin.
    """

    __slots__ = ("_catalogue", "words")

    def __init__(self, lang: str) -> None:
        if lang == "zh":
            from modelreg.i18n import zh_audit as catalogue
        else:
            from modelreg.i18n import en_audit as catalogue  # type: ignore[no-redef]
        self.words = Words(lang)
        self._catalogue: Any = catalogue

    @property
    def lang(self) -> str:
        return self.words.lang

    def __call__(self, key: str, **params: Any) -> str:
        """A phrase of the reports. Raises: KeyError for one that no catalogue has."""
        text: str = self._catalogue.TEXTS[key]
        return text.format(**{k: plain(v, self.lang) for k, v in params.items()})

    def message(self, code: str, params: Mapping[str, Any]) -> str:
        """The sentence of a finding."""
        return self.words.finding(code, params)

    def rule(self, rule_id: str) -> str:
        """What a rule says, in one line."""
        return self.words.rule(rule_id)

    def rule_help(self, rule_id: str) -> str:
        """What to do when a rule reports, in a sentence or two; "" where nothing is written."""
        text: str = self._catalogue.HELP.get(rule_id, "")
        return text

    def level(self, level: str) -> str:
        return self._of("LEVELS", level)

    def severity(self, severity: str) -> str:
        return self._of("SEVERITIES", severity)

    def unresolved(self, reason: str) -> str:
        return self._of("UNRESOLVED", reason)

    def skipped(self, reason: str) -> str:
        return self._of("SKIPPED", reason)

    def verdict(self, verdict: str) -> str:
        """The verdict in words; a model without a decision has none."""
        return self.words(verdict) if verdict else self("no-verdict")

    def _of(self, table: str, key: str) -> str:
        found: Mapping[str, str] = getattr(self._catalogue, table)
        return found.get(key, key)


def plain(value: Any, lang: str) -> Any:
    """A parameter as it stands in a sentence: lists joined, numbers with thousands."""
    if isinstance(value, list | tuple):
        return ("、" if lang == "zh" else ", ").join(str(plain(v, lang)) for v in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return value
