"""What a step costs, in counts and bytes: round trips, commits, state, memory. No times."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, select

from engine import commands as c
from engine import store
from engine.bench.steps import VALUES, bench_steps, start_cases
from engine.commands import ItemId
from engine.execute import Bureau
from engine.replay import verify_case
from tests import support
from tests.main_path import MAIN_PATH
from tests.support import Desk, act_on, open_bureau


class Counted:
    """A psycopg connection that counts what it sends."""

    def __init__(self, connection: Any) -> None:
        self._connection, self.sent = connection, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, *args: Any, **options: Any) -> Any:
        self.sent += 1
        return self._connection.execute(*args, **options)


class Counter:
    """Round trips of a bureau on PostgreSQL: the writer's own and those through SQLAlchemy."""

    def __init__(self, bureau: Bureau) -> None:
        self.reads = 0
        writer = bureau._writer
        writer._connection()
        self.writes = Counted(writer._own.raw)
        writer._own.raw = self.writes
        event.listen(bureau.database, "before_cursor_execute", self._read)

    def _read(self, *args: Any) -> None:
        self.reads += 1

    def of(self, act: Any) -> tuple[int, int]:
        """(writes, reads) of an act. The connection is in autocommit: a write is its commit."""
        before = self.writes.sent, self.reads
        act()
        return self.writes.sent - before[0], self.reads - before[1]


@pytest.fixture
def loop() -> Iterator[tuple[Bureau, dict[int, str]]]:
    """A case that goes round two tasks for ever, on PostgreSQL."""
    url = support.new_url("postgres")
    bureau = open_bureau(url)
    yield bureau, start_cases(bureau, 1)
    bureau.close()
    support.drop(url)


@pytest.mark.postgres
def test_a_completion_is_one_round_trip_and_one_commit_at_any_age(
    loop: tuple[Bureau, dict[int, str]],
) -> None:
    bureau, cases = loop
    ((case_id, item),) = cases.items()
    now = support.at("2026-03-02")
    counter = Counter(bureau)

    def turn(item: str) -> tuple[tuple[int, int], tuple[int, int], str]:
        address, opened = ItemId.parse(item), []
        claim = counter.of(lambda: bureau.execute(c.ClaimTask(address), "lin", now))
        complete = counter.of(
            lambda: opened.append(bureau.execute(c.CompleteTask(address, VALUES), "lin", now))
        )
        return claim, complete, opened[0].opened[0]

    _, _, item = turn(item)  # reads the definitions once
    for number in range(120):
        claim, complete, item = turn(item)
        assert claim == (1, 0), number
        assert complete == (1, 0), number
    with bureau.database.connect() as connection:
        stored = connection.execute(select(store.case_state.c.state)).scalar_one()
    assert len(stored) < 1_000
    assert bureau.queries.case_ids() == [case_id]


def test_a_waiting_case_is_small_all_along_the_main_line(desk: Desk, bureau: Bureau) -> None:
    """Under 2 KB stored and 64 KB in memory; the history alone remains of a closed case."""
    case_id = desk.register()
    for number, act in enumerate(MAIN_PATH):
        with bureau.database.connect() as connection:
            state = connection.execute(select(store.case_state.c.state)).scalar_one()
        assert len(state) < 2_048, (act.task, len(state))
        if number == 20:
            assert memory_of(bureau, case_id) < 64 * 1024
        act_on(desk, case_id, act)
    with bureau.database.connect() as connection:
        assert connection.execute(select(store.case_state)).all() == []
    assert verify_case(bureau, case_id) is None


def memory_of(bureau: Bureau, case_id: int) -> float:
    """Bytes of one live case, by loading many."""
    bureau.look(case_id, "lin", support.at("2026-03-02"))
    tracemalloc.start()
    kept = [bureau.look(case_id, "lin", support.at("2026-03-02")) for _ in range(20)]
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used / len(kept)


@pytest.mark.slow
@pytest.mark.postgres
def test_the_bench_reports_floor_and_durable_of_both_databases() -> None:
    told: list[str] = []
    report = bench_steps(0.04, told.append)
    assert told == ["sqlite: 80 steps", "postgresql: 80 steps"]
    assert report["memory_of_a_live_case_bytes"] < 64 * 1024
    for database in ("sqlite", "postgresql"):
        found = report[database]
        ratio = found["floor_steps_per_s"] / found["durable_steps_per_s"]
        assert found["floor_by_durable"] == pytest.approx(ratio, abs=0.05)
        assert 0 < found["state_bytes"] < 2048
    assert report["durable_steps_per_s"] == report["sqlite"]["durable_steps_per_s"]
