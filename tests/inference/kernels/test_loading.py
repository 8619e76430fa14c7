"""The compiled file: found, chosen, refused with a reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from modelreg.errors import ExitCode
from modelreg.inference import kernels
from modelreg.inference.kernels import loading
from modelreg.inference.problems import NoKernelsError


def ask(code: str, **environment: str) -> str:
    """Output of a fresh process with these variables."""
    done = subprocess.run(
        [sys.executable, "-c", "from modelreg.inference import kernels as k\n" + code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return done.stdout.strip()


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_loaded", None)
    monkeypatch.setattr(loading, "_reason", None)


def test_the_best_variant_is_chosen(compiled: None) -> None:
    assert kernels.variants()[-1] == "portable"
    assert ask("print(k.variant())", MODELREG_KERNELS="") == kernels.variants()[0]


def test_the_variable_forces_a_variant(compiled: None) -> None:
    assert ask("print(k.variant())", MODELREG_KERNELS="portable") == "portable"


def test_the_variable_turns_the_kernels_off(compiled: None) -> None:
    out = ask("print(k.library(), k.variant() == '', k.variants(), k.why_not())", MODELREG_KERNELS="off")
    assert out == "None True () MODELREG_KERNELS=off"


def test_an_unknown_variant_is_named_with_those_that_there_are(compiled: None) -> None:
    out = ask("print(k.available(), k.why_not())", MODELREG_KERNELS="avx9000")
    assert out.startswith("False MODELREG_KERNELS=avx9000; this processor has ")
    assert "portable" in out


def test_one_openmp_runtime_serves_torch_and_us(compiled: None) -> None:
    if not Path("/proc/self/maps").exists():
        pytest.skip("needs /proc")
    found = ask(
        "import re; print(len({l.split()[-1] for l in open('/proc/self/maps') if re.search('lib(gomp|iomp|omp)', l)}),"
        " k.threads() == k.loading.torch.get_num_threads())"
    )
    assert found == "1 True"


def test_use_variant_goes_back(compiled: None) -> None:
    before = kernels.variant()
    with kernels.use_variant("portable"):
        assert kernels.variant() == "portable"
    assert kernels.variant() == before
    with pytest.raises(ValueError, match="no variant 'x' here; there are"), kernels.use_variant("x"):
        pass


def test_without_a_file_there_is_a_reason_and_a_clear_error(
    unloaded: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(loading.VARIABLE, raising=False)
    monkeypatch.setattr(loading, "FILE", tmp_path / "_native.so")
    assert kernels.library() is None
    assert kernels.why_not() == "this installation has no compiled file (_native.so)"
    with pytest.raises(NoKernelsError, match="no compiled file") as caught:
        kernels.quantize(torch.zeros(1, 32))
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert "make kernels" in caught.value.hint


def test_a_broken_file_is_a_reason_not_a_crash(unloaded: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(loading.VARIABLE, raising=False)
    broken = tmp_path / "_native.so"
    broken.write_bytes(b"\x7fELF, but no more")
    monkeypatch.setattr(loading, "FILE", broken)
    assert kernels.library() is None
    assert "_native.so cannot be loaded" in str(kernels.why_not())


def test_a_file_of_another_version_is_refused(unloaded: None, compiled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(loading.VARIABLE, raising=False)
    monkeypatch.setattr(loading, "ABI", loading.ABI + 1)
    monkeypatch.setattr(loading, "_loaded", None)
    assert kernels.library() is None
    assert "rebuild it" in str(kernels.why_not())


def test_settings(threads: None) -> None:
    kernels.set_threads(2)
    assert kernels.threads() in (1, 2)  # 1 where no OpenMP runtime was found
    kernels.set_prefetch(0)
    kernels.set_prefetch(2048)
    with pytest.raises(ValueError, match="0 threads"):
        kernels.set_threads(0)
    assert kernels.huge_pages(torch.empty(2**22)) in (True, False)
