"""Facts are checked once, at the edge."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelreg.core.facts import FACTS, is_date, parse_facts
from modelreg.errors import InputError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.dictionaries(st.sampled_from(sorted(FACTS)) | st.text(max_size=12), JSON, max_size=5) | JSON)
def test_whatever_is_handed_in_is_read_or_refused_with_its_place(data: Any) -> None:
    try:
        facts = parse_facts(data, where="here")
    except InputError as error:
        if not error.where.startswith("here"):
            raise
    else:
        assert set(facts) <= set(FACTS)
        assert None not in facts.values()


@given(day=st.dates())
def test_every_calendar_day_is_a_date(day: date) -> None:
    assert is_date(day.isoformat())


@pytest.mark.parametrize(
    "text", ["2023-02-29", "2023-13-01", "2023-1-1", "20230101", "２０２３-01-01", "0000-01-01", ""]
)
def test_other_texts_are_none(text: str) -> None:
    assert not is_date(text)


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        ({"mua": 1}, "mau"),
        ({"entity": "compny"}, "company"),
        ({"use": ["produkt"]}, "product"),
        ({"commercial": "yes"}, ""),
        ({"mau": -1}, ""),
        ({"mau": True}, ""),
        ({"mau": 10**20}, ""),
        ({"ships_licence": True, "ships-licence": True}, ""),
        ({"permission_date": "yesterday"}, ""),
    ],
)
def test_mistakes_are_named_with_the_nearest_word(data: dict[str, Any], hint: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_facts(data)
    assert hint in caught.value.hint


def test_american_spelling_and_single_words_are_read() -> None:
    facts = parse_facts({"ships_license": True, "use": "product", "mau": None, "dau": 5.0})
    assert dict(facts) == {"ships_licence": True, "use": ["product"], "dau": 5}
