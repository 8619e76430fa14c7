"""Words for people, in English and Chinese. Ids, JSON keys, labels and exit codes are never translated."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

LANGUAGES = ("en", "zh")


def language(wanted: str | None = None) -> str:
    """The language to speak: the one asked for, else MODELREG_LANG, else the locale's, else English."""
    if wanted in LANGUAGES:
        return str(wanted)
    for name in ("MODELREG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


class Words:
    """The catalogue of one language."""

    __slots__ = ("_conditions", "_reasons", "_texts", "lang")

    def __init__(self, lang: str) -> None:
        self.lang = lang
        if lang == "zh":
            from modelreg.i18n import zh as catalogue
        else:
            from modelreg.i18n import en as catalogue  # type: ignore[no-redef]
        self._texts: Mapping[str, str] = catalogue.TEXTS
        self._conditions: Mapping[str, str] = catalogue.CONDITIONS
        self._reasons: Mapping[str, str] = catalogue.REASONS

    def __call__(self, key: str, **params: Any) -> str:
        """A phrase of the interface; parameters are put in as they are.

        Raises:
            KeyError: the catalogue has no such phrase (tests/i18n keeps the two catalogues equal).
        """
        return self._texts[key].format(**params)

    def condition(self, label: str) -> str:
        """What a condition label means."""
        return self._conditions.get(label, label)

    def reason(self, code: str, params: Mapping[str, Any]) -> str:
        """Why: the sentence for a reason code, with its parameters."""
        plain = {k: _plain(v, self.lang) for k, v in params.items()}
        return self._reasons.get(code, code).format_map(_Gaps(plain))

    def pick(self, both: Any) -> str:
        """The text of an {en, zh} pair in this language; a plain string as it is."""
        if isinstance(both, Mapping):
            return str(both.get(self.lang) or both.get("en") or "")
        return str(both)


class _Gaps(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


def _plain(value: Any, lang: str) -> Any:
    if isinstance(value, list | tuple):
        return ("、" if lang == "zh" else ", ").join(str(v) for v in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return value
