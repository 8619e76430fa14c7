"""What must hold for all questions, tried on the real registry."""

from __future__ import annotations

import random
from typing import Any

import pytest
from decision_support import make_license, one
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelreg.cli._book import Book, open_book
from modelreg.core.facts import ENTITIES, FIELDS, USES, Facts, parse_facts
from modelreg.core.verdict import ORDER, PERMITTED
from modelreg.decision import engine
from modelreg.decision.engine import decide


@pytest.fixture(scope="module")
def book() -> Book:
    return open_book()


FACTS = st.fixed_dictionaries(
    {"use": st.lists(st.sampled_from(USES), min_size=1, max_size=3, unique=True), "commercial": st.booleans()},
    optional={
        "entity": st.sampled_from(ENTITIES),
        "mau": st.integers(0, 2 * 10**9),
        "mau_on_release_date": st.integers(0, 2 * 10**9),
        "affiliates_mau_on_release_date": st.integers(0, 2 * 10**9),
        "dau": st.integers(0, 10**7),
        "annual_revenue_usd": st.integers(0, 10**8),
        "registered": st.booleans(),
        "written_permission": st.booleans(),
        "region": st.sampled_from(["EU", "CN", "DE", "US", "KR"]),
        "modality": st.sampled_from(["text", "multimodal"]),
        "field": st.lists(st.sampled_from(FIELDS), max_size=2, unique=True),
        "fine_tuned": st.booleans(),
        "distributes_weights": st.booleans(),
        "ships_licence": st.booleans(),
        "derivative_name": st.sampled_from(["acme-law", "Llama-3-law", "glm-4-law"]),
        "target_model": st.sampled_from(["bert-base-uncased", "mistralai/Mistral-7B-v0.1", "Qwen/Qwen-7B"]),
    },
)
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(facts=FACTS, number=st.integers(0, 10**6))
def test_every_definite_answer_cites_and_answers_are_repeatable(book: Book, facts: dict[str, Any], number: int) -> None:
    ids = book.registry.model_ids()
    subject = book.subject(ids[number % len(ids)])
    first = decide(subject, parse_facts(facts), "2026-01-01", book)
    assert first == decide(subject, parse_facts(facts), "2026-01-01", book)
    for reason in first.reasons:
        if reason.effect in ("prohibited", "requires-agreement"):
            assert reason.citation.license
            assert reason.citation.source
    for condition in first.conditions:
        if condition.role in ("duty", "limit", "permission"):
            assert condition.citation.license, condition
    if first.verdict == "requires-agreement":
        assert first.permission in engine.PERMISSION_KINDS
    if first.verdict == PERMITTED:
        assert not first.unmet


@SLOW
@given(facts=FACTS, number=st.integers(0, 10**6), seed=st.integers(0, 10**6))
def test_the_order_of_rules_does_not_change_the_verdict(
    book: Book, facts: dict[str, Any], number: int, seed: int
) -> None:
    ids = book.registry.model_ids()
    subject = book.subject(ids[number % len(ids)])
    straight = decide(subject, parse_facts(facts), "2026-01-01", book)
    rules = list(engine.TEXT_RULES)
    random.Random(seed).shuffle(rules)  # noqa: S311 - not for secrets
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "TEXT_RULES", tuple(rules))
        shuffled = decide(subject, parse_facts(facts), "2026-01-01", book)
    assert shuffled.verdict == straight.verdict
    assert sorted(shuffled.unmet) == sorted(straight.unmet)
    assert {c.label for c in shuffled.conditions} == {c.label for c in straight.conditions}


RESTRICTIONS: list[tuple[str, Any]] = [
    ("commercial", {"value": "free-with-registration", "approval": "registration-form", "clause": ["9"]}),
    ("commercial", {"value": "prohibited", "approval": "none", "clause": ["9"]}),
    ("use_scope", {"value": "non-commercial", "permits": [], "clause": ["9"]}),
    ("hosting", {"value": ["forbidden"], "clause": ["9"]}),
    ("territory", {"excluded": ["EU"], "modalities": "all", "who": ["use"], "reaches_outputs": True, "clause": ["9"]}),
    ("excluded_entities", [{"entity": "company", "affiliates": True, "only": "all", "effect": "ineligible",
                            "clause": ["9"]}]),
    ("use_restrictions", [{"tag": "military", "effect": "prohibited", "clause": ["9"]}]),
    ("thresholds", [{"metric": "mau", "value": 100, "crossed": "above", "affiliates": True, "measured": "any-time",
                     "effect": "ineligible", "only": "all", "clause": ["9"]}]),
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(facts=FACTS, number=st.integers(0, len(RESTRICTIONS) - 1))
def test_one_more_restriction_never_loosens_a_verdict(facts: dict[str, Any], number: int) -> None:
    name, value = RESTRICTIONS[number]
    free = one(make_license("L"), **facts).verdict
    bound = one(make_license("L", **{name: value}), **facts).verdict
    assert ORDER.index(bound) >= ORDER.index(free)


def test_facts_read_as_given() -> None:
    facts = Facts({"mau": 5}).with_(dau=6, mau=None)
    assert dict(facts) == {"dau": 6}
