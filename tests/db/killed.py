"""The processes that test_kill.py kills: a server that people use, workers that fire and send.

This program forks one process for each line that it reads, a job as JSON, so that every new
process begins at once. A process says `started`, `ready` and `done`, and the point at which it ends
by itself, each with its number.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select

from engine import commands as c
from engine import outgoing, plan, store, worker
from engine.commands import ItemId
from engine.execute import Bureau
from engine.outgoing import Outgoing
from engine.store import instant, read_instant
from engine.worker import LEASE, fire_due_timers, send_outbox
from tests.support import open_bureau, packages

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Act:
    """What a person does in the course of a case: by whom, when, on which element, with what."""

    type: str
    element: str
    actor: str
    at: str
    values: Mapping[str, Any]


def say(word: str) -> None:
    os.write(1, f"{word} {os.getpid()}\n".encode())


# where a process ends by itself ------------------------------------------------------------------


End = Callable[[], None]


def _before(end: End, original: Callable[..., Any], *given: Any) -> Any:
    end()


def _after(end: End, original: Callable[..., Any], *given: Any) -> Any:
    original(*given)
    end()


def _during(end: End, original: Callable[..., Any], *given: Any) -> Any:
    threading.Timer(0.001, end).start()
    return original(*given)


POINTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "before a write": (plan.Writer, "write", _before),
    "during a write": (plan.Writer, "write", _during),
    "after a write": (plan.Writer, "write", _after),
    "before the commit": (plan, "_sqlite_statements", _after),
    "after a lease": (worker, "_lease", _after),
    "before a delivery": (Outgoing, "deliver", _before),
    "inside a delivery": (outgoing.Path, "replace", _before),
    "after a delivery": (Outgoing, "deliver", _after),
}


def end_at(point: str, count: int) -> None:
    """End this process at the `count`-th time that it comes to a point, which it says."""
    owner, name, how = POINTS[point]
    original, left = getattr(owner, name), [count]

    def end() -> None:
        say(point.replace(" ", "_"))
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(*given: Any) -> Any:
        left[0] -= 1
        return how(end, original, *given) if left[0] == 0 else original(*given)

    setattr(owner, name, counted)


# simulated time, in a file that all processes of a test share -------------------------------------


class Clock:
    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"

    def now(self) -> datetime:
        return read_instant(self._file.read_text())

    def move(self, to: datetime) -> None:
        """Forward only, and whole or not at all."""
        if to > self.now():
            partial = self._file.with_suffix(".part")
            partial.write_text(instant(to))
            os.replace(partial, self._file)  # noqa: PTH105  (Path.replace may be a point)


# the server --------------------------------------------------------------------------------------


class Server:
    """Plays cases side by side, act by act; what was done is known from the history."""

    def __init__(self, url: str, folder: Path, acts: list[Act], helped: bool) -> None:
        self.bureau, self.acts, self.helped = open_bureau(url), acts, helped
        self.clock, self.files = Clock(folder), Outgoing(folder / "outgoing", None, "example.test")

    def play(self, cases: list[int]) -> None:
        going = {self.start(n): n for n in cases}
        done = {case_id: self.acts_done(case_id) for case_id in going}
        say("ready")
        for case_id, n in going.items():
            self.repeat(case_id, n, done[case_id])
        while open_cases := [i for i in going if done[i] < len(self.acts) - 1]:
            case_id = min(open_cases, key=lambda i: (done[i], i))
            self.act(case_id, going[case_id], done[case_id])
            done[case_id] += 1
        self.let_pass(self.clock.now() + timedelta(days=400))

    def start(self, n: int) -> int:
        first = self.acts[0]
        command = c.StartCase("petition", first.values, "shi_xfj", key=f"start-{n}")
        return self.bureau.execute(command, first.actor, self.clock.now()).case_id

    def done_rows(self, case_id: int) -> list[Mapping[str, Any]]:
        history = self.bureau.queries.history(case_id, limit=100_000)
        return [row for row in history if row["type"] in ("CompleteTask", "CorrelateMessage")]

    def acts_done(self, case_id: int) -> int:
        return len(self.done_rows(case_id))

    def repeat(self, case_id: int, n: int, done: int) -> None:
        """Send the last act once more, as whoever never saw its answer would."""
        if done == 0:
            return
        row, act = self.done_rows(case_id)[-1], self.acts[done]
        recorded = row["payload"]["command"]
        command: c.Command
        if act.type == "CompleteTask":
            command = c.CompleteTask(ItemId(**recorded["item"]), act.values, key=f"{n}-{done}")
        else:
            told = recorded["message"], recorded["correlation_key"]
            command = c.CorrelateMessage(*told, act.values, key=f"{n}-{done}")
        self.bureau.execute(command, act.actor, self.clock.now())

    def act(self, case_id: int, n: int, done: int) -> None:
        act, key = self.acts[done + 1], f"{n}-{done + 1}"
        self.let_pass(read_instant(act.at))
        now = self.clock.now()
        if act.type == "CorrelateMessage":
            waits = self.bureau.queries.waits_of(case_id)
            wait = next(w for w in waits if w["element"] == act.element)
            told = wait["message"], wait["correlation_key"]
            self.bureau.execute(c.CorrelateMessage(*told, act.values, key=key), act.actor, now)
            return
        items = self.bureau.queries.open_items(case_id)
        item = next(i for i in items if i.element == act.element)
        if item.assignee is None:
            self.bureau.execute(c.ClaimTask(ItemId.parse(item.id)), act.actor, now)
        command = c.CompleteTask(ItemId.parse(item.id), act.values, key=key)
        self.bureau.execute(command, act.actor, now)

    def let_pass(self, until: datetime) -> None:
        """Go to an instant; on the way what is due fires when it is, and what is queued leaves."""
        while (due := self.next_due(until)) is not None:
            self.clock.move(due)
            if self.helped:
                self.wait_for_workers(until)
            else:
                fire_due_timers(self.bureau, self.clock.now())
                send_outbox(self.bureau, self.files, self.clock.now())
        self.clock.move(until)

    def next_due(self, until: datetime) -> datetime | None:
        """When the next row can be taken: once it is due and its lease has run out."""
        moments = []
        for table in (store.timer, store.outbox):
            waits = [table.c.due <= instant(until)]
            waits += [table.c.sent_at.is_(None)] if table is store.outbox else []
            with self.bureau.database.connect() as connection:
                for row in connection.execute(select(table).where(*waits)):
                    lease = row.lease_until and instant(read_instant(row.lease_until) + SECOND)
                    moments.append(max(row.due, lease or row.due))
        return read_instant(min(moments)) if moments else None

    def wait_for_workers(self, until: datetime) -> None:
        """Give the workers 40 ms; then, as one may be dead, another lease's time."""
        before = self.next_due(until)
        for _ in range(40):
            time.sleep(0.001)
            if self.next_due(until) != before:
                return
        self.clock.move(self.clock.now() + LEASE + SECOND)


def work(url: str, folder: Path) -> None:
    """A worker, by the shared clock, until it is killed."""
    bureau: Bureau = open_bureau(url)
    clock, files = Clock(folder), Outgoing(folder / "outgoing", None, "example.test")
    say("ready")
    while True:
        now = clock.now()
        if not fire_due_timers(bureau, now, limit=3) + send_outbox(bureau, files, now, limit=3):
            time.sleep(0.002)


def run(job: dict[str, Any]) -> None:
    for point, count in job["ends"]:
        end_at(point, count)
    given = {"url": job["url"], "folder": Path(job["folder"])}
    if job["role"] == "server":
        acts = [Act(**act) for act in job["acts"]]
        Server(**given, acts=acts, helped=job["helped"]).play(job["cases"])
        say("done")
    else:
        work(**given)


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    for package in packages().values():
        package.processes, package.forms, package.decisions  # noqa: B018  compiled for all
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid:
            continue
        try:
            say("started")
            run(json.loads(line))
        except BaseException:
            traceback.print_exc()
            say("failed")
        finally:
            sys.stderr.flush()
            os._exit(0)


if __name__ == "__main__":
    main()
