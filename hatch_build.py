"""Build hook: a wheel carries its data in compiled form too, so that the first answer is fast as well.

Without it (an editable installation, a checkout) the first use compiles the data into the user's cache.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileRegistry(BuildHookInterface):  # type: ignore[type-arg]
    """Adds modelreg/_data/registry.compiled to the wheel; wrong data stop the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        sys.path.insert(0, self.root)
        from modelreg.registry.compile import build_compiled

        self.folder = tempfile.TemporaryDirectory()
        out = Path(self.folder.name) / "registry.compiled"
        build_compiled(out, self.root)
        build_data["force_include"][str(out)] = "modelreg/_data/registry.compiled"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()
