"""Build hook: what a wheel carries beside its Python files.

- The data in compiled form, so that the first answer is fast as well. Without it (an editable installation, a
  checkout) the first use compiles the data into the user's cache.
- The compiled kernels for quantized inference, where there is a C compiler; the wheel is then one of this platform
  (any Python 3). Without a compiler, or with MODELREG_NO_NATIVE=1, the wheel is pure and says so while it is built.
"""

from __future__ import annotations

import os
import re
import runpy
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = "modelreg/inference/kernels"


class CompileForWheel(BuildHookInterface):  # type: ignore[type-arg]
    """Adds modelreg/_data/registry.compiled and the kernels to the wheel; wrong data stop the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        self.folder = tempfile.TemporaryDirectory()
        self._kernels(version, build_data)
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from modelreg.registry.compile import build_compiled

        out = Path(self.folder.name) / "registry.compiled"
        build_compiled(out, self.root)
        build_data["force_include"][str(out)] = "modelreg/_data/registry.compiled"

    def _kernels(self, version: str, build_data: dict[str, Any]) -> None:
        source = Path(self.root) / KERNELS
        if os.environ.get("MODELREG_NO_NATIVE", "") not in ("", "0"):
            self.app.display_warning(
                "MODELREG_NO_NATIVE is set: no compiled kernels; quantized models run through PyTorch"
            )
            return
        name = "_native.dll" if sys.platform == "win32" else "_native.so"
        # An editable installation reads the source tree, so the file is put there.
        out = source / name if version == "editable" else Path(self.folder.name) / name
        build = runpy.run_path(str(source / "native" / "build.py"))
        try:
            variants = build["compile_library"](out, say=self.app.display_warning)
        except build["BuildError"] as error:
            self.app.display_warning(f"no compiled kernels: {error}; quantized models run through PyTorch, slower")
            return
        self.app.display_info(f"compiled kernels: {', '.join(variants)}")
        if version != "editable":
            build_data["force_include"][str(out)] = f"{KERNELS}/{name}"
            build_data["pure_python"] = False
            # No Python ABI inside: one file serves every Python 3.
            build_data["tag"] = f"py3-none-{_platform(out)}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


def _platform(file: Path) -> str:
    """Platform part of the wheel's tag: on Linux with glibc the oldest one that has all symbols (PEP 600)."""
    name = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    versions = [int(v) for v in re.findall(rb"GLIBC_2\.(\d+)", file.read_bytes())]
    if name.startswith("linux_") and versions:
        return f"manylinux_2_{max(17, *versions)}_{name.removeprefix('linux_')}"
    return name
