"""The registry as a library: docs/library.md is run, and nothing is loaded before it is asked for."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

from modelreg import library, registry
from modelreg.core.license import License
from modelreg.core.model import Model
from modelreg.errors import InputError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def reg() -> registry.Catalog:
    return registry.open()


def test_the_document_is_true() -> None:
    result = doctest.testfile(str(ROOT / "docs" / "library.md"), module_relative=False, encoding="utf-8")
    assert result.attempted > 20
    assert result.failed == 0


@pytest.mark.parametrize("module", [library, registry], ids=lambda m: m.__name__)
def test_docstring_examples(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_importing_loads_nothing() -> None:
    code = (
        "import sys; import modelreg; from modelreg import registry; "
        "print([m for m in sys.modules if m.startswith('modelreg.') and m != 'modelreg.registry'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_public_names_are_there() -> None:
    for name in registry.__all__:
        assert getattr(registry, name) is not None
        assert name in dir(registry)
    with pytest.raises(AttributeError, match="no_such"):
        registry.no_such  # noqa: B018


def test_typed_values(reg: registry.Catalog) -> None:
    assert isinstance(reg.model("THUDM/chatglm-6b"), Model)
    assert isinstance(reg.license("Apache-2.0"), License)
    assert reg.model("THUDM/chatglm-6b") is reg.model("THUDM/chatglm-6b")
    with pytest.raises(KeyError, match="no-such"):
        reg.model("no-such")
    with pytest.raises(KeyError, match="no-such"):
        reg.license("no-such")
    assert {m.family for m in reg.models(family="chatglm")} == {"chatglm"}
    assert {m.publisher for m in reg.models(publisher="zhipu")} == {"zhipu"}
    assert {r.kind for r in reg.licenses(kind="use-policy")} == {"use-policy"}
    assert "chatglm" in reg.families
    assert reg.publishers["zhipu"]["owners"]
    assert len(reg.digest) == 64


def test_overlays(reg: registry.Catalog, tmp_path: Path) -> None:
    layer = tmp_path / "company.yaml"
    layer.write_text(
        "models:\n  - {id: acme/heron, name: Heron, family: acme, publisher: acme, names: {}, kind: chat,"
        " modalities: [text], parameters: silent, code_license: silent,"
        ' base_models: [], weight_license: [{from: "2025-01-01", license: MIT}]}\n'
        "publishers:\n  - {id: acme, name: Acme, owners: [acme]}\n",
        encoding="utf-8",
    )
    more = registry.open([layer])
    assert more.model("acme/heron").period_at("2025-02-01") is not None
    assert more.digest != reg.digest


def test_decide_answers_for_names_that_are_not_one_model(reg: registry.Catalog) -> None:
    assert library.decide(reg, "nothing-like-this", {"commercial": True}).verdict == "undetermined"
    several = next(iter(reg.data.ambiguous))
    assert library.decide(reg, several, {"commercial": True}, as_of="2025-01-01").candidates
    with pytest.raises(InputError):
        library.decide(reg, "chatglm-6b", {"comercial": True})
    with pytest.raises(ValueError, match="not a date"):
        library.decide(reg, "chatglm-6b", as_of="yesterday")


def test_holdings_are_closed(reg: registry.Catalog) -> None:
    part = reg.holdings(["lmsys/vicuna-7b-v1.5"])
    assert part.asked == ("lmsys/vicuna-7b-v1.5",)
    for model in part.models.values():
        assert all(b.model in part.models for b in model.bases if reg.has_model(b.model))
        assert all(p.license in part.licenses for p in model.periods)
    assert "LicenseRef-Llama-2-Use-Policy" in part.licenses
    with pytest.raises(KeyError):
        reg.holdings(["no-such"])


def test_upstream_is_what_decisions_look_at(reg: registry.Catalog) -> None:
    """The exports name the same ancestors as `check` reads (decision.engine._collect)."""
    everything = reg.holdings()
    date = "2026-01-01"
    compared = 0
    for model in list(everything.models.values())[::7]:
        if not model.bases:
            continue
        answer = library.decide(reg, model.id, {"use": ["product"], "commercial": True}, as_of=date)
        told = {str(text["license"]) for text in answer.licenses if "license" in text} | {
            str(text["id"]) for text in answer.licenses if "id" in text
        }
        own = everything.period(model, date)
        wanted = {own.license} if own else set()
        wanted |= {period.license for _, period in everything.upstream(model, date) if period}
        assert wanted <= told, model.id
        compared += 1
    assert compared > 10
