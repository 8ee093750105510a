"""The demo bureau: petitions in every state, made by commands, that a verifier finds sound."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner
from sqlalchemy import func, select

from engine import commands as c
from engine import store
from engine.__main__ import cli
from engine.demo import PASSWORD, installing, make_demo
from engine.demo.play import Cast, play
from engine.demo.script import Matter, read_script
from engine.errors import Conflict, InvalidInput, NotAllowed, StoreUnusable
from engine.execute import Bureau
from engine.replay import verify_case
from tests.support import OPENED, PROCESSES, drop, open_bureau, packages, sqlite_url

pytestmark = pytest.mark.slow

NOW = datetime(2026, 6, 24, 6, 30, tzinfo=UTC)
SCRIPT = read_script(PROCESSES / "_demo")
KINDS = {"land", "labour", "housing", "village", "pollution", "policing"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    """Never changed by a test."""
    bureau = Bureau(f"sqlite:///{tmp_path_factory.mktemp('demo')}/anjie.db")
    bureau.create(OPENED)
    bureau.refresh()
    told: list[str] = []
    assert make_demo(bureau, PROCESSES, NOW, told.append) == len(SCRIPT.matters)
    assert told[-1] == f"{len(SCRIPT.matters)} of {len(SCRIPT.matters)} petitions"
    yield bureau
    bureau.close()


def rows(bureau: Bureau, *columns: Any) -> list[Any]:
    with bureau.database.connect() as connection:
        return list(connection.execute(select(*columns)).all())


def elements(kind: str) -> set[str]:
    return {
        element.id
        for package in packages().values()
        for process in package.processes.values()
        for element in process.elements.values()
        if element.type == kind
    }


def test_enough_different_matters_of_all_six_kinds_in_every_form() -> None:
    matters = SCRIPT.matters
    assert len(matters) >= 64
    assert len({one.words["title"] for one in matters}) == len(matters)
    assert len({one.words["facts"] for one in matters}) == len(matters)
    by_kind = Counter(one.id.partition("_")[0] for one in matters)
    assert set(by_kind) == KINDS
    assert min(by_kind.values()) >= 10
    channels = {code["value"] for code in _shared_codes("channel")}
    assert {one.words["channel"] for one in matters} == channels
    assert max(len(one.words.get("representatives", ())) for one in matters) == 5
    assert max(len(one.words["claims"]) for one in matters) >= 3


def test_the_script_names_only_elements_of_the_procedures() -> None:
    known = {
        element
        for package in packages().values()
        for process in package.processes.values()
        for element in process.elements
    }
    named = {
        name.partition("#")[0].partition("@")[0]
        for one in SCRIPT.matters
        for name in (*one.acts, *one.stop, *one.claimed)
    }
    assert named - known == set()
    models = {
        act["like"]
        for one in SCRIPT.matters
        for entry in one.acts.values()
        for act in (entry if isinstance(entry, list) else [entry])
        if "like" in act
    }
    channels = {f"serve_{code['value']}" for code in _shared_codes("channel")}
    assert set(SCRIPT.acts) - known == models | channels


def _shared_codes(table: str) -> Any:
    return json.loads(packages()["_shared"].files["codes.json"])[table]


def test_every_status_that_the_procedures_can_reach_occurs(demo: Bureau) -> None:
    reachable = {
        element.get("status")
        for package in packages().values()
        for process in package.processes.values()
        for element in process.elements.values()
    } - {""}
    f = store.case_file
    assert reachable - {row.status for row in rows(demo, f.c.status)} == set()
    assert {code["value"] for code in _shared_codes("status")} == reachable


def test_every_user_task_is_open_or_was_completed_somewhere(demo: Bureau) -> None:
    h, w = store.history_event, store.work_item
    done = {row.element for row in rows(demo, h.c.element, h.c.type) if row.type == "CompleteTask"}
    waiting = {row.element for row in rows(demo, w.c.element)}
    assert elements("userTask") - done - waiting == set()
    assert len(waiting) >= 35


def test_it_leaves_no_incident_and_nothing_due_in_the_past(demo: Bureau) -> None:
    assert rows(demo, store.incident) == []
    assert [row for row in rows(demo, store.timer.c.due) if row.due <= store.instant(NOW)] == []
    assert max(row.at for row in rows(demo, store.history_event.c.at)) <= store.instant(NOW)


def test_every_case_verifies(demo: Bureau) -> None:
    cases = demo.queries.case_ids()
    assert len(cases) == len(SCRIPT.matters)
    assert [fault for case in cases if (fault := verify_case(demo, case))] == []


def test_petitions_came_in_all_through_the_year(demo: Bureau) -> None:
    f = store.case_file
    opened = [row.opened_at for row in rows(demo, f.c.opened_at, f.c.id) if row.id > 0]
    assert opened == sorted(opened)
    assert min(opened) < store.instant(NOW - timedelta(days=330))
    assert max(opened) > store.instant(NOW - timedelta(days=7))
    months = {store.read_instant(at).month for at in opened}
    assert len(months) >= 10


def test_some_work_is_late_some_due_within_days_some_claimed(demo: Bureau) -> None:
    w = store.work_item
    items = rows(demo, w.c.due, w.c.assignee)
    today, week = (NOW + timedelta(days=n) for n in (0, 7))
    due = [row.due for row in items if row.due]
    assert sum(day < today.date().isoformat() for day in due) >= 3
    assert sum(today.date().isoformat() <= day <= week.date().isoformat() for day in due) >= 3
    assert sum(row.assignee is not None for row in items) >= 3


def test_an_accusation_is_closed_to_the_accused(demo: Bureau) -> None:
    f = store.case_file
    accused = [row for row in rows(demo, f.c.id, f.c.org_accused) if row.org_accused == "dq_hewan"]
    assert accused
    clerk = demo.queries.person("liang")
    for row in accused:
        with pytest.raises(NotAllowed):
            demo.queries.case(row.id, clerk)


def test_whoever_received_a_matter_first_still_sees_what_was_passed_on(demo: Bureau) -> None:
    f = store.case_file.c
    passed_on = [
        row.id
        for row in rows(demo, f.id, f.org_receiver, f.org_unit)
        if row.org_receiver == "shi_zrzy" and row.org_unit not in (None, "shi_zrzy")
    ]
    assert passed_on
    colleague = demo.queries.person("yao")
    seen = {row["id"] for row in demo.queries.cases(colleague).items}
    for case_id in passed_on:
        assert all(row["actor"] != "yao" for row in demo.queries.history(case_id))
        assert demo.queries.case(case_id, colleague).row["id"] == case_id
        assert case_id in seen


def test_a_proof_of_service_is_made_by_whoever_served(demo: Bureau) -> None:
    proved = set()
    for case_id in demo.queries.case_ids():
        offered = {}
        for row in demo.queries.history(case_id, limit=10_000):
            for kind, e in row["payload"]["events"]:
                if kind == "task_created":
                    offered[e["instance"], e["number"]] = e["organisation"]
                elif kind == "task_completed":
                    server = offered[e["instance"], e["number"]]
                elif (kind, row["type"]) != ("document_issued", "CompleteTask"):
                    # A public notice's proof is made when its time is over, without a task.
                    continue
                elif e["document"] == "D18":
                    assert e["organisation"] == server, case_id
                    proved.add(server)
    kinds = {o.kind for o in demo.queries.organisations().values() if o.id in proved}
    assert kinds == {"petition_office", "unit", "township", "government"}


def test_everybody_logs_in_with_the_demo_s_password(demo: Bureau) -> None:
    for person in demo.queries.people():
        assert PasswordHasher().verify(demo.queries.password_hash(person.id) or "", PASSWORD)


def test_what_people_read_is_written_for_the_matter(demo: Bureau) -> None:
    """No sample value and no placeholder is left."""
    documents = [json.loads(row.doc) for row in rows(demo, store.case_doc.c.doc)]
    written = [text for document in documents for text in _texts(document)]
    assert len(set(written)) > 1_200
    assert [text for text in written if "样例" in text or "{" in text] == []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


# whole or not at all


class Interrupted(Exception):
    pass


def _half(bureau: Bureau, processes: Path, now: datetime, progress: Any) -> int:
    bureau.create(OPENED)
    raise Interrupted


def _whole(bureau: Bureau, processes: Path, now: datetime, progress: Any) -> int:
    bureau.create(OPENED)
    return 7


def _install(
    folder: Path, make: Callable[..., int], monkeypatch: pytest.MonkeyPatch, url: str = ""
) -> int:
    monkeypatch.setattr(installing, "make_demo", make)
    where = url or f"sqlite:///{folder}/anjie.db"
    return installing.install_demo(where, folder, PROCESSES, NOW, str)


def test_an_interrupted_demo_is_made_anew(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Interrupted):
        _install(tmp_path, _half, monkeypatch)
    assert not (tmp_path / "anjie.db").exists()
    assert not (tmp_path / "demo").exists()
    assert _install(tmp_path, _whole, monkeypatch) == 7
    assert {path.name for path in tmp_path.iterdir()} == {"anjie.db", "demo"}
    store.check(store.open_database(f"sqlite:///{tmp_path}/anjie.db"))
    installing.require_finished(tmp_path)


def test_a_demo_interrupted_in_its_own_database_is_not_served(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Interrupted):
        _install(tmp_path, _half, monkeypatch, url)
    with pytest.raises(Conflict, match="interrupted"):
        installing.require_finished(tmp_path)
    monkeypatch.setenv("ANJIE_INSTANCE", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", url)
    refused = CliRunner().invoke(cli, ["serve"])
    assert (refused.exit_code, len(refused.output.splitlines())) == (1, 1)
    _install(tmp_path, _whole, monkeypatch, url)
    installing.require_finished(tmp_path)


def test_two_do_not_make_one_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(*given: Any) -> int:
        with pytest.raises(Conflict, match="at work"):
            _install(tmp_path, _whole, monkeypatch)
        return _whole(*given)

    assert _install(tmp_path, meanwhile, monkeypatch) == 7


def test_a_database_that_does_not_answer_is_not_the_script_s_fault(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = bureau.execute

    def full(command: c.Command, actor: str, now: datetime) -> c.Result:
        if isinstance(command, c.CompleteTask):
            raise StoreUnusable("The disk is full.")
        return execute(command, actor, now)

    monkeypatch.setattr(bureau, "execute", full)
    with pytest.raises(StoreUnusable, match=r"^The disk is full\.$"):
        run(bureau, matter("labour_training"))


# one matter


@pytest.fixture
def bureau() -> Iterator[Bureau]:
    url = sqlite_url()
    opened = open_bureau(url)
    yield opened
    opened.close()
    drop(url)


def run(bureau: Bureau, matter: Matter) -> int:
    people = json.loads(packages()["_shared"].files["bureau.json"])["people"]
    calendar = bureau.library.shared.calendar
    days = (NOW.date() - timedelta(days=back) for back in range(390, 0, -1))
    working = [day for day in days if calendar.is_working_day(day)]
    return play(bureau, Cast.of(people), SCRIPT, matter, working, NOW)


def matter(name: str) -> Matter:
    return next(matter for matter in SCRIPT.matters if matter.id == name)


def history(bureau: Bureau) -> list[Any]:
    h = store.history_event
    found = rows(bureau, h.c.case_id, h.c.at, h.c.actor, h.c.type, h.c.element)
    return [tuple(row) for row in found if row.case_id > 0]


def test_the_same_matter_is_played_the_same_way_again(bureau: Bureau) -> None:
    run(bureau, matter("labour_training"))
    url = sqlite_url()
    again = open_bureau(url)
    run(again, matter("labour_training"))
    assert history(again) == history(bureau)
    again.close()
    drop(url)


def test_a_matter_that_does_not_rest_where_it_says_is_refused(bureau: Bureau) -> None:
    wrong = replace(matter("land_deed"), stop=frozenset({"handling_sign"}))
    with pytest.raises(InvalidInput, match=r"land_deed should now rest at handling_sign; open: "):
        run(bureau, replace(wrong, acts={"triage_register": {"after": 9}}))


def test_an_act_that_the_form_refuses_is_told_with_matter_task_and_what_is_open(
    bureau: Bureau,
) -> None:
    wrong = replace(matter("land_deed"), stop=frozenset(), acts={"triage_register": {"content": 7}})
    with pytest.raises(InvalidInput, match=r"land_deed triage_register: .*open: triage_register@"):
        run(bureau, wrong)


def test_a_text_that_nobody_wrote_is_missed(bureau: Bureau) -> None:
    wrong = replace(matter("land_orchard"), stop=frozenset())
    with pytest.raises(InvalidInput, match="review_facts"):
        run(bureau, wrong)


def test_a_matter_of_before_the_bureau_s_days_is_refused(bureau: Bureau) -> None:
    with pytest.raises(InvalidInput, match="900 working days ago"):
        run(bureau, replace(matter("land_deed"), ago=900))


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "land.toml").write_text("[land\n", "utf-8")
    with pytest.raises(InvalidInput, match=r"land\.toml"):
        read_script(tmp_path)


def test_no_row_is_written_past_the_engine(demo: Bureau) -> None:
    """Every case's chain is as long as it says, and starts by the command that opens a case."""
    f, h = store.case_file, store.history_event
    with demo.database.connect() as connection:
        counted = dict(
            connection.execute(select(h.c.case_id, func.count()).group_by(h.c.case_id)).all()
        )
        stored = dict(connection.execute(select(f.c.id, f.c.seq)).all())
        first = connection.execute(select(h.c.type).where(h.c.seq == 1, h.c.case_id > 0))
        assert {row.type for row in first} == {"StartCase"}
    assert counted == stored
