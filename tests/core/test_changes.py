"""What differs between two records, term by term."""

from __future__ import annotations

from typing import Any

from modelreg.core.changes import ADDED, CHANGED, MOVED, REMOVED, Change, compare_keys, compare_terms
from modelreg.core.effective import TERMS, effective
from modelreg.core.license import License


def _compare(name: str, was: Any, now: Any) -> list[Change]:
    return compare_terms({name: was}, {name: now}, TERMS)


def test_the_same_terms_do_not_differ() -> None:
    terms = {"commercial": {"value": "free", "clause": ["2"]}, "duties": [{"label": "royalty", "clause": ["3"]}]}
    assert compare_terms(terms, terms, TERMS) == []
    assert _compare("covers", {"value": ["code", "weights"]}, {"value": ["weights", "code"]}) == []


def test_a_term_that_appears_goes_or_changes() -> None:
    [new] = _compare("hosting", "silent", {"value": "allowed", "clause": ["1"]})
    assert (new.kind, new.now_clause) == (ADDED, "1")
    [gone] = _compare("hosting", {"value": "allowed"}, "silent")
    assert gone.kind == REMOVED
    [seen] = _compare("hosting", "not-seen", {"value": "allowed"})
    assert seen.kind == CHANGED
    [changed] = _compare("commercial", {"value": "prohibited", "clause": ["3"]}, {"value": "free", "clause": ["2"]})
    assert changed.keys == {"value": ("prohibited", "free")}
    assert (changed.was_clause, changed.now_clause) == ("3", "2")
    [moved] = _compare("forum", {"place": "Beijing", "clause": ["6"]}, {"place": "Beijing", "clause": ["7"]})
    assert moved.kind == MOVED


def test_entries_of_lists_are_paired_by_what_names_them() -> None:
    was = [
        {"metric": "mau", "value": 100, "effect": "separate-licence"},
        {"metric": "dau", "value": 5, "effect": "ineligible"},
    ]
    now = [
        {"metric": "dau", "value": 5, "effect": "ineligible"},
        {"metric": "mau", "value": 200, "effect": "separate-licence"},
    ]
    [change] = _compare("thresholds", was, now)
    assert (change.item, change.keys) == ("mau", {"value": (100, 200)})
    kinds = [c.kind for c in _compare("use_restrictions", [{"tag": "military"}], [{"tag": "medical"}])]
    assert kinds == [REMOVED, ADDED]
    assert [c.kind for c in _compare("duties", "silent", [{"label": "royalty"}])] == [ADDED]
    assert [c.kind for c in _compare("duties", [{"label": "royalty"}], "not-seen")] == [CHANGED]


def test_keys_of_an_entry() -> None:
    changes = compare_keys({"a": 1, "b": [], "c": 3, "x": 1}, {"a": 2, "b": ["n"], "x": 2}, leave_out=("x",))
    assert [(c.term, c.kind) for c in changes] == [("a", CHANGED), ("b", ADDED), ("c", REMOVED)]
    assert changes[0].to_data()["was"] == 1


def test_statements_come_before_the_text_and_lists_add_up() -> None:
    text = License({"id": "L", "terms": {"commercial": {"value": "prohibited"}, "duties": [{"label": "royalty"}]}})
    readme = License({"id": "R", "terms": {"commercial": {"value": "free"}, "duties": [{"label": "built-with"}]}})
    terms = effective([readme, text])
    assert terms["commercial"] == {"value": "free", "stated_in": "R"}
    assert [d["label"] for d in terms["duties"]] == ["built-with", "royalty"]
    assert effective([])["forum"] == "not-seen"
    assert effective([License({"id": "X", "terms": {"forum": "not-seen"}})])["forum"] == "not-seen"
