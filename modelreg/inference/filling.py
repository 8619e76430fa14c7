"""Every tensor of a checkpoint into its place: checked against the empty network, given to a sink, complete at the end.

The network lies on the meta device and says what there must be; the sink says what becomes of a tensor:
`ModuleSink` puts it into the network's modules, `PackedSink` packs it for the compiled decoder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from modelreg.inference import fused
from modelreg.inference import quant as quantization
from modelreg.inference.checkpoint import AGAIN, Checkpoint
from modelreg.inference.compiled.fill import Packer
from modelreg.inference.devices import Placement
from modelreg.inference.problems import (
    ConfigError,
    MissingTensorsError,
    TensorDtypeError,
    TensorShapeError,
    TiedWeightsError,
    UnexpectedTensorsError,
)

HEAD, EMBEDDINGS = "lm_head", "transformer.word_embeddings"  # ChatGLM-6B's, tied
SCALE = "_scale"
PREFIX_ENCODER = "transformer.prefix_encoder."
# Always computed anew; stored in half precision by some revisions and not at all by others.
IGNORED_ENDINGS = ("rotary_emb.inv_freq", "rotary_pos_emb.inv_freq")
# VisualGLM-6B is ChatGLM-6B with an image encoder beside it; its language part runs here.
IGNORED_STARTS = ("image_encoder.",)
SAMPLE_ROWS = 16


class Sink(Protocol):
    """Takes tensors whose names, shapes and kinds of number were checked."""

    def put(self, name: str, tensor: Tensor, where: str) -> None:
        """Take one tensor, mapped from its file."""
        ...

    def finish(self) -> None:
        """All tensors were there."""
        ...


def fill(model: Any, checkpoint: Checkpoint, names: Iterable[str], dtype: torch.dtype, sink: Sink) -> dict[str, Tensor]:
    """Give every tensor of the files to the sink; return those of a P-Tuning prefix encoder.

    Args:
        model: the network on the meta device; where the files are packed, its modules become packed ones.
        dtype: of results of packed embeddings.
    Raises: ConfigError, WeightsError and its branches.
    """
    ending = ".weight" + SCALE
    for module in sorted(name.removesuffix(ending) for name in names if name.endswith(ending)):
        _make_packed(model, module, dtype, str(checkpoint.folder))
    tied = bool(model.config.tie_word_embeddings) and hasattr(model, HEAD)
    wanted = set(model.state_dict())
    heads: dict[str, Tensor] = {}
    tables: dict[str, Tensor] = {}
    prefix: dict[str, Tensor] = {}
    given: set[str] = set()
    unknown: list[str] = []
    for path, tensors in checkpoint.pieces():
        for name, tensor in tensors.items():
            if name.endswith(IGNORED_ENDINGS) or name.startswith(IGNORED_STARTS):
                continue
            if name.startswith(PREFIX_ENCODER):
                prefix[name.removeprefix(PREFIX_ENCODER)] = tensor
            elif tied and name.startswith(HEAD + "."):
                heads[name] = _sample(tensor)
            elif name not in wanted:
                unknown.append(name)
            else:
                given.add(name)
                _check(model, name, tensor, str(path))
                if tied and name.startswith(EMBEDDINGS + "."):
                    tables[name] = _sample(tensor)
                sink.put(name, tensor, str(path))
    if tied:
        _check_tied(heads, tables, str(checkpoint.folder))
        given |= {name for name in wanted if name.startswith(HEAD + ".")}
    _complete(wanted - given, unknown, len(wanted), prefix, str(checkpoint.folder))
    sink.finish()
    return prefix


class ModuleSink:
    """Puts tensors into the modules of a network, converted only where they must be.

    Args:
        quant: 4 or 8 quantizes the layers: in the published scheme where a layer is small, in PyTorch's fused
            form where it is large and PyTorch has one; 0 leaves them.
    """

    def __init__(self, model: nn.Module, placement: Placement, quant: int = 0) -> None:
        self.model, self.placement, self.quant = model, placement, quant
        self._to_quantize = {f"{n}.weight": n for n in quantization.layer_linears(model)} if quant else {}

    def put(self, name: str, tensor: Tensor, where: str) -> None:  # noqa: ARG002
        """See `Sink.put`."""
        if name in self._to_quantize:
            self._quantize(self._to_quantize[name], tensor)
        elif find(self.model, name).dtype == torch.int8:
            _put(self.model, name, tensor.view(torch.int8).to(self.placement.device))
        else:
            # Scales stay as they are stored: the published float16.
            dtype = tensor.dtype if name.endswith(SCALE) else self.placement.dtype
            _put(self.model, name, tensor.to(device=self.placement.device, dtype=dtype))

    def _quantize(self, module: str, weight: Tensor) -> None:
        device = self.placement.device
        rows, columns = weight.shape
        if self.quant == 4 and weight.numel() >= fused.SMALL and fused.can_hold(rows, columns, device):
            old: Any = self.model.get_submodule(module)
            parent, _, leaf = module.rpartition(".")
            new = fused.Int4Linear.from_float(weight.to(device))
            new.bias = old.bias  # filled already, or put here later
            setattr(self.model.get_submodule(parent), leaf, new)
            return
        with torch.device("meta"):
            quantization.swap(self.model, module, self.quant, self.placement.dtype)
        # On the target device: the division is float16 there too, with the same result, and faster on a GPU.
        packed, scale = quantization.quantize_rows(weight.to(device), self.quant)
        _put(self.model, f"{module}.weight", packed)
        _put(self.model, f"{module}.weight{SCALE}", scale)

    def finish(self) -> None:
        """See `Sink.finish`."""
        model: Any = self.model
        if hasattr(model, HEAD) and model.config.tie_word_embeddings:
            _tie(model)
        fused.fuse(model)
        empty = [name for name, tensor in model.state_dict().items() if tensor.is_meta]
        if empty:
            raise AssertionError(f"bug: these were counted as loaded and are not: {_some(empty)}")


class PackedSink:
    """Packs tensors for the compiled decoder; they are in `packer.weights`."""

    def __init__(self, packer: Packer) -> None:
        self.packer = packer

    def put(self, name: str, tensor: Tensor, where: str) -> None:  # noqa: ARG002
        """See `Sink.put`."""
        self.packer.put(name, tensor)

    def finish(self) -> None:
        """See `Sink.finish`."""
        self.packer.finish()


def _make_packed(model: Any, module: str, dtype: torch.dtype, where: str) -> None:
    bits = model.config.quantization_bit
    if not bits:
        raise ConfigError(
            f"the weights are packed ('{module}.weight{SCALE}'), and config.json has no quantization_bit",
            where=where,
            hint="take config.json and weights from the same repository",
        )
    try:
        if module != HEAD or not getattr(model.config, "tie_word_embeddings", False):
            with torch.device("meta"):
                quantization.swap(model, module, bits, dtype)
    except (AttributeError, ValueError):
        raise UnexpectedTensorsError(
            f"the files hold packed weights for '{module}', which the model does not have or cannot pack",
            where=where,
            hint=AGAIN,
        ) from None


def _check(model: nn.Module, name: str, tensor: Tensor, where: str) -> None:
    """One tensor against its place. Raises: TensorShapeError, TensorDtypeError."""
    if _check_shape(model, name, tensor, where).dtype != torch.int8:
        _check_float(name, tensor, where)
    elif tensor.dtype not in (torch.int8, torch.uint8):
        raise TensorDtypeError(f"'{name}' is {tensor.dtype}; packed weights are int8", where=where, hint=AGAIN)


def _check_shape(model: nn.Module, name: str, tensor: Tensor, where: str) -> Tensor:
    place_of = find(model, name)
    if place_of.shape != tensor.shape:
        raise TensorShapeError(
            f"'{name}' has the shape {tuple(tensor.shape)}; config.json implies {tuple(place_of.shape)}",
            where=where,
            hint="take config.json and weights from the same repository",
        )
    return place_of


def _check_float(name: str, tensor: Tensor, where: str) -> None:
    if not tensor.is_floating_point():
        raise TensorDtypeError(
            f"'{name}' is {tensor.dtype}; a float is needed"
            + ("" if tensor.dtype != torch.int8 else f", or '{name}{SCALE}' beside it"),
            where=where,
            hint="the checkpoint is quantized in a way that we do not read, or not complete",
        )


def find(model: nn.Module, name: str) -> Tensor:
    """The parameter or buffer called `name`."""
    module_name, _, leaf = name.rpartition(".")
    return getattr(model.get_submodule(module_name), leaf)  # type: ignore[no-any-return]


def _put(model: nn.Module, name: str, tensor: Tensor) -> None:
    module_name, _, leaf = name.rpartition(".")
    module = model.get_submodule(module_name)
    if leaf in module._parameters:
        module._parameters[leaf] = nn.Parameter(tensor, requires_grad=False)
    else:
        module._buffers[leaf] = tensor


def _tie(model: Any) -> None:
    """Make the output head of ChatGLM-6B the embedding table."""
    table = model.transformer.word_embeddings
    if isinstance(table, quantization.QuantizedEmbedding):
        with torch.device("meta"):
            quantization.swap(model, HEAD, table.bits, table.like.dtype)
        model.lm_head._buffers.update(weight=table.weight, weight_scale=table.weight_scale)
    else:
        model.lm_head.weight = table.weight


def _sample(tensor: Tensor) -> Tensor:
    """A few rows from end to end, and the count of all: reading a table whole would cost a gigabyte of pages."""
    if tensor.dim() == 0 or not tensor.shape[0]:
        return tensor.clone()
    rows = torch.linspace(0, tensor.shape[0] - 1, SAMPLE_ROWS).long()
    return torch.cat((tensor[rows].reshape(-1).double(), torch.tensor(tensor.shape, dtype=torch.float64)))


def _check_tied(heads: Mapping[str, Tensor], tables: Mapping[str, Tensor], where: str) -> None:
    """What the files hold for a tied head agrees with the embeddings. Both are samples. Raises: TiedWeightsError."""
    for name, head in heads.items():
        table = tables.get(EMBEDDINGS + name.removeprefix(HEAD))
        # Embeddings that are missing are told elsewhere.
        if table is not None and not (table.shape == head.shape and torch.equal(table.float(), head.float())):
            raise TiedWeightsError(
                f"'{name}' differs from '{EMBEDDINGS}', with which it should be one",
                where=where,
                hint='set "tie_word_embeddings": false in config.json if the head was trained apart',
            )


def _complete(missing: set[str], unknown: list[str], total: int, prefix: Mapping[str, Tensor], where: str) -> None:
    if missing and prefix and len(missing) == total:
        raise MissingTensorsError(
            "this is a P-Tuning prefix without its model",
            where=where,
            hint="open the model, and give this by --prefix",
        )
    if missing:
        names = sorted(missing)
        raise MissingTensorsError(
            f"the files lack {len(names)} of the model's {total} tensors: {_some(names)}",
            where=where,
            hint="config.json and weights must be of the same model; " + AGAIN,
        )
    if unknown:
        raise UnexpectedTensorsError(
            f"the files hold {len(unknown)} tensors that the model has no place for: {_some(sorted(unknown))}",
            where=where,
            hint="config.json and weights must be of the same model",
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
