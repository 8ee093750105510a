"""Random walks over the real procedures: whatever legal commands come in whatever order, the rows
are the fold of the history, the state has exactly its rows, and re-execution gives the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from engine import commands as c
from engine import store
from engine.clocks import SHANGHAI
from engine.commands import ItemId
from engine.errors import Conflict, EngineError, InvalidInput, NoCorrelation, NotAllowed
from engine.execute import Bureau
from engine.queries import InboxItem
from engine.replay import verify_case
from engine.scenarios import Scenario, Stage, read_scenarios
from engine.worker import advance
from tests.support import DAY, PROCESSES, Chooser, Desk, at, open_bureau, packages

Choose = Callable[[Sequence[Any]], Any]

# Derandomized: the same walks in every run, until the test or the library changes.
QUICK = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
LONG = settings(QUICK, max_examples=60)


@cache
def scenarios() -> list[Scenario]:
    """The analysts' scenarios: between them they stop at every element of every procedure."""
    processes = {k: p for package in packages().values() for k, p in package.processes.items()}
    files = sorted(PROCESSES.glob("*/scenarios.md"))
    return [scenario for file in files for scenario in read_scenarios(file, processes)]


class Here(Stage):
    """A stage on a bureau that is there already."""

    def __init__(self, bureau: Bureau) -> None:
        self.bureau, self.packages = bureau, packages()
        self.holders = Desk(bureau, at("2025-09-22")).holders
        self.processes = {
            k: p for package in self.packages.values() for k, p in package.processes.items()
        }


class Walk:
    """One case and the people around it; two bureaus on one database take turns at random.

    It begins where some rows of a scenario lead, so that short walks go through all procedures.
    """

    def __init__(self, url: str, bureaus: list[Bureau], choose: Choose) -> None:
        self.url, self.bureaus, self.choose = url, bureaus, choose
        self.holders = Here(bureaus[0]).holders
        self.finished: list[InboxItem] = []
        scenario = choose(scenarios())
        rows = choose(range(len(scenario.steps)))
        began = replace(scenario, steps=scenario.steps[: rows + 1])
        assert Here(bureaus[0]).run(began).passed
        self.case_id = bureaus[0].queries.case_ids()[-1]
        self.now = self.last_act()

    def last_act(self) -> datetime:
        last = self.bureaus[0].queries.history(self.case_id)[-1]["at"]
        return store.read_instant(last).astimezone(SHANGHAI)

    def desk(self) -> Desk:
        return Desk(self.choose(self.bureaus), self.now)

    def open(self) -> list[InboxItem]:
        """What is open to a person of the demo bureau, who do not fill every role."""
        items = self.bureaus[0].queries.open_items(self.case_id)
        return [item for item in items if (item.role, item.organisation) in self.holders]

    def head(self) -> bytes:
        return case_row(self.bureaus[0], self.case_id)["head"]  # type: ignore[no-any-return]

    def step(self) -> None:
        acts = [self.complete] * 8 + [self.claim, self.release, self.pass_time, self.late_worker]
        acts += [self.deliver, self.deliver, self.restart]
        acts += [self.complete_again, self.complete_nonsense, self.claim_as_stranger]
        acts += [self.deliver_nonsense, self.fire_early, self.complete_unclaimed]
        self.choose(acts)()

    # legal acts

    def complete(self) -> None:
        items = self.open()
        if not items:
            return self.pass_time()
        item, desk = self.choose(items), self.desk()
        try:
            values = Chooser(desk, self.choose).values(item)
        except InvalidInput:
            return None
        if item.assignee is None:
            desk.claim(item)
        command = c.CompleteTask(ItemId.parse(item.id), values)
        desk.bureau.execute(command, desk.holder(item), self.now)
        self.finished.append(item)
        return None

    def claim(self) -> None:
        free = [item for item in self.open() if item.assignee is None]
        if free:
            self.desk().claim(self.choose(free))

    def release(self) -> None:
        held = [item for item in self.open() if item.assignee is not None]
        if held:
            item, desk = self.choose(held), self.desk()
            command = c.ReleaseTask(ItemId.parse(item.id))
            desk.bureau.execute(command, desk.holder(item), self.now)

    def deliver(self) -> None:
        waits = self.bureaus[0].queries.waits_of(self.case_id)
        if not waits:
            return
        wait, desk = self.choose(waits), self.desk()
        actor = desk.holders[wait["role"], wait["organisation"]] if wait["role"] else c.SYSTEM
        case = desk.bureau.look(self.case_id, actor, self.now)
        running = case.instances[wait["instance_no"]]
        form = case.form(running, running.element(wait["element"]))
        try:
            values = Chooser(desk, self.choose).values_of(form, case.form_scope(running))
        except InvalidInput:
            return
        command = c.CorrelateMessage(wait["message"], wait["correlation_key"], values)
        desk.bureau.execute(command, actor, self.now)

    def pass_time(self) -> None:
        """Days go by, each timer fires at its own instant."""
        self.now += self.choose([1, 2, 5, 16, 45]) * DAY
        advance(self.choose(self.bureaus), self.case_id, self.now)

    def late_worker(self) -> None:
        """Days go by without a worker, then everything due fires at once, late."""
        self.now += self.choose([3, 20, 70]) * DAY
        while due := [t for t in timers(self.bureaus[0], self.case_id) if t["due"] <= self.stamp()]:
            row = self.choose(due)
            self.choose(self.bureaus).execute(fire(row), c.TIMER, self.now)

    def stamp(self) -> str:
        return store.instant(self.now)

    def restart(self) -> None:
        """A server ends; another one starts with an empty cache."""
        self.bureaus.pop().close()
        self.bureaus.append(open_bureau(self.url))

    # wrong acts, which change nothing

    def refused(self, command: c.Command, actor: str, *kinds: type[EngineError]) -> None:
        before = self.head()
        with pytest.raises(kinds):
            self.choose(self.bureaus).execute(command, actor, self.now)
        assert self.head() == before

    def complete_again(self) -> None:
        if self.finished:
            item, desk = self.choose(self.finished), self.desk()
            command = c.CompleteTask(ItemId.parse(item.id), {})
            self.refused(command, desk.holder(item), Conflict)

    def complete_nonsense(self) -> None:
        held = [item for item in self.open() if item.assignee is not None]
        if held:
            item = self.choose(held)
            command = c.CompleteTask(ItemId.parse(item.id), {"zzz": "\x00"})
            self.refused(command, item.assignee or "", InvalidInput, NotAllowed)

    def complete_unclaimed(self) -> None:
        free = [item for item in self.open() if item.assignee is None]
        if free:
            item, desk = self.choose(free), self.desk()
            command = c.CompleteTask(ItemId.parse(item.id), {})
            self.refused(command, desk.holder(item), Conflict)

    def claim_as_stranger(self) -> None:
        if items := self.open():
            command = c.ClaimTask(ItemId.parse(self.choose(items).id))
            self.refused(command, "nobody", NotAllowed)

    def deliver_nonsense(self) -> None:
        command = c.CorrelateMessage("review_requested", "XF1999000001", {})
        self.refused(command, c.SYSTEM, NoCorrelation)

    def fire_early(self) -> None:
        early = [t for t in timers(self.bureaus[0], self.case_id) if t["due"] > self.stamp()]
        if early:
            self.refused(fire(self.choose(early)), c.TIMER, Conflict)


def fire(row: Mapping[str, Any]) -> c.FireTimer:
    return c.FireTimer(row["case_id"], row["instance_no"], row["number"])


def rows(bureau: Bureau, table: Any, case_id: int) -> list[Mapping[str, Any]]:
    with bureau.database.connect() as connection:
        found = connection.execute(select(table).where(table.c.case_id == case_id)).mappings()
        return [dict(row) for row in found]


def timers(bureau: Bureau, case_id: int) -> list[Mapping[str, Any]]:
    found = rows(bureau, store.timer, case_id)
    return sorted(found, key=lambda t: (t["instance_no"], t["number"]))


def case_row(bureau: Bureau, case_id: int) -> Mapping[str, Any]:
    f = store.case_file
    with bureau.database.connect() as connection:
        return dict(connection.execute(select(f).where(f.c.id == case_id)).mappings().one())


def open_in_state(bureau: Bureau, case_id: int) -> dict[str, set[tuple[Any, ...]]]:
    """What the stored state waits for, by table: instance, number, element, and a timer's due."""
    found: dict[str, set[tuple[Any, ...]]] = {"work_item": set(), "timer": set()}
    found["message_wait"] = set()
    for running in bureau.look(case_id, c.SYSTEM, at("2030-01-01")).instances.values():
        instance = running.instance
        for number, element, _ in instance.items():
            found["work_item"].add((running.no, number, element))
        dated = {number: (element, due) for number, element, _, due in instance.timers()}
        for number, (element, due) in dated.items():
            if due is not None:
                found["timer"].add((running.no, number, element, due))
        for element, number in instance.open_elements():
            if instance.waits(number) and number not in dated:
                found["message_wait"].add((running.no, number, element))
    return found


def open_in_rows(bureau: Bureau, case_id: int) -> dict[str, set[tuple[Any, ...]]]:
    keys = ("instance_no", "number", "element")
    return {
        table.name: {
            tuple(row[k] for k in (*keys, *(["due"] if table is store.timer else [])))
            for row in rows(bureau, table, case_id)
        }
        for table in (store.work_item, store.timer, store.message_wait)
    }


def check(bureau: Bureau, case_id: int) -> None:
    """What holds after every walk."""
    assert verify_case(bureau, case_id) is None
    history = bureau.queries.history(case_id, limit=100_000)
    times = [row["at"] for row in history]
    assert times == sorted(times), "the history of a case never goes back in time"
    assert not rows(bureau, store.incident, case_id), "no legal act breaks a procedure"
    if case_row(bureau, case_id)["closed_at"] is None:
        assert open_in_rows(bureau, case_id) == open_in_state(bureau, case_id)
    else:
        assert not any(open_in_rows(bureau, case_id).values())
        assert not rows(bureau, store.case_state, case_id)
        running = [r for r in rows(bureau, store.instance, case_id) if r["status"] == "running"]
        assert not running


@pytest.fixture
def bureaus(url: str) -> Iterator[list[Bureau]]:
    opened = [open_bureau(url), open_bureau(url)]
    yield opened
    for bureau in opened:
        bureau.close()


def walk(url: str, bureaus: list[Bureau], data: st.DataObject, steps: int) -> None:
    going = Walk(url, bureaus, lambda options: data.draw(st.sampled_from(options)))
    for _ in range(steps):
        going.step()
    check(bureaus[0], going.case_id)


@QUICK
@given(data=st.data())
def test_a_walk_leaves_rows_history_and_state_in_step(
    url: str, bureaus: list[Bureau], data: st.DataObject
) -> None:
    """A dozen acts, right and wrong, by people, timers and messages, over two servers."""
    walk(url, bureaus, data, 12)


@pytest.mark.slow
@LONG
@given(data=st.data())
def test_a_long_walk_goes_through_to_the_end(
    url: str, bureaus: list[Bureau], data: st.DataObject
) -> None:
    """Long enough that many cases reach their end by review, re-check or settlement."""
    walk(url, bureaus, data, 60)
