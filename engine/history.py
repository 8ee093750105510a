"""The append-only history: events, the rows that they make (appliers), the hash chain.

One row a command. Its payload is canonical JSON: the command with its clean values, the outside
values used, the events that followed, a digest of the state after it. The chain covers a salted
hash of the payload, kept beside it, so that a payload can go with its salt under a retention rule
and the chain still proves the rest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import orjson

from engine.casefile import Event, canonical
from engine.commands import Command
from engine.plan import Plan
from engine.store import instant


class Rows(Protocol):
    """Where appliers put rows: a plan to be written, or a fold of the history in memory."""

    def put(self, table: str, key: tuple[Any, ...], values: Mapping[str, Any]) -> None: ...

    def patch(self, table: str, key: tuple[Any, ...], values: Mapping[str, Any]) -> None: ...

    def remove(self, table: str, key: tuple[Any, ...]) -> None: ...

    def patch_case(self, values: Mapping[str, Any]) -> None: ...

    def patch_doc(self, change: Callable[[dict[str, Any]], None]) -> None: ...


class PlanRows:
    """Appliers' rows going into a plan; the document is written whole from the live case."""

    def __init__(self, plan: Plan, doc: Mapping[str, Any]) -> None:
        self._doc = doc
        self.put, self.patch, self.remove = plan.put, plan.patch, plan.remove
        self.patch_case, self._plan = plan.patch_case, plan

    def patch_doc(self, change: Callable[[dict[str, Any]], None]) -> None:
        write_doc = self._plan.put if self._plan.new_case else self._plan.patch
        write_doc("case_doc", (), {"doc": canonical(self._doc).decode()})


Applier = Callable[[Rows, Mapping[str, Any], str], None]
_appliers: dict[str, Applier] = {}


def _applies(kind: str) -> Callable[[Applier], Applier]:
    def register(applier: Applier) -> Applier:
        _appliers[kind] = applier
        return applier

    return register


def apply(rows: Rows, events: list[Event], at: str) -> None:
    """Make the rows of events that happened at a stored instant."""
    for kind, data in events:
        _appliers[kind](rows, data, at)


@_applies("case_started")
def _case_started(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch_case(
        {
            "case_no": e["case_no"],
            "query_code": e["query_code"],
            "procedure": e["procedure"],
            "org_office": e["office"],
            "opened_at": at,
        }
    )


@_applies("case_closed")
def _case_closed(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch_case({"closed_at": at, "stage": ""})


@_applies("status_changed")
def _status_changed(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch_case({"status": e["status"]})


@_applies("stage_changed")
def _stage_changed(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch_case({"stage": e["stage"]})


@_applies("organisation_set")
def _organisation_set(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    if e["key"] in ("office", "receiver", "unit", "accused"):
        rows.patch_case({f"org_{e['key']}": e["organisation"]})


@_applies("doc_changed")
def _doc_changed(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    values = e["values"]
    rows.patch_doc(lambda doc: doc.update(values))
    summary = {k: values[k] for k in ("title", "channel", "category") if values.get(k)}
    if values.get("received_on"):
        summary["received_on"] = str(values["received_on"])[:10]
    if values.get("petitioners"):
        summary["petitioner"] = _petitioner(values["petitioners"])
    if summary:
        rows.patch_case(summary)


def _petitioner(people: Any) -> str:
    """The first petitioner's name, and how many there are."""
    first = str(people[0].get("name", ""))
    return first if len(people) == 1 else f"{first} 等 {len(people)} 人"


@_applies("doc_collected")
def _doc_collected(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch_doc(lambda doc: doc.update({e["into"]: [*doc.get(e["into"], []), e["entry"]]}))


@_applies("instance_started")
def _instance_started(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    values = {k: e[k] for k in ("process", "package", "version", "parent", "parent_element")}
    rows.put(
        "instance",
        (e["instance"],),
        {**values, "status": "running", "started_at": at, "ended_at": None},
    )


@_applies("instance_ended")
def _instance_ended(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch("instance", (e["instance"],), {"status": e["outcome"], "ended_at": at})


@_applies("task_created")
def _task_created(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    values = {k: e[k] for k in ("element", "name", "organisation", "role", "due", "clock")}
    rows.put("work_item", _key(e), {**values, "assignee": None, "created_at": at})


@_applies("task_claimed")
def _task_claimed(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch("work_item", _key(e), {"assignee": e["by"]})


@_applies("task_released")
def _task_released(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch("work_item", _key(e), {"assignee": None})


@_applies("task_redated")
def _task_redated(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch("work_item", _key(e), {"due": e["due"]})


@_applies("task_completed")
@_applies("task_withdrawn")
def _task_gone(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.remove("work_item", _key(e))


@_applies("timer_armed")
def _timer_armed(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    if e["due"] is not None:
        _put_timer(rows, e)


def _put_timer(rows: Rows, e: Mapping[str, Any]) -> None:
    values = {"element": e["element"], "due": e["due"], "lease_until": None, "attempt": 0}
    rows.put("timer", _key(e), values)


@_applies("timer_moved")
def _timer_moved(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    if e["due"] is None:
        rows.remove("timer", _key(e))
    elif e["new"]:
        _put_timer(rows, e)
    else:
        rows.patch("timer", _key(e), {"due": e["due"], "lease_until": None})


@_applies("timer_fired")
@_applies("timer_disarmed")
def _timer_gone(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.remove("timer", _key(e))


@_applies("message_awaited")
def _message_awaited(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    kept = ("element", "message", "correlation_key", "role", "organisation")
    rows.put("message_wait", _key(e), {k: e[k] for k in kept})


@_applies("message_received")
@_applies("message_ended")
def _message_gone(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.remove("message_wait", _key(e))


_DATES = (
    "start",
    "nominal",
    "legal_due",
    "internal_target",
    "extended_days",
    "excluded_days",
    "calendar",
    "provisional",
)


@_applies("clock_started")
def _clock_started(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    values = {"clock": e["clock"], "status": "running", "ended_on": None}
    rows.put("clock", (e["no"],), {**values, **{k: e[k] for k in _DATES}})


@_applies("clock_extended")
@_applies("clock_excluded")
@_applies("clock_recomputed")
def _clock_dated(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch("clock", (e["no"],), {k: e[k] for k in _DATES})


@_applies("clock_ended")
def _clock_ended(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch("clock", (e["no"],), {"status": e["status"], "ended_on": e["on"]})


@_applies("document_issued")
def _document_issued(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    values = {
        "kind": e["document"],
        "element": e["element"],
        "organisation": e["organisation"],
        "issued_on": e["on"],
    }
    rows.put("document", (e["no"],), {**values, "served_on": None, "serve_mode": None})


@_applies("document_served")
def _document_served(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch("document", (e["no"],), {"served_on": e["on"], "serve_mode": e["mode"]})


@_applies("notification_queued")
def _notification_queued(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.put(
        "outbox",
        (e["no"],),
        {
            "key": e["key"],
            "kind": "notification",
            "recipient": e["recipient"],
            "subject": e["subject"],
            "body": e["body"],
            "due": at,
            "lease_until": None,
            "attempt": 0,
            "sent_at": None,
        },
    )


@_applies("incident_raised")
def _incident_raised(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.put(
        "incident",
        (e["no"],),
        {
            "at": at,
            "actor": e["actor"],
            "command": canonical(e["command"]).decode(),
            "message": e["message"],
            "element": e["element"],
            "attempts": 1,
            "status": "open",
        },
    )


@_applies("incident_retried")
def _incident_retried(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch(
        "incident", (e["no"],), {"attempts": e["attempts"], "message": e["message"], "at": at}
    )


@_applies("incident_resolved")
def _incident_resolved(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.patch("incident", (e["no"],), {"status": "resolved"})


@_applies("elements_passed")
@_applies("decision_made")
def _no_rows(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    """Told by the history alone."""


@_applies("package_deployed")
def _package_deployed(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.put(
        "definition",
        (e["package"], e["version"]),
        {
            "hash": e["hash"],
            "files": canonical(e["files"]).decode(),
            "deployed_at": at,
            "deployed_by": e["by"],
        },
    )


@_applies("organisation_defined")
def _organisation_defined(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    kept = ("zh", "en", "kind", "parent")
    rows.put("organisation", (e["id"],), {k: e.get(k) for k in kept})


@_applies("person_defined")
def _person_defined(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    rows.put("person", (e["id"],), {"zh": e["zh"], "en": e["en"]})
    for role in e["roles"]:
        rows.put("membership", (e["id"], role["organisation"], role["role"]), {})


@_applies("roles_ended")
def _roles_ended(rows: Rows, e: Mapping[str, Any], at: str) -> None:
    for role in e["roles"]:
        rows.remove("membership", (e["id"], role["organisation"], role["role"]))


def _key(e: Mapping[str, Any]) -> tuple[int, int]:
    return e["instance"], e["number"]


# the chain ---------------------------------------------------------------------------------------


def command_json(command: Command, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A command as recorded; `values` are the clean ones in place of what was typed."""
    fields = {k: v for k, v in vars(command).items() if k != "key"}
    if "item" in fields:
        fields["item"] = vars(command.item)  # type: ignore[attr-defined]
    if values is not None and "values" in fields:
        fields["values"] = values
    return {"type": type(command).__name__, **fields}


def payload(
    command: Mapping[str, Any],
    used: Mapping[str, Any],
    events: list[Event],
    digest: str | None,
) -> bytes:
    """What one row tells, as canonical JSON; the command's values are kept once."""
    values = command.get("values")
    told = [_shortened(kind, data, values) if values else (kind, data) for kind, data in events]
    return canonical({"command": command, "used": used, "events": told, "digest": digest})


def _shortened(kind: str, data: dict[str, Any], values: Mapping[str, Any]) -> Event:
    if kind == "doc_changed" and data["values"] == values:
        return kind, {}
    if kind == "doc_collected":
        rest = {k: v for k, v in data["entry"].items() if k not in values}
        return kind, {**data, "entry": rest}
    return kind, data


def row(
    case_id: int,
    at: datetime,
    actor: str,
    kind: str,
    payload: bytes,
    instance_no: int | None = None,
    element: str | None = None,
) -> dict[str, Any]:
    """A history row without its place in the chain, with the `body` that the chain hashes."""
    salt = os.urandom(16)
    stamp = instant(at)
    hashed = payload_hash(salt, payload)
    return {
        "at": stamp,
        "actor": actor,
        "type": kind,
        "instance_no": instance_no,
        "element": element,
        "payload": payload.decode(),
        "payload_hash": hashed,
        "salt": salt,
        "body": body(case_id, stamp, actor, kind, instance_no, element, hashed),
    }


def payload_hash(salt: bytes, payload: bytes) -> bytes:
    return hashlib.sha256(salt + payload).digest()


def body(
    case_id: int,
    at: str,
    actor: str,
    kind: str,
    instance_no: int | None,
    element: str | None,
    hashed: bytes,
) -> bytes:
    """What the chain links: every column of the row but its place, the payload by its hash."""
    return canonical([case_id, at, actor, kind, instance_no, element, hashed.hex()])


def read_payload(text: str) -> dict[str, Any]:
    """A stored payload with its events whole again."""
    stored: dict[str, Any] = orjson.loads(text)
    values = stored["command"].get("values")
    for kind, data in stored["events"]:
        if kind == "doc_changed":
            data.setdefault("values", values)
        elif kind == "doc_collected":
            data["entry"] = {**values, **data["entry"]}
    return stored
