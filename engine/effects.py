"""What an element's properties say happens when it completes (processes/README.md, 二).

Clocks start, end, lengthen and pause; documents are issued and served; the status changes;
notifications are queued. Each effect changes the case and leaves an event.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

from engine.casefile import Case, Running, assignments, names_in
from engine.clocks import check_extension
from engine.definitions import Element
from engine.errors import ModelFailure
from engine.expressions import compile_expression
from engine.spiff.instance import literal
from engine.store import instant


def apply_effects(case: Case, running: Running, element: Element) -> None:
    """What an element's properties say happens when it completes."""
    for name, effect in _EFFECTS.items():
        value = element.properties.get(name)
        if value:
            effect(case, running, element, value)


def _start_clock(case: Case, running: Running, element: Element, keys: str) -> None:
    feel = element.get("clockStart")
    start = case.evaluate_on_file(feel, running) if feel else case.moment.today
    start = _as_date(start)
    if start is None:
        return
    length = element.get("clockLength")
    days = case.evaluate_on_file(length, running) if length else None
    for key in names_in(keys):
        clock = {
            "no": case.count("clock"),
            "start": start.isoformat(),
            "extended_days": 0,
            "excluded_days": 0,
            "length": None if days is None else _as_days(element, days),
            "status": "running",
        }
        old = case.clocks.get(key)
        if old and old["status"] == "running":
            case.emit("clock_ended", no=old["no"], clock=key, status="replaced", on=today(case))
        case.clocks[key] = clock
        date_clock(case, key, clock, "clock_started")


def date_clock(case: Case, key: str, clock: dict[str, Any], event: str) -> None:
    due = case.compute_clock(key, clock)
    assert due is not None
    clock |= {
        "nominal": due.nominal.isoformat(),
        "legal_due": due.legal_due.isoformat(),
        "internal_target": due.internal_target.isoformat(),
        "calendar": due.calendar_version,
        "provisional": due.provisional,
    }
    case.clocks_changed = True
    kept = {k: v for k, v in clock.items() if k not in ("status", "length")}
    case.emit(event, clock=key, **kept)


def _end_clocks(status: str) -> Any:
    def end(case: Case, running: Running, element: Element, keys: str) -> None:
        for key in names_in(keys):
            _end_clock(case, key, status)

    return end


def _end_clock(case: Case, key: str, status: str) -> None:
    clock = case.clocks.get(key)
    if clock and clock["status"] == "running":
        clock["status"] = status
        case.clocks_changed = True
        case.emit("clock_ended", no=clock["no"], clock=key, status=status, on=today(case))


def end_all_clocks(case: Case) -> None:
    """Nothing runs on in a closed case; a right that lapsed has nothing left to count."""
    for key in list(case.clocks):
        _end_clock(case, key, "closed")


def _extend_clock(case: Case, running: Running, element: Element, key: str) -> None:
    clock = _need_clock(case, element, key)
    days = _as_days(element, case.evaluate_on_file(element.get("extendDays"), running))
    if case.moment.outside.live:
        due = case.compute_clock(key, clock)
        assert due is not None
        rule = case.rule(key, due.start)
        check_extension(
            rule, due, days, told_on=case.moment.today, already_extended=clock["extended_days"]
        )
    clock["extended_days"] += days
    date_clock(case, key, clock, "clock_extended")


def _exclude_from_clock(case: Case, running: Running, element: Element, key: str) -> None:
    clock = _need_clock(case, element, key)
    days = case.evaluate_on_file(element.get("excludeDays"), running)
    clock["excluded_days"] += _as_days(element, days)
    date_clock(case, key, clock, "clock_excluded")


def _as_days(element: Element, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ModelFailure(
            f"{element.id} needs a number of days, found {value!r}. Correct its expression."
        )
    return int(value)


def _need_clock(case: Case, element: Element, key: str) -> dict[str, Any]:
    clock = case.clocks.get(key)
    if clock is None or clock["status"] != "running":
        raise ModelFailure(f"{element.id} changes the clock «{key}», which is not running.")
    return clock


def _issue_document(case: Case, running: Running, element: Element, kinds: str) -> None:
    by = element.get("documentBy")
    key = case.evaluate_on_file(by, running) if by else element.organisation or "office"
    for kind in names_in(kinds):
        no = case.documents[kind] = case.count("document")
        case.emit(
            "document_issued",
            no=no,
            document=kind,
            element=element.id,
            organisation=case.organisation(key, running.item),
            on=today(case),
        )


def _serve_document(case: Case, running: Running, element: Element, feel: str) -> None:
    kind = case.evaluate_on_file(feel, running)
    on = _as_date(case.evaluate_on_file(element.get("servedOn", "null"), running))
    no = case.documents.get(kind)
    if on is None or no is None:
        return
    mode = case.evaluate_on_file(element.get("serveMode", "null"), running)
    case.emit("document_served", no=no, document=kind, on=on.isoformat(), mode=mode)


def _set_status(case: Case, running: Running, element: Element, status: str) -> None:
    case.status = status
    case.emit("status_changed", status=status)


def _set_organisation(case: Case, running: Running, element: Element, text: str) -> None:
    for key, other in assignments(text):
        organisation = case.organisations[key] = case.organisation(other, running.item)
        case.emit("organisation_set", key=key, organisation=organisation)


_PLACE = re.compile(r"\{(\w+)\}")


def _notify(case: Case, running: Running, element: Element, to: str) -> None:
    _, clock = case.clock(element.get("clock"))
    values = {
        **{k: v for k, v in case.doc.items() if isinstance(v, str)},
        **{k: v for k, v in running.instance.variables.items() if isinstance(v, str)},
        "case_no": case.case_no,
        "due": (clock or {}).get("legal_due", ""),
    }
    text = _PLACE.sub(lambda m: str(values.get(m.group(1), m.group(0))), element.get("text"))
    for recipient in names_in(to):
        role, _, key = recipient.partition("@")
        address = f"{role}@{case.organisation(key, running.item)}" if key else role
        no = case.count("outbox")
        case.emit(
            "notification_queued",
            no=no,
            key=f"{case.id}-{no}",
            recipient=address,
            subject=element.name,
            body=text,
        )


_EFFECTS = {
    "status": _set_status,
    "setOrganisation": _set_organisation,
    "stopClock": _end_clocks("met"),
    "cancelClock": _end_clocks("cancelled"),
    "startClock": _start_clock,
    "extendClock": _extend_clock,
    "excludeFromClock": _exclude_from_clock,
    "document": _issue_document,
    "serveDocument": _serve_document,
    "to": _notify,
}


def redate(case: Case) -> None:
    """After a clock changed: move its waiting timers and the due dates of open items."""
    case.clocks_changed = False
    for running in list(case.instances.values()):
        for number, element_id, text, old in running.instance.timers():
            due = timer_instant(case, running, text) if _follows_clocks(text, old) else old
            if due != old:
                running.instance.set_due(number, due)
                case.emit(
                    "timer_moved",
                    instance=running.no,
                    number=number,
                    element=element_id,
                    due=due,
                    new=old is None,
                )
        for number, element_id, _ in running.instance.items():
            clock = case.running_clock(running.element(element_id).get("clock"))
            if clock:
                case.emit(
                    "task_redated", instance=running.no, number=number, due=clock["legal_due"]
                )


CLOCK_FUNCTIONS = frozenset({"due", "target", "warn", "due_date", "running"})
"""The engine's functions whose value changes with a clock (casefile.py)."""


def _follows_clocks(text: str, old: str | None) -> bool:
    """What counts from `today()` keeps its date; what had none may have got one."""
    if literal(text):
        return False
    return old is None or bool(CLOCK_FUNCTIONS & compile_expression(text).calls)


def today(case: Case) -> str:
    return case.moment.today.isoformat()


def _as_date(value: Any) -> date | None:
    if isinstance(value, str):
        value = _date_from_text(value) if value else None
    if isinstance(value, date):
        return value
    if value is None:
        return None
    raise ModelFailure(f"Expected a date, found {value!r}. Correct the expression in the diagram.")


def _date_from_text(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise ModelFailure(f"Expected a date like 2025-08-04, found «{text}».") from None


def timer_instant(case: Case, running: Running, text: str) -> str | None:
    due = case.timer_due(text, running)
    return instant(due) if due else None
