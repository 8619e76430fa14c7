"""Load a packed copy to its first token, with a warm and a cold page cache, and the peak memory of a long conversation.

    python benchmarks/load_packed.py /tmp/packed-int4 --tokens 2048

Every load is a process of its own; importing PyTorch is told apart from loading. Cold means that the file's pages were
dropped (posix_fadvise), not those of the libraries. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def once(folder: Path, tokens: int, memory: str) -> dict[str, float]:
    """In this process: imports, open, first token; then a prompt of so many tokens less 16, and 16 more."""
    began = time.perf_counter()
    import torch

    from modelreg.inference import benchmark, machine
    from modelreg.inference.batch import Chunk
    from modelreg.inference.packed.opening import Asked, open_packed

    imported = time.perf_counter() - began
    before = machine.peak()
    began = time.perf_counter()
    model = open_packed(folder, Asked(memory=memory))
    opened = time.perf_counter() - began
    with torch.inference_mode():
        first = benchmark.first_token(model)
        if tokens:
            bench = benchmark._Bench(model, torch.get_num_threads())
            sequence = bench.fill(tokens - 16)
            for _ in range(16):
                bench.runner.forward([Chunk(sequence, bench.ids_of_one(), 1)])
    return {
        "imports": imported, "open": opened, "first": first, "load_to_first_token": opened + first,
        "peak_gib": machine.peak() / 2**30, "before_gib": before / 2**30,
    }  # fmt: skip


def drop(folder: Path) -> None:
    """Drop the file's pages from the page cache."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=0, help="of a conversation whose peak memory is measured")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--memory", default="auto")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.once:
        print(json.dumps(once(args.folder, args.tokens, args.memory)))
        return

    def run(tokens: int = 0) -> dict[str, float]:
        command = [sys.executable, __file__, str(args.folder), "--once", "--memory", args.memory]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([*command, "--tokens", str(tokens)], env=env, stdout=subprocess.PIPE, check=True)
        found: dict[str, float] = json.loads(done.stdout)
        return found

    run()  # the libraries' pages
    warm = [run() for _ in range(args.times)]
    cold = []
    for _ in range(args.times):
        drop(args.folder)
        cold.append(run())
    result = {
        name: {key: round(statistics.median(s[key] for s in samples), 3) for key in samples[0]}
        for name, samples in (("warm", warm), ("cold", cold))
    }
    if args.tokens:
        result["conversation"] = {key: round(value, 3) for key, value in run(args.tokens).items()}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
