"""What an auditor trusts: the first thing that was changed afterwards is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select, update

from engine import commands as c
from engine import history, store
from engine.casefile import canonical
from engine.execute import Bureau
from engine.plan import GENESIS, link
from engine.replay import Fault, replay_case, verify_case, verify_chain
from engine.store import BUREAU
from engine.worker import advance
from tests.db.small import deploy, form, notice, rows, seed, user
from tests.support import DAY, Desk, drop, flows, new_url, open_bureau

H, F = store.history_event, store.case_file
LIMIT = {
    "registration": {
        "channel": "letter",
        "identity": "clear",
        "urgency": "normal",
        "elements": "complete",
    },
    "screening": {"category": "complaint", "screening_finding": "none"},
}


# One database for all of these tests: each alters a case of its own.


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    address = new_url(request.param)
    yield address
    drop(address)


@pytest.fixture(scope="module")
def bureau(url: str) -> Iterator[Bureau]:
    opened = open_bureau(url)
    yield opened
    opened.close()


@pytest.fixture
def case_id(desk: Desk) -> int:
    """A petition with seven events: opened, claimed and completed twice, two warnings."""
    number = desk.register()
    for values in LIMIT.values():
        desk.complete(desk.open(number)[0], **values)
    advance(desk.bureau, number, desk.now + 12 * DAY)
    assert verify_case(desk.bureau, number) is None
    return number


def change(bureau: Bureau, *statements: Any) -> None:
    """What somebody with access to the database does behind the program's back."""
    with bureau.database.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def event(case_id: int, seq: int) -> list[Any]:
    return [H.c.case_id == case_id, H.c.seq == seq]


def set_event(case_id: int, seq: int, /, **values: Any) -> Any:
    return update(H).where(*event(case_id, seq)).values(**values)


def stored_event(bureau: Bureau, case_id: int, seq: int) -> dict[str, Any]:
    with bureau.database.connect() as connection:
        return dict(connection.execute(select(H).where(*event(case_id, seq))).mappings().one())


def length(bureau: Bureau, case_id: int) -> int:
    return len(bureau.queries.history(case_id))


# the chain ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"payload": '{"command":{},"digest":null,"events":[],"used":{}}'},
        {"payload": None},
        {"payload_hash": b"x" * 32},
        {"actor": "somebody"},
        {"at": "2025-09-23T01:00:00.000000Z"},
        {"type": "ReleaseTask"},
        {"instance_no": 9},
        {"element": "another"},
        {"salt": b"x" * 16},
        {"prev_hash": b"x" * 32},
        {"hash": b"x" * 32},
    ],
    ids=lambda changed: "".join(changed),
)
def test_a_changed_column_is_found_at_its_event(
    bureau: Bureau, case_id: int, changed: dict[str, Any]
) -> None:
    change(bureau, set_event(case_id, 3, **changed))
    fault = verify_chain(bureau, case_id)
    assert fault is not None
    assert fault.seq == 3
    assert verify_case(bureau, case_id) == fault


def test_one_changed_letter_of_a_payload_is_found(bureau: Bureau, case_id: int) -> None:
    text = stored_event(bureau, case_id, 3)["payload"]
    altered = text.replace("clear", "cleaR", 1)
    assert altered != text
    change(bureau, set_event(case_id, 3, payload=altered))
    fault = verify_chain(bureau, case_id)
    assert fault is not None
    assert fault.seq == 3


def test_the_chain_proves_the_rest_when_a_payload_goes(bureau: Bureau, case_id: int) -> None:
    """Gone with its salt, as a retention rule will have it; that it is gone is still told."""
    change(bureau, set_event(case_id, 3, payload=None, salt=None))
    assert verify_chain(bureau, case_id) is None
    fault = verify_case(bureau, case_id)
    assert fault == Fault(3, "the payload is gone; only the chain can still be verified")
    change(bureau, set_event(case_id, 5, actor="somebody"))
    fault = verify_chain(bureau, case_id)
    assert fault is not None
    assert fault.seq == 5


def test_a_removed_event_is_found_where_it_was(bureau: Bureau, case_id: int) -> None:
    change(bureau, delete(H).where(*event(case_id, 3)))
    assert verify_chain(bureau, case_id) == Fault(3, "expected event 3, found 4")


def test_removed_last_events_are_found_by_the_head(bureau: Bureau, case_id: int) -> None:
    last = length(bureau, case_id)
    change(bureau, delete(H).where(*event(case_id, last)))
    fault = verify_chain(bureau, case_id)
    assert fault is not None
    assert (fault.seq, f"{last} events" in fault.message) == (last - 1, True)


def test_a_removed_event_whose_place_is_closed_up_is_found(bureau: Bureau, case_id: int) -> None:
    last = length(bureau, case_id)
    change(
        bureau,
        delete(H).where(*event(case_id, 3)),
        *(set_event(case_id, seq, seq=seq - 1) for seq in range(4, last + 1)),
    )
    fault = verify_chain(bureau, case_id)
    assert fault is not None
    assert fault.seq == 3


def test_an_inserted_event_is_found(bureau: Bureau, case_id: int) -> None:
    """A copy of event 3 put behind it, the others moved up."""
    copy = stored_event(bureau, case_id, 3) | {"seq": 4}
    last = length(bureau, case_id)
    up = [set_event(case_id, seq, seq=seq + 1) for seq in range(last, 3, -1)]
    change(bureau, *up, insert(H).values(copy))
    fault = verify_chain(bureau, case_id)
    assert fault is not None
    assert fault.seq == 4


def test_an_event_added_at_the_end_is_found_by_the_head(bureau: Bureau, case_id: int) -> None:
    """Well linked, but the head of the chain does not know it."""
    last = length(bureau, case_id)
    change(bureau, insert(H).values(linked(stored_event(bureau, case_id, last), seq=last + 1)))
    fault = verify_chain(bureau, case_id)
    assert fault is not None
    assert fault.seq == last + 1


def test_two_events_in_each_other_s_place_are_found(bureau: Bureau, case_id: int) -> None:
    change(
        bureau,
        set_event(case_id, 3, seq=99),
        set_event(case_id, 4, seq=3),
        set_event(case_id, 99, seq=4),
    )
    fault = verify_chain(bureau, case_id)
    assert fault is not None
    assert fault.seq == 3


@pytest.mark.parametrize("changed", [{"head": b"x" * 32}, {"seq": 3}], ids=["head", "seq"])
def test_a_changed_head_is_found(bureau: Bureau, case_id: int, changed: dict[str, Any]) -> None:
    change(bureau, update(F).where(F.c.id == case_id).values(**changed))
    fault = verify_chain(bureau, case_id)
    assert fault is not None
    assert fault.seq == length(bureau, case_id)


def test_an_event_of_another_case_does_not_fit(desk: Desk, bureau: Bureau, case_id: int) -> None:
    """The same act at the same time in another case has another hash."""
    other = desk.register()
    taken = stored_event(bureau, other, 1)
    del taken["case_id"], taken["seq"]
    change(bureau, set_event(case_id, 1, **taken))
    fault = verify_chain(bureau, case_id)
    assert fault is not None
    assert fault.seq == 1


def test_every_write_goes_on_from_the_stored_head(desk: Desk, bureau: Bureau, case_id: int) -> None:
    """After a forged head the chain goes on from it, and the break stays to be seen."""
    last = length(bureau, case_id)
    change(bureau, update(F).where(F.c.id == case_id).values(head=b"x" * 32))
    desk.claim(desk.open(case_id)[0])
    fault = verify_chain(bureau, case_id)
    assert fault is not None
    assert fault.seq == last + 1


# rows against the fold ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (store.work_item, {"role": "clerk"}),
        (store.work_item, {"due": "2031-01-01"}),
        (store.timer, {"due": "2031-01-01T00:00:00.000000Z"}),
        (store.clock, {"legal_due": "2031-01-01"}),
        (store.clock, {"excluded_days": 30}),
        (store.instance, {"version": 9}),
        (store.document, {"served_on": "2031-01-01"}),
        (store.case_doc, {"doc": "{}"}),
        (store.outbox, {"body": "另一句话"}),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else "".join(value),
)
def test_a_changed_row_is_named(
    bureau: Bureau, case_id: int, table: Table, values: dict[str, Any]
) -> None:
    change(bureau, update(table).where(table.c.case_id == case_id).values(**values))
    fault = verify_case(bureau, case_id)
    assert fault is not None
    assert fault.message.startswith(f"{table.name} is not the fold of the history: row (")


@pytest.mark.parametrize("table", [store.work_item, store.clock, store.outbox], ids=str)
def test_a_removed_row_is_named(bureau: Bureau, case_id: int, table: Table) -> None:
    change(bureau, delete(table).where(table.c.case_id == case_id))
    fault = verify_case(bureau, case_id)
    assert fault is not None
    assert fault.message.startswith(f"{table.name} is not the fold")
    assert fault.message.endswith("found None")


def test_an_added_row_is_named(bureau: Bureau, case_id: int) -> None:
    (item,) = rows(bureau, store.work_item, case_id)
    change(bureau, insert(store.work_item).values({**item, "number": 999}))
    fault = verify_case(bureau, case_id)
    assert fault is not None
    assert "work_item is not the fold of the history: row (" in fault.message
    assert ", 999): expected None" in fault.message


@pytest.mark.parametrize("column", ["title", "petitioner", "status", "stage", "org_office"])
def test_a_changed_column_of_the_case_is_named(bureau: Bureau, case_id: int, column: str) -> None:
    change(bureau, update(F).where(F.c.id == case_id).values(**{column: "x"}))
    fault = verify_case(bureau, case_id)
    assert fault is not None
    assert fault.message.startswith("case_file is not the fold of the history")


def test_the_worker_s_own_columns_are_no_part_of_the_history(bureau: Bureau, case_id: int) -> None:
    """Leases and attempts come and go; no event tells them."""
    leased = {"lease_until": "2031-01-01T00:00:00.000000Z", "attempt": 7}
    change(bureau, *(update(t).values(**leased) for t in (store.timer, store.outbox)))
    assert verify_case(bureau, case_id) is None


def test_another_state_than_the_last_step_s_is_found(desk: Desk, bureau: Bureau) -> None:
    """The state is a cache of the history; a row of another case in its place is noticed."""
    first, second = desk.register(), desk.register()
    desk.complete(desk.open(second)[0], **LIMIT["registration"])
    (other,) = rows(bureau, store.case_state, second)
    s = store.case_state
    change(bureau, update(s).where(s.c.case_id == first).values(state=other["state"]))
    fault = verify_case(bureau, first)
    assert fault is not None
    assert "expected the stored state" in fault.message


def test_a_missing_state_is_found(bureau: Bureau, case_id: int) -> None:
    change(bureau, delete(store.case_state).where(store.case_state.c.case_id == case_id))
    fault = verify_case(bureau, case_id)
    assert fault is not None
    assert "cannot be read" in fault.message


# forgers who know the chain ----------------------------------------------------------------------


def linked(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An event as a forger would write it behind `row`, or in its place: hashes and all."""
    forged = row | changes
    if "seq" in changes:
        forged["prev_hash"] = row["hash"]
    hashed = history.payload_hash(forged["salt"], forged["payload"].encode())
    body = history.body(
        forged["case_id"],
        forged["at"],
        forged["actor"],
        forged["type"],
        forged["instance_no"],
        forged["element"],
        hashed,
    )
    return forged | {"payload_hash": hashed, "hash": link(forged["prev_hash"], body)}


def forge(bureau: Bureau, case_id: int, seq: int, alter: Callable[[dict[str, Any]], None]) -> None:
    """Alter one payload and write the whole chain anew up to the head, so that it is sound."""
    prev = GENESIS
    for number in range(1, length(bureau, case_id) + 1):
        row = stored_event(bureau, case_id, number) | {"prev_hash": prev}
        payload = json.loads(row["payload"])
        if number == seq:
            alter(payload)
        row = linked(row, payload=canonical(payload).decode())
        change(bureau, set_event(case_id, number, **row))
        prev = row["hash"]
    change(bureau, update(F).where(F.c.id == case_id).values(head=prev))
    assert verify_chain(bureau, case_id) is None


def test_a_forged_value_is_found_by_the_fold(bureau: Bureau, case_id: int) -> None:
    """The chain is sound again, but the document has what was really filled in."""

    def alter(payload: dict[str, Any]) -> None:
        payload["command"]["values"]["category"] = "advice"

    forge(bureau, case_id, 5, alter)
    fault = verify_case(bureau, case_id)
    assert fault is not None
    assert "is not the fold of the history" in fault.message


def test_a_forged_value_in_rows_too_is_found_by_re_execution(desk: Desk, bureau: Bureau) -> None:
    """Command, events and rows agree with each other; what the diagram does with them does not."""
    two_ways = '<startEvent id="s"/><endEvent id="e"/><endEvent id="e2"/>'
    two_ways += (
        user("work", form="small") + '<exclusiveGateway id="gate" default="flow_gate_e2_3"/>'
    )
    two_ways += notice("tell")
    ways = flows(
        ("s", "work"),
        ("work", "gate"),
        ("gate", "tell", 'way = "a"'),
        ("gate", "e2"),
        ("tell", "e"),
    )
    deploy(desk, two_ways + ways, form(("way", "textfield")))
    case_id = seed(desk)
    item = desk.open(case_id)[0]
    desk.complete(item, way="b")

    def alter(payload: dict[str, Any]) -> None:
        payload["command"]["values"]["way"] = "a"

    seq = length(bureau, case_id)
    forge(bureau, case_id, seq, alter)
    doc = store.case_doc
    (stored,) = rows(bureau, doc, case_id)
    forged = canonical(json.loads(stored["doc"]) | {"way": "a"}).decode()
    change(bureau, update(doc).where(doc.c.case_id == case_id).values(doc=forged))
    fault = verify_case(bureau, case_id)
    assert fault is not None
    assert (fault.seq, "re-execution departs" in fault.message) == (seq, True)


def test_a_forged_version_is_found_by_re_execution(desk: Desk, bureau: Bureau) -> None:
    """The case ran on version 1; history and rows are made to say that it was version 2."""
    body = '<startEvent id="s"/><endEvent id="e"/>' + user("work")
    deploy(desk, body + flows(("s", "work"), ("work", "e")), key="versions")
    case_id = seed(desk, "versions")
    later = body.replace('"work"', '"task"') + flows(("s", "task"), ("task", "e"))
    deploy(desk, later, key="versions")

    def alter(payload: dict[str, Any]) -> None:
        payload["used"]["version:versions"] = ["versions", 2]
        for kind, data in payload["events"]:
            if kind == "instance_started":
                data["version"] = 2

    forge(bureau, case_id, 1, alter)
    i = store.instance
    change(bureau, update(i).where(i.c.case_id == case_id).values(version=2))
    fault = verify_case(bureau, case_id)
    assert fault is not None
    assert (fault.seq, "re-execution departs" in fault.message) == (1, True)


@pytest.mark.parametrize("version", [7, "two", None])
def test_a_version_that_never_was_is_a_fault_and_no_crash(
    bureau: Bureau, case_id: int, version: Any
) -> None:
    def alter(payload: dict[str, Any]) -> None:
        payload["used"]["version:petition"] = ["petition", version]

    forge(bureau, case_id, 1, alter)
    fault = verify_case(bureau, case_id)
    assert fault is not None
    assert fault.seq == 1


def test_events_that_cannot_be_applied_are_a_fault_and_no_crash(
    bureau: Bureau, case_id: int
) -> None:
    forge(bureau, case_id, 2, lambda payload: payload["events"].append(["invented", {}]))
    fault = verify_case(bureau, case_id)
    assert fault is not None
    assert "cannot be applied" in fault.message


def test_a_payload_that_is_no_json_is_a_fault_and_no_crash(bureau: Bureau, case_id: int) -> None:
    """The last event, well linked and known to the head."""
    last = length(bureau, case_id)
    row = linked(stored_event(bureau, case_id, last), payload="{")
    head = update(F).where(F.c.id == case_id).values(head=row["hash"])
    change(bureau, set_event(case_id, last, **row), head)
    assert verify_chain(bureau, case_id) is None
    fault = verify_case(bureau, case_id)
    assert fault is not None
    assert "cannot be applied" in fault.message


# re-execution ------------------------------------------------------------------------------------


def test_every_step_is_told_with_what_followed(bureau: Bureau, case_id: int) -> None:
    steps = list(replay_case(bureau, case_id))
    assert [s.seq for s in steps] == list(range(1, length(bureau, case_id) + 1))
    assert all(s.same for s in steps)
    assert steps[0].type == "StartCase"
    assert ("timer", "FireTimer") in {(s.actor, s.type) for s in steps}


def test_re_execution_uses_the_versions_of_then(desk: Desk, bureau: Bureau) -> None:
    """A newer diagram changes nothing in what happened on the older one, nor how it goes on."""
    body = '<startEvent id="s"/><endEvent id="e"/>' + user("work") + user("more")
    deploy(desk, body + flows(("s", "work"), ("work", "more"), ("more", "e")))
    case_id = seed(desk)
    deploy(
        desk,
        body.replace('"more"', '"less"') + flows(("s", "work"), ("work", "less"), ("less", "e")),
    )
    desk.complete(desk.open(case_id)[0])
    assert [i.element for i in desk.open(case_id)] == ["more"]
    assert verify_case(bureau, case_id) is None


def test_a_process_that_saw_no_deployment_verifies_what_ran_on_it(url: str, desk: Desk) -> None:
    """An auditor's process was open before the version was deployed by another one."""
    auditor = open_bureau(url)
    body = '<startEvent id="s"/><endEvent id="e"/>' + user("work")
    deploy(desk, body + flows(("s", "work"), ("work", "e")))
    assert verify_case(auditor, seed(desk)) is None
    auditor.close()


# the bureau's own chain --------------------------------------------------------------------------


def test_deployments_and_people_are_verified_as_cases_are(desk: Desk, bureau: Bureau) -> None:
    people = ({"id": "new", "zh": "林静", "en": "Lin Jing", "roles": [], "password_hash": "x"},)
    bureau.execute(c.DefineBureau((), people), c.SYSTEM, desk.now)
    assert verify_case(bureau, BUREAU) is None


@pytest.mark.parametrize("back", [0, 1], ids=["last", "middle"])
def test_a_case_that_went_with_all_its_rows_is_missed(
    desk: Desk, bureau: Bureau, back: int
) -> None:
    """Cases are numbered without a gap, and the bureau knows how far."""
    number = [desk.register(), desk.register()][1 - back]
    tables = [t for t in store.metadata.tables.values() if "case_id" in t.c]
    taken = [(t, rows(bureau, t, number)) for t in tables]
    with bureau.database.connect() as connection:
        case = dict(connection.execute(select(F).where(F.c.id == number)).mappings().one())
    change(
        bureau,
        *(delete(t).where(t.c.case_id == number) for t, _ in taken),
        delete(F).where(F.c.id == number),
    )
    fault = verify_case(bureau, BUREAU)
    change(
        bureau, insert(F).values(case), *(insert(t).values(r) for t, found in taken for r in found)
    )
    assert fault is not None
    assert fault.message.endswith(f"look at case {number}")
    assert verify_case(bureau, BUREAU) is None


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (store.definition, {"files": "{}"}),
        (store.definition, {"hash": "x"}),
        (store.membership, {"role": "auditor"}),
        (store.person, {"zh": "另一人"}),
        (store.organisation, {"kind": "superior"}),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else "".join(value),
)
def test_a_changed_register_is_named(bureau: Bureau, table: Table, values: dict[str, Any]) -> None:
    """A diagram changed behind the program's back, or a role given by nobody."""
    with bureau.database.connect() as connection:
        row = dict(connection.execute(select(table).limit(1)).mappings().one())
    same = [column == row[column.name] for column in table.primary_key.columns]
    change(bureau, delete(table).where(*same), insert(table).values(row | values))
    fault = verify_case(bureau, BUREAU)
    now_same = [column == (row | values)[column.name] for column in table.primary_key.columns]
    change(bureau, delete(table).where(*now_same), insert(table).values(row))
    assert fault is not None
    assert fault.message.startswith(f"{table.name} is not the fold of the history")
    assert verify_case(bureau, BUREAU) is None
