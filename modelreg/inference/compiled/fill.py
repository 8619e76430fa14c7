"""From a checkpoint's tensors to packed weights, one tensor at a time, whatever order they come in."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from modelreg.inference import kernels
from modelreg.inference.compiled.network import Config, is_tied, names_of, packed_names
from modelreg.inference.kernels import PackedWeight

SCALE = "_scale"


def scheme_of(bits: int, *, published: bool) -> str:
    """The kernels' name of a scheme: groups of 32, or one scale a row as in pre-quantized checkpoints."""
    return f"int{bits}-{'row' if published else 'g32'}"


class Packer:
    """Takes tensors by the checkpoint's names and packs those that the kernels multiply by.

    Args:
        scheme: of the layers; head: of embeddings and head, where they come as floats.
        published: the checkpoint is packed already, with one scale a row: integers and scales are taken over as
            they are. Its tables are floats: embedding rows stay exact, and the head is packed in `head`.
    Attributes:
        weights: for `assemble`.
    """

    def __init__(self, config: Config, scheme: str, head: str, *, published: bool = False) -> None:
        self.config, self.scheme, self.head, self.published = config, scheme, head, published
        self.weights: dict[str, PackedWeight | Tensor] = {}
        self._roles = packed_names(config)
        self._waiting: dict[str, Tensor] = {}  # integers whose scales have not come yet, and the reverse

    def put(self, name: str, tensor: Tensor) -> None:
        """Take one tensor of the model's, checked already."""
        base = name.removesuffix(SCALE)
        role = self._roles.get(base) or ("head" if base == f"{names_of(self.config).head}.weight" else "")
        if not role:
            self.weights[name] = tensor.float().clone()  # a clone lets go of the mapped file
        elif name != base or not tensor.is_floating_point():
            self._waiting[name] = tensor
            if base in self._waiting and base + SCALE in self._waiting:
                integers, scale = self._waiting.pop(base), self._waiting.pop(base + SCALE)
                bits = self.config.quantization_bit
                self.weights[base] = kernels.repack(integers, scale, scheme_of(bits, published=True))
        elif self.published and role != "layer":
            if role == "embedding":
                self.weights[base] = tensor
            if role == "head" or is_tied(self.config):
                self.weights[f"{names_of(self.config).head}.weight"] = kernels.pack(tensor, self.head)
        else:
            self.weights[base] = kernels.pack(tensor, self.scheme if role == "layer" else self.head)

    def finish(self) -> Mapping[str, PackedWeight | Tensor]:
        """All weights. Raises: AssertionError where integers never got their scales, which was checked before."""
        if self._waiting:
            raise AssertionError(f"bug: {sorted(self._waiting)[0]} was counted as whole")
        return self.weights

    def nbytes(self) -> int:
        """Bytes of what is packed so far."""
        return sum(w.nbytes for w in self.weights.values())
