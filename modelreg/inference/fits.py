"""Which model fits this machine in which form, and about how fast it would be. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from modelreg.inference.sizes import BITS, RUNTIME, Shape, expected_rate, shape_of
from modelreg.ledger.folder import known_configs

CONTEXT = 2048  # tokens that are to have room in the cache
# What the later generations share in every published config.json and known_configs does not repeat.
_LATER = {"ffn_hidden_size": 13696, "num_attention_heads": 32, "kv_channels": 128, "multi_query_group_num": 2}
FORMS = ("int4-g32", "int4-g32-asym", "int8-g32", "bfloat16", "float32")
# Share of the read limit that decoding reaches (benchmarks/README.md); PyTorch's bfloat16 does worse.
_SHARE = {"bfloat16": 0.7, "float32": 0.75}
_SHARE_PACKED = 0.88
_SHARE_TORCH = 0.55  # int8 without the compiled kernels


class Form(NamedTuple):
    """A model in one form.

    Attributes:
        scheme; weights, cache, total: bytes, with the cache of `CONTEXT` tokens and the runtime in the total.
        fits: whether the total is there now; rate: tokens a second to expect, 0 where no bandwidth was measured.
    """

    scheme: str
    weights: int
    cache: int
    total: int
    fits: bool
    rate: float


class Fit(NamedTuple):
    """A model and its forms.

    Attributes:
        parameters: counted from its figures, or as its publisher says; counted: which of the two.
        published: its publisher's figures of memory, as recorded.
    """

    model: str
    parameters: int
    counted: bool
    forms: tuple[Form, ...]
    published: Mapping[str, Any]

    @property
    def best(self) -> Form | None:
        """The most exact form that fits and is packed, else the most exact that fits."""
        there = [f for f in self.forms if f.fits]
        packed = [f for f in there if f.scheme.startswith("int")]
        return max(packed or there, key=lambda f: (BITS[f.scheme] <= 8.5, BITS[f.scheme]), default=None)


def fit_of(
    model: str, entry: Mapping[str, Any], *, available: int, bandwidth: float, kernels: bool, config: Any = None
) -> Fit | None:
    """How a model fits; None where the registry knows neither its figures nor its size.

    Args:
        entry: of the registry; available: bytes of memory that can be taken now; bandwidth: bytes a second that all
            threads read, 0 if not measured; kernels: whether the compiled kernels are here.
        config: config.json of this very model, where its files are here.
    """
    known = known_configs().get(model) or known_configs().get(str(entry.get("parent") or ""))
    runtime = entry.get("runtime")
    values = dict(config or (known["config"] if known else {}))
    if "padded_vocab_size" in values:
        values = {**_LATER, **values}
    shape = shape_of(values) if values else None
    counted = shape is not None
    if shape is None:
        stated = entry.get("parameters")
        count = int(stated["value"]) if isinstance(stated, Mapping) and "value" in stated else 0
        if not count:
            return None
        shape = Shape(count, 0, 0, False, 0, 0)
    published = runtime.get("memory") if isinstance(runtime, Mapping) else None
    forms = tuple(_form(shape, scheme, available, bandwidth, kernels) for scheme in FORMS)
    about = {k: v for k, v in published.items() if k != "source"} if isinstance(published, Mapping) else {}
    return Fit(model, shape.parameters, counted, forms, about)


def _form(shape: Shape, scheme: str, available: int, bandwidth: float, kernels: bool) -> Form:
    weights = shape.nbytes(scheme)
    cache = shape.cache_bytes(CONTEXT, 2 if scheme.startswith("int") and kernels else 4)
    total = weights + cache + RUNTIME
    share = _SHARE.get(scheme, _SHARE_PACKED if kernels else _SHARE_TORCH)
    return Form(scheme, weights, cache, total, total <= available, expected_rate(shape.read(scheme), bandwidth, share))


def runnable(models: Iterable[tuple[str, Mapping[str, Any]]]) -> list[tuple[str, Mapping[str, Any]]]:
    """Of registry entries, those that we run and that have figures of their own: no copies, no other formats."""
    found = []
    for name, entry in models:
        runtime = entry.get("runtime")
        # VisualGLM's language part runs here; of GLM-4V nothing does.
        text = list(entry.get("modalities") or ()) == ["text"] or entry.get("family") == "visualglm"
        known = isinstance(runtime, Mapping) and runtime.get("architecture") == "chatglm"
        if known and text and not entry.get("parent"):
            found.append((name, entry))
    return found
