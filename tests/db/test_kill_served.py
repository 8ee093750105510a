"""`anjie serve` itself killed in the middle of requests; whoever got no answer sends them again."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from engine import commands as c
from engine.replay import verify_case
from tests.support import Desk, open_bureau

pytestmark = pytest.mark.slow

KILLS = 10
TOKEN = "of the clerk who goes on working"


class Served:
    """`anjie serve` on a database; gunicorn's master and its worker are two processes."""

    def __init__(self, url: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        given = {"DATABASE_URL": url, "ANJIE_INSTANCE": str(folder), "PORT": self.port}
        self.environment = {**os.environ, **given}
        self.errors = folder / "errors"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "engine", "serve"]
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                command, env=self.environment, stderr=errors, start_new_session=True
            )

    def require_running(self) -> None:
        assert self.process.poll() is None, self.errors.read_text()

    def kill_the_worker(self) -> None:
        """The master starts another."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True
        )
        for pid in listed.stdout.split():
            os.kill(int(pid), signal.SIGKILL)

    def kill_all(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        while self._is_listened_to():
            time.sleep(0.005)

    def _is_listened_to(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(self.port))) == 0


class Clerk(threading.Thread):
    """Registers petition after petition; sends each request until it is answered."""

    def __init__(self, port: str, values: dict[str, Any]) -> None:
        super().__init__()
        self.address, self.values = f"http://127.0.0.1:{port}/api/v1", values
        self.done, self.unanswered = 0, 0
        self.stop = False
        self.failed: Exception | None = None

    def run(self) -> None:
        try:
            while not self.stop:
                self.register(self.done)
                self.done += 1
        except Exception as error:
            self.failed = error

    def register(self, n: int) -> None:
        title = f"第{n}件来信"
        received = {"channel": "letter", "received_on": datetime.now(UTC).date().isoformat()}
        start = received | {"title": title, "facts": "一件事。"}
        self.ask("/cases", f"start-{n}", {"organisation": "shi_xfj", "values": start})
        found = [
            item
            for tab in ("queue", "mine")
            for item in self.ask(f"/inbox?tab={tab}&q={quote(title)}")["items"]
        ]
        (item,) = found
        self.ask(f"/items/{item['id']}/claim", f"claim-{n}", {})
        self.ask(f"/items/{item['id']}/complete", f"complete-{n}", {"values": self.values})

    def ask(self, path: str, key: str | None = None, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        data = None if body is None else json.dumps(body).encode()
        until = time.monotonic() + 60
        while True:
            try:
                with urlopen(Request(self.address + path, data, headers), timeout=20) as answer:
                    return json.load(answer)
            except HTTPError as error:
                raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from None
            except (OSError, HTTPException, ValueError):
                assert time.monotonic() < until, f"{path} is not answered"
                self.unanswered += 1
                time.sleep(0.02)


@pytest.fixture
def served(url: str, tmp_path: Path) -> Iterator[Served]:
    hashed = hashlib.sha256(TOKEN.encode()).hexdigest()
    bureau = open_bureau(url)
    bureau.execute(c.OpenSession("lin", hashed, "api", 1), c.SYSTEM, datetime.now(UTC))
    bureau.close()
    running = Served(url, tmp_path)
    yield running
    running.kill_all()


def registration(url: str) -> dict[str, Any]:
    """What is filled in, from a case that is the first of the database."""
    bureau = open_bureau(url)
    desk = Desk(bureau, datetime.now(UTC))
    (item,) = desk.open(desk.register())
    values = desk.fill(
        item, channel="letter", identity="clear", urgency="normal", elements="complete"
    )
    bureau.close()
    return values


def test_a_server_killed_in_the_middle_of_requests_does_each_of_them_once(
    url: str, served: Served
) -> None:
    clerk = Clerk(served.port, registration(url))
    clerk.start()
    chance = random.Random(url[:6])
    for n in range(KILLS):
        before, until = clerk.done, time.monotonic() + 60
        while clerk.done == before and clerk.is_alive():
            assert time.monotonic() < until, "nothing is registered any more"
            served.require_running()
            time.sleep(0.005)
        time.sleep(chance.random() * 0.3)
        if n % 2:
            served.kill_all()
            served.start()
        else:
            served.kill_the_worker()
    clerk.stop = True
    clerk.join(60)
    assert clerk.failed is None
    assert clerk.unanswered >= KILLS
    assert clerk.done >= KILLS
    bureau = open_bureau(url)
    cases = bureau.queries.case_ids()[1:]
    assert len(cases) == clerk.done
    for case_id in cases:
        done = [row["type"] for row in bureau.queries.history(case_id)]
        assert done == ["StartCase", "ClaimTask", "CompleteTask"]
        assert verify_case(bureau, case_id) is None
    bureau.close()
