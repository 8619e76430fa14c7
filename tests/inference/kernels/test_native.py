"""Kernels of processors that are not at hand: compiled, and compared with portable C by native/selftest.c."""

from __future__ import annotations

import platform
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NATIVE = Path(__file__).resolve().parents[3] / "modelreg" / "inference" / "kernels" / "native"
FLAGS = ["-O1", "-std=gnu11", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra"]
FLAGS += ["-Werror", "-Wno-psabi", "-Wno-error=psabi"]


@pytest.fixture(scope="module")
def build() -> dict[str, Any]:
    return runpy.run_path(str(NATIVE / "build.py"))


def selftest(compiler: str, out: Path, variants: dict[str, str], *extra: str) -> Path:
    """Compile portable C, these variants (name -> flags) and the test into one program."""
    objects, defines = [], []
    for name, flags in {"portable": "", "threads": "", **variants}.items():
        objects.append(str(out / f"{name}.o"))
        source = str(NATIVE / f"{name}.c")
        subprocess.run([compiler, *FLAGS, *flags.split(), "-c", source, "-o", objects[-1]], check=True)
        if name in variants:
            defines.append(f"-DMRK_HAVE_{name.upper()}")
    program = out / "selftest"
    command = [compiler, *FLAGS, *defines, *extra, str(NATIVE / "selftest.c"), *objects, "-o", str(program), "-lm"]
    subprocess.run(command, check=True)
    return program


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 kernels")
def test_x86_variants_equal_portable_c(tmp_path: Path) -> None:
    """AVX-512 VNNI and AVX-VNNI with their instructions spelled out: the logic, not what the processor does."""
    compiler = shutil.which("cc")
    if compiler is None or "avx2" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("needs a C compiler and AVX2")
    avx2 = "-mavx2 -mfma -mf16c"
    emulated = f"{avx2} -DMRK_EMULATED -Wno-unused-function"
    program = selftest(compiler, tmp_path, {"avx2": avx2, "avx512": emulated, "avxvnni": emulated})
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (
        0,
        ["portable:", "equal", "avx2:", "equal", "avxvnni:", "equal", "avx512:", "equal"],
    )


@pytest.mark.slow
def test_arm_variant_equals_portable_c(tmp_path: Path) -> None:
    compiler, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        pytest.skip("needs gcc-aarch64-linux-gnu and qemu-user")
    program = selftest(compiler, tmp_path, {"neon": "-march=armv8.2-a+dotprod"}, "-static")
    done = subprocess.run([emulator, str(program), "small"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["portable:", "equal", "neon:", "equal"])


@pytest.mark.slow
def test_every_variant_compiles_for_its_processor(build: dict[str, Any], tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    complaints: list[str] = []
    names = build["compile_library"](tmp_path / "made" / "_native.so", say=complaints.append)
    assert (tmp_path / "made" / "_native.so").stat().st_size > 50_000
    wanted = build["X86"] if platform.machine() in ("x86_64", "AMD64") else build["ARM"]
    assert len(names) + len(complaints) == 1 + len(wanted)  # an old compiler may not know the newest
    assert [p.name for p in (tmp_path / "made").iterdir()] == ["_native.so"]


def test_without_a_compiler_the_reason_is_named(
    build: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(build["BuildError"], match="no C compiler 'no-such-compiler'"):
        build["compile_library"](tmp_path / "_native.so")
    assert list(tmp_path.iterdir()) == []


def test_a_compiler_that_fails_is_quoted(
    build: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "cc"
    fake.write_text("#!/bin/sh\necho 'fatal error: no stdio' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("CC", str(fake))
    heard: list[str] = []
    with pytest.raises(build["BuildError"], match=r"cannot compile \w+\.c: fatal error: no stdio"):
        build["compile_library"](tmp_path / "_native.so", say=heard.append)
    assert all("left out the variant" in line for line in heard)
