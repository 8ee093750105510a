"""The scripts and styles that the front end's build left in static/dist, by Vite's manifest.

Without a build the pages work unstyled, diagrams aside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import url_for

MANIFEST = Path(__file__).parent / "static" / "dist" / "manifest.json"


@dataclass(frozen=True)
class Assets:
    """What a build made, by source (`src/main.js`)."""

    chunks: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, manifest: Path = MANIFEST) -> Assets:
        """The build that is there; an empty one where none is or a build is just at work."""
        try:
            return cls(json.loads(manifest.read_text("utf-8")))
        except (OSError, ValueError):
            return cls({})

    @property
    def built(self) -> bool:
        return bool(self.chunks)

    def script(self, source: str) -> str | None:
        chunk = self.chunks.get(source)
        return _address(chunk["file"]) if chunk else None

    def styles(self, source: str) -> list[str]:
        """Style sheets of an entry and of what it imports."""
        chunk = self.chunks.get(source, {})
        below = [style for name in chunk.get("imports", ()) for style in self.styles(name)]
        return below + [_address(name) for name in chunk.get("css", ())]


def _address(name: str) -> str:
    return url_for("static", filename=f"dist/{name}")
