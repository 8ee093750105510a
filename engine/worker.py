"""Due timers, the outbox, and clocks that a new calendar dates anew.

Rows are taken with a lease and an attempt counter as fence.

A worker that dies between taking and finishing loses nothing: the lease runs out and the row is
taken again. Nothing is done twice: a timer fires through `execute`, which finds it no longer
waiting; a notification carries a key under which it is delivered once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import or_, select, update

from engine import store
from engine.commands import SYSTEM, TIMER, FireTimer, RecomputeClocks
from engine.errors import Conflict, ModelFailure, NotFound
from engine.execute import Bureau
from engine.outgoing import Notification, Outgoing, Way
from engine.store import instant, read_instant

LEASE = timedelta(seconds=60)
"""How long a taken row is kept from other workers."""
BATCH = 50
RETRY_AFTER = (60, 300, 1_800, 7_200, 43_200)
"""Seconds until the next attempt to send a notification; the last one repeats."""

LOOK_AGAIN = timedelta(minutes=10)
"""How often clocks of an older calendar are looked for: a process may start some until it too
has read the newer one."""

log = structlog.get_logger("worker")


def fire_due_timers(bureau: Bureau, now: datetime, limit: int = BATCH) -> int:
    """Fire timers that are due at `now`, soonest first; how many were taken.

    The command's time is `now`, not the timer's: a late worker does not write the past.
    """
    taken = _take_timers(bureau, now, limit)
    for row in taken:
        _fire(bureau, row, now)
    return len(taken)


def _take_timers(bureau: Bureau, now: datetime, limit: int) -> list[Any]:
    t = store.timer
    free = or_(t.c.lease_until.is_(None), t.c.lease_until < instant(now))
    due = (
        select(t.c.case_id, t.c.instance_no, t.c.number, t.c.attempt)
        .where(t.c.due <= instant(now), free)
        .order_by(t.c.due)
        .limit(limit)
    )
    return _lease(bureau, t, due, now)


def _lease(bureau: Bureau, table: Any, due: Any, now: datetime) -> list[Any]:
    """Take rows: SKIP LOCKED on PostgreSQL, the attempt counter as fence on both."""
    taken = []
    if bureau.database.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    isolation = {"postgresql": "READ COMMITTED", "sqlite": "SERIALIZABLE"}
    engine = bureau.database.execution_options(
        isolation_level=isolation[bureau.database.dialect.name]
    )
    with engine.begin() as connection:
        for row in connection.execute(due).all():
            same = [c == getattr(row, c.name) for c in table.primary_key.columns]
            leased = (
                update(table)
                .where(*same, table.c.attempt == row.attempt)
                .values(attempt=row.attempt + 1, lease_until=instant(now + LEASE))
            )
            if connection.execute(leased).rowcount:
                taken.append(row)
    return taken


def _fire(bureau: Bureau, row: Any, now: datetime) -> None:
    command = FireTimer(row.case_id, row.instance_no, row.number)
    try:
        bureau.execute(command, TIMER, now)
    except (Conflict, NotFound):
        log.info("timer no longer waits", case=row.case_id, number=row.number)
    except ModelFailure as fault:
        log.warning("timer raised an incident", case=row.case_id, reason=fault.message)
    except Exception:  # Whatever is wrong with one timer must not hold the others.
        log.exception("timer not fired, retried after its lease", case=row.case_id)


def recompute_clocks(bureau: Bureau, case_id: int, now: datetime) -> bool:
    """Count a case's running clocks by the calendar in force; False when it stays undone."""
    try:
        bureau.execute(RecomputeClocks(case_id), SYSTEM, now)
    except (Conflict, NotFound):
        log.info("clocks counted already, or the case closed", case=case_id)
    except ModelFailure as fault:
        log.warning("clocks raised an incident", case=case_id, reason=fault.message)
        return False
    except Exception:  # Whatever is wrong with one case must not hold the others.
        log.exception("clocks not counted anew", case=case_id)
        return False
    return True


def send_outbox(bureau: Bureau, outgoing: Way, now: datetime, limit: int = BATCH) -> int:
    """Send waiting notifications; how many were taken."""
    t = store.outbox
    free = or_(t.c.lease_until.is_(None), t.c.lease_until < instant(now))
    waiting = (
        select(t).where(t.c.sent_at.is_(None), t.c.due <= instant(now), free).order_by(t.c.due)
    )
    taken = _lease(bureau, t, waiting.limit(limit), now)
    for row in taken:
        _send(bureau, outgoing, row, now)
    return len(taken)


def _send(bureau: Bureau, outgoing: Way, row: Any, now: datetime) -> None:
    t = store.outbox
    people = bureau.queries.recipients(row.recipient)
    note = Notification(row.key, row.recipient, tuple(people), row.subject, row.body, now)
    values: dict[str, Any] = {"sent_at": instant(now), "lease_until": None}
    try:
        outgoing.deliver(note)
    except Exception as error:  # Whatever is wrong with one must not hold the others.
        wait = RETRY_AFTER[min(row.attempt, len(RETRY_AFTER) - 1)]
        # The lease waits, not `due`: that column is the history's.
        values = {"lease_until": instant(now + timedelta(seconds=wait))}
        log.warning("notification not sent", key=row.key, reason=repr(error), again_in_s=wait)
    with bureau.database.begin() as connection:
        # The attempt is the fence: a worker whose lease ran out changes nothing any more.
        fence = [t.c.case_id == row.case_id, t.c.no == row.no, t.c.attempt == row.attempt + 1]
        connection.execute(update(t).where(*fence).values(values))


def advance(bureau: Bureau, case_id: int, until: datetime) -> list[str]:
    """Let simulated time pass for one case: fire each timer at its own instant, in order.

    A timer that was due before the case's last act fires at that act's instant, since a history
    never goes back in time. For scenarios and the demo bureau; the elements of the timers fired.
    """
    fired: list[str] = []
    t, h = store.timer, store.history_event
    last = select(h.c.at).where(h.c.case_id == case_id).order_by(h.c.seq.desc()).limit(1)
    with bureau.database.connect() as connection:
        at = read_instant(connection.execute(last).scalar_one())
    while True:
        statement = (
            select(t).where(t.c.case_id == case_id, t.c.due <= instant(until)).order_by(t.c.due)
        )
        with bureau.database.connect() as connection:
            row = connection.execute(statement.limit(1)).first()
        if row is None:
            return fired
        at = max(at, read_instant(row.due))
        bureau.execute(FireTimer(row.case_id, row.instance_no, row.number), TIMER, at)
        fired.append(row.element)


class Worker:
    """Runs until stopped; `clock` gives the time, so that tests need not wait."""

    def __init__(
        self,
        bureau: Bureau,
        instance: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: float = 1.0,
    ) -> None:
        self._bureau, self._outgoing = bureau, Outgoing.from_environment(instance)
        self._clock, self._pause = clock, pause
        self._stop = threading.Event()
        self._calendar = ""
        self._looked: datetime | None = None
        self._outdated: list[int] = []
        self._given_up: set[int] = set()

    def run(self) -> None:
        """Work until `stop`; a database that does not answer is tried again."""
        while not self._stop.is_set():
            try:
                now = self._clock()
                busy = fire_due_timers(self._bureau, now)
                busy += send_outbox(self._bureau, self._outgoing, now)
                busy += self._recompute(now)
            except Exception:
                log.exception("worker round failed")
                busy = 0
            if not busy:
                self._stop.wait(self._pause)

    def _recompute(self, now: datetime) -> int:
        """Go on dating clocks anew by a calendar that was deployed; how many cases were taken.

        Whoever deployed it, and whether or not they lived to see it through.
        """
        self._bureau.refresh_by(now)
        version = self._bureau.library.shared.calendar.version
        if version != self._calendar:
            self._calendar, self._looked = version, None
            self._given_up.clear()
        if self._looked is None or (not self._outdated and now - self._looked >= LOOK_AGAIN):
            self._looked = now
            found = self._bureau.queries.running_calendars(version)
            self._outdated = [case_id for case_id in found if case_id not in self._given_up]
        taken, self._outdated = self._outdated[:BATCH], self._outdated[BATCH:]
        self._given_up |= {n for n in taken if not recompute_clocks(self._bureau, n, now)}
        return len(taken)

    def stop(self) -> None:
        self._stop.set()
