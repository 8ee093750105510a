"""Killing the server and the workers at any point of a case's whole way loses and doubles nothing.

The way is the analysts' scenario from receipt to termination after three levels. What one
undisturbed run of it writes is what a run killed fifty times must have written in the end.
"""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from engine import store
from engine.execute import Bureau
from engine.replay import verify_case
from engine.store import instant
from tests.db.killed import POINTS, Act
from tests.db.small import events, rows
from tests.db.test_random_walk import Here, scenarios
from tests.support import at, open_bureau, sqlite_url

pytestmark = pytest.mark.slow

KILLS = 50
RARE = [point for point in POINTS if point.endswith(("lease", "delivery"))]
LATEST = ("before a write", 20)
"""Where who does not come to its point ends: nobody lives from the middle of a way to its end."""
WAY = "从收到到三级终结的全程"
HUMAN = ("StartCase", "CompleteTask", "CorrelateMessage")


class Undisturbed:
    """The way, run once without anybody being killed."""

    def __init__(self) -> None:
        bureau = open_bureau(sqlite_url())
        scenario = next(s for s in scenarios() if s.name == WAY)
        assert Here(bureau).run(scenario).passed
        case_id = bureau.queries.case_ids()[-1]
        history = bureau.queries.history(case_id, limit=100_000)
        self.acts = [
            Act(r["type"], r["element"], r["actor"], r["at"], r["payload"]["command"]["values"])
            for r in history
            if r["type"] in HUMAN
        ]
        self.length = len(history)
        self.summary = summary(bureau, case_id)
        bureau.close()


def summary(bureau: Bureau, case_id: int) -> Counter[tuple[Any, ...]]:
    """Everything that happened to a case, counted; its time and its numbers left out."""
    counted: Counter[tuple[Any, ...]] = Counter()
    for row in bureau.queries.history(case_id, limit=100_000):
        counted[row["type"], row["actor"]] += 1
        for kind, data in row["payload"]["events"]:
            counted[kind, data.get("element"), data.get("clock"), data.get("recipient")] += 1
    return counted


def word_of(point: str) -> str:
    return point.replace(" ", "_")


@pytest.fixture(scope="module")
def undisturbed() -> Undisturbed:
    return Undisturbed()


class Zygote:
    """tests.db.killed: hears jobs, forks processes, tells what they say."""

    def __init__(self, folder: Path) -> None:
        self.errors = (folder / "errors").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.db.killed"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.said: queue.Queue[tuple[str, int]] = queue.Queue()
        self.words: dict[int, set[str]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word, number = line.split()
            self.words.setdefault(int(number), set()).add(word)
            self.said.put((word, int(number)))

    def start(self, **job: Any) -> int:
        """The number of a new process."""
        assert self.process.stdin is not None
        print(json.dumps(job), file=self.process.stdin, flush=True)
        while True:
            word, number = self.said.get(timeout=60)
            if word == "started":
                return number

    def heard(self, number: int, word: str) -> bool:
        words = self.words.get(number, set())
        if "failed" in words:
            self.errors.seek(0)
            raise AssertionError(self.errors.read())
        return word in words

    def alive(self, number: int) -> bool:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return False
        return not self.heard(number, "failed")

    def kill(self, number: int) -> None:
        if self.alive(number):
            os.kill(number, signal.SIGKILL)
        while self.alive(number):
            time.sleep(0.001)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.errors.close()


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[Zygote]:
    started = Zygote(tmp_path)
    yield started
    started.close()


class Run:
    """One database whose processes are killed again and again."""

    def __init__(
        self, zygote: Zygote, url: str, folder: Path, way: Undisturbed, workers: int
    ) -> None:
        self.zygote, self.folder, self.cases = zygote, folder, [0, 1]
        self.job: dict[str, Any] = {"url": url, "folder": str(folder), "helped": workers > 0}
        self.acts, self.length = [asdict(a) for a in way.acts], way.length
        self.random = random.Random(url.startswith("sqlite") * 10 + workers)
        self.points = [p for p in POINTS if url.startswith("sqlite") or p != "before the commit"]
        self.ways_to_end = cycle([*self.points, None, None, None])
        self.ended: set[str] = set()
        self.kills: list[float] = []
        """How much of their way the cases had behind them at each kill, from 0 to 1."""
        self.bureau = open_bureau(url)
        self.workers: list[int] = []
        self.begin(workers)

    def begin(self, workers: int) -> None:
        """Go to the day on which the cases of the way begin; nobody lives through that."""
        for number in self.workers:
            self.zygote.kill(number)
        (self.folder / "clock").write_text(instant(at("2025-09-22")))
        self.workers = [self.start("worker", None) for _ in range(workers)]

    def start(self, role: str, end: tuple[str, int] | None) -> int:
        ends = [end, LATEST] if end else []
        job = self.job | {"role": role, "ends": ends}
        if role == "server":
            job |= {"acts": self.acts, "cases": self.cases}
        return self.zygote.start(**job)

    def end(self) -> tuple[str, int] | None:
        """Where the next process ends by itself, or nowhere: then it is killed some time."""
        point = next(self.ways_to_end)
        often = 2 if point in RARE else 9
        return (point, self.random.randint(1, often)) if point else None

    def kill(self, times: int) -> None:
        """Start servers, kill them or a worker; a killed worker is followed by another."""
        while len(self.kills) < times or not self._everywhere():
            assert len(self.kills) < 4 * times, (self.kills, self.ended)
            end = self.end()
            if self.workers and self.random.random() < 0.5:
                self._kill_a_worker(end)
            else:
                self._kill_the_server(end)

    def _kill_the_server(self, end: tuple[str, int] | None) -> None:
        server = self.start("server", end)
        self._let_live(server, end)
        self.zygote.kill(server)
        self._follow_up(server)

    def _follow_up(self, server: int) -> None:
        """Who was done before the kill was not killed; where cases are done, the next begin."""
        if self.zygote.heard(server, "done"):
            self.cases = [n + 2 for n in self.cases]
            self.begin(len(self.workers))
        else:
            self.kills.append(self._way_behind())

    def _everywhere(self) -> bool:
        """In every quarter of the way; where nobody helps the server, at every point too."""
        quarters = {int(behind * 4) for behind in self.kills}
        return quarters >= {0, 1, 2, 3} and bool(self.workers or self.ended == set(self.points))

    def _way_behind(self) -> float:
        lengths = [
            len(self.bureau.queries.history(case_id, limit=100_000))
            for case_id in self.bureau.queries.case_ids()
            if case_id > self.cases[0]
        ]
        return sum(lengths) / (len(self.cases) * self.length)

    def _kill_a_worker(self, end: tuple[str, int] | None) -> None:
        self.zygote.kill(self.workers.pop(0))
        mortal = self.start("worker", end)
        server = self.start("server", None)
        self._let_live(mortal, end, beside=server)
        for number in (mortal, server):
            self.zygote.kill(number)
        self.workers.append(self.start("worker", None))
        self._follow_up(server)

    def _let_live(
        self, number: int, end: tuple[str, int] | None, beside: int | None = None
    ) -> None:
        """Until it ends by itself, or a short time after it is ready."""
        until = time.monotonic() + (0.5 if self.workers else 5)
        while not self.zygote.heard(number, "ready") and self.zygote.alive(number):
            time.sleep(0.001)
        if end is None:
            until = time.monotonic() + self.random.random() * 0.05
        while time.monotonic() < until and self.zygote.alive(number):
            if self.zygote.heard(beside or number, "done"):
                return
            time.sleep(0.001)
        self.ended |= {point for point in POINTS if self.zygote.heard(number, word_of(point))}

    def finish(self) -> None:
        """The last server plays all cases to their end."""
        server = self.start("server", None)
        until = time.monotonic() + 120
        while not self.zygote.heard(server, "done"):
            assert time.monotonic() < until, "the cases did not end"
            assert self.zygote.alive(server) or self.zygote.heard(server, "done")
            time.sleep(0.01)
        for number in self.workers:
            self.zygote.kill(number)
        self.bureau.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_fifty_kills_lose_and_double_nothing(
    url: str, zygote: Zygote, undisturbed: Undisturbed, tmp_path: Path, workers: int
) -> None:
    """A server alone, and a server beside two workers: each person's act, each timer and each
    notification happened as often as in the undisturbed run, and everything can be verified."""
    run = Run(zygote, url, tmp_path, undisturbed, workers)
    run.kill(KILLS)
    run.finish()
    bureau = open_bureau(url)
    cases = bureau.queries.case_ids()
    assert cases == list(range(1, run.cases[-1] + 2))
    keys = set()
    for case_id in cases:
        assert summary(bureau, case_id) == undisturbed.summary
        for kind in ("task_completed", "timer_fired", "message_received"):
            happened = [(e["instance"], e["number"]) for e in events(bureau, case_id, kind)]
            assert len(happened) == len(set(happened))
        sent = rows(bureau, store.outbox, case_id)
        assert all(row["sent_at"] for row in sent)
        keys |= {row["key"] for row in sent}
        assert verify_case(bureau, case_id) is None
    assert {path.stem for path in (tmp_path / "outgoing").glob("*.eml")} == keys
    bureau.close()
