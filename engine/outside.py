"""Values from outside the case: recorded when first used, given back on re-execution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from engine.clocks import local_date
from engine.definitions import Library, Organisation, Shared
from engine.errors import EngineError
from engine.forms import Option


class NotRecorded(EngineError):
    """Re-execution asked for an outside value that was not recorded."""


@dataclass(frozen=True)
class World:
    """What is outside a case: definitions, clocks, calendar, the tree of organisations."""

    library: Library
    organisations: Mapping[str, Organisation]
    random_code: Callable[[], str]

    @property
    def shared(self) -> Shared:
        return self.library.shared

    def options(self, source: str) -> list[Option]:
        """The choices behind `organisations:KIND`, `organisations:*` and `codes:TABLE`."""
        kind, _, name = source.partition(":")
        if kind == "codes":
            return [Option(r["value"], r["label"]) for r in self.shared.codes.get(name, ())]
        return [
            Option(o.id, o.zh)
            for o in sorted(self.organisations.values(), key=lambda o: o.id)
            if name == "*" or o.kind in name.split("|")
        ]

    def parent(self, organisation: str) -> str | None:
        found = self.organisations.get(organisation)
        return found.parent if found else None

    def nearest(self, kind: str, organisation: str) -> str | None:
        """The organisation of this kind at the same level or the next level above."""
        at: str | None = organisation
        while at is not None:
            level = self.parent(at)
            for candidate in sorted(self.organisations.values(), key=lambda o: o.id):
                if candidate.kind == kind and candidate.parent == level:
                    return candidate.id
            at = level
        return None


class Outside:
    """One command's view of the outside. `used` is what the history keeps."""

    def __init__(self, world: World | None, recorded: Mapping[str, Any] | None = None) -> None:
        self.world = world
        self._recorded = recorded
        self.used: dict[str, Any] = {}

    @property
    def live(self) -> bool:
        """False while a recorded command is executed again."""
        return self._recorded is None

    def take(self, key: str, compute: Callable[[World], Any]) -> Any:
        """The JSON value under `key`. Raises NotRecorded on a re-execution that departs."""
        if key in self.used:
            return self.used[key]
        if self._recorded is not None:
            if key not in self._recorded:
                raise NotRecorded(f"The history has no outside value «{key}» for this command.")
            value = self._recorded[key]
        else:
            assert self.world is not None
            value = compute(self.world)
        self.used[key] = value
        return value


@dataclass(frozen=True)
class Moment:
    """When and by whom a command is executed. `now` is an aware instant."""

    now: datetime
    actor: str
    outside: Outside

    @property
    def today(self) -> date:
        """The local date in China."""
        return local_date(self.now)
