"""What `--quant`, `--scheme` and `--head` mean together."""

from __future__ import annotations

from typing import NamedTuple

from modelreg.inference.problems import ConfigError

SCHEMES = ("int4-g32", "int4-g32-asym", "int4-row", "int8-g32", "int8-row")
DEFAULTS = {"int4": "int4-g32", "int8": "int8-g32"}
ROW_HEAD = "int8-g32"  # of a published quantized checkpoint, whose head is in float16


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
