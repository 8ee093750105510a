"""Build hook: the wheel and the editable install both get the front end of web/frontend."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "web" / "frontend"))
import bundle


class FrontEndHook(BuildHookInterface):
    """Asks for node as a wheel where the machine has none, and runs the bundle's build."""

    def dependencies(self) -> list[str]:
        return [] if bundle.is_current() or bundle.system_node() else [bundle.NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        try:
            bundle.build()
        except bundle.BundleError as error:
            # One sentence instead of a traceback: that is what pip shows.
            raise SystemExit(f"anjie: {error}") from None
