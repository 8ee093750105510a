"""Call activities: called instances end, are cancelled, or are never begun, with their caller."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from engine import store
from engine.execute import Bureau
from engine.replay import verify_case
from engine.worker import advance
from tests.db.small import deploy, events, form, rows, seed, timer, user
from tests.support import DAY, Desk, flows, properties

ENDS = '<startEvent id="s"/><endEvent id="e"/><endEvent id="e2"/>'
STOP = '<endEvent id="stop"><terminateEventDefinition id="td"/></endEvent>'
EACH = (
    '<multiInstanceLoopCharacteristics isSequential="false"><loopDataInputRef>units'
    '</loopDataInputRef><inputDataItem id="each" name="item"/></multiInstanceLoopCharacteristics>'
)


def call(name: str, process: str, more: str = "", **effects: str) -> str:
    return (
        f'<callActivity id="{name}" name="{name}" calledElement="{process}">'
        f"{properties(**effects)}{more}</callActivity>"
    )


def child(desk: Desk, key: str = "child", inside: str = "", **more: str) -> None:
    """A process that asks somebody once, or runs through."""
    body = ENDS + (inside or user("inside", **more))
    deploy(desk, body + flows(("s", "inside"), ("inside", "e")), key=key)


def quick(desk: Desk) -> None:
    deploy(desk, ENDS + flows(("s", "e")), key="quick")


def left_behind(bureau: Bureau, case_id: int) -> dict[str, int]:
    """Rows that a finished or cancelled instance must not leave."""
    tables = (store.work_item, store.timer, store.message_wait)
    return {t.name: len(found) for t in tables if (found := rows(bureau, t, case_id))}


def statuses(bureau: Bureau, case_id: int) -> list[str]:
    return [row["status"] for row in rows(bureau, store.instance, case_id)]


@pytest.mark.parametrize("first", ["call", "stop"])
def test_a_call_cancelled_in_the_same_run_calls_nothing(
    desk: Desk, bureau: Bureau, first: str
) -> None:
    """A terminate event beside the call, in whichever order the flows are drawn."""
    child(desk)
    body = ENDS + '<parallelGateway id="fork"/>' + user("work") + call("call", "child") + STOP
    pair = sorted([("fork", "call"), ("fork", "stop")], key=lambda flow: flow[1] != first)
    deploy(desk, body + flows(("s", "work"), ("work", "fork"), *pair, ("call", "e")))
    case_id = seed(desk)
    desk.complete(desk.open(case_id)[0])
    assert statuses(bureau, case_id) == ["completed"]
    assert left_behind(bureau, case_id) == {}
    assert verify_case(bureau, case_id) is None


def test_a_child_that_ends_at_once_may_end_its_caller(desk: Desk, bureau: Bureau) -> None:
    """What stood beside it, a call and a task, is not begun any more."""
    quick(desk)
    child(desk)
    body = ENDS + '<parallelGateway id="fork"/>' + user("work") + user("beside") + STOP
    body += call("first", "quick") + call("call", "child")
    ways = [("fork", "first"), ("fork", "call"), ("fork", "beside"), ("first", "stop")]
    body += flows(("s", "work"), ("work", "fork"), *ways, ("call", "e"), ("beside", "e2"))
    deploy(desk, body)
    case_id = seed(desk)
    desk.complete(desk.open(case_id)[0])
    assert statuses(bureau, case_id) == ["completed", "completed"]
    assert left_behind(bureau, case_id) == {}
    assert verify_case(bureau, case_id) is None


def test_an_interrupted_call_withdraws_what_is_open_below_it(desk: Desk, bureau: Bureau) -> None:
    """Three levels: a claimed task, a timer and a message at the bottom go with the call."""
    waits = '<intermediateCatchEvent id="ask"><messageEventDefinition id="m" messageRef="asked"/>'
    bottom = ENDS + '<parallelGateway id="fork"/>' + user("inside") + waits
    bottom += "</intermediateCatchEvent>" + timer("limit", "P40D", "inside", interrupts=False)
    bottom += '<endEvent id="e3"/>'
    ways = [("fork", "inside"), ("fork", "ask"), ("inside", "e"), ("ask", "e2"), ("limit", "e3")]
    deploy(desk, bottom + flows(("s", "fork"), *ways), key="bottom")
    child(desk, "middle", call("inside", "bottom"))
    top = ENDS + call("call", "middle") + timer("late", "P3D", "call") + user("after")
    deploy(desk, top + flows(("s", "call"), ("call", "e"), ("late", "after"), ("after", "e2")))
    case_id = seed(desk)
    desk.claim(desk.open(case_id)[0])
    assert statuses(bureau, case_id) == ["running"] * 3
    desk.now += 4 * DAY
    assert advance(bureau, case_id, desk.now) == ["late"]
    assert [i.element for i in desk.open(case_id)] == ["after"]
    assert left_behind(bureau, case_id) == {"work_item": 1}
    assert statuses(bureau, case_id) == ["running", "cancelled", "cancelled"]
    desk.complete(desk.open(case_id)[0])
    assert verify_case(bureau, case_id) is None


@pytest.mark.parametrize("done", [0, 1])
def test_a_call_for_each_item_is_cancelled_as_a_whole(
    desk: Desk, bureau: Bureau, done: int
) -> None:
    child(desk, organisation="item")
    top = ENDS + call("call", "child", EACH) + timer("late", "P3D", "call")
    deploy(desk, top + flows(("s", "call"), ("call", "e"), ("late", "e2")))
    case_id = seed(desk, units=["shi_xfj", "dq_xfj", "bh_xfj"])
    assert {i.organisation for i in desk.open(case_id)} == {"shi_xfj", "dq_xfj", "bh_xfj"}
    for item in desk.open(case_id)[:done]:
        desk.complete(item)
    desk.now += 4 * DAY
    advance(bureau, case_id, desk.now)
    ended = ["completed"] * done + ["cancelled"] * (3 - done)
    assert statuses(bureau, case_id) == ["completed", *ended]
    assert left_behind(bureau, case_id) == {}
    assert verify_case(bureau, case_id) is None


@pytest.mark.parametrize("process", ["child", "quick"])
def test_a_call_for_each_item_goes_on_once_all_are_done(
    desk: Desk, bureau: Bureau, process: str
) -> None:
    child(desk, organisation="item")
    quick(desk)
    top = ENDS + call("call", process, EACH) + user("after")
    deploy(desk, top + flows(("s", "call"), ("call", "after"), ("after", "e")))
    case_id = seed(desk, units=["shi_xfj", "dq_xfj"])
    for item in desk.open(case_id) if process == "child" else ():
        assert item.element == "inside"
        desk.complete(item)
    assert [i.element for i in desk.open(case_id)] == ["after"]
    assert len(events(bureau, case_id, "instance_ended")) == 2
    assert verify_case(bureau, case_id) is None


def test_a_timer_counted_from_today_keeps_its_date_when_a_clock_moves(
    desk: Desk, bureau: Bureau
) -> None:
    """Only what is counted from a clock follows it."""
    body = ENDS + '<parallelGateway id="fork"/>' + user("work", form="small")
    body += timer("fixed", 'today() + duration("P9D")') + timer("limit", 'due("dispatch")')
    body += f'<serviceTask id="then">{properties(startClock="dispatch")}</serviceTask>'
    body += '<endEvent id="e3"/>'
    ways = [("fork", name) for name in ("fixed", "limit", "work")]
    ends = [("fixed", "e"), ("limit", "e2"), ("work", "then"), ("then", "e3")]
    deploy(desk, body + flows(("s", "fork"), *ways, *ends), form(("way", "textfield")))
    case_id = seed(desk)
    desk.now += 2 * DAY
    desk.complete(desk.open(case_id)[0], way="x")
    with bureau.database.connect() as connection:
        t = store.timer
        found = connection.execute(select(t.c.element, t.c.due).where(t.c.case_id == case_id))
        due = {row.element: row.due[:10] for row in found}
    assert due == {"fixed": "2025-09-30", "limit": "2025-10-09"}
