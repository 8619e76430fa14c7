"""Reading `config.json`: values of the right kind, or an error that names the key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelreg.inference.problems import ConfigError

CONFIG_NAME = "config.json"


class Keys:
    """The keys of one configuration, read one by one.

    Args:
        values: what the JSON object held.
        where: the file, for error messages.
    """

    def __init__(self, values: Mapping[str, Any], where: str = CONFIG_NAME) -> None:
        self.values = values
        self.where = where

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self.values.get(key) is not None

    def size(self, key: str, default: int | None = None) -> int:
        """A whole number of at least 1. Raises: ConfigError, also where there is neither key nor default."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.error(key, f"is {value!r}; a whole number of at least 1 is needed")
        return value

    def count(self, key: str, default: int = 0) -> int:
        """A whole number of at least 0 (an id, a number of bits). Raises: ConfigError."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.error(key, f"is {value!r}; a whole number of at least 0 is needed")
        return value

    def ids(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """One token id or a list of them. Raises: ConfigError."""
        value = self._get(key, list(default))
        listed = value if isinstance(value, list) else [value]
        if any(isinstance(v, bool) or not isinstance(v, int) or v < 0 for v in listed):
            raise self.error(key, f"is {value!r}; a token id or a list of token ids is needed")
        return tuple(listed)

    def number(self, key: str, default: float) -> float:
        """A number above 0. Raises: ConfigError."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise self.error(key, f"is {value!r}; a number above 0 is needed")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false. Raises: ConfigError."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"is {value!r}; true or false is needed")
        return value

    def text(self, key: str, default: str) -> str:
        """A string. Raises: ConfigError."""
        value = self._get(key, default)
        if not isinstance(value, str):
            raise self.error(key, f"is {value!r}; a string is needed")
        return value

    def dtype(self) -> str:
        """The number format of the weights: `torch_dtype`, or `dtype` as transformers 5 writes it."""
        name = self.text("dtype" if self.has("dtype") else "torch_dtype", "float16").removeprefix("torch.")
        if name not in ("float16", "bfloat16", "float32"):
            raise self.error("torch_dtype", f"is {name!r}; float16, bfloat16 or float32 is needed")
        return name

    def quantization_bit(self) -> int:
        """0, 4 or 8. Raises: ConfigError."""
        bits = self.count("quantization_bit", 0)
        if bits not in (0, 4, 8):
            raise self.error("quantization_bit", f"is {bits}; 0, 4 or 8 is needed")
        return bits

    def error(self, key: str, problem: str, hint: str = "") -> ConfigError:
        """A ConfigError about one key."""
        hint = hint or "take config.json from the model's own repository, unchanged"
        return ConfigError(f"'{key}' {problem}", where=self.where, hint=hint)

    def _get(self, key: str, default: Any) -> Any:
        value = self.values.get(key)
        if value is None:
            value = default
        if value is None:
            raise self.error(key, "is missing")
        return value


def read_config(folder: Path) -> Mapping[str, Any]:
    """The JSON object in `folder/config.json`. Raises: ConfigError when it is absent or no JSON object."""
    path = folder / CONFIG_NAME
    hint = "point at the folder that holds config.json and the weights"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no {CONFIG_NAME} in {folder}", where=str(path), hint=hint) from None
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise ConfigError(f"cannot read {CONFIG_NAME}: {problem}", where=str(path), hint=hint) from problem
    if not isinstance(values, dict):
        raise ConfigError(f"{CONFIG_NAME} is no JSON object", where=str(path), hint=hint)
    return values
