"""modelreg: the terms of open-weights models as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelreg.api import Grant as Grant
    from modelreg.api import require as require

__all__ = ["Grant", "require"]


def __getattr__(name: str) -> Any:
    # Nothing is loaded by `import modelreg` itself.
    if name in __all__:
        from modelreg import api

        return getattr(api, name)
    raise AttributeError(f"module 'modelreg' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
