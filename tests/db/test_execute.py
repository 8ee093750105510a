"""The write path: what is written once, what is refused, and that nothing is lost in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from engine import commands as c
from engine import store
from engine.commands import ItemId
from engine.errors import Conflict, InvalidInput, NoCorrelation, NotAllowed, NotFound
from engine.execute import Bureau
from engine.queries import InboxItem
from engine.replay import verify_case
from engine.store import BUREAU
from engine.worker import advance
from tests.db.small import at_once, deploy, seed, user
from tests.support import DAY, Desk, flows, open_bureau

REGISTER = {"channel": "letter", "identity": "clear", "urgency": "normal", "elements": "complete"}
SCREEN = {"category": "complaint", "screening_finding": "none"}
REVIEW = {"screening_opinion": "agree"}


def everything(bureau: Bureau) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the database, to see that nothing was written."""
    with bureau.database.connect() as connection:
        return {
            name: sorted((tuple(r) for r in connection.execute(select(table))), key=repr)
            for name, table in store.metadata.tables.items()
        }


def test_a_started_case_waits_in_the_inbox_of_the_lane_s_role(desk: Desk, bureau: Bureau) -> None:
    case_id = desk.register()
    lin, he = bureau.queries.person("lin"), bureau.queries.person("he")
    assert [i.case_id for i in bureau.queries.inbox(lin).items] == [case_id]
    assert bureau.queries.inbox(he).items == []


def test_starting_needs_the_role_of_the_start_event_s_lane(desk: Desk, bureau: Bureau) -> None:
    command = c.StartCase("petition", {}, "shi_xfj")
    with pytest.raises(NotAllowed):
        bureau.execute(command, "he", desk.now)


@pytest.mark.parametrize(
    ("procedure", "place", "actor"),
    [("registration", "shi_xfj", "lin"), ("termination", "shi_xfj", "he")],
)
def test_a_called_procedure_is_not_started_even_by_its_role(
    desk: Desk, bureau: Bureau, procedure: str, place: str, actor: str
) -> None:
    with pytest.raises(NotAllowed, match="called by others"):
        bureau.execute(c.StartCase(procedure, {}, place), actor, desk.now)


def test_invalid_fields_are_named_and_nothing_is_written(desk: Desk, bureau: Bureau) -> None:
    item = desk.open(desk.register())[0]
    desk.claim(item)
    before = everything(bureau)
    with pytest.raises(InvalidInput) as refused:
        bureau.execute(c.CompleteTask(ItemId.parse(item.id), {"zzz": "x"}), "lin", desk.now)
    assert "zzz" in refused.value.fields
    assert everything(bureau) == before


def test_a_claimed_task_is_closed_to_others(desk: Desk, bureau: Bureau) -> None:
    second = {"id": "lin2", "zh": "林二", "en": "Lin Er"}
    roles = [{"role": "registrar", "organisation": "shi_xfj"}]
    bureau.execute(c.DefineBureau((), ({**second, "roles": roles},)), c.SYSTEM, desk.now)
    item = desk.open(desk.register())[0]
    desk.claim(item)
    address = ItemId.parse(item.id)
    before = everything(bureau)
    with pytest.raises(Conflict, match="claimed by lin"):
        bureau.execute(c.ClaimTask(address), "lin2", desk.now)
    with pytest.raises(Conflict, match="claimed by lin"):
        bureau.execute(c.CompleteTask(address, desk.fill(item, **REGISTER)), "lin2", desk.now)
    with pytest.raises(Conflict, match="claimed by lin"):
        bureau.execute(c.ReleaseTask(address), "lin2", desk.now)
    assert everything(bureau) == before
    bureau.execute(c.ReleaseTask(address), "lin", desk.now)
    bureau.execute(c.ClaimTask(address), "lin2", desk.now)


def test_another_role_s_task_cannot_be_claimed(desk: Desk, bureau: Bureau) -> None:
    item = desk.open(desk.register())[0]
    with pytest.raises(NotAllowed):
        bureau.execute(c.ClaimTask(ItemId.parse(item.id)), "he", desk.now)


def test_a_task_is_claimed_before_it_is_completed(desk: Desk, bureau: Bureau) -> None:
    item = desk.open(desk.register())[0]
    values = desk.fill(item, **REGISTER)
    with pytest.raises(Conflict, match="Claim it first"):
        bureau.execute(c.CompleteTask(ItemId.parse(item.id), values), "lin", desk.now)


def test_a_role_taken_away_takes_the_claim_s_power(desk: Desk, bureau: Bureau) -> None:
    """The row alone, as another process sees it in between; then by the command that ends it."""
    item = desk.open(desk.register())[0]
    desk.claim(item)
    complete = c.CompleteTask(ItemId.parse(item.id), desk.fill(item, **REGISTER))
    with bureau.database.begin() as connection:
        connection.execute(store.membership.delete().where(store.membership.c.person == "lin"))
    with pytest.raises(NotAllowed):
        bureau.execute(complete, "lin", desk.now)
    bureau.execute(c.ReleaseTask(ItemId.parse(item.id)), "lin", desk.now)
    assert desk.open(item.case_id)[0].assignee is None


def test_a_role_that_ends_gives_its_claims_back(desk: Desk, bureau: Bureau) -> None:
    """Redefined without a role, a person has lost it, and what they held is there for others."""
    kept, lost = (desk.open(desk.register())[0] for _ in range(2))
    two = [{"role": "registrar", "organisation": place} for place in ("shi_xfj", "dq_xfj")]
    person = {"id": "lin2", "zh": "林二", "en": "Lin Er"}
    bureau.execute(c.DefineBureau((), ({**person, "roles": two},)), c.SYSTEM, desk.now)
    bureau.execute(c.ClaimTask(ItemId.parse(lost.id)), "lin2", desk.now)
    desk.claim(kept)
    bureau.execute(c.DefineBureau((), ({**person, "roles": two[1:]},)), c.SYSTEM, desk.now)
    assert bureau.queries.person("lin2").roles == (("registrar", "dq_xfj"),)
    assert [desk.open(i.case_id)[0].assignee for i in (kept, lost)] == ["lin", None]
    assert bureau.queries.history(lost.case_id)[-1]["actor"] == c.SYSTEM
    for case_id in (BUREAU, kept.case_id, lost.case_id):
        assert verify_case(bureau, case_id) is None


def test_a_person_redefined_keeps_the_password(desk: Desk, bureau: Bureau) -> None:
    person = {"id": "new", "zh": "新人", "en": "New", "roles": []}
    secret = {**person, "password_hash": "hash"}
    bureau.execute(c.DefineBureau((), (secret,)), c.SYSTEM, desk.now)
    bureau.execute(c.DefineBureau((), ({**person, "zh": "新名"},)), c.SYSTEM, desk.now)
    assert bureau.queries.password_hash("new") == "hash"
    assert bureau.queries.person("new").zh == "新名"


def test_a_new_password_ends_the_sessions_of_the_old_one(desk: Desk, bureau: Bureau) -> None:
    person = {"id": "new", "zh": "新人", "en": "New", "roles": []}
    bureau.execute(c.DefineBureau((), (person,)), c.SYSTEM, desk.now)
    for who, token, kind in (("new", "a", "web"), ("new", "b", "api"), ("lin", "c", "web")):
        bureau.execute(c.OpenSession(who, token, kind), c.SYSTEM, desk.now)
    bureau.execute(c.DefineBureau((), ({**person, "zh": "新名"},)), c.SYSTEM, desk.now)
    assert bureau.queries.session_person("a", "web", desk.now)
    bureau.execute(c.DefineBureau((), ({**person, "password_hash": "x"},)), c.SYSTEM, desk.now)
    assert bureau.queries.session_person("a", "web", desk.now) is None
    assert bureau.queries.session_person("b", "api", desk.now) is None
    assert bureau.queries.session_person("c", "web", desk.now)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"id": "system"}, "engine's own"),
        ({"id": "timer"}, "engine's own"),
        ({"id": "a@b"}, "expected an id"),
        ({"id": "x" * 65}, "expected an id"),
        ({"zh": None}, "expected zh"),
        ({"roles": "registrar"}, "expected roles"),
        ({"roles": [{"role": "king", "organisation": "shi_xfj"}]}, "no role «king»"),
        ({"roles": [{"role": "registrar", "organisation": "mars"}]}, "no organisation «mars»"),
    ],
)
def test_a_person_who_cannot_be_is_refused(
    desk: Desk, bureau: Bureau, row: dict[str, Any], says: str
) -> None:
    """A person named like the engine itself would have its rights."""
    good = {"id": "new", "zh": "新人", "en": "New", "roles": []}
    before = everything(bureau)
    with pytest.raises(InvalidInput) as refused:
        bureau.execute(c.DefineBureau((), (good, good | row)), c.SYSTEM, desk.now)
    assert says in refused.value.fields["people.1"][0]
    assert everything(bureau) == before


def test_an_organisation_below_nobody_is_refused(desk: Desk, bureau: Bureau) -> None:
    place = {"id": "new_unit", "zh": "新单位", "en": "New", "kind": "unit", "parent": "mars"}
    with pytest.raises(InvalidInput) as refused:
        bureau.execute(c.DefineBureau((place,), ()), c.SYSTEM, desk.now)
    assert refused.value.fields == {"organisations.0": ["no organisation «mars»"]}


def test_the_same_completion_twice_happens_once(desk: Desk, bureau: Bureau) -> None:
    item = desk.open(desk.register())[0]
    values = desk.fill(item, **REGISTER)
    first = desk.complete(item, key="double-click", **REGISTER)
    command = c.CompleteTask(ItemId.parse(item.id), values, key="double-click")
    again = bureau.execute(command, "lin", desk.now)
    assert (again.case_id, again.seq) == (first.case_id, first.seq)
    completed = [r for r in bureau.queries.history(first.case_id) if r["type"] == "CompleteTask"]
    assert len(completed) == 1


def test_a_used_key_does_not_pass_for_another_act(desk: Desk, bureau: Bureau) -> None:
    """Another task, or the same one filled in otherwise, is not told to be done."""
    first, second = (desk.open(desk.register())[0] for _ in range(2))
    bureau.execute(c.ClaimTask(ItemId.parse(first.id), key="k"), "lin", desk.now)
    before = everything(bureau)
    with pytest.raises(Conflict, match="already used for another act"):
        bureau.execute(c.ClaimTask(ItemId.parse(second.id), key="k"), "lin", desk.now)
    assert everything(bureau) == before
    values = desk.fill(first, **REGISTER)
    done = c.CompleteTask(ItemId.parse(first.id), values, key="c")
    bureau.execute(done, "lin", desk.now)
    for other in (replace(done, values={**values, "channel": "visit"}), replace(done, values={})):
        with pytest.raises(Conflict, match="already used for another act"):
            bureau.execute(other, "lin", desk.now)


def test_a_key_is_its_actor_s_own(desk: Desk, bureau: Bureau) -> None:
    first, second = (desk.open(desk.register())[0] for _ in range(2))
    helper = {"id": "lin2", "zh": "林二", "en": "Lin Er"}
    roles = [{"role": "registrar", "organisation": "shi_xfj"}]
    bureau.execute(c.DefineBureau((), ({**helper, "roles": roles},)), c.SYSTEM, desk.now)
    for actor, item in (("lin", first), ("lin2", second)):
        bureau.execute(c.ClaimTask(ItemId.parse(item.id), key="k"), actor, desk.now)
    assert [desk.open(i.case_id)[0].assignee for i in (first, second)] == ["lin", "lin2"]


def test_the_same_start_twice_makes_one_case(desk: Desk, bureau: Bureau) -> None:
    values = {
        "channel": "letter",
        "received_on": "2025-09-22",
        "title": "反映噪声扰民",
        "petitioners": [{"name": "王芳", "address": "石桥镇"}],
        "facts": "夜间施工。",
    }
    command = c.StartCase("petition", values, "shi_xfj", key="once")
    first = bureau.execute(command, "lin", desk.now)
    assert bureau.execute(command, "lin", desk.now).case_id == first.case_id
    assert bureau.queries.case_ids() == [first.case_id]


def test_a_finished_task_is_gone_for_all(desk: Desk, bureau: Bureau) -> None:
    item = desk.open(desk.register())[0]
    values = desk.fill(item, **REGISTER)
    desk.complete(item, **REGISTER)
    with pytest.raises(Conflict, match="finished"):
        bureau.execute(c.CompleteTask(ItemId.parse(item.id), values), "lin", desk.now)
    with pytest.raises(Conflict, match="finished"):
        bureau.execute(c.ClaimTask(ItemId.parse(item.id)), "lin", desk.now)


def test_a_cache_that_another_process_overtook_is_loaded_again(url: str, desk: Desk) -> None:
    """Two bureaus on one database take turns, each with the case in its own cache."""
    other = Desk(open_bureau(url), desk.now)
    case_id = desk.register()
    for actor, values in ((other, REGISTER), (desk, SCREEN), (other, REVIEW)):
        actor.complete(actor.open(case_id)[0], **values)
    assert verify_case(desk.bureau, case_id) is None
    assert desk.open(case_id) == other.open(case_id)
    other.bureau.close()


def test_two_at_once_complete_it_once(desk: Desk, bureau: Bureau) -> None:
    item = desk.open(desk.register())[0]
    desk.claim(item)
    values = desk.fill(item, **REGISTER)
    command = c.CompleteTask(ItemId.parse(item.id), values)
    outcomes = at_once(*[lambda: bureau.execute(command, "lin", desk.now)] * 4)
    assert sum(isinstance(o, c.Result) for o in outcomes) == 1
    assert sum(isinstance(o, Conflict) for o in outcomes) == 3
    assert verify_case(bureau, item.case_id) is None


def test_unknown_messages_and_wrong_keys_find_no_case(desk: Desk, bureau: Bureau) -> None:
    desk.register()
    for message, key in (("nonsense", "XF2025000001"), ("review_requested", "XF1999000001")):
        with pytest.raises(NoCorrelation):
            bureau.execute(c.CorrelateMessage(message, key, {}), "kong", desk.now)


def test_an_unknown_case_is_said_so(desk: Desk, bureau: Bureau) -> None:
    with pytest.raises(NotFound, match="999"):
        bureau.execute(c.CompleteTask(ItemId(999, 0, 1), {}), "lin", desk.now)


def test_timers_fire_only_by_the_worker_and_only_when_due(desk: Desk, bureau: Bureau) -> None:
    case_id = desk.register()
    with bureau.database.connect() as connection:
        timer = connection.execute(select(store.timer).order_by(store.timer.c.due)).first()
    assert timer is not None
    command = c.FireTimer(case_id, timer.instance_no, timer.number)
    with pytest.raises(NotAllowed):
        bureau.execute(command, "lin", desk.now)
    with pytest.raises(Conflict, match="not due"):
        bureau.execute(command, c.TIMER, desk.now)
    assert advance(bureau, case_id, desk.now + 10 * DAY) == [timer.element]
    with pytest.raises(Conflict):
        bureau.execute(command, c.TIMER, desk.now + 10 * DAY)


def test_rows_are_the_fold_of_the_history_and_re_execute(desk: Desk, bureau: Bureau) -> None:
    case_id = desk.register()
    desk.complete(desk.open(case_id)[0], **REGISTER)
    desk.complete(desk.open(case_id)[0], **SCREEN)
    advance(bureau, case_id, desk.now + 20 * DAY)
    assert verify_case(bureau, case_id) is None


def test_an_office_looks_at_the_cases_of_its_own_area(desk: Desk, bureau: Bureau) -> None:
    """The head of a county's office sees neither the city's cases nor another county's."""
    case_id = desk.register()
    queries = bureau.queries
    for person, sees in (("he", True), ("gao", False), ("tan", True), ("zhou", False)):
        found = queries.person(person)
        assert bool(queries.cases(found).items) is sees, person
        if not sees:
            with pytest.raises(NotAllowed):
                queries.case(case_id, found)
    county = {"received_on": "2025-09-22", "channel": "letter", "title": "反映道路积水"}
    county |= {"facts": "雨天积水。", "petitioners": [{"name": "赵敏", "address": "河湾镇"}]}
    command = c.StartCase("petition", county, "dq_xfj")
    other = bureau.execute(command, "sun", desk.now).case_id
    assert {r["id"] for r in queries.cases(queries.person("he")).items} == {case_id, other}
    assert {r["id"] for r in queries.cases(queries.person("gao")).items} == {other}
    assert queries.cases(queries.person("luo")).items == []


def test_what_another_process_deployed_is_in_force_soon(url: str, desk: Desk) -> None:
    """A called procedure starts in the newest version, whoever deployed it."""
    case_id = desk.register()
    desk.complete(desk.open(case_id)[0], **REGISTER)
    other = open_bureau(url)
    files = dict(other.library.package("transfer").files)
    files["transfer.bpmn"] += "\n"
    other.execute(c.Deploy({"transfer": files}), c.SYSTEM, desk.now)
    other.close()
    desk.now += DAY
    desk.complete(desk.open(case_id)[0], **SCREEN)
    desk.complete(desk.open(case_id)[0], **REVIEW)
    person = desk.bureau.queries.person("lin")
    instances = desk.bureau.queries.case(case_id, person).instances
    versions = {i["package"]: i["version"] for i in instances}
    assert versions["transfer"] == 2
    assert verify_case(desk.bureau, case_id) is None


def complete(own: Bureau, item: InboxItem, now: datetime) -> c.Result:
    return own.execute(c.CompleteTask(ItemId.parse(item.id), {}), "lin", now)


def test_colleagues_who_finish_at_once_all_get_through(url: str, desk: Desk) -> None:
    """Eight parallel tasks of one case, on two servers: whose write comes late decides anew."""
    names = [f"w{n}" for n in range(8)]
    body = '<startEvent id="s"/><endEvent id="e"/><parallelGateway id="fork"/>'
    body += "".join(user(name) for name in names)
    ways = [flow for name in names for flow in (("fork", name), (name, "e"))]
    deploy(desk, body + flows(("s", "fork"), *ways))
    case_id, other = seed(desk), open_bureau(url)
    items = desk.open(case_id)
    for item in items:
        desk.claim(item)
    bureaus = [desk.bureau, other]
    done = at_once(
        *[partial(complete, bureaus[n % 2], item, desk.now) for n, item in enumerate(items)]
    )
    other.close()
    assert all(isinstance(result, c.Result) for result in done)
    assert desk.open(case_id) == []
    assert verify_case(desk.bureau, case_id) is None
