"""Fixtures of the kernel tests: they need the compiled file, and each runs with every variant that is here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("torch")
import torch

from modelreg.inference import kernels


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
