"""Hooks for `modelreg exec`: Hub downloads and `from_pretrained` loads of this process ask the gate first.

Nothing is imported for it: each library is hooked when the program itself imports it. Documents (licence, card) pass,
because terms must be read before they can be accepted.
"""

from __future__ import annotations

import atexit
import functools
import importlib.abc
import importlib.machinery
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

ENVIRONMENT = "MODELREG_EXEC"  # JSON: facts, ledger, registry, organisation
_DOCUMENT = re.compile(r"(?i)([^/]*/)*(.*licen[cs]e.*|copying.*|notice.*|readme.*|use_policy.*|.*\.md)")

_HOOKED = (
    "huggingface_hub.file_download",
    "huggingface_hub._snapshot_download",
    "transformers.utils.hub",
    "transformers.modeling_utils",
    "transformers.models.auto.auto_factory",
)


class Gatekeeper:
    """Asks the gate once for each model or folder, and remembers a yes as long as the folder stays as it was.

    Args:
        settings: from MODELREG_EXEC.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self._passed: dict[str, Any] = {}
        self._here = threading.local()  # a thread that asks lets no other one through

    def admit(self, name: str | os.PathLike[str], revision: str | None = None, subfolder: str | None = None) -> None:
        """Let a name or folder pass.

        Raises: what `modelreg.require` raises.
        """
        text = os.fspath(name)
        if getattr(self._here, "asking", False):  # the gate itself may ask the Hub for a licence text
            return
        if subfolder and Path(text).is_dir():
            text = str(Path(text) / subfolder)
        cached = _in_cache(text)
        wanted, commit = cached or (text, revision or "")
        key = f"{text}@{commit}"
        grant = self._passed.get(key)
        if grant is not None and (grant.folder is None or _unchanged(grant)):
            return
        from modelreg.api import require

        self._here.asking = True
        try:
            self._passed[key] = require(
                wanted,
                facts=self.settings.get("facts") or None,
                cached=text if cached else None,
                ledger=self.settings.get("ledger") or None,
                registry=self.settings.get("registry") or (),
                organisation=self.settings.get("organisation") or "",
                revision=commit if re.fullmatch(r"[0-9a-f]{40}", commit) else "",
            )
        finally:
            self._here.asking = False


_SNAPSHOT = re.compile(r".*/models--([^/]+)/snapshots/([0-9a-f]{40})")


def _in_cache(text: str) -> tuple[str, str] | None:
    """The repository and commit of a folder of the Hub's own cache; its files must not contradict the name."""
    path = Path(text)
    if not path.is_dir():
        return None
    from huggingface_hub import constants

    folder = path.absolute()
    found = _SNAPSHOT.fullmatch(folder.as_posix())
    if found is None or not folder.is_relative_to(Path(constants.HF_HUB_CACHE).absolute()):
        return None
    return found[1].replace("--", "/"), found[2]


def _unchanged(grant: Any) -> bool:
    from modelreg.errors import ModelregError

    try:
        grant.check_files()
    except ModelregError:
        return False
    return True


def install() -> None:
    """Put the hooks in; called in the child by the shim.

    Raises:
        ModelregError: the settings cannot be read.
    """
    keeper = Gatekeeper(json.loads(os.environ.get(ENVIRONMENT) or "{}"))
    sys.meta_path.insert(0, _Finder(keeper))
    _report_refusals()
    for name in _HOOKED:
        if name in sys.modules:
            _hook(sys.modules[name], keeper)


def _report_refusals() -> None:
    """A refusal that the program does not catch ends it with the gate's message and exit status, not a traceback."""
    previous = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        from modelreg.errors import ModelregError

        if not isinstance(error, ModelregError):
            previous(kind, error, trace)
            return
        sys.stderr.write(f"{error}\n")
        sys.stdout.flush()
        sys.stderr.flush()
        # The interpreter would end with 1 whatever a hook does; only this carries the status.
        atexit.register(os._exit, int(error.exit_code))

    sys.excepthook = hook


class _Finder(importlib.abc.MetaPathFinder):
    """Finds what the others find, and hooks it when it has been run."""

    def __init__(self, keeper: Gatekeeper) -> None:
        self.keeper = keeper

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _HOOKED:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self.keeper)
                return spec
        return None


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: Any, keeper: Gatekeeper) -> None:
        self.loader = loader
        self.keeper = keeper

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self.loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        _hook(module, self.keeper)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)


def _hook(module: ModuleType, keeper: Gatekeeper) -> None:
    name = module.__name__
    if name == "huggingface_hub.file_download":
        _wrap(module, "hf_hub_download", functools.partial(_download, keeper))
        _wrap(module, "try_to_load_from_cache", functools.partial(_download, keeper))
    elif name == "huggingface_hub._snapshot_download":
        _wrap(module, "snapshot_download", functools.partial(_snapshot, keeper))
    elif name == "transformers.utils.hub":
        _wrap(module, "cached_file", functools.partial(_cached, keeper))
        _wrap(module, "cached_files", functools.partial(_cached, keeper))
    elif name == "transformers.modeling_utils":
        _wrap_method(module.PreTrainedModel, keeper)
    elif name == "transformers.models.auto.auto_factory":
        _wrap_method(module._BaseAutoModelClass, keeper)


Check = Callable[[tuple[Any, ...], dict[str, Any]], None]


def _wrap(module: ModuleType, name: str, check: Check) -> None:
    function = getattr(module, name, None)
    if function is None or getattr(function, "_modelreg", False):
        return

    @functools.wraps(function)
    def gated(*args: Any, **kwargs: Any) -> Any:
        check(args, kwargs)
        return function(*args, **kwargs)

    gated._modelreg = True  # type: ignore[attr-defined]
    setattr(module, name, gated)


def _wrap_method(owner: Any, keeper: Gatekeeper) -> None:
    method = owner.__dict__.get("from_pretrained")
    if method is None or getattr(method, "_modelreg", False):
        return
    function = method.__func__

    @functools.wraps(function)
    def gated(cls: Any, *args: Any, **kwargs: Any) -> Any:
        name = args[0] if args else kwargs.get("pretrained_model_name_or_path")
        if name is not None:
            keeper.admit(name, kwargs.get("revision"), kwargs.get("subfolder"))
        return function(cls, *args, **kwargs)

    gated._modelreg = True  # type: ignore[attr-defined]
    owner.from_pretrained = classmethod(gated)


def _download(keeper: Gatekeeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    repo = args[0] if args else kwargs.get("repo_id")
    file = args[1] if len(args) > 1 else kwargs.get("filename")
    if repo is None or kwargs.get("repo_type") not in (None, "model") or _DOCUMENT.fullmatch(str(file or "")):
        return
    keeper.admit(str(repo), kwargs.get("revision"))


def _snapshot(keeper: Gatekeeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    repo = args[0] if args else kwargs.get("repo_id")
    wanted = kwargs.get("allow_patterns")
    patterns = [wanted] if isinstance(wanted, str) else list(wanted or ["*"])
    # A pattern may match more than it looks like: only names without wildcards are documents for sure.
    documents = all(_DOCUMENT.fullmatch(str(p)) and not set(str(p)) & set("*?[") for p in patterns)
    if repo is None or kwargs.get("repo_type") not in (None, "model") or documents:
        return
    keeper.admit(str(repo), kwargs.get("revision"))


def _cached(keeper: Gatekeeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    place = args[0] if args else kwargs.get("path_or_repo_id")
    names = args[1] if len(args) > 1 else kwargs.get("filenames", kwargs.get("filename"))
    files = [names] if isinstance(names, str) else list(names or ["*"])
    if place is None or kwargs.get("repo_type") not in (None, "model"):
        return
    if all(_DOCUMENT.fullmatch(str(f)) for f in files):
        return
    keeper.admit(place, kwargs.get("revision"), kwargs.get("subfolder"))
