"""The registry: files -> values. As a library for other programs, begin with `open` (docs/library.md).

    >>> from modelreg import registry
    >>> reg = registry.open()
    >>> reg.find("chatglm-6b")
    Model('THUDM/chatglm-6b')
    >>> reg.license("LicenseRef-ChatGLM-6B-2023-07-08").value("forum", "place")
    'Beijing'

Nothing is read, and none of the modules below is imported, before one of these names is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelreg.core.holdings import Holdings as Holdings
    from modelreg.core.license import Citation as Citation
    from modelreg.core.license import License as License
    from modelreg.core.model import Base as Base
    from modelreg.core.model import Model as Model
    from modelreg.core.model import Period as Period
    from modelreg.registry.catalog import Catalog as Catalog
    from modelreg.registry.catalog import open as open
    from modelreg.registry.names import Ambiguous as Ambiguous
    from modelreg.registry.names import Found as Found
    from modelreg.registry.names import Resolution as Resolution
    from modelreg.registry.names import Unknown as Unknown

_FROM = {
    "Ambiguous": "modelreg.registry.names",
    "Base": "modelreg.core.model",
    "Catalog": "modelreg.registry.catalog",
    "Citation": "modelreg.core.license",
    "Found": "modelreg.registry.names",
    "Holdings": "modelreg.core.holdings",
    "License": "modelreg.core.license",
    "Model": "modelreg.core.model",
    "Period": "modelreg.core.model",
    "Resolution": "modelreg.registry.names",
    "Unknown": "modelreg.registry.names",
    "open": "modelreg.registry.catalog",
}

__all__ = [
    "Ambiguous",
    "Base",
    "Catalog",
    "Citation",
    "Found",
    "Holdings",
    "License",
    "Model",
    "Period",
    "Resolution",
    "Unknown",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module 'modelreg.registry' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_FROM[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
