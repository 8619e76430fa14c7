"""Where: some texts leave out a region, for all models or for multimodal ones, by seat, domicile or place of use."""

from __future__ import annotations

from collections.abc import Iterator

from modelreg.core.verdict import PROHIBITED
from modelreg.decision.case import Bundle, Case, Outcome, limit

RULE_ID = "territory"
SUMMARY = {
    "en": "A region may be outside the grant; whose seat, which modality and whether outputs count differs by text.",
    "zh": "某些地区可能不在授权范围内；按住所、模态以及是否涵盖输出，各文本不同。",
}
_EU = frozenset({
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT",
    "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
})  # fmt: skip
_NAMES = {
    "EUROPEAN UNION": "EU", "欧盟": "EU", "UNITED KINGDOM": "GB", "UK": "GB", "英国": "GB", "SOUTH KOREA": "KR",
    "KOREA": "KR", "韩国": "KR", "GERMANY": "DE", "FRANCE": "FR", "ITALY": "IT", "SPAIN": "ES", "NETHERLANDS": "NL",
    "POLAND": "PL", "IRELAND": "IE", "SWEDEN": "SE", "AUSTRIA": "AT", "BELGIUM": "BE", "PORTUGAL": "PT",
    "DENMARK": "DK", "FINLAND": "FI", "GREECE": "GR", "CHINA": "CN", "中国": "CN", "INDIA": "IN", "JAPAN": "JP",
    "SWITZERLAND": "CH", "UNITED STATES": "US", "USA": "US", "德国": "DE", "法国": "FR", "意大利": "IT",
}  # fmt: skip


def check(bundle: Bundle, case: Case) -> Iterator[Outcome]:
    for record in bundle.everything:
        term = record.term("territory")
        if term is None:
            continue
        facts = case.facts
        if facts.flag("received_as_integrated_product") and "integrated-product" in (term.get("exempt") or ()):
            continue
        if term["modalities"] == "multimodal" and not _multimodal(bundle, case):
            continue
        citation = record.cite(term.get("clause"))
        excluded = {_code(e) for e in term["excluded"]}
        places, missing = _places(case, term["who"], term.get("reaches_outputs") is True)
        label = "territory-exclusion"
        if any(_inside(p, excluded) for p in places):
            yield limit(case, label, citation, met=False, values=term["excluded"], via=bundle.via)
            yield Outcome(PROHIBITED, "territory-excluded", citation, {"excluded": list(term["excluded"])})
        elif not places:
            yield limit(case, label, citation, values=term["excluded"], via=bundle.via)._replace(missing=missing)


def _multimodal(bundle: Bundle, case: Case) -> bool:
    stated = case.facts.word("modality")
    if stated is not None:
        return stated == "multimodal"
    model = bundle.model if bundle.model is not None and not bundle.via else case.model or bundle.model
    return model is not None and any(m != "text" for m in model.modalities)


def _places(case: Case, who: list[str], outputs: bool) -> tuple[set[str], tuple[str, ...]]:
    """The places that the text looks at, as far as the facts name them."""
    facts = case.facts
    region = facts.word("region")
    seat = facts.word("principal_place_of_business")
    home = facts.word("domicile")
    places: set[str] = set()
    missing: tuple[str, ...] = ("region",)
    if "use" in who and region:
        places.add(_code(region))
    if "principal-place" in who or "domicile" in who:
        # Seat or domicile decides where it is given; an office elsewhere does not count. Else the region stands for it.
        named = [p for p in (seat, home) if p]
        if named:
            places.update(_code(p) for p in named)
        elif region:
            places.add(_code(region))
        missing = ("principal_place_of_business",)
    shown = facts.word("outputs_shown_in")
    if outputs and shown:
        places.add(_code(shown))
    return places, missing


def _code(place: str) -> str:
    upper = place.strip().upper()
    return _NAMES.get(upper, upper.partition("-")[0] if len(upper.partition("-")[0]) == 2 else upper)


def _inside(place: str, excluded: set[str]) -> bool:
    return place in excluded or ("EU" in excluded and place in _EU)
