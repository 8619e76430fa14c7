"""Probabilities against recorded ones, the other knobs against their definitions."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import recorded
import torch
from safetensors.torch import load_file

from modelreg.errors import UsageError
from modelreg.inference.sampling import Sampling, choose, mend_invalid, probabilities


@pytest.mark.shared
def test_recorded_probabilities(shared_dir: Path) -> None:
    golden = recorded.read(shared_dir, "common/sampling.json")
    arrays = load_file(shared_dir / "goldens/common/sampling.safetensors")
    tolerance = golden["suggested_tolerance"]
    for case in golden["cases"]:
        knobs = ("temperature", "top_p", "top_k", "repetition_penalty")
        sampling = Sampling(invalid_score_id=5, **{name: case[name] for name in knobs if name in case})
        got = probabilities(arrays[f"logits.{case['logits']}"], sampling, arrays["previous_ids"])
        want = arrays[f"probs.{case['logits']}.{case['settings']}"]
        torch.testing.assert_close(got, want, atol=tolerance["atol"], rtol=tolerance["rtol"])
        assert torch.equal(got == 0, want == 0)
        assert int((got > 0).sum()) == case["kept"]


@pytest.mark.shared
def test_recorded_invalid_scores(shared_dir: Path) -> None:
    for case in recorded.read(shared_dir, "common/sampling.json")["invalid_scores"]:
        scores = torch.arange(case["vocab"], dtype=torch.float32)[None]
        scores[0, case["at"]] = float(case["bad_value"])
        got = mend_invalid(scores, 5)[0]
        assert {str(i): float(got[i]) for i in got.nonzero()[:, 0].tolist()} == case["result_nonzero"]


def test_an_invalid_row_leaves_the_others_alone() -> None:
    scores = torch.tensor([[1.0, 2.0, math.nan], [1.0, 2.0, 3.0]])
    assert mend_invalid(scores, 1).tolist() == [[0.0, 5e4, 0.0], [1.0, 2.0, 3.0]]


def test_min_p() -> None:
    logits = torch.tensor([[0.6, 0.3, 0.08, 0.02]]).log()
    got = probabilities(logits, Sampling(min_p=0.2, top_k=0))
    torch.testing.assert_close(got, torch.tensor([[2 / 3, 1 / 3, 0.0, 0.0]]))


def test_presence_and_frequency_penalties_count_the_reply() -> None:
    logits = torch.zeros(1, 4)
    sampling = Sampling(presence_penalty=0.5, frequency_penalty=0.25, top_k=0)
    got = probabilities(logits, sampling, torch.tensor([[3, 3, 0, 0, 1]]), [[0, 0, 1]])
    torch.testing.assert_close(got, torch.tensor([[-1.0, -0.75, 0.0, 0.0]]).softmax(-1))


def test_greedy_obeys_penalties_and_zero_temperature_is_greedy() -> None:
    logits = torch.tensor([[2.0, 1.9]])
    assert choose(logits, Sampling(do_sample=False)).tolist() == [0]
    assert choose(logits, Sampling(temperature=0.0)).tolist() == [0]
    punished = Sampling(temperature=0.0, repetition_penalty=1.2)
    assert choose(logits, punished, torch.tensor([[0]])).tolist() == [1]


def test_a_seed_repeats_its_draws() -> None:
    logits = torch.randn(1, 300, generator=torch.Generator().manual_seed(0))
    sampling = Sampling(seed=11, top_k=0)

    def draws() -> list[int]:
        generator = sampling.generator()
        return [int(choose(logits, sampling, generator=generator)) for _ in range(20)]

    first = draws()
    torch.manual_seed(1)  # the global state is not used
    assert draws() == first
    assert len(set(first)) > 5


@pytest.mark.parametrize(
    "bad", [{"temperature": -1.0}, {"top_p": 1.5}, {"top_k": -1}, {"temperature": math.nan}, {"min_p": 2.0}]
)
def test_values_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(bad))):
        Sampling(**bad)  # type: ignore[arg-type]


def test_but_keeps_what_is_not_given() -> None:
    assert Sampling(top_p=0.5).but(top_p=None, temperature=0.3) == Sampling(top_p=0.5, temperature=0.3)
