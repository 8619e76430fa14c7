"""English and Chinese say the same things, and everything that can be said has words."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from modelreg.i18n import Words, en, language, zh

PACKAGE = Path(en.__file__).resolve().parent.parent


@pytest.mark.parametrize("name", ["TEXTS", "CONDITIONS", "REASONS"])
def test_both_languages_have_the_same_keys_and_parameters(name: str) -> None:
    left, right = getattr(en, name), getattr(zh, name)
    assert set(left) == set(right)
    for key in left:
        fields = [{f for _, f, _, _ in string.Formatter().parse(t[key]) if f} for t in (left, right)]
        assert fields[0] == fields[1], key


def test_every_reason_of_the_rules_has_words() -> None:
    codes = set()
    for path in (PACKAGE / "decision").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        codes |= set(re.findall(r'Outcome\(\s*[\w"-]+,\s*"([a-z-]+)"', source))
        codes |= set(re.findall(r'_open\(\s*"[a-z-]+", "([a-z-]+)"', source))
    codes -= {"duty", "limit", "note"}
    assert codes
    assert codes <= set(en.REASONS)


def test_language_of_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODELREG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert language() == "en"
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert language() == "zh"
    assert language("en") == "en"
    assert Words("zh").reason("entity-excluded", {"entity": "company"}).startswith("此类")
