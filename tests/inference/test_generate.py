"""The generation loop with a scripted model: lengths, stops, cancelling, caches, batches."""

from __future__ import annotations

from collections.abc import Generator

import pytest
import torch
from fakes import ScriptedModel

from modelreg.errors import UsageError
from modelreg.inference.generate import FinishReason, Limits, generate, generate_batch
from modelreg.inference.sampling import Sampling

GREEDY = Sampling(do_sample=False)


def run(steps: Generator[int, None, FinishReason]) -> tuple[list[int], FinishReason]:
    ids: list[int] = []
    while True:
        try:
            ids.append(next(steps))
        except StopIteration as end:
            return ids, end.value


def test_the_stop_id_ends_the_reply_and_is_yielded() -> None:
    model = ScriptedModel([7, 8, 2, 9])
    cache = model.new_cache()
    assert run(generate(model, [1, 5], GREEDY, Limits(stop_ids=[2]), cache)) == ([7, 8, 2], "stop")
    assert model.fed == [[[1, 5]], [[7]], [[8]]]
    assert cache.length == 4  # the last id was never fed


@pytest.mark.parametrize(
    ("limits", "count"),
    [
        (Limits(max_length=5), 3),
        (Limits(max_length=5, max_new_tokens=4), 4),
        (Limits(max_length=2), 1),  # at least one, as published
        (Limits(max_length=1), 1),
    ],
)
def test_lengths(limits: Limits, count: int) -> None:
    ids, reason = run(generate(ScriptedModel([7]), [1, 5], GREEDY, limits))
    assert (len(ids), reason) == (count, "length")


def test_cancelling_between_tokens() -> None:
    got: list[int] = []
    limits = Limits(cancelled=lambda: len(got) >= 2)
    steps = generate(ScriptedModel([7, 8, 9, 10]), [1], GREEDY, limits)
    got += [next(steps), next(steps)]
    with pytest.raises(StopIteration, match="cancelled"):
        next(steps)
    assert got == [7, 8]


def test_inference_mode_does_not_leak_into_the_caller() -> None:
    steps = generate(ScriptedModel([7]), [1], GREEDY, Limits())
    next(steps)
    assert not torch.is_inference_mode_enabled()
    steps.close()


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(UsageError, match="no tokens"):
        next(generate(ScriptedModel([7]), [], GREEDY, Limits()))
    with pytest.raises(UsageError):
        generate_batch(ScriptedModel([7]), [[1], []], 0, GREEDY, Limits())


def test_a_batch_pads_on_the_left_and_ends_row_by_row() -> None:
    model = ScriptedModel([7, 2], [8, 9, 2])
    got = generate_batch(model, [[1, 4, 5], [6]], 0, GREEDY, Limits(stop_ids=[2], max_new_tokens=5))
    assert got == [[7, 2], [8, 9, 2]]
    assert model.fed[0] == [[1, 4, 5], [0, 0, 6]]
    assert model.masks == [[[1, 1, 1], [0, 0, 1]], None, None]


def test_a_row_draws_the_same_alone_and_in_company() -> None:
    sampling, limits = Sampling(seed=3, top_k=0), Limits(max_new_tokens=6)
    alone = generate_batch(ScriptedModel([7]), [[1]], 0, sampling, limits)
    company = generate_batch(ScriptedModel([7], [9]), [[1], [2, 3]], 0, sampling, limits)
    assert company[0] == alone[0]
    assert run(generate(ScriptedModel([7]), [1], sampling, limits))[0] == alone[0]
