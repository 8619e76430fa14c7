"""Facts about a use: what the user says, checked once and then only read.

`modelreg explain facts` lists the names. Three-valued on purpose: a fact that was not given is None, which is not
`false`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelreg.errors import InputError

USES = (
    "research", "evaluate", "personal", "internal-commercial", "product", "api-service", "distribute-weights",
    "distribute-finetune", "distribute-adapter", "distribute-quantised", "train-on-outputs", "merge",
    "outputs-only", "code-only",
)  # fmt: skip
ENTITIES = (
    "individual", "company", "software-provider", "cloud-provider", "maas-provider", "academic", "non-profit",
    "state-organ",
)  # fmt: skip
MODALITIES = ("text", "multimodal")
FIELDS = ("military", "medical", "automated-decision", "public-posting", "competing-model")

_FLAG, _COUNT, _WORD, _WORDS, _DATE = "true or false", "a whole number", "a word", "a list of words", "a date"

# name -> (kind, allowed values)
FACTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "use": (_WORDS, USES),
    "commercial": (_FLAG, ()),
    "entity": (_WORD, ENTITIES),
    "affiliate_entity": (_WORD, ENTITIES),
    "registered": (_FLAG, ()),
    "registered_for": (_WORD, ()),
    "registration_confirmed": (_FLAG, ()),
    "registered_in_name_of": (_WORD, ()),
    "written_permission": (_FLAG, ()),
    "permission_date": (_DATE, ()),
    "mau": (_COUNT, ()),
    "affiliates_mau": (_COUNT, ()),
    "mau_on_release_date": (_COUNT, ()),
    "affiliates_mau_on_release_date": (_COUNT, ()),
    "dau": (_COUNT, ()),
    "affiliates_dau": (_COUNT, ()),
    "visits_per_month": (_COUNT, ()),
    "edge_devices": (_COUNT, ()),
    "annual_revenue_usd": (_COUNT, ()),
    "affiliates_revenue": (_COUNT, ()),
    "monthly_revenue_usd": (_COUNT, ()),
    "product_uses_model": (_FLAG, ()),
    "distributes_weights": (_FLAG, ()),
    "ships_licence": (_FLAG, ()),
    "ships_notice": (_FLAG, ()),
    "marks_changes": (_FLAG, ()),
    "passes_on_restrictions": (_FLAG, ()),
    "sublicenses": (_FLAG, ()),
    "ui_attribution": (_FLAG, ()),
    "discloses_ai": (_FLAG, ()),
    "derivative_name": (_WORD, ()),
    "derivative_licence": (_WORD, ()),
    "fine_tuned": (_FLAG, ()),
    "modified": (_FLAG, ()),
    "direct_revenue": (_FLAG, ()),
    "language": (_WORD, ()),
    "base_model": (_WORDS, ()),
    "declared_licence": (_WORD, ()),
    "architecture": (_WORD, ()),
    "has_base_weights": (_FLAG, ()),
    "downloaded": (_WORD, ()),
    "target_model": (_WORD, ()),
    "region": (_WORD, ()),
    "principal_place_of_business": (_WORD, ()),
    "domicile": (_WORD, ()),
    "has_eu_office": (_FLAG, ()),
    "outputs_shown_in": (_WORD, ()),
    "modality": (_WORD, MODALITIES),
    "field": (_WORDS, FIELDS),
    "human_in_the_loop": (_FLAG, ()),
    "received_as_integrated_product": (_FLAG, ()),
    "hosts_for_third_parties": (_FLAG, ()),
    "uses_dataset": (_WORD, ()),
    "asks_about": (_WORD, ()),
}
# American spelling of the same facts is accepted.
_ALIASES = {
    "ships_license": "ships_licence",
    "declared_license": "declared_licence",
    "derivative_license": "derivative_licence",
    "uses": "use",
}
MAX_COUNT = 10**15
MAX_WORD = 2000


class Facts(Mapping[str, Any]):
    """The facts that were given; reading one that was not gives None."""

    __slots__ = ("_data",)

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = dict(data)

    def __getitem__(self, name: str) -> Any:
        return self._data[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"Facts({self._data!r})"

    def flag(self, name: str) -> bool | None:
        value = self._data.get(name)
        return value if isinstance(value, bool) else None

    def count(self, name: str) -> int | None:
        value = self._data.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def word(self, name: str) -> str | None:
        value = self._data.get(name)
        return value if isinstance(value, str) else None

    def words(self, name: str) -> tuple[str, ...]:
        value = self._data.get(name)
        return tuple(value) if isinstance(value, list | tuple) else ()

    def with_(self, **more: Any) -> Facts:
        """A copy with more facts; None takes a fact out."""
        merged = {**self._data, **more}
        return Facts({k: v for k, v in merged.items() if v is not None})


def parse_facts(data: Any, *, where: str = "facts") -> Facts:
    """Check raw facts (from JSON, YAML or flags) and return them.

    Args:
        data: a mapping of fact names to values; null means not given.
        where: file:line, option or input line, named in errors.
    Raises:
        InputError: unknown fact, wrong kind of value, value outside its vocabulary.
    """
    if data is None:
        return Facts({})
    if not isinstance(data, Mapping):
        raise InputError(f"facts must be a mapping, got {_kind_of(data)}", code="bad-facts", where=where)
    out: dict[str, Any] = {}
    for raw, value in data.items():
        name = _fact_name(raw, where)
        if value is None:
            continue
        if name in out:
            raise InputError(f"fact '{name}' is given twice", code="bad-facts", where=f"{where}: {raw}")
        out[name] = _checked(name, value, f"{where}: {raw}")
    return Facts(out)


def _fact_name(raw: Any, where: str) -> str:
    if not isinstance(raw, str):
        raise InputError(f"a fact's name must be text, got {_kind_of(raw)}", code="bad-facts", where=where)
    name = raw.strip().replace("-", "_")
    name = _ALIASES.get(name, name)
    if name not in FACTS:
        near = _nearest(name, FACTS)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(
            f"unknown fact {raw[:60]!r}", code="unknown-fact", where=where, hint=hint + "names: modelreg explain facts"
        )
    return name


def _checked(name: str, value: Any, where: str) -> Any:
    kind, allowed = FACTS[name]
    if kind == _FLAG:
        if isinstance(value, bool):
            return value
    elif kind == _COUNT:
        if isinstance(value, int) and not isinstance(value, bool):
            if 0 <= value <= MAX_COUNT:
                return value
            raise InputError(
                f"fact '{name}' must lie between 0 and {MAX_COUNT}",
                code="bad-facts",
                where=where,
                hint="check the figure",
            )
        if isinstance(value, float) and value.is_integer() and 0 <= value <= MAX_COUNT:
            return int(value)
    elif kind == _WORDS:
        items = [value] if isinstance(value, str) else value
        if isinstance(items, list | tuple) and all(isinstance(i, str) for i in items):
            return [_word(name, i, allowed, where) for i in items]
    elif isinstance(value, str):
        word = _word(name, value, allowed, where)
        if kind == _DATE and not is_date(word):
            raise InputError(
                f"fact '{name}' must be a date like 2024-05-31, got {value[:40]!r}", code="bad-facts", where=where
            )
        return word
    raise InputError(f"fact '{name}' must be {kind}, got {_kind_of(value)}", code="bad-facts", where=where)


def _word(name: str, value: str, allowed: tuple[str, ...], where: str) -> str:
    word = value.strip()
    if not word or len(word) > MAX_WORD:
        raise InputError(f"fact '{name}' must be 1 to {MAX_WORD} characters", code="bad-facts", where=where)
    if allowed and word not in allowed:
        near = _nearest(word, allowed)
        hint = (f"did you mean '{near[0]}'? " if near else "") + "one of: " + ", ".join(allowed)
        raise InputError(f"fact '{name}' cannot be {word[:60]!r}", code="bad-facts", where=where, hint=hint)
    return word


def _nearest(word: str, known: Iterable[str]) -> list[str]:
    import difflib  # only on the way to an error

    return difflib.get_close_matches(word[:60], list(known), n=1)


def is_date(text: str) -> bool:
    """Whether text is a real calendar date in the form YYYY-MM-DD."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return False
    year, month, day = text[:4], text[5:7], text[8:]
    if not (year.isascii() and month.isascii() and day.isascii()):
        return False
    if not (year.isdigit() and month.isdigit() and day.isdigit()):
        return False
    y, m, d = int(year), int(month), int(day)
    if not (y >= 1 and 1 <= m <= 12):
        return False
    leap = y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)
    return 1 <= d <= (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[m - 1]


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "true/false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    return names.get(type(value), type(value).__name__)
