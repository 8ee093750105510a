"""One task: its form with the case beside it; claim, release, complete."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from engine.commands import ClaimTask, CompleteTask, ItemId, ReleaseTask
from engine.errors import Conflict, InvalidInput, NotFound
from engine.pages import TaskPage
from web import forms, timeline
from web.context import context, execute, now, person
from web.words import names

blueprint = Blueprint("tasks", __name__, url_prefix="/tasks")


@blueprint.get("/<item:item>")
def show(item: ItemId) -> str:
    task = context().pages.task(item, person(), now())
    return _page(task, forms.Typed.initial(task.form) if task.form else None)


def _page(task: TaskPage, typed: forms.Typed | None, key: str | None = None) -> str:
    case = context().pages.case(task.item.case_id, person())
    names.load([e.actor for e in case.entries])
    clock = next((k for k in reversed(case.view.clocks) if k["clock"] == task.item.clock), None)
    return render_template(
        "task.html",
        task=task,
        item=task.item,
        typed=typed,
        case=case,
        letters=context().pages.letters(case),
        days=timeline.by_day(case.entries),
        clock=clock,
        mine=task.item.assignee == person().id,
        key=key or forms.new_key(),
    )


@blueprint.post("/<item:item>/claim")
def claim(item: ItemId) -> ResponseReturnValue:
    execute(ClaimTask(item))
    return redirect(url_for("tasks.show", item=item))


@blueprint.post("/<item:item>/release")
def release(item: ItemId) -> ResponseReturnValue:
    execute(ReleaseTask(item))
    flash(_("The task is back in the queue."))
    return redirect(url_for("inbox.show", tab="mine"))


@blueprint.post("/<item:item>")
def complete(item: ItemId) -> ResponseReturnValue:
    """Complete the task; or, by another button, only change the rows or what is shown."""
    key = forms.command_key()
    try:
        task = context().pages.task(item, person(), now())
        typed = forms.Typed.posted(task.form, forms.act()) if task.form else None
        if typed and forms.act() != "complete":
            return _page(task, typed, request.form.get(forms.KEY))
        values = typed.values() if typed else dict(forms.posted())
        result = execute(CompleteTask(item, values, key=key))
    except InvalidInput:
        if typed is None:
            raise
        return _page(task, typed.judge(), request.form.get(forms.KEY)), 422
    except (Conflict, NotFound) as error:
        # The second click of two finds the task gone: it was this person's own first click.
        done = context().queries.sent_before(person().id, key)
        if done is None:
            gone = context().queries.item_guard(item, person().id) is None
            raise Conflict(error.message) if gone else error from None
        result = done
    return redirect(url_for("cases.done", case_id=result.case_id, seq=result.seq))
