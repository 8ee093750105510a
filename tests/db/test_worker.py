"""Timers and the outbox: taken with a lease, done once, fenced, tried again."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from engine import commands as c
from engine import store, worker
from engine.errors import StoreUnusable
from engine.execute import Bureau
from engine.outgoing import Notification, Outgoing
from engine.replay import verify_case
from engine.store import instant
from engine.worker import (
    LEASE,
    LOOK_AGAIN,
    RETRY_AFTER,
    Worker,
    fire_due_timers,
    send_outbox,
)
from tests.db.small import at_once, deploy, events, notice, rows, seed, timer, user, waiting_timer
from tests.support import DAY, Desk, at, flows, open_bureau, properties

SECOND = timedelta(seconds=1)
TWO_DAYS = waiting_timer("P2D", notice("remind"))


@pytest.fixture
def second(url: str) -> Iterator[Bureau]:
    """Another process's bureau on the same database."""
    opened = open_bureau(url)
    yield opened
    opened.close()


@pytest.fixture
def files(tmp_path: Path) -> Outgoing:
    return Outgoing(tmp_path, None, "example.test")


def fired(bureau: Bureau, case_id: int) -> int:
    return len(events(bureau, case_id, "timer_fired"))


def dies(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The worker ends between taking rows and finishing them."""
    monkeypatch.setattr(worker, name, lambda *args: None)


# timers ------------------------------------------------------------------------------------------


def test_a_timer_fires_when_it_is_due_and_not_before(desk: Desk, bureau: Bureau) -> None:
    deploy(desk, TWO_DAYS)
    case_id = seed(desk)
    assert fire_due_timers(bureau, desk.now + 2 * DAY - SECOND) == 0
    assert fire_due_timers(bureau, desk.now + 2 * DAY) == 1
    assert (fired(bureau, case_id), desk.open(case_id)) == (1, [])
    assert fire_due_timers(bureau, desk.now + 3 * DAY) == 0


def test_a_late_worker_writes_its_own_time(desk: Desk, bureau: Bureau) -> None:
    """A timer that fires nine days late happened nine days late."""
    deploy(desk, TWO_DAYS)
    case_id = seed(desk)
    fire_due_timers(bureau, desk.now + 11 * DAY)
    assert bureau.queries.history(case_id)[-1]["at"] == instant(desk.now + 11 * DAY)


def test_two_workers_at_once_fire_each_timer_once(
    desk: Desk, bureau: Bureau, second: Bureau
) -> None:
    deploy(desk, TWO_DAYS)
    cases = [seed(desk) for _ in range(12)]
    later = desk.now + 5 * DAY
    taken: list[int] = []

    def work(own: Bureau) -> None:
        while count := fire_due_timers(own, later, limit=3):
            taken.append(count)

    at_once(partial(work, bureau), partial(work, second))
    # A worker that found nothing free may have stopped early; the rest is taken by a third round.
    while fire_due_timers(bureau, later):
        pass
    assert [fired(bureau, case_id) for case_id in cases] == [1] * 12
    assert all(verify_case(bureau, case_id) is None for case_id in cases)


def test_a_lease_keeps_others_away_until_it_runs_out(
    desk: Desk, bureau: Bureau, second: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker took the timer and died: another one takes it after the lease, not before."""
    deploy(desk, TWO_DAYS)
    case_id, later = seed(desk), desk.now + 2 * DAY
    with monkeypatch.context() as patch:
        dies(patch, "_fire")
        assert fire_due_timers(bureau, later) == 1
    assert fire_due_timers(second, later + LEASE) == 0
    assert fire_due_timers(second, later + LEASE + SECOND) == 1
    assert fired(bureau, case_id) == 1


def test_a_worker_whose_lease_ran_out_changes_nothing(
    desk: Desk, bureau: Bureau, second: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It slept between taking and firing while another worker fired the same timer."""
    deploy(desk, TWO_DAYS)
    case_id, later = seed(desk), desk.now + 2 * DAY
    fire = worker._fire

    def sleeps(own: Bureau, row: Any, now: Any) -> None:
        if own is bureau:
            assert fire_due_timers(second, later + 2 * LEASE) == 1
        fire(own, row, now)

    monkeypatch.setattr(worker, "_fire", sleeps)
    fire_due_timers(bureau, later)
    assert fired(bureau, case_id) == 1
    assert len(rows(bureau, store.outbox, case_id)) == 1
    assert verify_case(bureau, case_id) is None


def test_a_timer_moved_between_taking_and_firing_does_not_fire(
    desk: Desk, bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its limit was lengthened by a hearing; it fires at its new date, at once takeable again."""
    pair = ("s", "fork"), ("fork", "work"), ("fork", "hold")
    body = f'<startEvent id="s">{CLOCK}</startEvent><parallelGateway id="fork"/>'
    body += user("work") + user("hold", excludeFromClock="recheck", excludeDays="10")
    body += timer("limit", 'due("recheck")', "work") + "".join(
        f'<endEvent id="e{n}"/>' for n in range(3)
    )
    deploy(desk, body + flows(*pair, ("work", "e0"), ("hold", "e1"), ("limit", "e2")))
    case_id = seed(desk)
    (waiting,) = rows(bureau, store.timer, case_id)
    due = store.read_instant(waiting["due"])
    hold = next(item for item in desk.open(case_id) if item.element == "hold")
    fire = worker._fire

    def extended_meanwhile(own: Bureau, row: Any, now: Any) -> None:
        desk.complete(hold)
        fire(own, row, now)

    with monkeypatch.context() as patch:
        patch.setattr(worker, "_fire", extended_meanwhile)
        assert fire_due_timers(bureau, due) == 1
    assert fired(bureau, case_id) == 0
    (moved,) = rows(bureau, store.timer, case_id)
    assert moved["due"] > waiting["due"]
    assert fire_due_timers(bureau, store.read_instant(moved["due"]) - SECOND) == 0
    assert fire_due_timers(bureau, store.read_instant(moved["due"])) == 1
    assert fired(bureau, case_id) == 1
    assert verify_case(bureau, case_id) is None


CLOCK = (
    '<extensionElements><spiffworkflow:properties xmlns:spiffworkflow="http://spiffworkflow.org/'
    'bpmn/schema/1.0/core"><spiffworkflow:property name="startClock" value="recheck"/>'
    "</spiffworkflow:properties></extensionElements>"
)


def test_a_timer_whose_model_fails_is_left_to_people(desk: Desk, bureau: Bureau) -> None:
    """One incident, however long the worker goes on; the timer is not tried again and again."""
    gate = '<exclusiveGateway id="gate"/>'
    body = waiting_timer("P2D", gate).replace(
        'sourceRef="gate" targetRef="e2">',
        'sourceRef="gate" targetRef="e2"><conditionExpression xsi:type="tFormalExpression">'
        "false</conditionExpression>",
    )
    deploy(desk, body)
    case_id = seed(desk)
    rounds = [fire_due_timers(bureau, desk.now + days * DAY) for days in (2, 3, 30, 365)]
    assert rounds == [1, 0, 0, 0]
    (incident,) = rows(bureau, store.incident, case_id)
    assert (incident["attempts"], incident["status"]) == (1, "open")
    assert verify_case(bureau, case_id) is None


def test_one_broken_timer_does_not_hold_the_others(
    desk: Desk, bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in firing one timer leaves the rest of the batch to fire in the same round."""
    deploy(desk, TWO_DAYS)
    broken, sound = seed(desk), seed(desk)
    execute = bureau.execute

    def fails(command: c.Command, actor: str, now: Any) -> c.Result:
        if isinstance(command, c.FireTimer) and command.case_id == broken:
            raise ZeroDivisionError
        return execute(command, actor, now)

    monkeypatch.setattr(bureau, "execute", fails)
    fire_due_timers(bureau, desk.now + 2 * DAY)
    assert (fired(bureau, broken), fired(bureau, sound)) == (0, 1)


# the outbox --------------------------------------------------------------------------------------


class Failing(Outgoing):
    """A way out that refuses as long as `refuse` says."""

    def __init__(self, folder: Path, refuse: Callable[[Notification], Exception | None]) -> None:
        super().__init__(folder, None, "example.test")
        self.refuse, self.asked = refuse, 0

    def deliver(self, note: Notification) -> None:
        self.asked += 1
        error = self.refuse(note)
        if error is not None:
            raise error
        super().deliver(note)


def notify(desk: Desk) -> int:
    """A case with one notification in its outbox."""
    body = '<startEvent id="s"/><endEvent id="e"/>' + notice("tell") + user("work")
    deploy(desk, body + flows(("s", "tell"), ("tell", "work"), ("work", "e")))
    return seed(desk)


def letters(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder).iterdir())


def test_a_notification_leaves_once(
    desk: Desk, bureau: Bureau, files: Outgoing, tmp_path: Path
) -> None:
    case_id = notify(desk)
    assert [send_outbox(bureau, files, desk.now), send_outbox(bureau, files, desk.now)] == [1, 0]
    assert letters(tmp_path) == [f"{case_id}-1.eml"]
    (sent,) = rows(bureau, store.outbox, case_id)
    assert sent["sent_at"] == instant(desk.now)
    assert verify_case(bureau, case_id) is None


def test_what_cannot_leave_is_tried_again_later_and_later(
    desk: Desk, bureau: Bureau, tmp_path: Path
) -> None:
    """The server is down for four attempts; in between nobody asks it."""
    case_id, now = notify(desk), desk.now
    outgoing = Failing(tmp_path, lambda note: OSError("down") if outgoing.asked < 5 else None)
    for wait in RETRY_AFTER[:4]:
        assert send_outbox(bureau, outgoing, now) == 1
        assert verify_case(bureau, case_id) is None
        assert send_outbox(bureau, outgoing, now + timedelta(seconds=wait)) == 0
        now += timedelta(seconds=wait) + SECOND
    assert send_outbox(bureau, outgoing, now) == 1
    assert letters(tmp_path) == [f"{case_id}-1.eml"]
    assert rows(bureau, store.outbox, case_id)[0]["sent_at"] == instant(now)
    assert verify_case(bureau, case_id) is None


def test_one_broken_notification_does_not_hold_the_others(
    desk: Desk, bureau: Bureau, tmp_path: Path
) -> None:
    """Whatever goes wrong with one, the rest of the batch leaves in the same round."""
    broken, sound = notify(desk), seed(desk)
    outgoing = Failing(
        tmp_path, lambda n: ValueError("no address") if n.key.startswith(f"{broken}-") else None
    )
    send_outbox(bureau, outgoing, desk.now)
    assert letters(tmp_path) == [f"{sound}-1.eml"]
    assert rows(bureau, store.outbox, broken)[0]["sent_at"] is None


def test_a_sender_that_died_is_followed_by_another(
    desk: Desk,
    bureau: Bureau,
    second: Bureau,
    files: Outgoing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case_id = notify(desk)
    with monkeypatch.context() as patch:
        dies(patch, "_send")
        assert send_outbox(bureau, files, desk.now) == 1
    assert send_outbox(second, files, desk.now + LEASE) == 0
    assert send_outbox(second, files, desk.now + LEASE + SECOND) == 1
    assert letters(tmp_path) == [f"{case_id}-1.eml"]


def test_the_same_notification_sent_twice_is_one_file(
    desk: Desk, bureau: Bureau, second: Bureau, tmp_path: Path
) -> None:
    """A sender slept past its lease, another one sent; the sleeper's own sending changes no row."""
    case_id, later = notify(desk), desk.now + 2 * LEASE
    files = Outgoing(tmp_path, None, "example.test")

    class Sleeper(Outgoing):
        def deliver(self, note: Notification) -> None:
            assert send_outbox(second, files, later) == 1
            super().deliver(note)

    send_outbox(bureau, Sleeper(tmp_path, None, "example.test"), desk.now)
    assert letters(tmp_path) == [f"{case_id}-1.eml"]
    (sent,) = rows(bureau, store.outbox, case_id)
    assert sent["sent_at"] == instant(later)


# SMTP --------------------------------------------------------------------------------------------


class _Session(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a sender needs."""

    def handle(self) -> None:
        self.say("220 sink ready")
        while line := self.rfile.readline().strip().upper():
            if line.startswith(b"DATA"):
                self.take_mail()
            elif line.startswith(b"QUIT"):
                return self.say("221 bye")
            elif line.startswith(b"RCPT") and self.server.refusing:  # type: ignore[attr-defined]
                self.say("451 try again later")
            else:
                self.say("250 sink")
        return None

    def take_mail(self) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        self.server.mails.append(message)  # type: ignore[attr-defined]
        self.say("250 taken")

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class Sink(socketserver.ThreadingTCPServer):
    """A mail server on the loopback that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[Any] = []
        self.refusing = False


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def smtp(sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outgoing:
    monkeypatch.setenv("ANJIE_SMTP", f"127.0.0.1:{sink.server_address[1]}")
    monkeypatch.setenv("ANJIE_MAIL_DOMAIN", "xinfang.example")
    return Outgoing.from_environment(tmp_path)


def test_notifications_leave_by_mail(
    desk: Desk, bureau: Bureau, smtp: Outgoing, sink: Sink
) -> None:
    """To everybody who holds the role; by its Message-ID, the key, a copy is known as one."""
    case_id = notify(desk)
    assert send_outbox(bureau, smtp, desk.now) == 1
    (mail,) = sink.mails
    assert mail["Message-ID"] == f"<{case_id}-1@xinfang.example>"
    assert "lin@xinfang.example" in mail["To"]
    assert mail["Subject"] == "tell"
    number = bureau.queries.history(case_id)[0]["payload"]["events"][0][1]["case_no"]
    assert mail.get_content().strip() == f"请办理 {number}"


def test_what_has_no_mail_address_stays_as_a_file(
    desk: Desk, bureau: Bureau, smtp: Outgoing, sink: Sink, tmp_path: Path
) -> None:
    """A petitioner's notice is no mail to an invented address."""
    path = flows(("s", "tell"), ("tell", "e"))
    deploy(desk, '<startEvent id="s"/><endEvent id="e"/>' + notice("tell", to="petitioner") + path)
    case_id = seed(desk)
    assert send_outbox(bureau, smtp, desk.now) == 1
    assert sink.mails == []
    assert letters(tmp_path / "outgoing") == [f"{case_id}-1.eml"]
    assert rows(bureau, store.outbox, case_id)[0]["sent_at"] is not None


def test_a_mail_server_that_refuses_is_asked_again(
    desk: Desk, bureau: Bureau, smtp: Outgoing, sink: Sink
) -> None:
    case_id, sink.refusing = notify(desk), True
    send_outbox(bureau, smtp, desk.now)
    assert (sink.mails, rows(bureau, store.outbox, case_id)[0]["sent_at"]) == ([], None)
    sink.refusing = False
    send_outbox(bureau, smtp, desk.now + timedelta(seconds=RETRY_AFTER[0]) + SECOND)
    assert len(sink.mails) == 1


def test_a_mail_server_that_is_gone_is_asked_again(
    desk: Desk, bureau: Bureau, tmp_path: Path
) -> None:
    case_id = notify(desk)
    send_outbox(bureau, Outgoing(tmp_path, "127.0.0.1:1", "example.test"), desk.now)
    assert rows(bureau, store.outbox, case_id)[0]["sent_at"] is None
    assert not list(tmp_path.iterdir())


# the loop ----------------------------------------------------------------------------------------


def test_the_worker_fires_sends_and_stops(desk: Desk, bureau: Bureau, tmp_path: Path) -> None:
    """One run fires what is due, sends what follows, and ends when it is told to."""
    deploy(desk, TWO_DAYS)
    case_id = seed(desk)
    running = Worker(bureau, tmp_path, clock=lambda: desk.now + 2 * DAY, pause=0.01)
    thread = threading.Thread(target=running.run)
    thread.start()
    wait_for(lambda: (tmp_path / "outgoing" / f"{case_id}-1.eml").exists())
    running.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert fired(bureau, case_id) == 1


def test_the_worker_outlives_a_database_that_does_not_answer(
    desk: Desk, bureau: Bureau, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id, calls = notify(desk), []
    fire = fire_due_timers

    def silent_once(*args: Any) -> int:
        calls.append(args)
        if len(calls) == 1:
            raise StoreUnusable
        return fire(*args)

    monkeypatch.setattr(worker, "fire_due_timers", silent_once)
    running = Worker(bureau, tmp_path, clock=lambda: desk.now, pause=0.01)
    thread = threading.Thread(target=running.run)
    thread.start()
    wait_for(lambda: (tmp_path / "outgoing" / f"{case_id}-1.eml").exists())
    running.stop()
    thread.join(5)
    assert len(calls) > 1


def wait_for(true: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if true():
            return
        threading.Event().wait(0.01)
    raise AssertionError("waited ten seconds in vain")


# a new calendar ----------------------------------------------------------------------------------


def new_year(desk: Desk) -> str:
    """Deploy the notice for 2027, which is not out, and die before any clock is counted anew."""
    files = dict(desk.bureau.library.package("_shared").files)
    years = json.loads(files["calendar.json"])
    off = [f"2027-01-0{day}" for day in range(1, 6)]
    years["2027"] = {"source": "test", "off": off, "makeup": []}
    files["calendar.json"] = json.dumps(years, ensure_ascii=False)
    with patch("engine.administration.check_packages", lambda *_: []):
        desk.bureau.execute(c.Deploy({"_shared": files}), c.SYSTEM, desk.now)
    return desk.bureau.library.shared.calendar.version


def counted_by(bureau: Bureau, case_id: int) -> list[str]:
    return [row["calendar"] for row in rows(bureau, store.clock, case_id)]


def test_the_worker_sees_a_new_calendar_through(
    desk: Desk, bureau: Bureau, second: Bureau, tmp_path: Path
) -> None:
    """Whoever deployed it, two workers count each case once, and one that fails holds no other."""
    desk.now = at("2026-12-21")
    fails = user("work") + timer("limit", 'if today() &gt; date("2026-12-21") then 7 else null')
    fails += '<startEvent id="s"/><parallelGateway id="f"/><endEvent id="e"/><endEvent id="e2"/>'
    fails += f'<serviceTask id="then">{properties(startClock="dispatch")}</serviceTask>'
    path = flows(("s", "then"), ("then", "f"), ("f", "work"), ("f", "limit"))
    deploy(desk, fails + path + flows(("work", "e"), ("limit", "e2")))
    bad, good = seed(desk), [desk.register(), desk.register()]
    version = new_year(desk)
    desk.now += DAY
    workers = [Worker(b, tmp_path, clock=lambda: desk.now, pause=0.01) for b in (bureau, second)]
    threads = [threading.Thread(target=w.run) for w in workers]
    for thread in threads:
        thread.start()
    wait_for(lambda: bureau.queries.running_calendars(version) == [bad])
    wait_for(lambda: len(rows(bureau, store.incident, bad)) == 1)
    for running, thread in zip(workers, threads, strict=True):
        running.stop()
        thread.join(5)
    for case_id in good:
        assert counted_by(bureau, case_id) == [version]
        assert len(events(bureau, case_id, "clock_recomputed")) == 1
        assert verify_case(bureau, case_id) is None
    assert verify_case(bureau, bad) is None


def test_clocks_started_by_a_process_that_lags_are_counted_too(
    desk: Desk, bureau: Bureau, second: Bureau, tmp_path: Path
) -> None:
    """A process that has not read the new calendar yet starts a clock by the old one."""
    desk.now = at("2026-12-21")
    running = Worker(bureau, tmp_path, clock=lambda: desk.now, pause=0.01)
    version = new_year(desk)
    thread = threading.Thread(target=running.run)
    thread.start()
    second.refresh = lambda: None  # type: ignore[method-assign]
    case_id = Desk(second, desk.now).register()
    assert counted_by(bureau, case_id) != [version]
    desk.now += LOOK_AGAIN
    wait_for(lambda: counted_by(bureau, case_id) == [version])
    running.stop()
    thread.join(5)
