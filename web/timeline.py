"""The history in words: what an act is called and what followed from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from itertools import groupby
from typing import Any

from flask import Flask
from flask_babel import gettext as _

from engine.pages import Entry
from web.words import day, names

Event = Mapping[str, Any]

HANDLING = ("ClaimTask", "ReleaseTask")
"""Who took up a task and laid it down again: in the history, but no news about the case."""


def by_day(entries: Iterable[Entry]) -> list[tuple[date, list[Entry]]]:
    """Newest day first; within a day newest first."""
    told = [entry for entry in entries if entry.type not in HANDLING]
    newest = sorted(told, key=lambda e: e.seq, reverse=True)
    return [(on, list(found)) for on, found in groupby(newest, key=lambda e: e.day)]


def title(entry: Entry) -> str:
    """What was done."""
    told: Mapping[str, Callable[[], str]] = {
        "StartCase": lambda: _("Petition registered"),
        "SeedCase": lambda: _("Case begun"),
        "ClaimTask": lambda: _("Claimed: %(name)s", name=entry.name),
        "ReleaseTask": lambda: _("Released: %(name)s", name=entry.name),
        "CompleteTask": lambda: _("Completed: %(name)s", name=entry.name),
        "CorrelateMessage": lambda: _("Received: %(name)s", name=entry.name),
        "FireTimer": lambda: _("Time limit: %(name)s", name=entry.name),
        "RecomputeClocks": lambda: _("Time limits counted again by the new calendar"),
        "RaiseIncident": lambda: _("Incident"),
        "RetryIncident": lambda: _("The step was tried again"),
    }
    return told[entry.type]() if entry.type in told else entry.type


def effects(entry: Entry) -> list[str]:
    """What followed, one sentence each, in the order in which it happened."""
    return [_EFFECTS[kind](data) for kind, data in entry.events if kind in _EFFECTS]


def _clock(e: Event) -> str:
    return names.clock(e["clock"], e.get("start") or e.get("on") or "")


def _clock_ended(e: Event) -> str:
    told = {
        "met": lambda: _("Time limit met: %(clock)s", clock=_clock(e)),
        "cancelled": lambda: _("Time limit cancelled: %(clock)s", clock=_clock(e)),
        "closed": lambda: _("Time limit ended with the case: %(clock)s", clock=_clock(e)),
        "replaced": lambda: _("Time limit replaced: %(clock)s", clock=_clock(e)),
    }
    return told[e["status"]]()


_EFFECTS: Mapping[str, Callable[[Event], str]] = {
    "task_created": lambda e: _(
        "Next: %(task)s (%(role)s, %(place)s)",
        task=e["name"],
        role=names.role(e["role"]),
        place=names.place(e["organisation"]),
    ),
    "task_withdrawn": lambda e: _("No longer needed: %(task)s", task=e.get("name", e["element"])),
    "clock_started": lambda e: _(
        "Time limit runs: %(clock)s, from %(start)s to %(due)s",
        clock=_clock(e),
        start=day(e["start"]),
        due=day(e["legal_due"]),
    ),
    "clock_extended": lambda e: _(
        "Time limit extended: %(clock)s, to %(due)s", clock=_clock(e), due=day(e["legal_due"])
    ),
    "clock_excluded": lambda e: _(
        "Hearing days left out: %(clock)s, to %(due)s", clock=_clock(e), due=day(e["legal_due"])
    ),
    "clock_recomputed": lambda e: _(
        "Time limit dated anew: %(clock)s, to %(due)s", clock=_clock(e), due=day(e["legal_due"])
    ),
    "clock_ended": _clock_ended,
    "document_issued": lambda e: _("Document: %(kind)s", kind=names.document(e["document"])),
    "document_served": lambda e: _(
        "Served on %(on)s: %(kind)s", on=day(e["on"]), kind=names.document(e["document"])
    ),
    "status_changed": lambda e: _("Status: %(status)s", status=names.code("status", e["status"])),
    "notification_queued": lambda e: _(
        "Told %(who)s: %(what)s", who=names.recipient(e["recipient"]), what=e["subject"]
    ),
    "incident_raised": lambda e: _("The procedure could not go on: %(why)s", why=e["message"]),
    "incident_retried": lambda e: _("Tried again in vain: %(why)s", why=e["message"]),
    "incident_resolved": lambda e: _("The incident is resolved"),
    "case_closed": lambda e: _("The case is closed"),
}


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(act_title=title, act_effects=effects)
