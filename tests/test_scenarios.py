"""The worked scenarios, asked through the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))


@pytest.fixture(scope="module")
def judged(shared: Path) -> Any:
    import score_scenarios

    path = shared / "scenarios" / "sample.yaml"
    scenarios = yaml.safe_load(path.read_text(encoding="utf-8"))["scenarios"]
    tally = score_scenarios.Tally()
    pairs = zip(scenarios, score_scenarios.answers(scenarios), strict=True)
    return tally, {s["id"]: score_scenarios.judge(s, a, tally) for s, a in pairs}


def test_no_verdict_is_wrongly_permissive(judged: Any) -> None:
    assert judged[0].permissive == 0


def test_verdicts_and_conditions(judged: Any) -> None:
    tally, faults = judged
    assert tally.right >= 0.95 * tally.scenarios, faults
    assert tally.shown >= 0.90 * tally.wanted, faults
    assert tally.false <= 0.03 * tally.barred, faults
