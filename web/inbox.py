"""The inbox: what the roles of a person have to do, soonest due first."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from engine.commands import ClaimTask, ItemId
from engine.errors import Conflict
from web.context import context, execute, page_key, person
from web.words import names

blueprint = Blueprint("inbox", __name__)

TABS = ("queue", "mine")
TAKE_TRIES = 10
"""Tasks that `take next` tries while others are faster."""


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """The inbox; for whoever oversees and has nothing to do there, the cases."""
    idle = not any(context().queries.inbox_counts(person()).values())
    overseer = person().has("auditor") and not person().has("administrator")
    return redirect(url_for("cases.index" if idle and overseer else "inbox.show"))


@blueprint.get("/inbox")
def show() -> str:
    tab = request.args.get("tab")
    counts = context().queries.inbox_counts(person())
    if tab not in TABS:
        tab = "mine" if counts["mine"] else "queue"
    role, text = _filters()
    after = page_key(request.args.get("after"))
    page = context().queries.inbox(person(), tab, role, text, after)
    names.load(item.assignee for item in page.items if item.assignee)
    return render_template(
        "inbox.html",
        tab=tab,
        counts=counts,
        page=page,
        role=role,
        text=text,
        roles=sorted({r for r, _o in person().roles}),
        incidents=context().pages.incidents(person()) if person().has("administrator") else [],
    )


def _filters() -> tuple[str | None, str]:
    return request.values.get("role") or None, request.values.get("q", "").strip()[:100]


@blueprint.post("/inbox/next")
def take_next() -> ResponseReturnValue:
    """Claim the unclaimed task that is due first and open it."""
    role, text = _filters()
    page = context().queries.inbox(person(), "queue", role, text, limit=TAKE_TRIES)
    for item in page.items:
        try:
            execute(ClaimTask(ItemId.parse(item.id)))
        except Conflict:
            continue
        return redirect(url_for("tasks.show", item=item.id))
    flash(_("There is nothing unclaimed for your roles."))
    return redirect(url_for("inbox.show", tab="queue", role=role, q=text or None))
