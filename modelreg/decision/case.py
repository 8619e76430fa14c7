"""What a rule may look at: the use, the texts that apply, and the way to report what it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from modelreg.core.facts import Facts
from modelreg.core.license import ABSENT, KNOWN, NOT_SEEN, SILENT, Citation, License, Term
from modelreg.core.model import Descent, Model
from modelreg.core.verdict import (
    DUTY,
    LIMIT,
    NOTE,
    PERMISSION,
    PERMITTED,
    REGISTRATION_FORM,
    REQUIRES_AGREEMENT,
    SEPARATE_LICENCE,
    SIGNED_AGREEMENT,
    WITH_CONDITIONS,
    Condition,
)


class Lookup(Protocol):
    """What the engine needs of the registry."""

    def license(self, license_id: str) -> License | None:
        """The record, or None."""

    def model(self, model_id: str) -> Model | None:
        """The entry under exactly this id, or None."""

    def find(self, name: str) -> Model | None:
        """The one model that people mean by this name, or None if there is none or more than one."""


class Outcome(NamedTuple):
    """One finding of one rule."""

    effect: str  # a verdict
    code: str  # reason code, see i18n
    citation: Citation
    params: Mapping[str, Any]
    condition: Condition | None = None
    kind: str | None = None  # kind of permission, where effect is requires-agreement
    missing: tuple[str, ...] = ()


class Bundle(NamedTuple):
    """The texts that govern one model's weights at the date: the licence, statements beside it, its policies.

    via is empty for the model that was asked about, else the id of the ancestor.
    """

    model: Model | None
    license: License
    beside: tuple[License, ...]
    policies: tuple[License, ...]
    via: str

    @property
    def records(self) -> tuple[License, ...]:
        """Statements first: where the licensor settled a term outside the text, that is the offer in force."""
        return (*self.beside, self.license)

    @property
    def everything(self) -> tuple[License, ...]:
        return (*self.records, *self.policies)

    def settled(self, name: str) -> tuple[License, Term] | None:
        """The record that settles a term, and the term."""
        for record in self.records:
            term = record.term(name)
            if term is not None:
                return record, term
        return None

    def state(self, name: str) -> str:
        """Known if any record states it; else not-seen if some text could not be had; else silent."""
        states = {r.state(name) for r in self.records}
        for state in (KNOWN, NOT_SEEN, SILENT):
            if state in states:
                return state
        return ABSENT

    def items(self, name: str, *, policies: bool = False) -> Iterator[tuple[License, Term]]:
        for record in self.everything if policies else self.records:
            for item in record.items(name):
                yield record, item


# The acts that duties hang on: True (takes place), False (does not), None (the facts leave it open).
Acts = Mapping[str, bool | None]

_DERIVED_USES = frozenset({"distribute-finetune", "distribute-adapter", "distribute-quantised", "merge"})
_DISTRIBUTING = frozenset({"distribute-weights", "distribute-finetune", "distribute-adapter", "distribute-quantised"})


def acts_of(facts: Facts, uses: frozenset[str], commercial: bool | None) -> Acts:
    """Which acts a described use contains.

    A product may or may not hand copies of the weights to its users, and may or may not be a hosted service: where
    the facts do not say, those two stay open. Serving an API hands out no copies.
    """
    unnamed = not uses
    shipped = facts.flag("distributes_weights")
    distribution: bool | None = False
    if uses & _DISTRIBUTING or shipped:
        distribution = True
    elif shipped is None and ("product" in uses or (unnamed and commercial) or (uses == {"code-only"} and commercial)):
        distribution = None
    modified = bool(uses & _DERIVED_USES or facts.flag("fine_tuned") or facts.flag("modified"))
    hosted = facts.flag("hosts_for_third_parties")
    hosting: bool | None = False
    if "api-service" in uses or hosted:
        hosting = True
    elif hosted is None and ("product" in uses or (unnamed and commercial)):
        hosting = None
    product: bool | None = bool(uses & {"product", "api-service"})
    if unnamed and commercial:
        product = None
    published: bool | None = bool("outputs-only" in uses or "public-posting" in facts.words("field"))
    if not published and (product is not False or hosting is not False):
        published = None
    return {
        "any-use": True,
        "commercial-use": commercial,
        "distribution": distribution,
        "modification": modified,
        "derivative": distribution if modified else False,
        "derivative-offered": _any(distribution, hosting, None if product else product) if modified else False,
        "derivative-hosted": hosting if modified else False,
        "hosting": hosting,
        "product": product,
        "training": "train-on-outputs" in uses,
        "trained-offered": _trained_offered(facts, distribution, product) if "train-on-outputs" in uses else False,
        "output-publication": published,
        "research-publication": None if "research" in uses else False,
    }


def _trained_offered(facts: Facts, distribution: bool | None, product: bool | None) -> bool | None:
    """Whether a model that was trained on outputs is made available; a name for it says that it is."""
    if distribution or facts.word("derivative_name"):
        return True
    kept = facts.flag("distributes_weights") is False and not product
    return False if kept else None


def _any(*states: bool | None) -> bool | None:
    """Three-valued or."""
    if True in states:
        return True
    return None if None in states else False


class Case:
    """One question: the facts, and what follows from them alone."""

    __slots__ = (
        "acts", "as_of", "bundles", "commercial", "descent", "facts", "lookup", "model", "own_derivative", "uses",
    )  # fmt: skip

    def __init__(self, facts: Facts, as_of: str, lookup: Lookup, model: Model | None) -> None:
        self.facts = facts
        self.as_of = as_of
        self.lookup = lookup
        self.model = model
        self.uses = frozenset(facts.words("use"))
        self.commercial = commercial_of(facts, self.uses)
        self.acts = acts_of(facts, self.uses, self.commercial)
        self.bundles: tuple[Bundle, ...] = ()
        self.descent: Descent | None = None  # of a name that is not in the registry
        # The user is the one who makes or publishes the copy: there is no other publisher whose terms could be missing.
        self.own_derivative = bool(self.uses & (_DISTRIBUTING | {"merge"}) or facts.word("derivative_name"))

    @property
    def only_private(self) -> bool:
        """Research, evaluation or personal use that hands nothing on: general limits stay in the background."""
        return (
            self.commercial is False
            and self.acts["distribution"] is False
            and self.acts["hosting"] is False
            and self.acts["product"] is False
            and not self.acts["training"]
        )

    def bears(self, triggers: Sequence[str]) -> tuple[bool, str]:
        """Whether one of the acts takes place or may; with the act's name where it only may."""
        states = {t: self.acts.get(t, False) for t in triggers}
        if True in states.values():
            return True, ""
        maybe = [t for t, state in states.items() if state is None]
        # Where several acts may take place, name the likeliest: offering a product, before handing out weights.
        maybe.sort(key=lambda t: t not in ("product", "hosting"))
        return bool(maybe), maybe[0] if maybe else ""


def commercial_of(facts: Facts, uses: frozenset[str]) -> bool | None:
    """Whether the use is commercial, as far as the facts say; None where they do not."""
    stated = facts.flag("commercial")
    if "internal-commercial" in uses:
        return True
    if stated is not None:
        return stated
    if facts.flag("direct_revenue"):
        return True
    if uses and uses <= {"research", "evaluate", "personal", "code-only"}:
        return False
    return None


def held(case: Case, bundle: Bundle, kind: str) -> bool:
    """Whether the permission that a text asks for is in hand.

    A written permission of the licensor is more than a form. A form that was filled for another model, in another's
    name, or that the licensor has not confirmed where he says so, is not this permission.
    """
    facts = case.facts
    if facts.flag("written_permission"):
        return True
    if not facts.flag("registered") or kind in (SEPARATE_LICENCE, SIGNED_AGREEMENT):
        return False
    if kind != REGISTRATION_FORM:
        return facts.flag("registration_confirmed") is True
    if facts.flag("registration_confirmed") is False or _in_anothers_name(facts, bundle):
        return False
    other = facts.word("registered_for")
    return not (other and not _covers(case, bundle, other))


def _in_anothers_name(facts: Facts, bundle: Bundle) -> bool:
    """A permission that cannot be transferred helps only the one in whose name it was given."""
    named = (facts.word("registered_in_name_of") or "").lower()
    grant = bundle.settled("grant")
    own = not named or named.split()[0] in ("own", "our", "us", "self", "same", "ourselves")
    return not own and grant is not None and grant[1].get("transferable") is False


def _covers(case: Case, bundle: Bundle, other: str) -> bool:
    registered = case.lookup.find(other)
    model = bundle.model
    if registered is None or model is None:
        return False
    if registered.id == model.id:
        return True
    period = registered.period_at(case.as_of)
    same_text = period is not None and period.license == bundle.license.id
    # Forms are filed per size (Qwen has one for 7B, 14B and 72B each): the same text alone is not enough.
    return same_text and registered.family == model.family and _size(registered) == _size(model)


def _size(model: Model) -> int | None:
    value = model.entry.get("parameters")
    return value.get("value") if isinstance(value, Mapping) else None


def duty(
    label: str, citation: Citation, met: bool | None, *, values: Sequence[Any] = (), when: str = "", via: str = ""
) -> Outcome:
    """A duty that bears on the use."""
    condition = Condition(label, DUTY, tuple(values), met, citation, when, via)
    return Outcome(WITH_CONDITIONS, "duty", citation, {"label": label}, condition)


def limit(
    case: Case,
    label: str,
    citation: Citation,
    *,
    met: bool | None = None,
    values: Sequence[Any] = (),
    via: str = "",
    background: bool = False,
) -> Outcome:
    """A limit that the use must keep to; a background limit does not make private use conditional."""
    effect = PERMITTED if background and case.only_private else WITH_CONDITIONS
    condition = Condition(label, LIMIT, tuple(values), met, citation, "", via)
    return Outcome(effect, "limit", citation, {"label": label}, condition)


def note(label: str, citation: Citation, *, values: Sequence[Any] = (), via: str = "", **params: Any) -> Outcome:
    """Something that bears on how the answer is read."""
    condition = Condition(label, NOTE, tuple(values), None, citation, "", via)
    return Outcome(PERMITTED, "note", citation, {"label": label, **params}, condition)


def permission(
    case: Case, bundle: Bundle, kind: str, citation: Citation, code: str, *, values: Sequence[Any] = (), **params: Any
) -> Outcome:
    """A permission that must be obtained first, and whether it is in hand."""
    in_hand = held(case, bundle, kind)
    condition = Condition(kind, PERMISSION, tuple(values), in_hand, citation, "", bundle.via)
    effect = WITH_CONDITIONS if in_hand else REQUIRES_AGREEMENT
    return Outcome(effect, code, citation, {"kind": kind, "held": in_hand, **params}, condition, kind)
