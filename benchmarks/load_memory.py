"""Peak memory of opening a checkpoint, against the size of its weights.

    python benchmarks/load_memory.py /tmp/random-chatglm --dtype float16

Prints JSON: bytes of the weights in the format asked for, the peak of resident memory above what Python and
PyTorch took before, their ratio, and seconds. File-backed pages count as
resident: the figure is the strict one.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from modelreg.inference.weights import _open_model


def resident(field: str) -> int:
    """Bytes of VmHWM (peak) or VmRSS (now) of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quant", type=int, default=0)
    parser.add_argument("--touch", action="store_true", help="read every weight, so that mapped pages are resident")
    args = parser.parse_args()
    before = resident("VmRSS")
    start = time.perf_counter()
    model = _open_model(args.folder, dtype=args.dtype, device=args.device, quant=args.quant)
    seconds = time.perf_counter() - start
    tensors = {t.data_ptr(): t for t in (*model.parameters(), *model.buffers())}
    weights = sum(t.nbytes for t in tensors.values())
    if args.touch:
        for tensor in tensors.values():
            tensor.view(torch.int8).view(-1)[::4096].sum().item()  # one byte a page
    peak = resident("VmHWM") - before
    print(
        json.dumps(
            {
                "weights": weights,
                "peak": peak,
                "ratio": round(peak / weights, 4),
                "seconds": round(seconds, 2),
                "placement": model.placement.reason if model.placement else "",
            }
        )
    )


if __name__ == "__main__":
    main()
