"""Opening a model: its configuration, an empty network, and the checkpoint's tensors put into it.

The network is made on the meta device, where tensors have shapes and no bytes, and each tensor of the files
takes its place there; so the most that is ever held is the weights once, and one file where they are
converted on the way. Tensors that need no conversion stay mapped: the file is the memory.

`load(grant, ...)` is the only public way in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

from modelreg.inference import quant as quantization
from modelreg.inference.checkpoint import AGAIN, Checkpoint, find_checkpoint
from modelreg.inference.devices import Need, Placement, place
from modelreg.inference.models import architecture
from modelreg.inference.models.chatglm import ChatGLM, ChatGLMConfig
from modelreg.inference.models.chatglm2 import ChatGLM2, ChatGLM2Classifier, ChatGLM2Config
from modelreg.inference.models.config import CONFIG_NAME, read_config
from modelreg.inference.problems import (
    ConfigError,
    MissingTensorsError,
    TensorDtypeError,
    TensorShapeError,
    TiedWeightsError,
    UnexpectedTensorsError,
)

if TYPE_CHECKING:
    from modelreg.ledger.files import FileSet
    from modelreg.ledger.gate import Grant

Model: TypeAlias = ChatGLM | ChatGLM2 | ChatGLM2Classifier

HEAD, EMBEDDINGS = "lm_head", "transformer.word_embeddings"  # ChatGLM-6B's, tied
SCALE = "_scale"
PREFIX_ENCODER = "transformer.prefix_encoder."
# Always computed anew; stored in half precision by some revisions and not at all by others.
IGNORED_ENDINGS = ("rotary_emb.inv_freq", "rotary_pos_emb.inv_freq")
# VisualGLM-6B is ChatGLM-6B with an image encoder beside it; its language part runs here.
IGNORED_STARTS = ("image_encoder.",)
SAMPLE_ROWS = 16


def load(
    grant: Grant,
    folder: Path | str,
    *,
    dtype: str | torch.dtype = "auto",
    device: str | torch.device = "auto",
    quant: int = 0,
    prefix: Path | str | None = None,
    adapter: Path | str | None = None,
) -> Model:
    """Open the weights in `folder`; the terms were accepted, which `grant` shows.

    Args:
        grant: made by `modelreg.ledger.gate.require()` alone.
        folder: config.json and weights, as published.
        dtype, device: see `devices.place`; "auto" chooses, and `model.placement.reason` says why.
        quant: 4 or 8 quantizes the layers while loading, in the published scheme.
        prefix: a P-Tuning v2 checkpoint to put on top. adapter: a LoRA adapter in PEFT's format.
    Returns: the model in evaluation mode, without gradients; `model.placement` says where and why.
    Raises: TypeError for anything but a Grant; NotAcceptedError for other files than it was given for, or an
        adapter that it does not cover; ConfigError, WeightsError and its branches, DeviceError,
        DoesNotFitError.
    """
    from modelreg.ledger.gate import genuine

    files = genuine(grant).check_files(folder)
    side = [_side_files(grant, Path(f)) for f in (prefix, adapter) if f is not None]
    model = _open_model(folder, dtype=dtype, device=device, quant=quant, prefix=prefix, adapter=adapter)
    for checked in (files, *side):  # nothing was put in their place while they were read
        checked.check()
    return model


def _side_files(grant: Grant, folder: Path) -> FileSet:
    """The files of an adapter, which has a Grant of its own among the bases."""
    from modelreg.errors import NotAcceptedError

    for base in grant.bases:
        if base.folder is not None and folder.exists() and base.folder.samefile(folder):
            return base.check_files(folder)
    raise NotAcceptedError(
        f"the grant for {grant.model} does not cover this adapter",
        code="adapter-not-accepted",
        where=str(folder),
        hint="modelreg accept FOLDER --as MODEL …; then modelreg.require(MODEL, adapters=[FOLDER])",
    )


def _open_model(
    folder: Path | str,
    *,
    dtype: str | torch.dtype = "auto",
    device: str | torch.device = "auto",
    quant: int = 0,
    prefix: Path | str | None = None,
    adapter: Path | str | None = None,
) -> Model:
    """Internal to `load` and to tests: open weights without asking whether one may. Arguments: `load`."""
    from modelreg.inference.adapters import apply_lora, apply_prefix, prefix_tensors

    folder = Path(folder)
    values = read_config(folder)
    checkpoint = find_checkpoint(folder)
    names = checkpoint.names()
    if quant not in (0, 4, 8):
        said = f"quantizing to {quant} bits is not known"
        raise ConfigError(said, where="--quant", hint="use int8 or int4")
    model = _empty_model(values, str(folder / CONFIG_NAME), classifier=_has_classifier(names, values))
    bits = model.config.quantization_bit
    if quant and bits:
        raise ConfigError(
            f"the checkpoint is quantized to {bits} bits already",
            where=str(folder / CONFIG_NAME),
            hint="leave out --quant, or take the unquantized checkpoint",
        )
    placement = place(
        needs(model, bits), device=device, dtype=dtype, checkpoint_dtype=model.config.torch_dtype, quant=quant
    )
    found_prefix = _fill(model, checkpoint, names, placement, quant)
    model.eval().requires_grad_(False)
    model.placement = placement
    if prefix is not None:
        found_prefix = prefix_tensors(Path(prefix))
    elif model.config.pre_seq_len and not found_prefix:
        raise MissingTensorsError(
            f"config.json asks for a prefix of {model.config.pre_seq_len} tokens; the files hold none",
            where=str(folder / CONFIG_NAME),
            hint="give the prefix checkpoint by --prefix, or set pre_seq_len to null",
        )
    if found_prefix:
        apply_prefix(model.transformer, found_prefix, where=str(prefix or folder))
    if adapter is not None:
        apply_lora(model, Path(adapter))
    return model


def need_of(values: Mapping[str, Any]) -> Need:
    """What the model of a configuration takes, before any weights are there (to refuse before a download).

    Args:
        values: the keys of config.json.
    Raises: ConfigError.
    """
    model = _empty_model(values, CONFIG_NAME)
    return needs(model, model.config.quantization_bit)


def needs(model: nn.Module, bits: int = 0) -> Need:
    """What a model, empty or not yet swapped, takes; `bits` as in its configuration."""
    total = sum(p.numel() for p in model.parameters())
    if isinstance(model, ChatGLM) and model.config.tie_word_embeddings:
        total -= model.lm_head.weight.numel()
    linear = sum(_find(model, f"{n}.weight").numel() for n in quantization.layer_linears(model))
    return Need(total, linear, bits)


def _has_classifier(names: Iterable[str], values: Mapping[str, Any]) -> bool:
    """Whether the files hold a classification head; the configuration does not say it reliably."""
    later = architecture(values) == "chatglm2"
    return later and any(name.startswith("classifier_head.") for name in names)


def _empty_model(values: Mapping[str, Any], where: str, *, classifier: bool = False) -> Model:
    """The network that `values` describe, on the meta device."""
    with torch.device("meta"):
        if architecture(values, where) == "chatglm":
            return ChatGLM(ChatGLMConfig.from_dict(values, where))
        config = ChatGLM2Config.from_dict(values, where)
        return ChatGLM2Classifier(config) if classifier else ChatGLM2(config)


def _fill(
    model: Model, checkpoint: Checkpoint, names: Iterable[str], placement: Placement, quant: int
) -> dict[str, Tensor]:
    """Put every tensor of the files in its place; return those of a P-Tuning prefix encoder."""
    ending = ".weight" + SCALE
    for module in sorted(name.removesuffix(ending) for name in names if name.endswith(ending)):
        _make_packed(model, module, placement.dtype, str(checkpoint.folder))
    wanted = set(model.state_dict())
    tied = model if isinstance(model, ChatGLM) and model.config.tie_word_embeddings else None
    to_quantize = {f"{module}.weight": module for module in quantization.layer_linears(model)} if quant else {}
    heads: dict[str, Tensor] = {}
    prefix: dict[str, Tensor] = {}
    given: set[str] = set()
    unknown: list[str] = []
    for path, tensors in checkpoint.pieces():
        for name, tensor in tensors.items():
            if name.endswith(IGNORED_ENDINGS) or name.startswith(IGNORED_STARTS):
                continue
            if name.startswith(PREFIX_ENCODER):
                prefix[name.removeprefix(PREFIX_ENCODER)] = tensor
            elif tied is not None and name.startswith(HEAD + "."):
                heads[name] = tensor
            elif name not in wanted:
                unknown.append(name)
            else:
                given.add(name)
                if name in to_quantize:
                    _quantize_into(model, to_quantize[name], tensor, quant, placement, str(path))
                else:
                    _assign(model, name, tensor, placement, str(path))
    if tied is not None:
        _tie(tied, heads, str(checkpoint.folder))
        given |= {name for name in wanted if name.startswith(HEAD + ".")}
    _complete(wanted - given, unknown, len(wanted), prefix, str(checkpoint.folder))
    empty = [name for name, tensor in model.state_dict().items() if tensor.is_meta]
    if empty:
        raise AssertionError(f"bug: these were counted as loaded and are not: {_some(empty)}")
    return prefix


def _make_packed(model: Model, module: str, dtype: torch.dtype, where: str) -> None:
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


def _quantize_into(model: Model, module: str, weight: Tensor, bits: int, placement: Placement, where: str) -> None:
    _check_shape(model, f"{module}.weight", weight, where)
    _check_float(f"{module}.weight", weight, where)
    with torch.device("meta"):
        quantization.swap(model, module, bits, placement.dtype)
    # On the target device: the division is float16 there too, with the same result, and faster on a GPU.
    packed, scale = quantization.quantize_rows(weight.to(placement.device), bits)
    _put(model, f"{module}.weight", packed)
    _put(model, f"{module}.weight{SCALE}", scale)


def _check_shape(model: nn.Module, name: str, tensor: Tensor, where: str) -> Tensor:
    place_of = _find(model, name)
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


def _assign(model: nn.Module, name: str, tensor: Tensor, placement: Placement, where: str) -> None:
    """Check one tensor against its place and put it there, converted only where it must be."""
    expected = _check_shape(model, name, tensor, where)
    if expected.dtype == torch.int8:
        if tensor.dtype not in (torch.int8, torch.uint8):
            raise TensorDtypeError(f"'{name}' is {tensor.dtype}; packed weights are int8", where=where, hint=AGAIN)
        _put(model, name, tensor.view(torch.int8).to(placement.device))
        return
    _check_float(name, tensor, where)
    # Scales stay as they are stored: the published float16.
    dtype = tensor.dtype if name.endswith(SCALE) else placement.dtype
    _put(model, name, tensor.to(device=placement.device, dtype=dtype))


def _find(model: nn.Module, name: str) -> Tensor:
    module_name, _, leaf = name.rpartition(".")
    return getattr(model.get_submodule(module_name), leaf)  # type: ignore[no-any-return]


def _put(model: nn.Module, name: str, tensor: Tensor) -> None:
    module_name, _, leaf = name.rpartition(".")
    module = model.get_submodule(module_name)
    if leaf in module._parameters:
        module._parameters[leaf] = nn.Parameter(tensor, requires_grad=False)
    else:
        module._buffers[leaf] = tensor


def _tie(model: ChatGLM, heads: Mapping[str, Tensor], where: str) -> None:
    """Make the output head the embedding table, and see that what the files hold for it agrees."""
    table = model.transformer.word_embeddings
    if isinstance(table, quantization.QuantizedEmbedding):
        with torch.device("meta"):
            quantization.swap(model, HEAD, table.bits, table.like.dtype)
        model.lm_head._buffers.update(weight=table.weight, weight_scale=table.weight_scale)
    else:
        model.lm_head.weight = table.weight  # type: ignore[unreachable,unused-ignore]
    for name, head in heads.items():
        tied = _find(model, name)
        if tied.is_meta:  # the embeddings are missing; that is said elsewhere
            continue
        same = tied.shape == head.shape and tied.shape[0] > 0
        if same:  # a few rows from end to end: reading both tables whole would cost a gigabyte of pages
            rows = torch.linspace(0, head.shape[0] - 1, SAMPLE_ROWS).long()
            same = bool(torch.equal(tied[rows.to(tied.device)].cpu(), head[rows].to(tied.dtype)))
        if not same:
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
