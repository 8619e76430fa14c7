"""How much each scheme loses, by one measure for all, and for llama.cpp's formats by the same.

    python benchmarks/quality.py                                  # the demo model and random weights
    python benchmarks/quality.py --full /tmp/random-chatglm3      # and layers of a full-size checkpoint
    python benchmarks/quality.py --write docs/quantization.md     # put the table between its marks

llama.cpp's formats come from the package `gguf` (its numpy versions of the same roundings). Measured are

* weights: root mean square error after a round trip, relative to that of the weights themselves: on normal numbers, on
  a heavy-tailed distribution (Student's t, 5 degrees) and on the demo model's own;
* logits: the same of all logits on text, against float32, with the weights quantized and everything else in float32;
* perplexity of the demo model's answers, given the questions (the text that it was trained on: what is lost shows);
* the last two again with the compiled kernels, whose activations are quantized to 8 bits on the way.

`head`: embeddings and output head. llama.cpp's Q4_0 files keep the output head in Q6_K, which its Python package cannot
write; the rows here have the head in the format of the rest, ours too, unless they say otherwise.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from torch import Tensor, nn

from modelreg.inference import kernels
from modelreg.inference.checkpoint import find_checkpoint
from modelreg.inference.models.chatglm2 import ChatGLM2, ChatGLM2Config
from modelreg.inference.tokenizers import load_tokenizer
from modelreg.inference.weights import _open_model

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
DEMO = ROOT / "modelreg" / "_demo" / "chatglm-demo"
MARKS = ("<!-- quality: written by benchmarks/quality.py -->", "<!-- quality: end -->")
GROUP = 32
BITS = {
    "int4-g32": 4.5, "int4-g32-asym": 5.0, "int4-row": 4.0, "int8-g32": 8.5, "int8-row": 8.0,
    "Q4_0": 4.5, "Q4_1": 5.0, "Q8_0": 8.5,
}  # fmt: skip
Trip = Callable[[Tensor], Tensor]


class Scheme(NamedTuple):
    """A row of the table: what happens to the layers, and to embeddings and head."""

    layers: str
    head: str

    @property
    def label(self) -> str:
        return self.layers if self.layers == self.head else f"{self.layers}, head {self.head}"


OURS = ("int4-g32", "int4-g32-asym", "int4-row", "int8-g32", "int8-row")
ROWS = [
    Scheme("int4-g32", "int4-g32"),
    Scheme("Q4_0", "Q4_0"),
    Scheme("int4-g32", "int8-g32"),
    Scheme("Q4_0", "Q8_0"),
    Scheme("int4-g32-asym", "int4-g32-asym"),
    Scheme("Q4_1", "Q4_1"),
    Scheme("int4-g32-asym", "int8-g32"),
    Scheme("int4-row", "int8-g32"),
    Scheme("int8-g32", "int8-g32"),
    Scheme("Q8_0", "Q8_0"),
    Scheme("int8-row", "int8-row"),
]


def trip(name: str) -> Trip:
    """Quantize and widen again."""
    if name in OURS:
        return lambda weight: kernels.unpack(kernels.pack(weight, name))
    kind = Kind[name]

    def through(weight: Tensor) -> Tensor:
        columns = weight.shape[1]
        padded = nn.functional.pad(weight.float(), (0, -columns % GROUP)).numpy()
        wide = gguf.quants.dequantize(gguf.quants.quantize(padded, kind), kind)
        return torch.from_numpy(np.ascontiguousarray(wide[:, :columns]))

    return through


def error(got: Tensor, wanted: Tensor) -> float:
    """Root mean square error relative to the root mean square of what is wanted."""
    difference = (got.double() - wanted.double()).square().mean().sqrt()
    return float(difference / wanted.double().square().mean().sqrt())


def linears(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, bool]]:
    """Weights that are quantized: name, weight, whether it is in a layer."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            yield name, module.weight, ".layers." in name  # type: ignore[misc]


def quantized(model: nn.Module, scheme: Scheme) -> nn.Module:
    """A copy whose weights went through a scheme."""
    changed = copy.deepcopy(model)
    for _, weight, inside in linears(changed):
        weight.data = trip(scheme.layers if inside else scheme.head)(weight.data)
    return changed


def weight_errors(model: nn.Module) -> dict[str, dict[str, float]]:
    """Round-trip errors of each format."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(1024, 4096, generator=generator) * 0.02
    chi = torch.randn(5, 1024, 4096, generator=generator).square().sum(0)
    heavy = torch.randn(1024, 4096, generator=generator) / (chi / 5).sqrt() * 0.02
    own = [weight.data for _, weight, _ in linears(model)]
    found = {}
    for name in BITS:
        through = trip(name)
        pairs = [(through(w), w) for w in own]
        parts = error(torch.cat([a.flatten() for a, _ in pairs]), torch.cat([b.flatten() for _, b in pairs]))
        found[name] = {
            "normal": error(through(normal), normal), "heavy": error(through(heavy), heavy), "demo": parts,
        }  # fmt: skip
    return found


def conversations() -> list[tuple[Tensor, Tensor]]:
    """Ids of a question with its answer, and what is to be predicted at each place (negative: nothing)."""
    from train_demo_model import example, read_topics

    tokenizer = load_tokenizer(DEMO)
    pairs = [example(tokenizer, [(topic.questions[0], topic.answer)]) for topic in read_topics()]
    return [(torch.tensor([ids]), torch.tensor(labels)) for ids, labels in pairs]


def logits_on(run: Callable[[Tensor], Tensor], texts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, float]:
    """Logits where something is to be predicted, and the perplexity of these tokens."""
    kept, loss, count = [], 0.0, 0
    for ids, labels in texts:
        wanted = labels >= 0
        logits = run(ids)[0].float()[wanted]
        loss += float(nn.functional.cross_entropy(logits, labels[wanted], reduction="sum"))
        count += int(wanted.sum())
        kept.append(logits)
    return torch.cat(kept), math.exp(loss / count)


def compiled(folder: Path, scheme: Scheme) -> Any:
    """The same model through the kernels."""
    bits = int(scheme.layers[3])
    return _open_model(folder, quant=bits, scheme=scheme.layers, head=scheme.head, kernels="force")


def demo_errors(model: Any) -> dict[str, dict[str, float]]:
    """Logit error and perplexity on the demo model's text."""
    texts = conversations()
    exact, perplexity = logits_on(model, texts)
    found = {"float32": {"logits": 0.0, "perplexity": perplexity}}
    for scheme in ROWS:
        got, value = logits_on(quantized(model, scheme), texts)
        found[scheme.label] = {"logits": error(got, exact), "perplexity": value}
        if scheme.layers in OURS:
            got, value = logits_on(compiled(DEMO, scheme), texts)
            found[scheme.label] |= {"kernel_logits": error(got, exact), "kernel_perplexity": value}
    return found


def full_errors(folder: Path, layers: int, tokens: int) -> dict[str, float]:
    """Logit error of the first layers of a full-size checkpoint, on random ids."""
    values = json.loads((folder / "config.json").read_text())
    config = ChatGLM2Config.from_dict({**values, "num_layers": layers})
    with torch.device("meta"):
        model = ChatGLM2(config)
    wanted = set(model.state_dict())
    state = {}
    for _, tensors in find_checkpoint(folder).pieces():
        state |= {name: tensor.float() for name, tensor in tensors.items() if name in wanted}
    model.load_state_dict(state, assign=True)
    model.eval().requires_grad_(False)
    ids = torch.randint(0, config.padded_vocab_size, (1, tokens), generator=torch.Generator().manual_seed(1))
    exact = model(ids)
    found = {}
    for scheme in ROWS:
        # In place and back: a second float32 copy would not fit beside the first on a small machine.
        kept = {}
        for name, weight, inside in linears(model):
            kept[name] = weight.data
            weight.data = trip(scheme.layers if inside else scheme.head)(weight.data)
        found[scheme.label] = error(model(ids), exact)
        for name, weight, _ in linears(model):
            weight.data = kept[name]
    return found


def table(weights: dict[str, Any], demo: dict[str, Any], full: dict[str, float]) -> str:
    """Markdown."""
    head = ["weights", "bits"]
    head += ["error, normal", "error, heavy tails", "error, demo", "logits, demo", "perplexity, demo"]
    head += ["logits, kernels", "perplexity, kernels", *(["logits, full size"] if full else [])]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines.append(f"| float32 | 32 | 0 | 0 | 0 | 0 | {demo['float32']['perplexity']:.4f} |" + " |" * (len(head) - 7))
    for scheme in ROWS:
        own, d = weights[scheme.layers], demo[scheme.label]
        cells = [scheme.label, f"{BITS[scheme.layers]:g}"]
        cells += [f"{own[k]:.2%}" for k in ("normal", "heavy", "demo")]
        cells += [f"{d['logits']:.2%}", f"{d['perplexity']:.4f}"]
        cells += [f"{d['kernel_logits']:.2%}", f"{d['kernel_perplexity']:.4f}"] if "kernel_logits" in d else ["", ""]
        cells += [f"{full[scheme.label]:.2%}"] if full else []
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Put the table between the marks of a page."""
    page = path.read_text(encoding="utf-8")
    before, rest = page.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    path.write_text(f"{before}{MARKS[0]}\n\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", type=Path, help="folder of a full-size ChatGLM2 or ChatGLM3 checkpoint")
    parser.add_argument("--layers", type=int, default=2, help="of it that are opened, in float32")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--write", type=Path, help="a page with the marks")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    model = _open_model(DEMO, dtype="float32", device="cpu")
    weights, demo = weight_errors(model), demo_errors(model)
    full = full_errors(args.full, args.layers, args.tokens) if args.full else {}
    if args.json:
        print(json.dumps({"weights": weights, "demo": demo, "full": full}, indent=1))
    text = table(weights, demo, full)
    if args.write:
        write(args.write, text)
    print(text)


if __name__ == "__main__":
    main()
