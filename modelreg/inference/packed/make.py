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
from modelreg.inference.kernels import SCHEMES, PackedWeight
from modelreg.inference.kernels.packing import GROUP, ROWS, shapes
from modelreg.inference.models.chatglm import ChatGLM
from modelreg.inference.packed.files import Entry
from modelreg.inference.problems import ConfigError, MissingTensorsError, TensorDtypeError
from modelreg.inference.weights import (
    HEAD,
    IGNORED_ENDINGS,
    IGNORED_STARTS,
    PREFIX_ENCODER,
    SCALE,
    Model,
    _check_float,
    _check_shape,
    _complete,
    _find,
)

Packable: TypeAlias = PackedWeight | Tensor
Told = Callable[[str, int], None]  # (tensor, bytes of the source that were read)

# Name of the order of bytes in a packed weight (native/mrk.h); files of another order are packed anew.
LAYOUT = f"{ROWS}x{GROUP}.1"
DEFAULTS = {"int4": "int4-g32", "int8": "int8-g32"}
ROW_HEAD = "int8-g32"  # of a published quantized checkpoint, whose head is in float16
PARTS = ("data", "scales", "mins")


class Recipe(NamedTuple):
    """How a model is packed.

    Attributes:
        scheme: of the layers; head: of the embeddings and of the output head.
    """

    scheme: str
    head: str

    @property
    def label(self) -> str:
        return self.scheme if self.head == self.scheme else f"{self.scheme}+{self.head}-head"


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


class Sink(Protocol):
    """Where packed weights go."""

    def put(self, name: str, value: Packable) -> None:
        """Take one weight; it is not used again by the giver."""


class Memory:
    """Keeps everything: for a model that is quantized while loading, without a file."""

    def __init__(self) -> None:
        self.weights: dict[str, Packable] = {}

    def put(self, name: str, value: Packable) -> None:
        """See `Sink`."""
        self.weights[name] = value


class Work(NamedTuple):
    """Everything that is to be done for one checkpoint."""

    model: Model
    checkpoint: Checkpoint
    recipe: Recipe
    jobs: Mapping[str, Job]
    given: frozenset[str]


def recipe_for(quant: str, scheme: str = "", head: str = "", *, published: int = 0) -> Recipe:
    """What `--quant`, `--scheme` and `--head` mean together.

    Args:
        published: bits of a checkpoint that is quantized already: its integers are kept, so its scheme is given.
    Raises: ConfigError for what does not exist or does not fit together.
    """
    bits = {"int4": 4, "int8": 8}.get(quant)
    if bits is None:
        raise ConfigError(f"quantizing to '{quant}' is not known", where="--quant", hint="use int8 or int4")
    if published:
        kept = f"int{published}-row"
        if bits != published or scheme not in ("", kept):
            raise ConfigError(
                f"the checkpoint is quantized to {published} bits already, a row at a time",
                where="--scheme" if scheme else "--quant",
                hint=f"--quant int{published} keeps its integers; or take the unquantized checkpoint",
            )
        return Recipe(kept, _head(head or ROW_HEAD))
    chosen = scheme or DEFAULTS[quant]
    if chosen not in SCHEMES:
        raise ConfigError(f"no scheme '{chosen}'", where="--scheme", hint="one of: " + ", ".join(SCHEMES))
    if not chosen.startswith(quant):
        raise ConfigError(f"{chosen} is no scheme of {quant}", where="--scheme", hint=f"--quant {chosen[:4]}")
    return Recipe(chosen, _head(head or chosen))


def _head(name: str) -> str:
    chosen = DEFAULTS.get(name, name)
    if chosen not in SCHEMES:
        raise ConfigError(f"no scheme '{name}'", where="--head", hint="one of: " + ", ".join(SCHEMES))
    return chosen


def work_for(model: Model, checkpoint: Checkpoint, recipe: Recipe) -> Work:
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
                yield Entry(name, _dtype_of(job), tuple(_find(work.model, job.name).shape))
    for name in sorted(n for n in work.given if n.startswith(PREFIX_ENCODER)):
        raise ConfigError(
            f"the checkpoint has a prefix of its own ('{name}')",
            where=str(work.checkpoint.folder),
            hint="pack the model that it was made for, and give the prefix to run: --adapter DIR",
        )


def _dtype_of(job: Job) -> torch.dtype:
    """Tables keep half their size; norms and biases, which are small, are as the kernels take them."""
    return torch.float16 if job.columns > 1 else torch.float32


def run(work: Work, sink: Sink, told: Told) -> None:
    """Read, pack and hand on every tensor.

    Raises: WeightsError and its branches; what the sink raises.
    """
    seen: set[str] = set()
    unknown: list[str] = []
    waiting: dict[str, Tensor] = {}  # halves of published packed weights, until the other half comes
    for path, tensors in work.checkpoint.pieces():
        for name in list(tensors):
            tensor = tensors.pop(name)
            where, size = str(path), tensor.nbytes
            if name.endswith(IGNORED_ENDINGS) or name.startswith(IGNORED_STARTS):
                continue
            if tied(work.model) and name.startswith(HEAD + "."):
                continue  # compared by `weights._tie` when the source is opened as it is
            base = name.removesuffix(SCALE)
            job = work.jobs.get(base)
            if job is None or (base != name and not job.published):
                unknown.append(name)
                continue
            if job.published:
                other = waiting.pop(base if name != base else base + SCALE, None)
                if other is None:
                    waiting[name] = tensor
                else:
                    pair = (tensor, other) if name == base else (other, tensor)
                    sink.put(job.name, _repacked(job, *pair, where))
                    seen.add(base)
            else:
                _check_shape(work.model, job.name, tensor, where)
                _check_float(job.name, tensor, where)
                for other_name, scheme in job.out.items():
                    sink.put(other_name, kernels.pack(tensor, scheme) if scheme else tensor.to(_dtype_of(job)))
                seen.add(base)
            told(name, size)
            del tensor
    if waiting:
        name = min(waiting)
        raise MissingTensorsError(
            f"'{name}' came without its integers or scales", where=str(work.checkpoint.folder), hint="fetch all files"
        )
    _complete(set(work.jobs) - seen, unknown, len(work.jobs), {}, str(work.checkpoint.folder))


def _repacked(job: Job, integers: Tensor, scale: Tensor, where: str) -> PackedWeight:
    width = job.columns // 2 if job.published == 4 else job.columns
    if integers.dtype not in (torch.int8, torch.uint8) or tuple(integers.shape) != (job.rows, width):
        raise TensorDtypeError(
            f"'{job.name}' is {integers.dtype} {tuple(integers.shape)}; int8 ({job.rows}, {width}) is needed",
            where=where,
            hint="take config.json and weights from the same repository",
        )
    return kernels.repack(integers.view(torch.int8), scale.reshape(-1), job.out[job.name])


def source_bytes(checkpoint: Checkpoint) -> int:
    """Bytes that `run` will be told of, about: those of the files."""
    return checkpoint.nbytes()


def parts_of(weight: PackedWeight) -> Iterable[tuple[str, Tensor]]:
    """The tensors of a packed weight, as they are written."""
    return ((part, tensor) for part, tensor in weight.tensors().items() if part in PARTS)


def described(work: Work) -> dict[str, Any]:
    """What a reader needs to put the tensors together again: name -> [scheme, rows, columns]."""
    return {n: [scheme, j.rows, j.columns] for j in work.jobs.values() for n, scheme in j.out.items() if scheme}
