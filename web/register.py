"""Register a petition: start a procedure by its start form and go straight to the first task."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine.commands import ClaimTask, ItemId, Result, StartCase
from engine.errors import EngineError, InvalidInput, NotAllowed
from engine.pages import StartPage
from web import forms
from web.context import context, execute, now, person

blueprint = Blueprint("register", __name__, url_prefix="/register")


@blueprint.get("")
def show() -> str:
    """The one procedure that the person may start, or a choice of several."""
    choices = context().pages.startable(person())
    if not choices:
        raise NotAllowed("Starting a procedure is for a role that you do not hold.")
    if len(choices) > 1:
        return render_template("register_choice.html", choices=choices)
    return form(choices[0].procedure)


@blueprint.get("/<procedure>")
def form(procedure: str) -> str:
    start = context().pages.start(procedure, person(), now())
    return _page(start, forms.Typed.initial(start.form) if start.form else None)


def _page(start: StartPage, typed: forms.Typed | None, key: str | None = None) -> str:
    return render_template(
        "register.html",
        start=start,
        typed=typed,
        places=[o for role, o in person().roles if role == start.element.role],
        place=request.form.get("_organisation", ""),
        key=key or forms.new_key(),
    )


@blueprint.post("/<procedure>")
def start(procedure: str) -> ResponseReturnValue:
    page = context().pages.start(procedure, person(), now())
    typed = forms.Typed.posted(page.form, forms.act()) if page.form else None
    if typed and forms.act() != "complete":
        return _page(page, typed, request.form.get(forms.KEY))
    command = StartCase(
        procedure,
        typed.values() if typed else dict(forms.posted()),
        request.form.get("_organisation", ""),
        key=forms.command_key(),
    )
    try:
        result = execute(command)
    except InvalidInput:
        if typed is None:
            raise
        return _page(page, typed.judge(), request.form.get(forms.KEY)), 422
    return _first_task(result)


def _first_task(result: Result) -> ResponseReturnValue:
    """The case's first task, claimed; the case itself when the task is another role's."""
    for opened in result.opened:
        item = ItemId.parse(opened)
        try:
            execute(ClaimTask(item))
        except EngineError:
            continue
        return redirect(url_for("tasks.show", item=item))
    return redirect(url_for("cases.show", case_no=result.case_no))
