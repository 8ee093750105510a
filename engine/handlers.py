"""One function per command that touches a live case: in memory only, deciding what follows.

A handler changes the case and leaves events in `case.events`; appliers (history.py) make rows of
them. On re-execution the recorded values are already clean, so checks that need the outside of
that day are not repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.casefile import Case, CaseHost, Running, assignments
from engine.commands import (
    CompleteTask,
    CorrelateMessage,
    FireTimer,
    RecomputeClocks,
    SeedCase,
    StartCase,
)
from engine.definitions import Element
from engine.effects import date_clock, end_all_clocks, redate, timer_instant, today
from engine.errors import Conflict, InvalidInput, ModelFailure, NotFound
from engine.expressions import from_feel
from engine.forms import Form
from engine.outside import Moment
from engine.spiff import Change, Instance
from engine.store import instant

# commands ----------------------------------------------------------------------------------------


def start_case(case: Case, command: StartCase, moment: Moment) -> dict[str, Any]:
    """Start a root procedure from its start form; the cleaned values."""
    case.begin(moment)
    running, form = _new_running(case, command.procedure, None, None, None)
    start = case.package(running).processes[command.procedure].start
    case.organisations[start.organisation] = command.organisation
    values = _validated(case, form, command.values, None)
    _describe_start(case, command.procedure)
    if start.organisation != "office":
        case.emit("organisation_set", key=start.organisation, organisation=command.organisation)
    routing = _take_form(case, form, values, None, "")
    _launch(case, running, command.procedure, routing)
    _settle(case)
    return values


def seed_case(case: Case, command: SeedCase, moment: Moment) -> dict[str, Any]:
    """Start one procedure alone with what its caller would pass."""
    case.begin(moment)
    # Sorted, as the history keeps them, so that re-execution meets them in the same order.
    organisations = dict(sorted(command.organisations.items()))
    case.organisations.update(organisations)
    case.doc.update(command.doc)
    running, _ = _new_running(case, command.procedure, None, None, None)
    _describe_start(case, command.procedure)
    case.emit("doc_changed", values=dict(command.doc))
    for key, organisation in organisations.items():
        case.emit("organisation_set", key=key, organisation=organisation)
    _launch(case, running, command.procedure, command.variables)
    _settle(case)
    return {}


def complete_task(case: Case, command: CompleteTask, moment: Moment) -> dict[str, Any]:
    """Complete a work item; the cleaned values. Raises Conflict when it is not open."""
    case.begin(moment)
    running, element, item = open_item(case, command.item.instance, command.item.number)
    form = case.form(running, element)
    values = _validated(case, form, command.values, running)
    routing = _take_form(case, form, values, running, element.get("collect"), item)
    case.emit("task_completed", instance=running.no, number=command.item.number, element=element.id)
    running.instance.complete(command.item.number, routing)
    _follow(case, running)
    _settle(case)
    return values


def correlate_message(
    case: Case, command: CorrelateMessage, moment: Moment, wait: Mapping[str, Any]
) -> dict[str, Any]:
    """Deliver a message to the event that waits for it; the cleaned values."""
    case.begin(moment)
    running = case.instances.get(wait["instance_no"])
    if running is None or not running.instance.waits(wait["number"]):
        raise Conflict("The case no longer waits for this message. Load the case again.")
    element = running.element(wait["element"])
    form = case.form(running, element)
    values = _validated(case, form, command.values, running)
    routing = _take_form(case, form, values, running, "")
    case.emit("message_received", instance=running.no, number=wait["number"], element=element.id)
    running.instance.trigger(wait["number"], routing)
    _follow(case, running)
    _settle(case)
    return values


def fire_timer(case: Case, command: FireTimer, moment: Moment) -> None:
    """Fire a due timer. Raises Conflict when it no longer waits or was moved."""
    case.begin(moment)
    running = case.instances.get(command.instance)
    if running is None or not running.instance.waits(command.number):
        raise Conflict("The timer no longer waits.")
    found = next((t for t in running.instance.timers() if t[0] == command.number), None)
    if found is None or found[3] is None or found[3] > instant(moment.now):
        raise Conflict("The timer is not due; its limit was extended or paused.")
    case.emit("timer_fired", instance=running.no, number=command.number, element=found[1])
    running.instance.trigger(command.number, {})
    _follow(case, running)
    _settle(case)


def recompute_clocks(case: Case, command: RecomputeClocks, moment: Moment) -> None:
    """Count the running clocks again by the calendar of this moment."""
    case.begin(moment)
    for key, clock in case.clocks.items():
        if clock["status"] == "running":
            date_clock(case, key, clock, "clock_recomputed")
    _settle(case)


def open_item(case: Case, no: int, number: int) -> tuple[Running, Element, str | None]:
    """The instance, element and multi-instance item of an open work item. Raises Conflict."""
    running = case.instances.get(no)
    for found, element_id, item in running.instance.items() if running else ():
        if found == number:
            assert running is not None
            return running, running.element(element_id), item
    raise Conflict("The task is finished or was withdrawn. Load the inbox again.")


# forms -------------------------------------------------------------------------------------------


def _validated(
    case: Case, form: Form | None, values: Mapping[str, Any], running: Running | None
) -> dict[str, Any]:
    if not case.moment.outside.live:
        return dict(values)
    if form is None:
        if values:
            unknown = {key: ["unknown field; this task has no form"] for key in values}
            raise InvalidInput(unknown, "This task has no form; expected no values.")
        return {}
    return form.validate(values, case.form_scope(running))


def _take_form(
    case: Case,
    form: Form | None,
    values: Mapping[str, Any],
    running: Running | None,
    collect: str,
    item: str | None = None,
) -> dict[str, Any]:
    """Put cleaned values into the case; the routing values among them."""
    if form is None:
        return {}
    if collect:
        entry = {**values, "organisation": item, "by": case.moment.actor}
        entry["on"] = case.moment.today.isoformat()
        case.doc[collect] = [*case.doc.get(collect, []), entry]
        case.emit("doc_collected", into=collect, entry=entry)
    else:
        case.doc.update(values)
        case.emit("doc_changed", values=dict(values))
    for key, organisation in form.organisations(values).items():
        case.organisations[key] = organisation
        case.emit("organisation_set", key=key, organisation=organisation)
    return form.routing(values)


# instances ---------------------------------------------------------------------------------------


def _new_running(
    case: Case, process: str, parent: Running | None, number: int | None, item: str | None
) -> tuple[Running, Form | None]:
    owner = case.moment.outside.take(f"version:{process}", lambda w: list(w.library.owner(process)))
    no = case.count("instance") - 1
    running = Running(no, owner[0], owner[1], parent.no if parent else None, number, item)
    package = case.library.package(*owner)
    if process not in package.processes:
        raise NotFound(f"{owner[0]} version {owner[1]} has no process «{process}».")
    return running, package.forms.get(package.processes[process].start.get("form"))


def _describe_start(case: Case, procedure: str) -> None:
    code = case.moment.outside.take("query_code", lambda w: w.random_code())
    case.emit(
        "case_started",
        case_no=case.case_no,
        query_code=code,
        procedure=procedure,
        office=case.known_organisation("office"),
    )


def _launch(case: Case, running: Running, process: str, variables: Mapping[str, Any]) -> None:
    """Run a new instance to its first rest. `case_no` and `received_on` go to every instance."""
    caller = case.instances[running.parent] if running.parent is not None else None
    if caller is None:
        received_on = case.doc.get("received_on") or today(case)
        basics = {"case_no": case.case_no, "received_on": received_on}
    else:
        basics = {k: caller.instance.variables.get(k) for k in ("case_no", "received_on")}
    case.emit(
        "instance_started",
        instance=running.no,
        process=process,
        package=running.package,
        version=running.version,
        parent=running.parent,
        parent_element=caller and _calling_element(caller, running),
    )
    case.instances[running.no] = running
    compiled = case.package(running).processes[process]
    running.instance = Instance(compiled, CaseHost(case, running), {**basics, **variables})
    running.instance.begin()
    _follow(case, running)


def _calling_element(caller: Running, called: Running) -> str:
    return next(e for e, n in caller.instance.open_elements() if n == called.parent_number)


def _settle(case: Case) -> None:
    """What holds for the whole case once its instances are at rest."""
    if case.clocks_changed:
        redate(case)
    if not case.instances:
        end_all_clocks(case)
        case.emit("case_closed")


def _follow(case: Case, running: Running) -> None:
    """Turn what SpiffWorkflow did into events; start and end called instances."""
    done: list[str] = []
    cancelled: list[str] = []
    changes = running.instance.changes()
    passed = {"instance": running.no, "done": done, "cancelled": cancelled}
    if changes:
        case.events.append(("elements_passed", passed))
    for change in changes:
        if change.kind == "completed":
            done.append(change.element)
        elif change.kind == "cancelled":
            cancelled.append(change.element)
            _cancel_called(case, running, change)
        else:
            _FOLLOW[change.kind](case, running, change)


def _entered(case: Case, running: Running, change: Change) -> None:
    stage = running.element(change.element).get("stage")
    if stage and stage != case.stage:
        case.stage = stage
        case.emit("stage_changed", stage=stage)


def _offered(case: Case, running: Running, change: Change) -> None:
    element = running.element(change.element)
    # A child that ended at once may have interrupted this task before it was offered.
    if all(number != change.number for number, _, _ in running.instance.items()):
        return
    if not element.role or not element.organisation:
        raise ModelFailure(f"{element.id} names no role or organisation; set them on its lane.")
    clock_key, clock = case.clock(element.get("clock"))
    case.emit(
        "task_created",
        instance=running.no,
        number=change.number,
        element=element.id,
        name=element.name,
        role=element.role,
        organisation=case.organisation(element.organisation, change.value or running.item),
        due=clock["legal_due"] if clock and clock["status"] == "running" else None,
        clock=clock_key or None,
    )


def _withdrawn(case: Case, running: Running, change: Change) -> None:
    case.emit("task_withdrawn", instance=running.no, number=change.number, element=change.element)


def _armed(case: Case, running: Running, change: Change) -> None:
    element = running.element(change.element)
    if not running.instance.waits(change.number):
        return
    if element.message is None:
        due = timer_instant(case, running, change.value)
        running.instance.set_due(change.number, due)
        case.emit(
            "timer_armed", instance=running.no, number=change.number, element=element.id, due=due
        )
        return
    feel = element.get("correlationKey", "case_no")
    key = case.evaluate_on_file(feel, running)
    if key is None:
        raise ModelFailure(
            f"{element.id} has no correlation key yet: «{feel}» gave null. Set the value before "
            "this element."
        )
    case.emit(
        "message_awaited",
        instance=running.no,
        number=change.number,
        element=element.id,
        message=element.message,
        correlation_key=str(key),
        role=element.role,
        organisation=case.organisation(element.organisation, running.item),
    )


def _disarmed(case: Case, running: Running, change: Change) -> None:
    kind = "timer_disarmed" if running.element(change.element).message is None else "message_ended"
    case.emit(kind, instance=running.no, number=change.number, element=change.element)


def _called(case: Case, running: Running, change: Change) -> None:
    # A child that ended at once may have gone on to cancel this activity, or a terminate event
    # may have done so in the same run: then nothing is called.
    if all(number != change.number for _, number in running.instance.open_elements()):
        return
    element = running.element(change.element)
    process = running.instance.process.spec.task_specs[change.element].called
    inputs = {
        name: from_feel(case.evaluate_on_file(feel, running))
        for name, feel in assignments(element.get("inputs"))
    }
    child, _ = _new_running(case, process, running, change.number, change.value)
    _launch(case, child, process, inputs)


def _ended(case: Case, running: Running, change: Change) -> None:
    case.emit("instance_ended", instance=running.no, outcome="completed")
    del case.instances[running.no]
    if running.parent is None:
        return
    caller = case.instances[running.parent]
    assert running.parent_number is not None
    element = caller.element(_calling_element(caller, running))
    outputs = {
        name: from_feel(case.evaluate(feel, running.instance.variables))
        for name, feel in assignments(element.get("outputs"))
    }
    caller.instance.returned(running.parent_number, outputs)
    _follow(case, caller)


def _cancel_called(case: Case, running: Running, change: Change) -> None:
    """Cancelling a call activity cancels what it called, all the way down."""
    for child in [
        r
        for r in case.instances.values()
        if r.parent == running.no and r.parent_number == change.number
    ]:
        child.instance.cancel()
        _follow(case, child)
        case.emit("instance_ended", instance=child.no, outcome="cancelled")
        del case.instances[child.no]


_FOLLOW = {
    "entered": _entered,
    "offered": _offered,
    "withdrawn": _withdrawn,
    "armed": _armed,
    "disarmed": _disarmed,
    "called": _called,
    "ended": _ended,
}
