"""The chooser, on machines that we make up."""

from __future__ import annotations

import pytest
import torch

from modelreg.errors import ExitCode
from modelreg.inference import devices
from modelreg.inference.devices import Need, place
from modelreg.inference.problems import DeviceError, DoesNotFitError

GIB = 2**30
CHATGLM = Need(parameters=6_172_000_000, quantized=5_638_000_000)
CPU, GPU0, GPU1 = torch.device("cpu"), torch.device("cuda", 0), torch.device("cuda", 1)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[torch.device, float]:
    """Free memory by device, in GiB; tests fill it."""
    free: dict[torch.device, float] = {}
    monkeypatch.setattr(devices, "available", lambda: sorted(free, key=lambda d: d.type == "cpu"))
    monkeypatch.setattr(devices, "free_bytes", lambda d: int(free[d] * GIB))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: any(d.type == "cuda" for d in free))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: sum(d.type == "cuda" for d in free))
    return free


@pytest.mark.parametrize(
    ("free", "quant", "device", "dtype"),
    [
        ({CPU: 64}, 0, CPU, torch.float32),
        ({CPU: 16}, 0, CPU, torch.bfloat16),
        ({CPU: 64, GPU0: 16}, 0, GPU0, torch.float16),
        ({CPU: 64, GPU0: 16, GPU1: 24}, 0, GPU1, torch.float16),
        ({CPU: 64, GPU0: 8}, 0, CPU, torch.float32),
        ({CPU: 64, GPU0: 8}, 8, GPU0, torch.float16),
        ({CPU: 10}, 8, CPU, torch.float32),
    ],
)
def test_auto(
    free: dict[torch.device, float], quant: int, device: torch.device, dtype: torch.dtype,
    machine: dict[torch.device, float],
) -> None:  # fmt: skip
    machine.update(free)
    chosen = place(CHATGLM, quant=quant)
    assert (chosen.device, chosen.dtype) == (device, dtype)
    assert str(device) in chosen.reason
    assert "GiB" in chosen.reason


def test_refusal_has_figures_and_a_way_out(machine: dict[torch.device, float]) -> None:
    machine.update({CPU: 5, GPU0: 8})
    with pytest.raises(DoesNotFitError, match=r"take 11\.5 GiB, .* 12\.6 GiB; cuda:0 has 8\.0 GiB free") as caught:
        place(CHATGLM, device="cuda")
    assert caught.value.hint == "--dtype float16 --quant int8 would fit: 6.2 GiB of 8.0 GiB free"
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    with pytest.raises(DoesNotFitError) as caught:
        place(CHATGLM, device="cpu")
    assert caught.value.hint == "--dtype bfloat16 --quant int4 would fit: 3.6 GiB of 5.0 GiB free"
    machine[CPU] = 1
    with pytest.raises(DoesNotFitError) as caught:
        place(CHATGLM, device="cpu")
    assert caught.value.hint.startswith("--device cuda:0 --dtype bfloat16 --quant int8 would fit")
    machine[GPU0] = 1
    with pytest.raises(DoesNotFitError) as caught:
        place(CHATGLM)
    assert "nothing fits here" in caught.value.hint


def test_packed_checkpoints_are_counted_as_packed(machine: dict[torch.device, float]) -> None:
    machine.update({GPU0: 6, CPU: 1})
    packed = Need(CHATGLM.parameters, CHATGLM.quantized, bits=4)
    assert place(packed).device == GPU0


def test_names() -> None:
    assert devices.parse_dtype("bf16") is torch.bfloat16
    assert devices.parse_dtype(torch.float16) is torch.float16
    for wrong in ("int8", "float64", torch.int8):
        with pytest.raises(DeviceError):
            devices.parse_dtype(wrong)
    for name in ("tpu", "xpu", "meta", "cuda:x"):
        with pytest.raises(DeviceError):
            devices.parse_device(name)
    assert devices.parse_device("cpu") == CPU


def test_absent_gpus(machine: dict[torch.device, float]) -> None:
    machine[CPU] = 8
    with pytest.raises(DeviceError, match="no CUDA device") as caught:
        devices.parse_device("cuda")
    assert caught.value.hint == "this machine has cpu"
    machine[GPU0] = 8
    with pytest.raises(DeviceError, match="no cuda:3"):
        devices.parse_device("cuda:3")
    assert devices.parse_device("cuda") == GPU0
    with pytest.raises(DeviceError, match="Apple"):
        devices.parse_device("mps")


def test_real_figures() -> None:
    assert devices.available()[-1] == CPU
    assert 0 < devices.free_bytes(CPU) < 2**50
    assert devices.gib(3 * GIB) == "3.0 GiB"
    assert devices.gib(5 * 2**20) == "5.0 MiB"
