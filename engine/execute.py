"""THE write path: every change of state of a bureau is a command executed here.

Take the live case, let its handler decide in memory, write the plan in one transaction that fails
when revision, claim or right no longer hold, keep the case in the cache. A case belongs to one
command at a time: whoever takes it out of the cache owns it, another thread loads its own copy,
and the revision decides whose plan is written.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.exc import OperationalError

from engine import commands as c
from engine import handlers, history, store
from engine.access import Access
from engine.administration import Administration
from engine.casefile import Case, canonical, packed
from engine.claims import Claims
from engine.clocks import local_date
from engine.definitions import Library
from engine.errors import (
    Conflict,
    DecisionFailed,
    EngineError,
    ExpressionFailed,
    InvalidExpression,
    InvalidInput,
    ModelFailure,
    NoCorrelation,
    NotAllowed,
    NotFound,
    StartFailed,
)
from engine.incidents import Incidents, read_command
from engine.live import LiveCases
from engine.outside import Moment, Outside, World
from engine.plan import ItemGuard, Plan, Repeated, Writer
from engine.queries import Queries
from engine.store import BUREAU, instant

OPENING_TRIES = 100
"""How often a case is opened anew because others took its number first."""

STALE_TRIES = 20
"""How often a command is decided anew because others went on with its case meanwhile."""

MODEL_FAULTS = (ModelFailure, ExpressionFailed, InvalidExpression, DecisionFailed, NotFound)
"""Failures of the model, whose parts may be missing (NotFound): recorded as incidents, since
nobody at the desk can mend them."""

REFRESH_AFTER = timedelta(seconds=10)
"""How long a process may go on with the definitions that it read."""

Act = Callable[[Case, Moment], Mapping[str, Any] | None]


@dataclass(frozen=True)
class _Retry:
    """An incident's command being executed again, and who asked for it."""

    command: c.RetryIncident
    by: str


class Bureau:
    """One installation: its database, deployed definitions, and the live cases of this process.

    Thread-safe. `execute` is the only way in; `queries` reads.
    """

    def __init__(self, database_url: str) -> None:
        self.database = store.open_database(database_url)
        self.library = Library()
        self.world = World(self.library, {}, lambda: f"{secrets.randbelow(10**10):010d}")
        self.queries = Queries(self.database, self.library)
        self._writer = Writer(self.database)
        self._access = Access(self.queries)
        claims = Claims(self.queries, self._writer, self._access)
        self._administration = Administration(
            self.database,
            self.queries,
            self._writer,
            self._access,
            self.library,
            self.refresh,
            claims.give_back,
        )
        self._refreshed: datetime | None = None
        self._incidents = Incidents(self.queries, self._writer)
        self._live = LiveCases(self.queries, self.library, self.refresh)
        self._commands: dict[type[c.Command], Callable[[Any, str, datetime], c.Result]] = {
            c.StartCase: self._start_case,
            c.SeedCase: self._seed_case,
            c.CompleteTask: self._complete_task,
            c.CorrelateMessage: self._correlate_message,
            c.FireTimer: self._fire_timer,
            c.RecomputeClocks: self._recompute_clocks,
            c.RetryIncident: self._retry_incident,
            **claims.commands,
            **self._administration.commands,
        }

    def execute(self, command: c.Command, actor: str, now: datetime) -> c.Result:
        """Execute a command by `actor` (a person's id, `timer` or `system`) at an aware `now`.

        Raises the errors of engine/errors.py; then nothing of the command was written. A command
        that this actor already sent with the same key is not executed again; its result names the
        case. Another command with a used key raises Conflict.
        """
        try:
            return self._commands[type(command)](command, actor, now)
        except (Conflict, NotFound, InvalidInput, Repeated) as error:
            done = self._done_before(command, actor)
            if done is not None:
                return done
            if isinstance(error, Repeated):
                raise Conflict() from error
            raise
        except OperationalError as error:
            raise store.unavailable(error) from error

    def close(self) -> None:
        """Let go of the database."""
        self._writer.close()
        self.database.dispose()

    def refresh_by(self, now: datetime) -> None:
        """What another process deployed is in force here soon after."""
        if self._refreshed is None or abs(now - self._refreshed) > REFRESH_AFTER:
            self.refresh()
            self._refreshed = now

    def refresh(self) -> None:
        """Read newly deployed definitions and the organisations."""
        for package, version in self.queries.definitions(dict(self.library.latest)):
            self.library.add(package, version)
        self.world = World(self.library, self.queries.organisations(), self.world.random_code)

    def create(self, now: datetime) -> None:
        """Create or migrate the tables and open the bureau's own chain."""
        store.upgrade(self.database)
        if self.queries.exists(BUREAU):
            return
        plan = Plan(BUREAU, None, new_case=True)
        plan.patch_case({"case_no": "BUREAU", "procedure": "", "opened_at": instant(now)})
        plan.patch_case({"closed_at": instant(now), "title": "", "petitioner": ""})
        payload = history.payload({"type": "OpenBureau"}, {}, [], None)
        plan.event = history.row(BUREAU, now, c.SYSTEM, "OpenBureau", payload)
        plan.put("counter", ("case",), {"value": 0})
        self._writer.write(plan)

    # cases

    def _start_case(self, command: c.StartCase, actor: str, now: datetime) -> c.Result:
        self.refresh()
        package, version = self.library.owner(command.procedure)
        process = self.library.package(package, version).processes[command.procedure]
        if not process.is_root:
            raise NotAllowed(f"«{command.procedure}» is called by others and never started alone.")
        self._access.require_role(actor, process.start.role, command.organisation)
        return self._open(command, actor, now, handlers.start_case)

    def _seed_case(self, command: c.SeedCase, actor: str, now: datetime) -> c.Result:
        if actor != c.SYSTEM:
            raise NotAllowed("Only scenarios start a procedure with given variables.")
        self.refresh()
        return self._open(command, actor, now, handlers.seed_case)

    def _open(self, command: Any, actor: str, now: datetime, handler: Any) -> c.Result:
        """The number is taken by the write that opens the case, so that none is ever skipped."""
        for _ in range(OPENING_TRIES):
            case_id = self.queries.last_number() + 1
            case = self._live.new(case_id, f"XF{local_date(now).year}{case_id:06d}")
            moment = Moment(now, actor, Outside(self.world))
            try:
                values = handler(case, command, moment)
            except MODEL_FAULTS as fault:
                raise StartFailed(f"{fault.message} No case was opened.") from fault
            plan = self._plan(case, command, moment, values, None)
            plan.rev = None
            plan.patch("counter", ("case",), {"value": case_id})
            try:
                result = self._written(case, plan, command, actor)
            except Repeated:
                if self._done_before(command, actor) is not None:
                    raise
                continue
            if result.seq:
                return result
        raise Conflict()

    def _complete_task(self, command: c.CompleteTask, actor: str, now: datetime) -> c.Result:
        act, guard = self._acts(command, actor)
        return self._step(command.item.case_id, command, actor, now, act, guard)

    def _correlate_message(
        self, command: c.CorrelateMessage, actor: str, now: datetime
    ) -> c.Result:
        wait = self._wait_for(command)
        if actor != c.SYSTEM:
            self._access.require_role(actor, wait["role"], wait["organisation"])
        act, _ = self._acts(command, actor)
        return self._step(wait["case_id"], command, actor, now, act)

    def _wait_for(
        self, command: c.CorrelateMessage, case_id: int | None = None
    ) -> Mapping[str, Any]:
        """The one event that waits for a message, in this case or any. Raises NoCorrelation."""
        waits = self.queries.message_waits(command.message, command.correlation_key)
        waits = [wait for wait in waits if case_id in (None, wait["case_id"])]
        if not waits:
            raise NoCorrelation(
                f"No case waits for «{command.message}» with the key "
                f"«{command.correlation_key}». Check the case number and its stage."
            )
        if len(waits) > 1:
            raise NoCorrelation(
                f"{len(waits)} events wait for «{command.message}» with this key; expected one. "
                "Give the diagram's events different messages or keys."
            )
        return waits[0]

    def _fire_timer(self, command: c.FireTimer, actor: str, now: datetime) -> c.Result:
        if actor != c.TIMER:
            raise NotAllowed("Timers fire by themselves when they are due.")
        act, _ = self._acts(command, actor)
        return self._step(command.case_id, command, actor, now, act)

    def _recompute_clocks(self, command: c.RecomputeClocks, actor: str, now: datetime) -> c.Result:
        self._access.require_engine_or_role(actor, "analyst")
        self.refresh()
        act, _ = self._acts(command, actor)
        return self._step(command.case_id, command, actor, now, act)

    def _recompute(self, case: Case, command: c.RecomputeClocks, moment: Moment) -> None:
        """Several workers may see the new calendar at once; the first of them counts."""
        if not self.queries.running_calendars(self.library.shared.calendar.version, case.id):
            raise Conflict("The case's running clocks are counted by the calendar in force.")
        handlers.recompute_clocks(case, command, moment)

    # the step

    def _step(
        self,
        case_id: int,
        command: c.Command,
        actor: str,
        now: datetime,
        act: Act,
        guard: ItemGuard | None = None,
        retry: _Retry | None = None,
    ) -> c.Result:
        self.refresh_by(now)
        for attempt in range(STALE_TRIES):
            fresh = attempt > 0
            case = self._live.take(case_id, fresh)
            moment = Moment(now, actor, Outside(self.world))
            try:
                values = act(case, moment)
            except EngineError as error:
                if not fresh:
                    # Another process may be ahead of the cache: decide on what is stored.
                    continue
                self._explain(case_id, guard, actor)
                if isinstance(error, _faults_of(command)):
                    by = retry.by if retry else actor
                    self._incidents.record(case_id, command, actor, now, error, by)
                    raise ModelFailure(
                        f"{error.message} The matter stays as it was and an incident was "
                        "recorded. An administrator retries it once its cause is removed."
                    ) from error
                raise
            if retry is not None:
                case.emit("incident_resolved", no=retry.command.number, by=retry.by)
            plan = self._plan(case, command, moment, values, guard)
            if retry is not None:
                plan.keep_key(retry.by, retry.command)
            result = self._written(case, plan, command, actor)
            if result.seq:
                return result
            self._explain(case_id, guard, actor)
        raise Conflict("Others went on with this case all the while. Nothing was done; try again.")

    def _explain(self, case_id: int, guard: ItemGuard | None, actor: str) -> None:
        """Raise why the actor may not do this to the guarded item, if that is so."""
        if guard is not None:
            item = c.ItemId(case_id, guard.instance, guard.number)
            self._access.explain(item, actor, claimed=True)

    def _plan(
        self,
        case: Case,
        command: c.Command,
        moment: Moment,
        values: Mapping[str, Any] | None,
        guard: ItemGuard | None,
    ) -> Plan:
        """The rows of a stepped case: one history row, what its events make, the new state."""
        plan = Plan(case.id, case.rev, guard=guard)
        plan.new_case = isinstance(command, c.StartCase | c.SeedCase)
        at = instant(moment.now)
        history.apply(history.PlanRows(plan, case.doc), case.events, at)
        if guard is not None:
            plan.rows.pop(("work_item", (guard.instance, guard.number)), None)
        state = case.dump()
        self._keep_state(plan, case, state)
        recorded = history.command_json(command, values)
        payload = history.payload(recorded, moment.outside.used, case.events, case.digest(state))
        instance_no, element = _place(case.events)
        plan.event = history.row(
            case.id, moment.now, moment.actor, recorded["type"], payload, instance_no, element
        )
        plan.keep_key(moment.actor, command)
        return plan

    def _keep_state(self, plan: Plan, case: Case, state: bytes) -> None:
        """A finished case keeps its document; its state can be rebuilt from the history."""
        keep = plan.put if plan.new_case else plan.patch
        if plan.new_case and ("case_doc", ()) not in plan.rows:
            plan.put("case_doc", (), {"doc": canonical(case.doc).decode()})
        if case.instances:
            keep("case_state", (), {"state": packed(state)})
        elif not plan.new_case:
            plan.remove("case_state", ())

    def _written(self, case: Case, plan: Plan, command: c.Command, actor: str) -> c.Result:
        """Write; on success the case goes (back) into the cache. `seq` 0 means not written."""
        seq = self._writer.write(plan)
        if seq is None:
            return c.Result(case.id, 0)
        if plan.rev is not None:
            case.rev += 1
        if case.instances:
            self._live.keep(case)
        opened = tuple(
            f"{case.id}.{e['instance']}.{e['number']}"
            for kind, e in case.events
            if kind == "task_created"
        )
        return c.Result(case.id, seq, case.case_no, opened)

    # the cache

    def look(self, case_id: int, actor: str, now: datetime) -> Case:
        """A private copy of a live case to read from; what is changed in it is lost.

        Raises NotFound or Conflict (closed).
        """
        case = self._live.load(case_id)
        case.begin(Moment(now, actor, Outside(self.world)))
        return case

    # incidents

    def _retry_incident(self, command: c.RetryIncident, actor: str, now: datetime) -> c.Result:
        self._access.require_engine_or_role(actor, "administrator")
        found = self.queries.incident(command.case_id, command.number)
        if found["status"] != "open":
            raise Conflict("The incident is already resolved.")
        self.refresh()
        inner, by = read_command(orjson.loads(found["command"])), found["actor"]
        try:
            act, guard = self._acts(inner, by, command.case_id)
            retry = _Retry(command, actor)
            return self._step(command.case_id, inner, by, now, act, guard, retry)
        except Conflict:
            if not self._is_moot(command.case_id, inner, by, now):
                raise
        return self._incidents.resolve(command, actor, now)

    def _is_moot(self, case_id: int, command: c.Command, actor: str, now: datetime) -> bool:
        """Whether nothing is left for an incident's command: its task or event is over."""
        try:
            act, _ = self._acts(command, actor, case_id)
            act(self._live.load(case_id), Moment(now, actor, Outside(self.world)))
        except Conflict:
            return True
        except EngineError:
            return False
        return False

    def _acts(
        self, command: c.Command, actor: str, case_id: int | None = None
    ) -> tuple[Act, ItemGuard | None]:
        """How a command is executed, for the first time or again after an incident."""
        if isinstance(command, c.CompleteTask):
            item = command.item
            guard = ItemGuard(item.instance, item.number, actor, actor, None)
            return lambda case, m: handlers.complete_task(case, command, m), guard
        if isinstance(command, c.FireTimer):
            return lambda case, m: handlers.fire_timer(case, command, m), None
        if isinstance(command, c.CorrelateMessage):
            wait = self._wait_for(command, case_id)
            return lambda case, m: handlers.correlate_message(case, command, m, wait), None
        assert isinstance(command, c.RecomputeClocks)
        return lambda case, m: self._recompute(case, command, m), None

    def _done_before(self, command: c.Command, actor: str) -> c.Result | None:
        if command.key is None:
            return None
        return self.queries.executed(actor, command)


def _faults_of(command: c.Command) -> tuple[type[EngineError], ...]:
    """Nobody filled anything in for a timer or a new count: bad input there is the model's."""
    filled_in = isinstance(command, c.CompleteTask | c.CorrelateMessage)
    return MODEL_FAULTS if filled_in else (*MODEL_FAULTS, InvalidInput)


def _place(events: list[tuple[str, dict[str, Any]]]) -> tuple[int | None, str | None]:
    """The instance and element that a command was about: those of its first own event."""
    for kind, data in events:
        if kind in ("task_completed", "timer_fired", "message_received"):
            return data["instance"], data["element"]
    return None, None
