"""A book of three invented licences and a few models, in the shape that the engine reads."""

from __future__ import annotations

from typing import Any

from modelreg.core.facts import parse_facts
from modelreg.core.license import License
from modelreg.core.model import Model
from modelreg.core.verdict import Decision
from modelreg.decision.engine import Subject, decide

TODAY = "2026-01-01"


def make_license(license_id: str, **terms: Any) -> License:
    grant = dict.fromkeys(("exclusive", "worldwide", "royalty_free", "perpetual", "patent"), "silent")
    base: dict[str, Any] = {
        "use_scope": {"value": "any", "clause": ["1"]},
        "commercial": {"value": "free", "approval": "none", "clause": ["2"]},
        "grant": {**grant, "transferable": True, "sublicensable": True, "revocable": False, "clause": ["1"]},
        "registration": {"applies": "commercial", "urls": ["https://form.example"], "emails": [], "clause": ["2"]},
    }
    base.update(terms)
    return License(
        {
            "id": license_id,
            "kind": "model-license",
            "title": license_id,
            "version": "1",
            "terms": {k: v for k, v in base.items() if v is not None},
            "clauses": {},
            "texts": {"main": {"slug": license_id.lower(), "repository": "github:acme/x", "path": "LICENSE"}},
            "conflicts": [],
        }
    )


def make_model(model_id: str, license_id: str | None, **entry: Any) -> Model:
    periods: Any = [{"from": "2023-01-01", "license": license_id}] if license_id else "not-seen"
    return Model(
        {
            "id": model_id,
            "name": model_id.rpartition("/")[2],
            "family": "acme",
            "publisher": "acme",
            "modalities": ["text"],
            "parameters": {"value": 7_000_000_000},
            "code_license": {"license": "Apache-2.0"},
            "weight_license": periods,
            "base_models": [],
            "conflicts": [],
            **entry,
        }
    )


class Book:
    """Implements decision.case.Lookup over plain lists."""

    def __init__(self, licenses: list[License], models: list[Model]) -> None:
        self.licenses = {x.id: x for x in licenses}
        self.models = {m.id: m for m in models}

    def license(self, license_id: str) -> License | None:
        return self.licenses.get(license_id)

    def model(self, model_id: str) -> Model | None:
        return self.models.get(model_id)

    def find(self, name: str) -> Model | None:
        return self.models.get(name)


def ask(book: Book, model_id: str, as_of: str = TODAY, **facts: Any) -> Decision:
    return decide(Subject(model_id, book.find(model_id)), parse_facts(facts), as_of, book)


def one(license: License, **facts: Any) -> Decision:
    """Ask about a single model under a licence."""
    return ask(Book([license], [make_model("acme/heron", license.id)]), "acme/heron", **facts)


def labels(decision: Decision) -> set[str]:
    return {c.label for c in decision.conditions}
