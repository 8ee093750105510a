"""Models that fail: the command is rolled back, an incident holds it, a person retries it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from engine import commands as c
from engine import store
from engine.commands import ItemId
from engine.errors import Conflict, ModelFailure, NotAllowed, StartFailed
from engine.execute import Bureau
from engine.queries import InboxItem, Queries
from engine.replay import verify_case
from engine.worker import fire_due_timers
from tests.db.small import at_once, deploy, events, form, rows, seed, timer, user, waiting_timer
from tests.small_decisions import decision, definitions, table
from tests.support import DAY, Desk, flows, open_bureau, properties

START = '<startEvent id="s"/><endEvent id="e"/>'
WAY = form(("way", "textfield"))
MULTI = (
    '<multiInstanceLoopCharacteristics isSequential="false"><loopDataInputRef>way'
    '</loopDataInputRef><inputDataItem id="each" name="item"/></multiInstanceLoopCharacteristics>'
)
PATH = flows(("s", "work"), ("work", "then"), ("then", "e"))


def service(**effects: str) -> str:
    return f'<serviceTask id="then">{properties(**effects)}</serviceTask>'


def message(**more: str) -> str:
    return (
        f'<intermediateCatchEvent id="then">{properties(**more)}'
        '<messageEventDefinition id="m1" messageRef="asked"/></intermediateCatchEvent>'
    )


def gate(condition: str) -> str:
    return (
        '<exclusiveGateway id="gate"/>'
        + user("then")
        + flows(("s", "work"), ("work", "gate"), ("gate", "then", condition), ("then", "e"))
    )


# What follows the task `work`, whose form sets `way`, and what the incident says.
BROKEN: dict[str, tuple[str, str]] = {
    "a gateway without a match": (gate('way = "no such way"'), "No outgoing flow"),
    "a condition that is no yes or no": (gate('way + "x"'), "expected true or"),
    "a condition on another kind of value": (gate("way + 1"), "way"),
    "a decision without a match": (
        '<businessRuleTask id="then"><extensionElements><spiffworkflow:calledDecisionId>route'
        "</spiffworkflow:calledDecisionId></extensionElements></businessRuleTask>" + PATH,
        "route",
    ),
    "a missing decision": (
        '<businessRuleTask id="then"><extensionElements><spiffworkflow:calledDecisionId>gone'
        "</spiffworkflow:calledDecisionId></extensionElements></businessRuleTask>" + PATH,
        "has no decision «gone»",
    ),
    "a timer that is no date": (timer("then", "way") + PATH, "expected a date"),
    "a message without a key": (message(correlationKey="nowhere") + PATH, "correlation key"),
    "an organisation nobody named": (user("then", organisation="unit") + PATH, "«unit»"),
    "a task of no organisation": (
        user("then", organisation="") + PATH,
        "names no role or organisation",
    ),
    "days that are no number": (
        service(startClock="handle", clockLength="way") + PATH,
        "number of days",
    ),
    "days that are nothing": (
        service(startClock="recheck", excludeFromClock="recheck", excludeDays="nothing") + PATH,
        "number of days",
    ),
    "a clock that does not run": (
        service(excludeFromClock="recheck", excludeDays="3") + PATH,
        "not running",
    ),
    "a clock that no law knows": (service(startClock="never") + PATH, "never"),
    "a start before the law": (
        service(startClock="dispatch", clockStart="@&quot;1999-01-01&quot;") + PATH,
        "dispatch",
    ),
    "a start that is no date": (service(startClock="dispatch", clockStart="way") + PATH, "date"),
    "a procedure that is not deployed": (
        '<callActivity id="then" calledElement="absent"/>' + PATH,
        "absent",
    ),
    "a list that is none": (
        user("then").replace("</userTask>", f"{MULTI}</userTask>") + PATH,
        "expected a list",
    ),
    "a loop that asks nobody": (
        '<serviceTask id="then"/><exclusiveGateway id="again"/>'
        + flows(("s", "work"), ("work", "again"), ("again", "then"), ("then", "again")),
        "automatic steps",
    ),
}


def broken(desk: Desk, after: str, **files: str) -> InboxItem:
    """A case that waits at `work`, claimed, before what will fail."""
    deploy(desk, START + user("work", form="small") + after, WAY, **files)
    item = desk.open(seed(desk))[0]
    desk.claim(item)
    return item


def complete(desk: Desk, item: InboxItem, key: str | None = None, **values: Any) -> c.Result:
    given = {"way": "left"} | values
    command = c.CompleteTask(ItemId.parse(item.id), given, key=key)
    return desk.bureau.execute(command, "lin", desk.now)


def retry(desk: Desk, case_id: int, number: int = 1, key: str | None = None) -> c.Result:
    return desk.bureau.execute(c.RetryIncident(case_id, number, key=key), c.SYSTEM, desk.now)


def held(desk: Desk, case_id: int) -> list[tuple[int, str]]:
    """(attempts, status) of a case's incidents."""
    found = rows(desk.bureau, store.incident, case_id)
    return [(row["attempts"], row["status"]) for row in found]


def stored(bureau: Bureau, case_id: int) -> list[Any]:
    """What a failing command must leave as it was: everything but history, head and incidents."""
    chain = ("seq", "prev", "head")
    tables = [store.case_state, store.case_doc, store.instance, store.work_item, store.timer]
    tables += [store.message_wait, store.clock, store.document, store.outbox, store.idempotency]
    case = rows_of_case(bureau, case_id)
    kept = {k: v for k, v in case.items() if k not in chain}
    return [kept, *(rows(bureau, table, case_id) for table in tables)]


def rows_of_case(bureau: Bureau, case_id: int) -> dict[str, Any]:
    f = store.case_file
    with bureau.database.connect() as connection:
        return dict(connection.execute(f.select().where(f.c.id == case_id)).mappings().one())


@pytest.mark.parametrize("name", BROKEN)
def test_a_model_that_fails_leaves_all_but_an_incident(
    desk: Desk, bureau: Bureau, name: str
) -> None:
    after, says = BROKEN[name]
    dmn = definitions(decision(table(['"right"|"x"'], inputs=("way:string",)))).decode()
    item = broken(desk, after, small_dmn=dmn)
    before = stored(bureau, item.case_id)
    with pytest.raises(ModelFailure, match="an incident was recorded"):
        complete(desk, item, key="once")
    assert stored(bureau, item.case_id) == before
    (incident,) = rows(bureau, store.incident, item.case_id)
    assert (incident["actor"], incident["status"]) == ("lin", "open")
    assert says in incident["message"]
    assert verify_case(bureau, item.case_id) is None


def test_retrying_what_is_still_wrong_counts_the_attempt(desk: Desk, bureau: Bureau) -> None:
    item = broken(desk, gate('way = "right"'))
    with pytest.raises(ModelFailure):
        complete(desk, item)
    before = stored(bureau, item.case_id)
    for _ in range(2):
        with pytest.raises(ModelFailure):
            retry(desk, item.case_id)
    assert held(desk, item.case_id) == [(3, "open")]
    assert stored(bureau, item.case_id) == before
    assert verify_case(bureau, item.case_id) is None


def test_retrying_after_the_cause_is_gone_goes_on_and_resolves(desk: Desk, bureau: Bureau) -> None:
    """The called procedure was missing; once it is deployed, the recorded completion succeeds, as
    the first actor's act, and the history tells who asked for it."""
    item = broken(desk, BROKEN["a procedure that is not deployed"][0])
    with pytest.raises(ModelFailure):
        complete(desk, item)
    deploy(desk, START + user("inside") + flows(("s", "inside"), ("inside", "e")), key="absent")
    result = retry(desk, item.case_id)
    assert [i.element for i in desk.open(item.case_id)] == ["inside"]
    assert result.opened == (desk.open(item.case_id)[0].id,)
    assert held(desk, item.case_id) == [(1, "resolved")]
    last = bureau.queries.history(item.case_id)[-1]
    assert (last["type"], last["actor"]) == ("CompleteTask", "lin")
    assert events(bureau, item.case_id, "incident_resolved") == [{"no": 1, "by": c.SYSTEM}]
    assert verify_case(bureau, item.case_id) is None


def test_a_resolved_incident_is_not_retried_again(desk: Desk) -> None:
    item = broken(desk, BROKEN["a procedure that is not deployed"][0])
    with pytest.raises(ModelFailure):
        complete(desk, item)
    deploy(desk, START + user("inside") + flows(("s", "inside"), ("inside", "e")), key="absent")
    first = retry(desk, item.case_id, key="retry-1")
    assert retry(desk, item.case_id, key="retry-1").case_id == first.case_id
    with pytest.raises(Conflict, match="already resolved"):
        retry(desk, item.case_id)
    assert len(desk.open(item.case_id)) == 1


def test_only_an_administrator_retries(desk: Desk, bureau: Bureau) -> None:
    item = broken(desk, gate('way = "right"'))
    with pytest.raises(ModelFailure):
        complete(desk, item)
    with pytest.raises(NotAllowed):
        bureau.execute(c.RetryIncident(item.case_id, 1), "lin", desk.now)


@pytest.mark.parametrize("person", ["he", "tang", "lin"])
def test_who_may_not_complete_a_task_makes_no_incident(
    desk: Desk, bureau: Bureau, person: str
) -> None:
    """Another role, another office, and one who holds the role but released the task."""
    item = broken(desk, gate('way = "right"'))
    bureau.execute(c.ReleaseTask(ItemId.parse(item.id)), "lin", desk.now)
    command = c.CompleteTask(ItemId.parse(item.id), {"way": "left"})
    with pytest.raises(Conflict if person == "lin" else NotAllowed):
        bureau.execute(command, person, desk.now)
    assert held(desk, item.case_id) == []


def test_bad_input_of_a_timer_is_the_model_s(desk: Desk, bureau: Bureau) -> None:
    """Nobody filled anything in: an extension that the law does not know waits for a person, and
    the worker does not try it again every minute."""
    late = service(startClock="dispatch", extendClock="dispatch", extendDays="3")
    deploy(desk, waiting_timer("P2D", late))
    case_id = seed(desk)
    desk.now += 3 * DAY
    assert fire_due_timers(bureau, desk.now) == 1
    (incident,) = rows(bureau, store.incident, case_id)
    assert "cannot be extended" in incident["message"]
    assert fire_due_timers(bureau, desk.now + DAY) == 0
    assert verify_case(bureau, case_id) is None


def test_the_same_completion_again_is_the_same_incident(desk: Desk) -> None:
    """A clerk who clicks three times made one incident of three attempts; other values another."""
    item = broken(desk, gate('way = "right"'))
    for way in ("left", "left", "left", "up"):
        with pytest.raises(ModelFailure):
            complete(desk, item, way=way)
    assert held(desk, item.case_id) == [(3, "open"), (1, "open")]


def test_the_same_failure_on_two_servers_at_once_is_one_incident(
    desk: Desk, bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other server holds the command just after this one saw that nobody does."""
    item = broken(desk, gate('way = "right"'))
    look, looked = Queries.held_incident, []

    def overtaken(self: Queries, *args: Any) -> Any:
        found = look(self, *args)
        looked.append(found)
        if len(looked) == 1:
            with pytest.raises(ModelFailure):
                complete(desk, item, way="left")
        return found

    monkeypatch.setattr(Queries, "held_incident", overtaken)
    with pytest.raises(ModelFailure):
        complete(desk, item, way="left")
    assert held(desk, item.case_id) == [(2, "open")]
    assert verify_case(bureau, item.case_id) is None


def test_failures_at_once_each_have_their_incident(url: str, desk: Desk, bureau: Bureau) -> None:
    """Six tasks of one case fail together on two servers: no failure goes unheld."""
    names = [f"w{n}" for n in range(6)]
    body = START + '<parallelGateway id="fork"/>' + "".join(user(name) for name in names)
    body += "".join(f'<exclusiveGateway id="g{name}"/>' for name in names)
    body += flows(("s", "fork"), *[("fork", name) for name in names])
    body += flows(*[(name, f"g{name}") for name in names])
    deploy(desk, body + flows(*[(f"g{name}", "e", "false") for name in names]))
    case_id, other = seed(desk), open_bureau(url)
    items = desk.open(case_id)
    for item in items:
        desk.claim(item)

    def fail(own: Bureau, item: InboxItem) -> None:
        own.execute(c.CompleteTask(ItemId.parse(item.id), {}), "lin", desk.now)

    failed = at_once(*[partial(fail, (bureau, other)[n % 2], i) for n, i in enumerate(items)])
    other.close()
    assert all(isinstance(failure, ModelFailure) for failure in failed)
    assert held(desk, case_id) == [(1, "open")] * 6
    assert verify_case(bureau, case_id) is None


def test_an_incident_is_moot_once_its_task_is_done(desk: Desk, bureau: Bureau) -> None:
    """The clerk found values that work; retrying what failed before only closes the incident."""
    item = broken(desk, gate('way = "right"'))
    with pytest.raises(ModelFailure):
        complete(desk, item)
    complete(desk, item, way="right")
    before = stored(bureau, item.case_id)
    retry(desk, item.case_id)
    assert held(desk, item.case_id) == [(1, "resolved")]
    assert stored(bureau, item.case_id) == before
    assert verify_case(bureau, item.case_id) is None


def test_an_incident_of_a_released_task_waits_for_its_clerk(desk: Desk, bureau: Bureau) -> None:
    """The act is its actor's: without the claim it is not done for them, and stays open."""
    item = broken(desk, BROKEN["a procedure that is not deployed"][0])
    with pytest.raises(ModelFailure):
        complete(desk, item)
    deploy(desk, START + user("inside") + flows(("s", "inside"), ("inside", "e")), key="absent")
    bureau.execute(c.ReleaseTask(ItemId.parse(item.id)), "lin", desk.now)
    with pytest.raises(Conflict, match="not claimed"):
        retry(desk, item.case_id)
    assert held(desk, item.case_id) == [(1, "open")]
    desk.claim(item)
    retry(desk, item.case_id)
    assert held(desk, item.case_id) == [(1, "resolved")]


def test_a_timer_s_incident_is_retried_by_a_person(desk: Desk, bureau: Bureau) -> None:
    deploy(desk, waiting_timer("P2D", '<callActivity id="call" calledElement="absent"/>'))
    case_id = seed(desk)
    desk.now += 3 * DAY
    assert fire_due_timers(bureau, desk.now) == 1
    assert held(desk, case_id) == [(1, "open")]
    deploy(desk, START + user("inside") + flows(("s", "inside"), ("inside", "e")), key="absent")
    retry(desk, case_id)
    assert [i.element for i in desk.open(case_id)] == ["inside"]
    assert held(desk, case_id) == [(1, "resolved")]
    assert len(events(bureau, case_id, "timer_fired")) == 1
    assert verify_case(bureau, case_id) is None


def test_a_message_s_incident_is_retried(desk: Desk, bureau: Bureau) -> None:
    body = START + message(role="registrar", organisation="office").replace('"then"', '"ask"')
    body += '<callActivity id="call" calledElement="absent"/>'
    deploy(desk, body + flows(("s", "ask"), ("ask", "call"), ("call", "e")))
    case_id = seed(desk)
    (wait,) = bureau.queries.waits_of(case_id)
    command = c.CorrelateMessage(wait["message"], wait["correlation_key"], {})
    with pytest.raises(ModelFailure):
        bureau.execute(command, "lin", desk.now)
    assert len(bureau.queries.waits_of(case_id)) == 1
    deploy(desk, START + user("inside") + flows(("s", "inside"), ("inside", "e")), key="absent")
    retry(desk, case_id)
    assert [i.element for i in desk.open(case_id)] == ["inside"]
    assert verify_case(bureau, case_id) is None


def test_a_stale_copy_s_failure_is_no_incident(url: str, desk: Desk, bureau: Bureau) -> None:
    """Another server set the value that the gateway reads; this one's cache does not know it."""
    pair = ("s", "fork"), ("fork", "set"), ("fork", "work"), ("work", "gate")
    body = START + '<parallelGateway id="fork"/><exclusiveGateway id="gate"/>' + user("then")
    body += user("set", form="small") + user("work") + '<endEvent id="e2"/>'
    body += flows(*pair, ("set", "e2"), ("gate", "then", 'way = "right"'), ("then", "e"))
    deploy(desk, body, WAY)
    case_id = seed(desk)
    items = {item.element: item for item in desk.open(case_id)}
    other = Desk(open_bureau(url), desk.now)
    other.claim(items["set"])
    complete(other, items["set"], way="right")
    other.bureau.close()
    desk.claim(items["work"])
    bureau.execute(c.CompleteTask(ItemId.parse(items["work"].id), {}), "lin", desk.now)
    assert [i.element for i in desk.open(case_id)] == ["then"]
    assert held(desk, case_id) == []


# opening a case ----------------------------------------------------------------------------------


def test_a_case_that_cannot_open_leaves_nothing(desk: Desk, bureau: Bureau) -> None:
    """No case, no gap in the numbers, and no incident, since there is no case to hold it."""
    first = desk.register()
    deploy(desk, START + service(startClock="never") + flows(("s", "then"), ("then", "e")))
    with pytest.raises(StartFailed, match="No case was opened"):
        seed(desk)
    with pytest.raises(Exception, match="form"):
        bureau.execute(c.StartCase("petition", {}, "shi_xfj"), "lin", desk.now)
    assert bureau.queries.case_ids() == [first]
    assert bureau.queries.incidents() == []
    assert desk.register() == first + 1


def test_cases_opened_at_once_get_numbers_without_a_gap(url: str, desk: Desk) -> None:
    """Two servers with two threads each open cases together, one of them with a repeated key."""
    bureaus = [desk.bureau, open_bureau(url)]

    def register(own: Bureau, key: str) -> None:
        values = {"channel": "letter", "received_on": "2025-09-22", "title": "反映噪声"}
        people = [{"name": "王芳", "address": "石桥镇"}]
        values |= {"facts": "夜间施工。", "petitioners": people}  # type: ignore[dict-item]
        for number in range(5):
            command = c.StartCase("petition", values, "shi_xfj", key=f"{key}-{number}")
            own.execute(command, "lin", desk.now)

    keys = ["a", "a", "b", "c"]
    at_once(*[partial(register, bureaus[n % 2], key) for n, key in enumerate(keys)])
    assert desk.bureau.queries.case_ids() == list(range(1, 16))
    bureaus[1].close()
