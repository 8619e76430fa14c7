"""Write a full-size packed copy with random weights: what `modelreg quantize` would make, in seconds.

    python benchmarks/random_packed.py chatglm3-6b /tmp/packed-int4 --scheme int4-g32

For measuring speed and memory: the sizes and the layout are real, the numbers are not, and there is no manifest, so the
gate does not open it. benchmarks/against_llama_cpp.py does, by itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from modelreg.inference.checkpoint import Checkpoint
from modelreg.inference.packed.copies import LAYOUT
from modelreg.inference.packed.files import Entry, Writer
from modelreg.inference.packed.make import LAYOUT as BYTES
from modelreg.inference.packed.make import Work, described, entries, work_for
from modelreg.inference.packed.recipes import recipe_for
from modelreg.inference.weights import _empty_model
from modelreg.ledger.packed import WEIGHTS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
SCALE = {4: 4e-4, 8: 3e-5}  # so that activations neither die nor grow


class _Named(Checkpoint):
    """A checkpoint of which only the names are asked."""

    def names(self) -> list[str]:
        return []


def write(model: str, folder: Path, scheme: str, head: str = "", layers: int = 0) -> int:
    """Write config.json and the packed file; returns its bytes."""
    from make_random_checkpoint import MODELS

    config = dict(MODELS[model])
    if layers:
        config["num_layers"] = layers
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    recipe = recipe_for(scheme[:4], scheme, head)
    work: Work = work_for(_empty_model(config, "config.json"), _Named(folder, {}), recipe)  # type: ignore[arg-type]
    about = {
        "format": LAYOUT, "layout": BYTES, "model": model, "scheme": recipe.scheme, "head": recipe.head,
        "source": "random", "modelreg": "", "weights": json.dumps(described(work)),
    }  # fmt: skip
    plan = list(entries(work))
    writer = Writer(folder / WEIGHTS, plan, about)
    generator = torch.Generator().manual_seed(0)
    for entry in plan:
        writer.put(entry.name, _numbers(entry, scheme, generator))
    writer.close()
    return writer.nbytes


def _numbers(entry: Entry, scheme: str, generator: torch.Generator) -> torch.Tensor:
    if entry.dtype == torch.uint8:
        return torch.randint(0, 256, entry.shape, dtype=torch.uint8, generator=generator)
    if entry.dtype == torch.float16:
        level = SCALE[4 if scheme.startswith("int4") else 8]
        return torch.full(entry.shape, -8 * level if entry.name.endswith(".mins") else level, dtype=torch.float16)
    return torch.full(entry.shape, 1.0 if "norm" in entry.name and entry.name.endswith("weight") else 0.0)


def main() -> None:
    from make_random_checkpoint import MODELS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("folder", type=Path, help="must not exist yet")
    parser.add_argument("--scheme", default="int4-g32")
    parser.add_argument("--head", default="")
    parser.add_argument("--layers", type=int, default=0)
    args = parser.parse_args()
    print(f"{args.folder}: {write(args.model, args.folder, args.scheme, args.head, args.layers):,} bytes")


if __name__ == "__main__":
    main()
