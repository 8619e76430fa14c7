"""Fixtures of the inference tests: the reference material, and tiny random models made on the spot."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
import torch

from modelreg.inference import kernels


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Tiny tensors: a second thread only waits, and on a busy machine it waits long."""
    torch.set_num_threads(1)
    if kernels.available():
        kernels.set_threads(1)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(7)


@pytest.fixture(scope="session")
def compiled() -> None:
    """Skips where there is no compiled file (a machine without a C compiler)."""
    if not kernels.available():
        pytest.skip(f"no compiled kernels: {kernels.why_not()}")


@pytest.fixture(params=["portable", "best"])
def variant(request: pytest.FixtureRequest, compiled: None) -> Iterator[str]:
    """The test runs once with portable C and once with the best variant of this processor."""
    name = "portable" if request.param == "portable" else kernels.variants()[0]
    with kernels.use_variant(name):
        yield name


@pytest.fixture
def threads(compiled: None) -> Iterator[None]:
    """Threads may be changed in the test."""
    before = kernels.threads()
    yield
    kernels.set_threads(before)


ROOT = Path(__file__).resolve().parents[2]


def find_shared() -> Path | None:
    """The reference material or None: MODELREG_SHARED, beside the checkout, or above a worktree."""
    named = os.environ.get("MODELREG_SHARED")
    for path in [Path(named)] if named else [ROOT.parent / "shared", ROOT.parent.parent / "shared"]:
        if (path / "goldens").is_dir():
            return path
    return None


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The reference material; skips where a checkout stands alone."""
    found = find_shared()
    if found is None:
        pytest.skip("no reference material: set MODELREG_SHARED, or put it in ../shared")
    return found


FIRST: dict[str, Any] = {
    "model_type": "chatglm", "vocab_size": 64, "hidden_size": 32, "inner_hidden_size": 64, "num_layers": 2,
    "num_attention_heads": 2, "layernorm_epsilon": 1e-5, "max_sequence_length": 128,
    "position_encoding_2d": True, "bos_token_id": 60, "eos_token_id": 61,
    "mask_token_id": 56, "gmask_token_id": 57, "pad_token_id": 3,
    "torch_dtype": "float16",
}  # fmt: skip
LATER: dict[str, Any] = {
    "model_type": "chatglm", "padded_vocab_size": 64, "hidden_size": 32, "ffn_hidden_size": 40,
    "kv_channels": 8, "num_layers": 2, "num_attention_heads": 4, "multi_query_attention": True,
    "multi_query_group_num": 2,
    "add_qkv_bias": True, "seq_length": 128, "eos_token_id": 2, "pad_token_id": 0, "torch_dtype": "float16",
}  # fmt: skip
CONFIGS = {"chatglm": FIRST, "chatglm2": LATER}
PROMPTS = {"chatglm": [[5, 9, 11, 57, 60], [7, 57, 60]], "chatglm2": [[5, 9, 11, 20, 30], [7, 8]]}


def assert_close(actual: torch.Tensor, expected: torch.Tensor, atol: float = 1e-4) -> None:
    """Equal but for the order of float32 operations."""
    torch.testing.assert_close(actual, expected, atol=atol, rtol=1e-4 if atol <= 1e-4 else 0.1)


MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Write a two-layer random checkpoint (float16 safetensors) and return its folder.

    Args: generation; name of the folder; changes to config.json; classifier: with that head.
    """

    def make(generation: str, name: str = "model", *, classifier: bool = False, **changes: object) -> Path:
        from safetensors.torch import save_file

        from modelreg.inference.weights import _empty_model

        folder = tmp_path / name
        folder.mkdir()
        values = {**CONFIGS[generation], **changes}
        values = {k: v for k, v in values.items() if v is not None}
        (folder / "config.json").write_text(json.dumps(values))
        empty = _empty_model(values, "test", classifier=classifier)
        generator = torch.Generator().manual_seed(7)
        tensors = {
            key: (torch.randn(value.shape, generator=generator) * 0.2 + ("norm.weight" in key)).half()
            for key, value in sorted(empty.state_dict().items())
        }
        if values.get("tie_word_embeddings", True):
            tensors.pop("lm_head.weight", None)
        save_file(tensors, folder / "model.safetensors")
        return folder

    return make
