"""May material or outputs improve another model, and does that model become a derivative?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelreg.core.license import Citation, Term
from modelreg.core.verdict import PROHIBITED, UNDETERMINED
from modelreg.decision.case import Bundle, Case, Outcome, limit

RULE_ID = "training-on-outputs"
SUMMARY = {
    "en": "Outputs may be banned for training, make the trained model a derivative, ask for a name only, or be free.",
    "zh": "输出用于训练：可能被禁止、使新模型成为衍生品、仅要求命名，或不受限制。",
}
# Models that hardly anyone calls a large language model. The texts define no such term, so the answer stays open.
_SMALL = re.compile(
    r"bert|roberta|electra|xgboost|lightgbm|fasttext|word2vec|classif|resnet|\bvit\b|whisper|clip|yolo|"
    r"bge-|e5-|gte-|embedding|reranker|sentence-transformers|bart\b|t5-small|logistic|svm",
    re.IGNORECASE,
)


def check(bundle: Bundle, case: Case) -> Iterator[Outcome]:
    if not case.acts["training"]:
        return
    settled = bundle.settled("training_other_models")
    if settled is None:
        return
    record, term = settled
    citation = record.cite(term.get("clause"))
    if term["distillate_is_derivative"] is True:
        yield limit(case, "derivative-includes-distillation", citation, via=bundle.via)
    if term["value"] in ("allowed", "allowed-with-duty"):
        return
    yield from _ban(bundle, case, citation, term)


def _ban(bundle: Bundle, case: Case, citation: Citation, term: Term) -> Iterator[Outcome]:
    label = "no-train-other-llm"
    if term["covers_outputs"] is False and case.uses <= {"train-on-outputs", "outputs-only"}:
        return
    target = case.facts.word("target_model")
    if target is not None and _exempt(case, term, target):
        yield limit(case, label, citation, met=True, values=(target,), via=bundle.via)
        return
    if term["value"] == "forbidden-competing":
        competing = "competing-model" in case.facts.words("field")
        yield limit(case, label, citation, met=False if competing else None, via=bundle.via)
        effect = PROHIBITED if competing else UNDETERMINED
        yield Outcome(
            effect, "training-competing", citation, {"target": target or ""}, missing=() if competing else ("field",)
        )
        return
    if term.get("object", "llm") in ("llm", "foundation-model") and target is not None and _SMALL.search(target):
        yield limit(case, label, citation, values=(target,), via=bundle.via)
        yield Outcome(UNDETERMINED, "training-target-unclear", citation, {"target": target})
        return
    yield limit(case, label, citation, met=False, values=(target,) if target else (), via=bundle.via)
    missing = () if target else ("target_model",)
    yield Outcome(PROHIBITED, "training-forbidden", citation, {"target": target or ""}, missing=missing)


def _exempt(case: Case, term: Term, target: str) -> bool:
    """The texts spare the licensor's own model and its derivatives."""
    families = set(term.get("exempt_families") or ())
    model = case.lookup.find(target)
    seen: set[str] = set()
    while model is not None and model.id not in seen:
        seen.add(model.id)
        if model.family in families:
            return True
        parents = [b for b in model.bases if b.form != "same-architecture"]
        model = case.lookup.find(parents[0].model) if parents else None
    return False
