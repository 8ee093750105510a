"""The JSON API under /api/v1: the same acts as the pages, with a bearer token.

A token comes from `anjie token USER`. `Idempotency-Key` on an act makes sending it twice execute
it once. Errors are problem+json (RFC 9457), a form's messages in `errors` by dotted key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from flask import Flask, Request, abort, g, request
from flask.views import MethodView
from flask_smorest import Api, Blueprint
from flask_wtf.csrf import CSRFProtect
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from engine.commands import (
    ClaimTask,
    CompleteTask,
    CorrelateMessage,
    ItemId,
    ReleaseTask,
    Result,
    RetryIncident,
    StartCase,
)
from engine.errors import InvalidInput
from engine.pages import Field, FormView, MessagePage, StartPage, TaskPage
from web.context import context, execute, now, page_key, person, today
from web.language import language
from web.schemas import (
    CaseQuery,
    CaseSchema,
    CasesSchema,
    DiagramSchema,
    EventSchema,
    FormItemSchema,
    HistoryQuery,
    InboxQuery,
    InboxSchema,
    MessageFormSchema,
    MessageSchema,
    Problem,
    ProcedureSchema,
    ResultSchema,
    StartSchema,
    ValuesSchema,
)
from web.session import token_hash

MAX_KEY = 128


class _Parser(FlaskParser):
    def _raw_load_json(self, req: Request) -> Any:
        """Nesting that exhausts the stack is no valid document either."""
        if req.content_length and not req.is_json:
            raise UnsupportedMediaType("Send JSON as application/json.")
        try:
            return super()._raw_load_json(req)
        except RecursionError:
            raise BadRequest("The JSON is nested too deeply.") from None


blueprint = Blueprint("api", __name__, url_prefix="/api/v1", description="Acts and reads")
blueprint.ARGUMENTS_PARSER = _Parser()


class _Api(Api):
    def _register_responses(self) -> None:
        """Every refusal is a problem, and described as one."""
        described = {"application/problem+json": {"schema": Problem}}
        for status in HTTPStatus:
            body = {"description": status.phrase, "content": described}
            self.spec.components.response(status.name, body, lazy=True)
        default = {"description": "Any other refusal", "content": described}
        self.spec.components.response("DEFAULT_ERROR", default)

    def _register_error_handlers(self) -> None:
        """errors.py answers for the whole application."""


def init_app(app: Flask, csrf: CSRFProtect) -> None:
    app.config.update(
        API_TITLE="Anjie",
        API_VERSION="v1",
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    csrf.exempt(blueprint)
    bearer = {"type": "http", "scheme": "bearer"}
    api = _Api(app, spec_kwargs={"security": [{"token": []}]})
    api.spec.components.security_scheme("token", bearer)
    api.register_blueprint(blueprint)


@blueprint.before_request
def _authenticate() -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        g.person = context().queries.session_person(token_hash(token.strip()), "api", now())
    if g.person is None:
        abort(401, "Send a bearer token; `anjie token USER` makes one.")


def _key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= MAX_KEY:
        raise InvalidInput({"Idempotency-Key": [f"Expected 1 to {MAX_KEY} characters."]})
    return key


# Unknown parameters are refused, as a schema's own setting says; webargs would drop them.
_QUERY: dict[str, Any] = {"location": "query", "unknown": None}

_REFUSALS: dict[int, str] = {
    status.value: status.name
    for status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
}
_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
    "description": "An act sent twice with the same key is executed once.",
}
_read = blueprint.doc(responses=_REFUSALS)
_act = blueprint.doc(
    parameters=[_KEY],
    responses=_REFUSALS | {409: HTTPStatus.CONFLICT.name, 422: "UNPROCESSABLE_ENTITY"},
)

# acts and reads ----------------------------------------------------------------------------------


@blueprint.route("/inbox")
class Inbox(MethodView):
    @blueprint.arguments(InboxQuery, **_QUERY)
    @_read
    @blueprint.response(200, InboxSchema)
    def get(self, query: dict[str, Any]) -> Any:
        """The open tasks of the roles that the token's person holds, soonest due first."""
        after = page_key(query.get("after"))
        return context().queries.inbox(
            person(), query["tab"], query["role"], query["q"], after, query["limit"]
        )


@blueprint.route("/items/<item:item>")
class Item(MethodView):
    @_read
    @blueprint.response(200, FormItemSchema)
    def get(self, item: ItemId) -> Any:
        """A task with its form and the values that it opens with."""
        page = context().pages.task(item, person(), now())
        return {**_form_page(page), **asdict(page.item)}


@blueprint.route("/items/<item:item>/claim", methods=["POST"])
@_act
@blueprint.response(200, ResultSchema)
def claim(item: ItemId) -> Result:
    """Claim a task."""
    return execute(ClaimTask(item, key=_key()))


@blueprint.route("/items/<item:item>/release", methods=["POST"])
@_act
@blueprint.response(200, ResultSchema)
def release(item: ItemId) -> Result:
    """Give a claimed task back to its queue."""
    return execute(ReleaseTask(item, key=_key()))


@blueprint.route("/items/<item:item>/complete", methods=["POST"])
@blueprint.arguments(ValuesSchema)
@_act
@blueprint.response(200, ResultSchema)
def complete(body: dict[str, Any], item: ItemId) -> Result:
    """Complete a claimed task with its form's values."""
    command = CompleteTask(item, body["values"], key=_key())
    try:
        return execute(command)
    except InvalidInput as error:
        _translate(error, context().pages.task(item, person(), now()).form, body["values"])
        raise


@blueprint.route("/cases")
class Cases(MethodView):
    @blueprint.arguments(CaseQuery, **_QUERY)
    @_read
    @blueprint.response(200, CasesSchema)
    def get(self, query: dict[str, Any]) -> Any:
        """The cases that the token's person may look at, newest first."""
        late = today().isoformat() if query["late"] else None
        after = page_key(query.get("after"))
        return context().queries.cases(
            person(), query["q"], query["status"], late, after, query["limit"]
        )

    @blueprint.arguments(StartSchema)
    @_act
    @blueprint.response(201, ResultSchema)
    def post(self, body: dict[str, Any]) -> Result:
        """Start a procedure as a new case."""
        command = StartCase(body["procedure"], body["values"], body["organisation"], key=_key())
        try:
            return execute(command)
        except InvalidInput as error:
            form = context().pages.start(body["procedure"], person(), now()).form
            _translate(error, form, body["values"])
            raise


@blueprint.route("/procedures/<procedure>")
class Procedure(MethodView):
    @_read
    @blueprint.response(200, ProcedureSchema)
    def get(self, procedure: str) -> Any:
        """The form that starts a procedure, and where the token's person may start it."""
        page = context().pages.start(procedure, person(), now())
        places = [place for role, place in person().roles if role == page.element.role]
        form = _form_page(page)
        return {**form, "name": page.name, "procedure": procedure, "organisations": places}


@blueprint.route("/cases/<case_no>")
class Case(MethodView):
    @_read
    @blueprint.response(200, CaseSchema)
    def get(self, case_no: str) -> Any:
        """A case with all that is known of it."""
        view = context().queries.case(context().queries.case_id(case_no), person())
        rows = ("clocks", "documents", "instances", "waits", "timers", "incidents")
        lists = {name: [dict(row) for row in getattr(view, name)] for name in rows}
        return {**view.row, **lists, "doc": view.doc, "items": view.items}


@blueprint.route("/cases/<case_no>/history")
class History(MethodView):
    @blueprint.arguments(HistoryQuery, **_QUERY)
    @_read
    @blueprint.response(200, EventSchema(many=True))
    def get(self, query: dict[str, Any], case_no: str) -> Any:
        """The case's append-only history in order."""
        case_id = context().queries.case_id(case_no)
        context().queries.case(case_id, person())
        return context().queries.history(case_id, query["after"], query["limit"])


@blueprint.route("/cases/<case_no>/diagrams/<int:instance>")
class Diagram(MethodView):
    @_read
    @blueprint.response(200, DiagramSchema)
    def get(self, case_no: str, instance: int) -> Any:
        """The diagram on which a process instance runs, and where it stands on it."""
        case_id = context().queries.case_id(case_no)
        page = context().pages.case(case_id, person())
        xml = context().queries.diagram(case_id, instance)
        found = next(i for i in page.instances if i.no == instance)
        return {"instance": instance, "name": found.name, "marks": found.marks, "xml": xml}


@blueprint.route("/cases/<case_no>/messages/<int:instance>.<int:number>")
class MessageForm(MethodView):
    @_read
    @blueprint.response(200, MessageFormSchema)
    def get(self, case_no: str, instance: int, number: int) -> Any:
        """What a message that the case waits for (one of its `waits`) has to bring."""
        case_id = context().queries.case_id(case_no)
        page = context().pages.message(case_id, instance, number, person(), now())
        return {**_form_page(page), **page.wait}


@blueprint.route("/cases/<case_no>/incidents/<int:number>/retry", methods=["POST"])
@_act
@blueprint.response(200, ResultSchema)
def retry(case_no: str, number: int) -> Result:
    """Execute the command of an incident again, as its first actor."""
    return execute(RetryIncident(context().queries.case_id(case_no), number, key=_key()))


@blueprint.route("/messages", methods=["POST"])
@blueprint.arguments(MessageSchema)
@_act
@blueprint.response(200, ResultSchema)
def deliver(body: dict[str, Any]) -> Result:
    """Deliver a message to the one case that waits for it with this correlation key."""
    message, key = body["message"], body["correlation_key"]
    try:
        return execute(CorrelateMessage(message, key, body["values"], key=_key()))
    except InvalidInput as error:
        (wait,) = context().queries.message_waits(message, key)
        place = (wait["case_id"], wait["instance_no"], wait["number"])
        _translate(error, context().pages.message(*place, person(), now()).form, body["values"])
        raise


# forms as JSON -----------------------------------------------------------------------------------


def _translate(error: InvalidInput, form: FormView | None, values: Mapping[str, Any]) -> None:
    """The messages in the language that the request asks for."""
    if form is not None:
        error.fields = form.errors(values, language()) or error.fields


def _form_page(page: TaskPage | MessagePage | StartPage) -> dict[str, Any]:
    return {
        "name": page.element.name,
        "legal_basis": page.element.get("legalBasis"),
        "form": _form_json(page.form) if page.form else None,
        "values": page.form.initial if page.form else {},
    }


def _form_json(form: FormView) -> dict[str, Any]:
    return {"id": form.form.id, "components": _components(form, form.form.components)}


def _components(form: FormView, components: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        _field_json(form, found)
        if isinstance(found, Field)
        else {"kind": "text", "key": found.key, "text": found.text, "hide": found.hide}
        for found in components
    ]


def _field_json(form: FormView, field: Field) -> dict[str, Any]:
    given: dict[str, Any] = {
        "description": field.description,
        "minLength": field.min_length,
        "maxLength": field.max_length,
        "min": _number(field.minimum),
        "max": _number(field.maximum),
        "pattern": field.pattern,
        "hide": field.hide,
        "check": field.check,
        "checkMessage": field.check_message,
    }
    if field.kind in ("select", "radio", "checklist"):
        given["options"] = [asdict(option) for option in form.options(field)]
    if field.kind == "dynamiclist":
        given["components"] = _components(form, field.components)
    kept = {name: value for name, value in given.items() if value not in (None, "")}
    head = {"kind": field.kind, "key": field.key, "label": field.label, "required": field.required}
    return {**head, **kept}


def _number(value: Decimal | None) -> float | None:
    return float(value) if value is not None else None
