"""Turn a checkpoint into packed weights: tensor by tensor, into a file or into memory.

Of the source one piece (checkpoint.PIECE_BYTES) is mapped at a time, and of the result one tensor is held when it goes
to a file: the most that is resident is far below the size of the copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from modelreg.inference import kernels
from modelreg.inference.checkpoint import Checkpoint
from modelreg.inference.compiled import packed_names
from modelreg.inference.filling import HEAD, PREFIX_ENCODER, SCALE, fill, find
from modelreg.inference.kernels import PackedWeight
from modelreg.inference.kernels.packing import GROUP, ROWS, shapes
from modelreg.inference.models.chatglm import ChatGLM
from modelreg.inference.packed.files import Entry
from modelreg.inference.packed.recipes import Recipe
from modelreg.inference.problems import ConfigError
from modelreg.inference.weights import Modules

Packable: TypeAlias = PackedWeight | Tensor
Told = Callable[[str, int], None]  # (tensor, bytes of the source that were read)

# Name of the order of bytes in a packed weight (native/mrk.h); files of another order are packed anew.
LAYOUT = f"{ROWS}x{GROUP}.1"
PARTS = ("data", "scales", "mins")


class Job(NamedTuple):
    """What becomes of one tensor of the checkpoint.

    Attributes:
        name; rows, columns: of the tensor, (numbers, 1) of a vector.
        out: names in the packed copy -> scheme, "" for a float tensor that stays one. The embedding table of a
            published quantized checkpoint, which is also the head, goes to two: rows as they are, and packed.
        published: bits of the published integers that it has in the checkpoint, else 0.
    """

    name: str
    rows: int
    columns: int
    out: Mapping[str, str]
    published: int


class Target(Protocol):
    """Where packed weights go."""

    def put(self, name: str, value: Packable) -> None:
        """Take one weight; it is not used again by the giver."""


class Memory:
    """Keeps everything: for a model that is quantized while loading, without a file."""

    def __init__(self) -> None:
        self.weights: dict[str, Packable] = {}

    def put(self, name: str, value: Packable) -> None:
        """See `Target`."""
        self.weights[name] = value


class Work(NamedTuple):
    """Everything that is to be done for one checkpoint."""

    model: Modules
    checkpoint: Checkpoint
    recipe: Recipe
    jobs: Mapping[str, Job]
    given: frozenset[str]


def work_for(model: Modules, checkpoint: Checkpoint, recipe: Recipe) -> Work:
    """List what is to be done; nothing is read but names.

    Args:
        model: empty, on the meta device.
    Raises: ConfigError where the kernels are made for no such shapes.
    """
    names = frozenset(checkpoint.names())
    bits = model.config.quantization_bit
    roles = packed_names(model.config)
    jobs: dict[str, Job] = {}
    for name, tensor in model.state_dict().items():
        if tied(model) and name.startswith(HEAD + "."):
            continue  # the embedding table is the head
        published = bits if name + SCALE in names else 0
        role = roles.get(name, "")
        rows, columns = tensor.shape if tensor.dim() == 2 else (tensor.numel(), 1)
        if published:
            out = {name: f"int{published}-row"}
        elif bits and role == "embedding":
            out = {name: "", **({f"{HEAD}.weight": recipe.head} if tied(model) else {})}
        else:
            out = {name: {"layer": recipe.scheme, "": ""}.get(role, recipe.head)}
        jobs[name] = Job(name, rows, columns, out, published)
    return Work(model, checkpoint, recipe, jobs, names)


def tied(model: nn.Module) -> bool:
    """Whether the output head is the embedding table."""
    return isinstance(model, ChatGLM) and model.config.tie_word_embeddings


def entries(work: Work) -> Iterator[Entry]:
    """Every tensor of the packed file, with its size, in the order of the model."""
    for job in work.jobs.values():
        for name, scheme in job.out.items():
            if scheme:
                for part, (shape, dtype) in shapes(scheme, job.rows, job.columns).items():
                    yield Entry(f"{name}.{part}", dtype, shape)
            else:
                yield Entry(name, _dtype_of(job), tuple(find(work.model, job.name).shape))
    for name in sorted(n for n in work.given if n.startswith(PREFIX_ENCODER)):
        raise ConfigError(
            f"the checkpoint has a prefix of its own ('{name}')",
            where=str(work.checkpoint.folder),
            hint="pack the model that it was made for, and give the prefix to run: --adapter DIR",
        )


def _dtype_of(job: Job) -> torch.dtype:
    """Tables keep half their size; norms and biases, which are small, are as the kernels take them."""
    return torch.float16 if job.columns > 1 else torch.float32


def run(work: Work, target: Target, told: Told) -> None:
    """Read, check, pack and hand on every tensor.

    Raises: ConfigError, WeightsError and its branches; what the target raises.
    """
    sink = _Sink(work, target, told)
    fill(work.model, work.checkpoint, work.given, torch.float32, sink)


class _Sink:
    """Takes the checkpoint's tensors (filling.Sink) and gives packed ones to a target."""

    def __init__(self, work: Work, target: Target, told: Told) -> None:
        self._work, self._target, self._told = work, target, told
        self._waiting: dict[str, Tensor] = {}  # published integers until their scales come, and the reverse

    def put(self, name: str, tensor: Tensor, where: str) -> None:  # noqa: ARG002
        """See `filling.Sink`."""
        base = name.removesuffix(SCALE)
        job = self._work.jobs[base]
        if job.published:
            self._waiting[name] = tensor
            if base in self._waiting and base + SCALE in self._waiting:
                integers, scale = self._waiting.pop(base), self._waiting.pop(base + SCALE)
                packed = kernels.repack(integers.view(torch.int8), scale.reshape(-1), job.out[base])
                self._target.put(base, packed)
        else:
            for out, scheme in job.out.items():
                self._target.put(out, kernels.pack(tensor, scheme) if scheme else tensor.to(_dtype_of(job)))
        self._told(name, tensor.nbytes)

    def finish(self) -> None:
        """See `filling.Sink`."""
        if self._waiting:
            raise AssertionError(f"bug: {min(self._waiting)} was counted as whole")


def parts_of(weight: PackedWeight) -> Iterable[tuple[str, Tensor]]:
    """The tensors of a packed weight, as they are written."""
    return ((part, tensor) for part, tensor in weight.tensors().items() if part in PARTS)


def described(work: Work) -> dict[str, Any]:
    """What a reader needs to put the tensors together again: name -> [scheme, rows, columns]."""
    return {n: [scheme, j.rows, j.columns] for j in work.jobs.values() for n, scheme in j.out.items() if scheme}
