"""The live cases of this process: taken out by one command at a time, least recently used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from engine import effects
from engine.casefile import Case
from engine.definitions import Library
from engine.errors import Conflict, NotFound
from engine.lookups import Lookups

LIVE_CASES = 2_000
"""Live cases kept in memory, least recently used ones leaving first."""


class LiveCases:
    """Whoever takes a case out owns it until it is kept again; others load a copy of their own."""

    def __init__(self, lookups: Lookups, library: Library, refresh: Callable[[], None]) -> None:
        self._lookups, self._library, self._refresh = lookups, library, refresh
        self._cases: OrderedDict[int, Case] = OrderedDict()
        self._lock = threading.Lock()

    def new(self, case_id: int, case_no: str) -> Case:
        case = Case(case_id, case_no, self._library)
        case.on_completed = effects.apply_effects
        return case

    def take(self, case_id: int, fresh: bool) -> Case:
        """The live case, out of the cache, or loaded; with `fresh` always loaded."""
        with self._lock:
            case = self._cases.pop(case_id, None)
        return case if case is not None and not fresh else self.load(case_id)

    def load(self, case_id: int) -> Case:
        """A copy from the database. Raises NotFound or Conflict (closed)."""
        stored = self._lookups.stored_case(case_id)
        if stored is None:
            raise NotFound(f"There is no case {case_id}.")
        if stored["state"] is None:
            raise Conflict(f"The case {stored['case_no']} is closed.")
        try:
            return self._loaded(case_id, stored)
        except NotFound:
            # Another process deployed the version on which it runs.
            self._refresh()
            return self._loaded(case_id, stored)

    def _loaded(self, case_id: int, stored: Mapping[str, Any]) -> Case:
        case = self.new(case_id, stored["case_no"])
        case.rev = stored["rev"]
        case.load(stored["state"], stored["doc"])
        return case

    def keep(self, case: Case) -> None:
        """Give a case back after its plan was written."""
        with self._lock:
            self._cases[case.id] = case
            self._cases.move_to_end(case.id)
            while len(self._cases) > LIVE_CASES:
                self._cases.popitem(last=False)
