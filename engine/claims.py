"""Claiming and releasing work items. No instance is stepped, so no cached case goes stale."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from engine import commands as c
from engine import history
from engine.access import Access
from engine.errors import Conflict
from engine.lookups import Lookups
from engine.plan import ItemGuard, Plan, Writer


class Claims:
    """Who holds a work item changes in one guarded write."""

    def __init__(self, lookups: Lookups, writer: Writer, access: Access) -> None:
        self._lookups, self._writer, self._access = lookups, writer, access
        self.commands: dict[type[c.Command], Callable[[Any, str, datetime], c.Result]] = {
            c.ClaimTask: self._claim,
            c.ReleaseTask: self._release,
        }

    def _claim(self, command: c.ClaimTask, actor: str, now: datetime) -> c.Result:
        item = command.item
        guard = ItemGuard(item.instance, item.number, None, actor, {"assignee": actor})
        seq = self._write(command, actor, now, guard, "task_claimed")
        return self._result(command.item, actor, seq, claimed=False)

    def _release(self, command: c.ReleaseTask, actor: str, now: datetime) -> c.Result:
        """Who lost the role may still give the task back."""
        seq = self._write(command, actor, now, _given_back(command.item, actor), "task_released")
        return self._result(command.item, actor, seq, claimed=True)

    def give_back(self, now: datetime) -> None:
        """Release what is held by people who no longer hold its role, for others to claim."""
        for item, holder in self._lookups.claims_without_right():
            guard = _given_back(item, holder)
            self._write(c.ReleaseTask(item), c.SYSTEM, now, guard, "task_released")

    def _write(
        self, command: Any, actor: str, now: datetime, guard: ItemGuard, event: str
    ) -> int | None:
        item: c.ItemId = command.item
        kind = type(command).__name__
        address = {"instance": item.instance, "number": item.number}
        told = [(event, {**address, "by": actor})]
        payload = history.payload({"type": kind, **address}, {}, told, None)
        plan = Plan(item.case_id, None, guard=guard)
        plan.event = history.row(item.case_id, now, actor, kind, payload, item.instance)
        plan.keep_key(actor, command)
        return self._writer.write(plan)

    def _result(self, item: c.ItemId, actor: str, seq: int | None, claimed: bool) -> c.Result:
        """Raises why nothing was written."""
        if seq is None:
            self._access.explain(item, actor, claimed)
            raise Conflict()
        return c.Result(item.case_id, seq)


def _given_back(item: c.ItemId, holder: str) -> ItemGuard:
    return ItemGuard(item.instance, item.number, holder, None, {"assignee": None})
