"""Cases: the list, one case with all that is known of it, its diagrams, messages to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from engine.commands import CorrelateMessage, RetryIncident
from engine.errors import Conflict, InvalidInput, NotFound
from engine.pages import CasePage, Entry, InstanceView, MessagePage
from engine.queries import InboxItem
from web import forms, security, timeline
from web.context import context, execute, now, page_key, person, today
from web.words import names

blueprint = Blueprint("cases", __name__, url_prefix="/cases")

OFFERED = 3
"""Tasks that the page after an act offers."""


@blueprint.get("")
def index() -> str:
    text = request.args.get("q", "").strip()[:100]
    status = request.args.get("status") or None
    late, after = request.args.get("late") == "1", request.args.get("after")
    page = context().queries.cases(
        person(), text, status, today().isoformat() if late else None, page_key(after)
    )
    statuses = context().pages.world.shared.codes.get("status", ())
    return render_template(
        "cases.html", page=page, text=text, status=status, late=late, statuses=statuses
    )


@blueprint.get("/<case_no>")
def show(case_no: str) -> Response:
    page = context().pages.case(context().queries.case_id(case_no), person())
    chosen = _chosen(page)
    names.load(_people(page.entries))
    body = render_template(
        "case.html",
        page=page,
        row=page.view.row,
        next=next_act(page),
        days=timeline.by_day(page.entries),
        chosen=chosen,
        letters=context().pages.letters(page),
        may_retry=person().has("administrator"),
    )
    return security.allow(make_response(body), security.DIAGRAM)


def _chosen(page: CasePage) -> InstanceView | None:
    """The instance whose diagram is shown: the one asked for, or where the next act is."""
    asked = request.args.get("diagram", "")
    for instance in page.instances:
        if str(instance.no) == asked:
            return instance
    act = next_act(page)
    at = act["instance"] if act else 0
    return next((i for i in page.instances if i.no == at), None)


def next_act(page: CasePage) -> dict[str, Any] | None:
    """The open task that is due first, or what the case waits for; None when it is closed."""
    if page.view.items:
        first = min(page.view.items, key=lambda item: (item.due or "9999", item.created_at))
        return {"item": first, "due": first.due, "instance": int(first.id.split(".")[1])}
    due, calm = _first_date(page)
    for wait in page.view.waits:
        return {"wait": wait, "due": due, "calm": calm, "instance": wait["instance_no"]}
    for timer in page.view.timers:
        return {"timer": timer, "due": due, "calm": calm, "instance": timer["instance_no"]}
    return None


def _first_date(page: CasePage) -> tuple[str | None, bool]:
    """The time limit of an organ that ends first, else (calm) the petitioner's."""
    dates: dict[bool, list[str]] = {True: [], False: []}
    for clock in page.view.clocks:
        if clock["status"] == "running":
            theirs = names.is_petitioners(clock["clock"], clock["start"])
            dates[theirs].append(clock["legal_due"])
    return min(dates[False] or dates[True], default=None), not dates[False]


def _people(entries: Iterable[Entry]) -> set[str]:
    return {entry.actor for entry in entries}


@blueprint.get("/<case_no>/diagrams/<int:instance>.bpmn")
def diagram(case_no: str, instance: int) -> Response:
    case_id = context().queries.case_id(case_no)
    context().queries.case(case_id, person())
    xml = context().queries.diagram(case_id, instance)
    return Response(xml, mimetype="application/xml")


@blueprint.get("/<int:case_id>/done")
def done(case_id: int) -> str:
    """What the act just done brought about, and what to do next."""
    page = context().pages.case(case_id, person())
    upto = request.args.get("seq", type=int) or len(page.entries)
    mine = [e for e in page.entries if e.actor == person().id and e.seq <= upto]
    if not mine:
        raise NotFound("You have done nothing in this case yet.")
    names.load([i.assignee for i in page.view.items if i.assignee])
    return render_template(
        "done.html",
        page=page,
        row=page.view.row,
        entry=mine[-1],
        next=next_act(page),
        offered=_offered(page),
    )


def _offered(page: CasePage) -> list[InboxItem]:
    """What this person may do next: in this case first, then what is due first elsewhere."""
    may = {(None, *role) for role in person().roles}
    here = [
        item
        for item in page.view.items
        if item.assignee == person().id or (item.assignee, item.role, item.organisation) in may
    ]
    known = {item.id for item in here}
    inboxes = (context().queries.inbox(person(), tab, limit=OFFERED) for tab in ("mine", "queue"))
    elsewhere = [item for inbox in inboxes for item in inbox.items if item.id not in known]
    elsewhere.sort(key=lambda item: (item.assignee is None, item.due or "9999"))
    return [*here, *elsewhere][:OFFERED]


# messages ----------------------------------------------------------------------------------------


@blueprint.get("/<case_no>/messages/<int:instance>.<int:number>")
def message(case_no: str, instance: int, number: int) -> str:
    page = _message(case_no, instance, number)
    return _message_page(case_no, page, forms.Typed.initial(page.form) if page.form else None)


def _message(case_no: str, instance: int, number: int) -> MessagePage:
    case_id = context().queries.case_id(case_no)
    return context().pages.message(case_id, instance, number, person(), now())


def _message_page(
    case_no: str, page: MessagePage, typed: forms.Typed | None, key: str | None = None
) -> str:
    return render_template(
        "message.html", case_no=case_no, page=page, typed=typed, key=key or forms.new_key()
    )


@blueprint.post("/<case_no>/messages/<int:instance>.<int:number>")
def deliver(case_no: str, instance: int, number: int) -> ResponseReturnValue:
    key = forms.command_key()
    try:
        page = _message(case_no, instance, number)
        typed = forms.Typed.posted(page.form, forms.act()) if page.form else None
        if typed and forms.act() != "complete":
            return _message_page(case_no, page, typed, request.form.get(forms.KEY))
        result = execute(
            CorrelateMessage(
                page.wait["message"],
                page.wait["correlation_key"],
                typed.values() if typed else dict(forms.posted()),
                key=key,
            )
        )
    except InvalidInput:
        if typed is None:
            raise
        body = _message_page(case_no, page, typed.judge(), request.form.get(forms.KEY))
        return body, 422
    except (Conflict, NotFound):
        found = context().queries.sent_before(person().id, key)
        if found is None:
            raise
        result = found
    return redirect(url_for("cases.done", case_id=result.case_id, seq=result.seq))


@blueprint.post("/<case_no>/incidents/<int:number>/retry")
def retry(case_no: str, number: int) -> ResponseReturnValue:
    """Execute the failed command again, as its first actor."""
    execute(RetryIncident(context().queries.case_id(case_no), number))
    flash(_("The step was done; the incident is resolved."))
    return redirect(url_for("cases.show", case_no=case_no))
