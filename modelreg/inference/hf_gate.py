"""The gate before transformers: what `from_pretrained` names is fetched by us and opened with a Grant alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from modelreg.inference.download import COMMIT, Hub

if TYPE_CHECKING:
    from modelreg.ledger.gate import Grant

_require: Callable[..., Grant] | None = None


class Admitted(NamedTuple):
    """A folder that may be opened, and the Grant for its very files."""

    folder: Path
    grant: Grant

    def check(self) -> None:
        """Make sure that nothing took the place of what was checked. Raises: NotAcceptedError."""
        self.grant.check_files(self.folder)


def use_gate(require: Callable[..., Grant]) -> None:
    """Ask this gate, `modelreg.require`, where no Grant is given."""
    global _require
    _require = require


def admit(name: str | Path, grant: object, options: Mapping[str, Any]) -> Admitted:
    """Let a repository or a folder pass, and have its files here.

    Args:
        name: as given to `from_pretrained`; grant: from `modelreg.require`, asked for where it is None.
        options: the other arguments: revision, cache_dir, local_files_only, token, config.
    Raises: TypeError for what is no Grant; what `modelreg.require` and `download.Hub` raise; ValueError for a
        subfolder of a repository, which the gate knows nothing of.
    """
    from modelreg.ledger.gate import genuine

    folder = Path(name)
    if grant is not None:
        genuine(grant)
    if folder.is_dir():
        folder = folder / (options.get("subfolder") or "")
        given = genuine(grant if grant is not None else _gate()(folder))
        admitted = Admitted(folder, given)
    else:
        if options.get("subfolder"):
            raise ValueError("a subfolder of a repository cannot be opened through the gate: name the folder")
        # The configuration was read already, perhaps from a branch: the weights come from the same commit.
        commit = getattr(options.get("config"), "_commit_hash", None) or ""
        revision = commit or options.get("revision") or ""
        known = revision if COMMIT.fullmatch(revision) else ""
        if grant is None:
            _gate()(str(name), revision=known)  # before anything is fetched
        cache = options.get("cache_dir")
        hub = Hub(
            offline=bool(options.get("local_files_only")),
            cache=Path(cache) if cache else None,
            token=options.get("token"),
        )
        plan = hub.plan(str(name), revision)
        folder = hub.fetch(plan)
        given = genuine(grant if grant is not None else _gate()(str(name), cached=folder, revision=plan.commit))
        admitted = Admitted(folder, given)
    admitted.check()
    return admitted


def _gate() -> Callable[..., Grant]:
    if _require is None:
        raise TypeError(
            "opening weights takes the Grant that modelreg.require() returned: from_pretrained(..., grant=grant); "
            "`import modelreg.hf` asks for it by itself"
        )
    return _require
