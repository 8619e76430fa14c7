"""`modelreg bench` and `modelreg doctor`: the shape of what they say, and what they say where something is missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from cli_support import ROOT, run, run_json
from gate_support import Gate

DEMO = "chatglm-demo"
TORCHLESS = ("torch", "safetensors", "numpy", "transformers", "sentencepiece")


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment in which PyTorch and its like are not found."""
    hook = (
        "import importlib.machinery as m\n"
        f"absent = {TORCHLESS!r}\n"
        "class Absent(m.PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in absent: return None\n"
        "        return super().find_spec(name, path, target)\n"
        "import sys\n"
        "sys.meta_path[:] = [Absent if f is m.PathFinder else f for f in sys.meta_path]\n"
    )
    (tmp_path / "sitecustomize.py").write_text(hook)
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}


def test_doctor_says_what_there_is() -> None:
    pytest.importorskip("torch")
    found = run_json("doctor", "--no-measure")
    assert found["missing"] == []
    assert found["processor"]["threads"] >= 1
    assert found["memory"]["total"] >= found["memory"]["available"] > 0
    assert [d["name"] for d in found["devices"]][-1] == "cpu"
    assert {p["what"] for p in found["places"]} == {"downloads", "packed", "ledger"}
    assert bool(found["kernels"]["variant"]) != bool(found["kernels"]["why_not"])
    assert found["bandwidth_bytes_per_second"] is None
    models = {m["model"]: m for m in found["models"]}
    assert {"THUDM/chatglm-6b", "THUDM/chatglm3-6b", "modelreg/chatglm-demo"} <= set(models)
    six = {f["scheme"]: f for f in models["THUDM/chatglm3-6b"]["forms"]}
    assert models["THUDM/chatglm3-6b"]["counted"]
    assert models["THUDM/chatglm3-6b"]["parameters"] == 6_243_584_000
    assert 3.4e9 < six["int4-g32"]["weights_bytes"] < 3.6e9
    assert six["int4-g32"]["total_bytes"] < six["int8-g32"]["total_bytes"] < six["bfloat16"]["total_bytes"]


def test_doctor_of_one_model_expects_a_speed_from_the_measured_bandwidth() -> None:
    pytest.importorskip("torch")
    found = run_json("doctor", "chatglm3-6b")
    (model,) = found["models"]
    forms = {f["scheme"]: f for f in model["forms"]}
    expected = found["bandwidth_bytes_per_second"] * 0.88 / 3.362e9
    if found["kernels"]["variant"]:
        assert forms["int4-g32"]["tokens_per_second"] == pytest.approx(expected, rel=0.02, abs=0.02)


def test_doctor_works_without_torch_and_says_so(bare: dict[str, str]) -> None:
    done = run("doctor", "--no-measure", **bare)
    assert done.returncode == 5, done.stderr
    assert "torch is not installed" in done.stdout
    assert 'pip install "modelreg[run]"' in done.stdout
    found: Any = run_json("doctor", "chatglm3-6b", **bare)
    assert found["missing"] == ["torch", "safetensors", "sentencepiece"]
    assert found["devices"] == []
    assert found["bandwidth_bytes_per_second"] > 0
    assert found["models"][0]["forms"]


def test_doctor_of_a_model_that_nobody_knows() -> None:
    done = run("doctor", "no-such-model-at-all", "--no-measure")
    assert done.returncode in (1, 3)
    assert done.stdout == ""


def test_doctor_speaks_chinese() -> None:
    assert "处理器" in run("doctor", "--no-measure", "--lang", "zh").stdout


def test_bench_passes_the_gate_first(gate: Gate) -> None:
    done = run("bench", DEMO)
    assert done.returncode == 4
    assert "modelreg accept chatglm-demo" in done.stderr


def test_bench_measures(gate: Gate) -> None:
    pytest.importorskip("torch")
    gate.accept(DEMO)
    found = run_json(
        "bench", DEMO, "--prompt", "16", "--context", "8,20", "--batch", "1,3", "--tokens", "3", "--rounds", "2"
    )
    points = {(p["kind"], p["tokens"], p["batch"]): p for p in found["points"]}
    assert set(points) == {("prefill", 16, 1), *(("decode", c, b) for c in (8, 20) for b in (1, 3))}
    for point in points.values():
        assert point["low"] <= point["tokens_per_second"] <= point["high"]
        assert (point["share_of_limit"] is None) == (point["kind"] == "prefill")
        assert point["timing"]["foreign"] >= 0
    assert points["decode", 8, 1]["timing"]["samples"] == 6
    assert found["bandwidth"]["low"] <= found["bandwidth"]["bytes_per_second"] <= found["bandwidth"]["high"]
    assert found["peak_bytes"] > found["weights_bytes"] > found["read_bytes_per_step"] > 0
    assert found["load_seconds"] > 0


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--batch", "x"], 2, "whole numbers"),
        (["--batch", ""], 2, "--batch"),
        (["--context", "0"], 2, "--context"),
        (["--quant", "int5"], 2, "one of: none, int8, int4"),
        (["--context", "9000"], 3, "the model takes 512"),
    ],
)
def test_bench_refuses_what_cannot_be_measured(gate: Gate, args: list[str], code: int, words: str) -> None:
    pytest.importorskip("torch")
    gate.accept(DEMO)
    done = run("bench", DEMO, *args)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
