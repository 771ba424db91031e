"""Compiles the hot paths of media worker and recorder when the package is installed or a wheel is built, where there is
a compiler.

The libraries are plain C without Python's headers: the wheel is good for every Python on this platform.  Without a
compiler the package is pure Python, and both run their Python paths.
"""

from __future__ import annotations

import importlib.util
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface  # type: ignore[import-not-found]

NATIVE = (Path("signaling", "sfu", "native"), Path("recording", "native"))


class HotPathHook(BuildHookInterface):  # type: ignore[misc]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        for folder in NATIVE:
            self._compile(folder, version, build_data)

    def _compile(self, folder: Path, version: str, build_data: dict[str, Any]) -> None:
        path = Path(self.root) / folder / "build.py"
        spec = importlib.util.spec_from_file_location("hot_path_build", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        try:
            built = module.build()
        except module.BuildError as error:
            self.app.display_warning(f"{folder}: not compiled, its Python path will run: {error}")
            return
        if version == "editable":
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append((folder / built.name).as_posix())
