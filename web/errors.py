"""The one place that turns errors into HTTP: a page for people, problem+json under /api."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, g, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from engine import errors
from engine.commands import ItemId
from web.context import context
from web.language import language
from web.words import names

Body = tuple[Any, int, dict[str, str]]


@dataclass(frozen=True)
class Answer:
    """Status, what happened and what to do, in the reader's language."""

    status: int
    title: Any
    remedy: Any


ANSWERS: dict[type[errors.EngineError], Answer] = {
    errors.NotFound: Answer(
        404, _l("This is not here"), _l("Check the number, or look for it in the list of cases.")
    ),
    errors.NotAllowed: Answer(
        403,
        _l("This is for another role"),
        _l("Ask whoever holds the role, or the administrator if you should hold it."),
    ),
    errors.InvalidInput: Answer(
        422,
        _l("The form cannot be taken as it is"),
        _l("Correct what is named and send it again. Nothing was written."),
    ),
    errors.NoCorrelation: Answer(
        409,
        _l("No case waits for this message"),
        _l("Check the case number and where the case stands."),
    ),
    errors.Conflict: Answer(
        409,
        _l("Somebody was faster"),
        _l("Load the inbox again; nothing of yours was written."),
    ),
    errors.ModelFailure: Answer(
        409,
        _l("The procedure could not go on"),
        _l(
            "The matter stays as it was. An incident was recorded; whoever keeps the procedure "
            "mends it and the administrator retries the step. You need not do it again."
        ),
    ),
    errors.StartFailed: Answer(
        409,
        _l("The procedure could not be started"),
        _l("No case was opened and nothing was written. Tell whoever keeps the procedure."),
    ),
    errors.InvalidDefinition: Answer(
        422, _l("The definition cannot be deployed"), _l("Correct the elements named below.")
    ),
    errors.StoreUnusable: Answer(
        503,
        _l("The database does not answer"),
        _l("Nothing was written. Try again, and tell the administrator if it stays so."),
    ),
}

HTTP_TITLES: dict[int, tuple[Any, Any]] = {
    400: (_l("The request cannot be read"), _l("Go back, load the page again and repeat it.")),
    401: (_l("Please log in"), _l("Log in again; your session has ended.")),
    403: (_l("This is for another role"), _l("Ask whoever holds the role.")),
    404: (_l("There is no such page"), _l("Check the address, or begin at the inbox.")),
    405: (_l("This address takes no such act"), _l("Go back and use the buttons of the page.")),
    415: (
        _l("What was sent has an unknown format"),
        _l("Send a form as a browser does, to the API JSON as application/json."),
    ),
    413: (
        _l("What was sent is too large"),
        _l("Shorten the texts or send fewer rows, then send the form again."),
    ),
}
BROKEN = (
    _l("Something went wrong here"),
    _l("It is our fault. Nothing was written; tell the administrator the time of this message."),
)
OUTDATED = (
    _l("The page was open too long"),
    _l("Go back, copy what you typed, load the page again and send it from there."),
)


def init_app(app: Flask) -> None:
    app.register_error_handler(errors.EngineError, _engine_error)
    app.register_error_handler(HTTPException, _http_error)


def answer_for(error: errors.EngineError) -> Answer:
    """The answer of the nearest class that has one; a model's own faults are incidents."""
    for kind in type(error).__mro__:
        if kind in ANSWERS:
            return ANSWERS[kind]
    return ANSWERS[errors.ModelFailure]


def _engine_error(error: errors.EngineError) -> Body:
    answer = answer_for(error)
    fields = getattr(error, "fields", {})
    if _wants_json():
        return problem(answer.status, type(error).__name__, error.message, fields)
    details = [*_details(error), *(f"{key}: {' '.join(t)}" for key, t in fields.items())]
    told = error.message if answer in _OF_THE_MODEL and language() != "en" else None
    return _page(answer.status, answer.title, answer.remedy, details, told)


_OF_THE_MODEL = tuple(ANSWERS[kind] for kind in (errors.ModelFailure, errors.StartFailed))
"""What failed here only the engine's own sentence says, to whoever keeps the procedure."""


_AIMED = ("api.deliver", "api.MessageForm", "cases.deliver", "cases.message")
"""Where an act is asked for by the address of what waits for it."""


def _sees(case_id: int) -> bool:
    try:
        context().queries.case(case_id, g.person)
    except (errors.NotFound, errors.NotAllowed):
        return False
    return True


def _details(error: errors.EngineError) -> list[str]:
    if isinstance(error, errors.InvalidDefinition):
        return [f"{p.message} {p.remedy}" for p in error.problems]
    if isinstance(error, errors.Conflict) and request.endpoint in _AIMED:
        return [_("The case no longer waits for this message.")]
    told = _about_item() if isinstance(error, errors.Conflict | errors.NotAllowed) else None
    if told:
        return [told]
    # The engine's own sentences are English; a Chinese reader has title and remedy.
    return [error.message] if language() == "en" else []


def _about_item() -> str | None:
    """Why this task could not be acted on, in the reader's words."""
    item = (request.view_args or {}).get("item")
    if not isinstance(item, ItemId) or g.person is None:
        return None
    found = context().queries.item_guard(item, g.person.id)
    if found is None:
        return _("The task is finished or was withdrawn.")
    if not found["member"]:
        if not _sees(item.case_id):
            return _("The task is for a role that you do not hold.")
        where = {"role": names.role(found["role"]), "place": names.place(found["organisation"])}
        return _("The task is for %(role)s, %(place)s.", **where)
    if found["assignee"] is None:
        return _("The task is not claimed. Claim it first.")
    if found["assignee"] != g.person.id:
        return _("The task is claimed by %(who)s.", who=names.person(found["assignee"]))
    return None


def _http_error(error: HTTPException) -> Body:
    status = error.code or 500
    title, remedy = HTTP_TITLES.get(status, HTTP_TITLES[400] if status < 500 else BROKEN)
    if isinstance(error, CSRFError):
        title, remedy = OUTDATED
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        current_app.logger.error("unexpected", exc_info=error.original_exception)
    if _wants_json():
        fields = _by_field((getattr(error, "data", None) or {}).get("messages", {}))
        detail = _REFUSED if fields else error.description
        return problem(status, error.name, detail or str(title), fields)
    return _page(status, title, remedy, [])


_REFUSED = "Correct what is named in `errors` and send it again. Nothing was written."


def _by_field(messages: Any) -> dict[str, list[str]]:
    """webargs' messages by dotted key; at their top stands where the values came from."""
    found: dict[str, list[str]] = {}

    def collect(below: Any, key: str) -> None:
        if isinstance(below, dict):
            for name, more in below.items():
                collect(more, f"{key}.{name}" if key else str(name))
        else:
            found.setdefault(key or "_schema", []).extend(map(str, below))

    for place in messages.values():
        collect(place, "")
    return found


def _wants_json() -> bool:
    return request.path.startswith("/api/")


def problem(status: int, title: str, detail: str, fields: Any = None) -> Body:
    """RFC 9457. `fields`: messages by dotted key."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if fields:
        body["errors"] = fields
    headers = {"Content-Type": "application/problem+json"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    # A lone surrogate that a caller sent as a key goes back as the escape that it came as.
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return text, status, headers


def _page(
    status: int, title: Any, remedy: Any, details: list[str], technical: str | None = None
) -> Body:
    """`technical`: the engine's English sentence, for whoever keeps the procedure."""
    told = {"title": title, "remedy": remedy, "details": details, "technical": technical}
    return render_template("error.html", **told), status, {}
