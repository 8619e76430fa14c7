"""ChatGLM on today's PyTorch. `load` opens weights, with a Grant alone; nothing is imported before it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelreg.inference.weights import load as load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from modelreg.inference import weights

        return getattr(weights, name)
    raise AttributeError(f"module 'modelreg.inference' has no attribute '{name}'")
