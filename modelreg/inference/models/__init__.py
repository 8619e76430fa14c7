"""Architectures, one a file. `architecture()` says which of them a configuration describes.

All generations say `"model_type": "chatglm"` and `"architectures": ["ChatGLMModel"]`, so only the keys tell
them apart: the first has `position_encoding_2d` or `inner_hidden_size`, the later ones `padded_vocab_size`
or `multi_query_attention`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from modelreg.inference.problems import ConfigError

Architecture = Literal["chatglm", "chatglm2"]


def architecture(values: Mapping[str, Any], where: str = "config.json") -> Architecture:
    """`chatglm` (first generation) or `chatglm2` (ChatGLM2, ChatGLM3, GLM-4-9B).

    Raises: ConfigError for another network, or one that mixes the keys of both.
    """
    model_type = values.get("model_type", "chatglm")
    if model_type != "chatglm":
        raise ConfigError(
            f"'model_type' is {model_type!r}; native inference has 'chatglm'",
            where=where,
            hint="modelreg list names the models that run natively",
        )
    first = "position_encoding_2d" in values or "inner_hidden_size" in values
    later = "padded_vocab_size" in values or "multi_query_attention" in values
    if first == later:
        both = "both generations" if first else "neither generation"
        raise ConfigError(
            f"config.json has the keys of {both}: 'position_encoding_2d' or 'inner_hidden_size' mark "
            "ChatGLM-6B, 'padded_vocab_size' or 'multi_query_attention' the later ones",
            where=where,
            hint="take config.json from the model's own repository, unchanged",
        )
    return "chatglm" if first else "chatglm2"
