"""Incidents: a command that failed by a fault of its model, kept until it is done or moot."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from engine import commands as c
from engine import history
from engine.casefile import Event, canonical
from engine.errors import Conflict, EngineError
from engine.lookups import Lookups
from engine.plan import Plan, Repeated, Writer
from engine.store import instant

_TRIES = 5
"""How often an incident is written anew because others took its number meanwhile."""
_HELD = timedelta(days=36_500)
"""A timer that failed is retried by a person, not by the worker again and again."""


class Incidents:
    """Writes incidents in transactions of their own; nothing else of the failed command is kept."""

    def __init__(self, lookups: Lookups, writer: Writer) -> None:
        self._lookups, self._writer = lookups, writer

    def record(
        self,
        case_id: int,
        command: c.Command,
        actor: str,
        now: datetime,
        fault: EngineError,
        by: str,
    ) -> None:
        """Hold a failed command of `actor`; the same one failing again, as `by` asked, counts as
        an attempt of the incident that holds it. Raises Conflict when it could not be written."""
        recorded = history.command_json(command)
        for _ in range(_TRIES):
            plan = Plan(case_id, None)
            if isinstance(command, c.FireTimer):
                lease = {"lease_until": instant(now + _HELD)}
                plan.patch("timer", (command.instance, command.number), lease)
            event = self._event(case_id, recorded, actor, fault.message, by)
            with suppress(Repeated):
                if self._write(plan, event, actor, now, "RaiseIncident"):
                    return
        raise Conflict("Others went on with this case all the while. Nothing was done; try again.")

    def _event(
        self, case_id: int, recorded: Mapping[str, Any], actor: str, message: str, by: str
    ) -> Event:
        # Numbered before it is looked for: whoever holds the same command in between takes the
        # number too, and this one is tried again.
        number = self._lookups.next_incident(case_id)
        held = self._lookups.held_incident(case_id, actor, canonical(recorded).decode())
        if held is None:
            told = {"no": number, "actor": actor, "command": recorded, "message": message}
            return "incident_raised", {**told, "element": None}
        told = {"no": held["no"], "attempts": held["attempts"] + 1, "message": message}
        return "incident_retried", {**told, "by": by}

    def resolve(self, command: c.RetryIncident, actor: str, now: datetime) -> c.Result:
        """Close an incident for whose command nothing is left to do."""
        plan = Plan(command.case_id, None)
        plan.keep_key(actor, command)
        event = ("incident_resolved", {"no": command.number, "by": actor})
        seq = self._write(plan, event, actor, now, "RetryIncident")
        return c.Result(command.case_id, seq)

    def _write(self, plan: Plan, event: Event, actor: str, now: datetime, kind: str) -> int:
        history.apply(history.PlanRows(plan, {}), [event], instant(now))
        payload = history.payload({"type": kind}, {}, [event], None)
        plan.event = history.row(plan.case_id, now, actor, kind, payload)
        return self._writer.write(plan) or 0


def read_command(recorded: Mapping[str, Any]) -> c.Command:
    """A command from an incident's record."""
    kinds: tuple[type[c.Command], ...] = (
        c.CompleteTask,
        c.FireTimer,
        c.CorrelateMessage,
        c.RecomputeClocks,
    )
    kind = {t.__name__: t for t in kinds}
    fields = {k: v for k, v in recorded.items() if k != "type"}
    if "item" in fields:
        fields["item"] = c.ItemId(**fields["item"])
    return kind[recorded["type"]](**fields)
