"""Every code that the audit tells has words; one that has none is shown as it is."""

from __future__ import annotations

import re
from pathlib import Path

import modelreg.audit
from modelreg.core.finding import LEVELS
from modelreg.i18n import en_audit
from modelreg.i18n.audit import AuditWords

SOURCES = "\n".join(p.read_text(encoding="utf-8") for p in sorted(Path(modelreg.audit.__path__[0]).rglob("*.py")))


def codes(pattern: str) -> set[str]:
    return set(re.findall(pattern, SOURCES))


def test_why_something_could_not_be_resolved() -> None:
    found = codes(r'\bUnknown\("([a-z-]+)"\)') | codes(r'unresolved\([^()]*"([a-z-]+)"\)')
    found |= codes(r'Unresolved\([^"\n]*"weights", "([a-z-]+)"\)')
    assert len(found) > 8
    assert found <= set(en_audit.UNRESOLVED)


def test_why_something_was_not_looked_at() -> None:
    found = codes(r'(?:_skip|Skipped)\((?:[^"()]|\([^()]*\))*"([a-z-]+)"') | {"fifo", "socket", "device", "special"}
    assert len(found) > 12
    assert found <= set(en_audit.SKIPPED)


def test_levels() -> None:
    assert set(LEVELS) == set(en_audit.LEVELS)


def test_a_code_without_words_is_shown_as_it_is() -> None:
    for lang in ("en", "zh"):
        words = AuditWords(lang)
        assert words.unresolved("no-such-code") == "no-such-code"
        assert words.skipped("no-such-code") == "no-such-code"
        assert words.rule("no-such-rule") == "no-such-rule"
        assert words.rule_help("no-such-rule") == ""
        assert words.message("no-such-message", {"a": 1})
        assert words.verdict("")
