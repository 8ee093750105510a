"""The JSON API under /api/v1: the same acts as the pages, with a bearer token.

A token comes from `anjie token USER`. `Idempotency-Key` on an act makes sending it twice execute
it once. Errors are problem+json (RFC 9457), a form's messages in `errors` by dotted key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import marshmallow as ma
from flask import Flask, Request, abort, g, request
from flask.views import MethodView
from flask_smorest import Api, Blueprint
from flask_wtf.csrf import CSRFProtect
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest

from engine.commands import (
    ClaimTask,
    CompleteTask,
    CorrelateMessage,
    ItemId,
    ReleaseTask,
    Result,
    StartCase,
)
from engine.errors import InvalidInput
from engine.pages import Field, FormView
from web.context import context, execute, now, person, today
from web.language import language
from web.session import token_hash

MAX_KEY = 128


class _Parser(FlaskParser):  # type: ignore[misc]
    def _raw_load_json(self, req: Request) -> Any:
        """Nesting that exhausts the stack is no valid document either."""
        try:
            return super()._raw_load_json(req)
        except RecursionError:
            raise BadRequest("The JSON is nested too deeply.") from None


blueprint = Blueprint("api", __name__, url_prefix="/api/v1", description="Acts and reads")
blueprint.ARGUMENTS_PARSER = _Parser()


class _Api(Api):  # type: ignore[misc]
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


# schemas -----------------------------------------------------------------------------------------


class _Strict(ma.Schema):
    class Meta:
        unknown = ma.RAISE


class PageQuery(ma.Schema):
    class Meta:
        unknown = ma.RAISE

    after = ma.fields.String(metadata={"description": "`next` of the page before"})
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))


class InboxQuery(PageQuery):
    tab = ma.fields.String(load_default="queue", validate=ma.validate.OneOf(["queue", "mine"]))
    role = ma.fields.String(load_default=None)
    q = ma.fields.String(load_default="", validate=ma.validate.Length(max=100))


class CaseQuery(PageQuery):
    q = ma.fields.String(load_default="", validate=ma.validate.Length(max=100))
    status = ma.fields.String(load_default=None)
    late = ma.fields.Boolean(load_default=False)


class HistoryQuery(_Strict):
    after = ma.fields.Integer(load_default=0, validate=ma.validate.Range(0))
    limit = ma.fields.Integer(load_default=200, validate=ma.validate.Range(1, 1000))


class ItemSchema(ma.Schema):
    id = ma.fields.String(required=True)
    case_id = ma.fields.Integer(required=True)
    case_no = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    petitioner = ma.fields.String(required=True)
    role = ma.fields.String(required=True)
    organisation = ma.fields.String(required=True)
    assignee = ma.fields.String(required=True, allow_none=True)
    due = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "legal due date, local"}
    )
    clock = ma.fields.String(required=True, allow_none=True)
    created_at = ma.fields.String(required=True)
    procedure = ma.fields.String(required=True)
    element = ma.fields.String(required=True)


class FormItemSchema(ItemSchema):
    legal_basis = ma.fields.String(required=True)
    form = ma.fields.Dict(required=True, allow_none=True)
    values = ma.fields.Dict(required=True)


class InboxSchema(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(ItemSchema), required=True)
    next = ma.fields.String(required=True, allow_none=True)


class ValuesSchema(_Strict):
    values = ma.fields.Dict(keys=ma.fields.String(), required=True)


class StartSchema(ValuesSchema):
    procedure = ma.fields.String(load_default="petition")
    organisation = ma.fields.String(required=True)


class MessageSchema(ValuesSchema):
    message = ma.fields.String(required=True)
    correlation_key = ma.fields.String(required=True)


class ResultSchema(ma.Schema):
    case_id = ma.fields.Integer(required=True)
    case_no = ma.fields.String(required=True)
    seq = ma.fields.Integer(required=True, metadata={"description": "length of the history"})
    opened = ma.fields.List(ma.fields.String(), required=True)


class CaseRowSchema(ma.Schema):
    id = ma.fields.Integer(required=True)
    case_no = ma.fields.String(required=True)
    procedure = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    petitioner = ma.fields.String(required=True)
    channel = ma.fields.String(required=True, allow_none=True)
    category = ma.fields.String(required=True, allow_none=True)
    status = ma.fields.String(required=True)
    stage = ma.fields.String(required=True)
    received_on = ma.fields.String(required=True, allow_none=True)
    org_office = ma.fields.String(required=True, allow_none=True)
    org_unit = ma.fields.String(required=True, allow_none=True)
    opened_at = ma.fields.String(required=True)
    closed_at = ma.fields.String(required=True, allow_none=True)


class DatedCaseSchema(CaseRowSchema):
    due = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "first legal date, local"}
    )


class CasesSchema(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(DatedCaseSchema), required=True)
    next = ma.fields.String(required=True, allow_none=True)


class CaseSchema(CaseRowSchema):
    doc = ma.fields.Dict(required=True)
    clocks = ma.fields.List(ma.fields.Dict(), required=True)
    documents = ma.fields.List(ma.fields.Dict(), required=True)
    instances = ma.fields.List(ma.fields.Dict(), required=True)
    items = ma.fields.List(ma.fields.Nested(ItemSchema), required=True)
    waits = ma.fields.List(ma.fields.Dict(), required=True)
    timers = ma.fields.List(ma.fields.Dict(), required=True)
    incidents = ma.fields.List(ma.fields.Dict(), required=True)


class EventSchema(ma.Schema):
    seq = ma.fields.Integer(required=True)
    at = ma.fields.String(required=True)
    actor = ma.fields.String(required=True)
    type = ma.fields.String(required=True)
    instance_no = ma.fields.Integer(required=True, allow_none=True)
    element = ma.fields.String(required=True, allow_none=True)
    payload = ma.fields.Dict(required=True, allow_none=True)
    hash = ma.fields.Function(lambda row: row["hash"].hex(), required=True)


class DiagramSchema(ma.Schema):
    instance = ma.fields.Integer(required=True)
    name = ma.fields.String(required=True)
    marks = ma.fields.Dict(required=True)
    xml = ma.fields.String(required=True)


# Unknown parameters are refused, as a schema's own setting says; webargs would drop them.
_QUERY: dict[str, Any] = {"location": "query", "unknown": None}

# acts and reads ----------------------------------------------------------------------------------


@blueprint.route("/inbox")
class Inbox(MethodView):
    @blueprint.arguments(InboxQuery, **_QUERY)
    @blueprint.response(200, InboxSchema)
    def get(self, query: dict[str, Any]) -> Any:
        """The open tasks of the roles that the token's person holds, soonest due first."""
        return context().queries.inbox(
            person(), query["tab"], query["role"], query["q"], query.get("after"), query["limit"]
        )


@blueprint.route("/items/<item:item>")
class Item(MethodView):
    @blueprint.response(200, FormItemSchema)
    def get(self, item: ItemId) -> Any:
        """A task with its form and the values that it opens with."""
        page = context().pages.task(item, person(), now())
        return {
            **asdict(page.item),
            "legal_basis": page.element.get("legalBasis"),
            "form": _form_json(page.form) if page.form else None,
            "values": page.form.initial if page.form else {},
        }


@blueprint.route("/items/<item:item>/claim", methods=["POST"])
@blueprint.response(200, ResultSchema)
def claim(item: ItemId) -> Result:
    """Claim a task."""
    return execute(ClaimTask(item, key=_key()))


@blueprint.route("/items/<item:item>/release", methods=["POST"])
@blueprint.response(200, ResultSchema)
def release(item: ItemId) -> Result:
    """Give a claimed task back to its queue."""
    return execute(ReleaseTask(item, key=_key()))


@blueprint.route("/items/<item:item>/complete", methods=["POST"])
@blueprint.arguments(ValuesSchema)
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
    @blueprint.response(200, CasesSchema)
    def get(self, query: dict[str, Any]) -> Any:
        """The cases that the token's person may look at, newest first."""
        late = today().isoformat() if query["late"] else None
        return context().queries.cases(
            person(), query["q"], query["status"], late, query.get("after"), query["limit"]
        )

    @blueprint.arguments(StartSchema)
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


@blueprint.route("/cases/<case_no>")
class Case(MethodView):
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
    @blueprint.response(200, EventSchema(many=True))
    def get(self, query: dict[str, Any], case_no: str) -> Any:
        """The case's append-only history in order."""
        case_id = context().queries.case_id(case_no)
        context().queries.case(case_id, person())
        return context().queries.history(case_id, query["after"], query["limit"])


@blueprint.route("/cases/<case_no>/diagrams/<int:instance>")
class Diagram(MethodView):
    @blueprint.response(200, DiagramSchema)
    def get(self, case_no: str, instance: int) -> Any:
        """The diagram on which a process instance runs, and where it stands on it."""
        case_id = context().queries.case_id(case_no)
        page = context().pages.case(case_id, person())
        xml = context().queries.diagram(case_id, instance)
        found = next(i for i in page.instances if i.no == instance)
        return {"instance": instance, "name": found.name, "marks": found.marks, "xml": xml}


@blueprint.route("/messages", methods=["POST"])
@blueprint.arguments(MessageSchema)
@blueprint.response(200, ResultSchema)
def deliver(body: dict[str, Any]) -> Result:
    """Deliver a message to the one case that waits for it with this correlation key."""
    return execute(
        CorrelateMessage(body["message"], body["correlation_key"], body["values"], key=_key())
    )


# forms as JSON -----------------------------------------------------------------------------------


def _translate(error: InvalidInput, form: FormView | None, values: Mapping[str, Any]) -> None:
    """The messages in the language that the request asks for."""
    if form is not None:
        error.fields = form.errors(values, language()) or error.fields


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
