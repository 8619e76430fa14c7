"""How large a model is in each form, and what it reads for a token: from its configuration alone. No torch here.

Source of the shapes: the project's own specification of these models (as models/chatglm.py and models/chatglm2.py);
a test compares the counts with those networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# scheme -> bits a weight, its share of scales included (fp16 scale, and minimum, a group of 32)
BITS = {
    "int4-row": 4.0, "int4-g32": 4.5, "int4-g32-asym": 5.0, "int8-row": 8.0, "int8-g32": 8.5,
    "bfloat16": 16.0, "float16": 16.0, "float32": 32.0,
}  # fmt: skip
# Beside weights and cache: Python and PyTorch, and the activations of a piece of a prompt (measured: 0.3 to 0.5 GiB).
RUNTIME = 450 * 2**20


class Shape(NamedTuple):
    """Numbers of a network.

    Attributes:
        layers: weights in the linear layers of all layers; head, embedding: in the output head and in the embedding
            table; tied: whether these two are one.
        small: norms and biases; cache: numbers kept for one token, keys and values of all layers.
    """

    layers: int
    head: int
    embedding: int
    tied: bool
    small: int
    cache: int

    @property
    def parameters(self) -> int:
        return self.layers + self.embedding + self.small + (0 if self.tied else self.head)

    def nbytes(self, scheme: str, head: str = "") -> int:
        """Bytes of the weights; small ones are in float32 beside packed ones, else in the format of the others."""
        whole = scheme in ("bfloat16", "float16", "float32")
        tables = self.embedding + (0 if self.tied else self.head)
        bits = self.layers * BITS[scheme] + tables * BITS[head or scheme]
        return round(bits / 8) + self.small * (round(BITS[scheme] / 8) if whole else 4)

    def read(self, scheme: str, head: str = "") -> int:
        """Bytes of weights that decoding one token reads: all but the embedding table."""
        return round((self.layers * BITS[scheme] + self.head * BITS[head or scheme]) / 8)

    def cache_bytes(self, tokens: int, bytes_each: int = 4) -> int:
        """Bytes of keys and values of so many tokens."""
        return self.cache * tokens * bytes_each


def shape_of(config: Mapping[str, Any]) -> Shape | None:
    """The shape that a config.json describes; None where figures are missing."""
    try:
        return _first(config) if "inner_hidden_size" in config else _later(config)
    except (KeyError, TypeError, ValueError):
        return None


def _first(c: Mapping[str, Any]) -> Shape:
    hidden, inner, count, vocabulary = (
        int(c[k]) for k in ("hidden_size", "inner_hidden_size", "num_layers", "vocab_size")
    )
    linear = hidden * 3 * hidden + hidden * hidden + 2 * hidden * inner
    biases = 3 * hidden + hidden + inner + hidden
    small = count * (biases + 4 * hidden) + 2 * hidden
    return Shape(count * linear, vocabulary * hidden, vocabulary * hidden, True, small, count * 2 * hidden)


def _later(c: Mapping[str, Any]) -> Shape:
    hidden, count, heads, channels = (
        int(c[k]) for k in ("hidden_size", "num_layers", "num_attention_heads", "kv_channels")
    )
    inner, vocabulary = int(c["ffn_hidden_size"]), int(c["padded_vocab_size"])
    groups = int(c.get("multi_query_group_num", 1)) if c.get("multi_query_attention") else heads
    width = heads * channels
    qkv = width + 2 * groups * channels
    linear = hidden * qkv + width * hidden + 3 * hidden * inner
    biases = qkv if c.get("add_qkv_bias", True) or c.get("add_bias_linear") else 0
    small = count * (biases + 2 * hidden) + hidden
    table = vocabulary * hidden
    tied = bool(c.get("tie_word_embeddings", False))
    return Shape(count * linear, table, table, tied, small, count * 2 * groups * channels)


def expected_rate(read: int, bandwidth: float, share: float) -> float:
    """Tokens a second at batch 1, where reading the weights is what takes the time.

    Args:
        read: bytes a token; bandwidth: bytes a second, measured; share: of it that decoding reaches.
    """
    return bandwidth * share / read if read else 0.0
