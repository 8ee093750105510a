"""What the JSON API takes and gives."""

from __future__ import annotations

from typing import Any

import marshmallow as ma


class _Strict(ma.Schema):
    class Meta:
        unknown = ma.RAISE


class _Text(ma.fields.String):
    """A text that every database can look for: no control characters, no lone surrogates."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        if any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF for c in text):
            raise self.make_error("invalid")
        return text


class PageQuery(_Strict):
    after = _Text(metadata={"description": "`next` of the page before"})
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))


class InboxQuery(PageQuery):
    tab = ma.fields.String(load_default="queue", validate=ma.validate.OneOf(["queue", "mine"]))
    role = _Text(load_default=None)
    q = _Text(load_default="", validate=ma.validate.Length(max=100))


class CaseQuery(PageQuery):
    q = _Text(load_default="", validate=ma.validate.Length(max=100))
    status = _Text(load_default=None)
    late = ma.fields.Boolean(load_default=False)


class HistoryQuery(_Strict):
    after = ma.fields.Integer(load_default=0, validate=ma.validate.Range(0, 2**31 - 1))
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


class FormSchema(ma.Schema):
    name = ma.fields.String(required=True)
    legal_basis = ma.fields.String(required=True)
    form = ma.fields.Dict(required=True, allow_none=True)
    values = ma.fields.Dict(required=True, metadata={"description": "what the form opens with"})


class FormItemSchema(FormSchema, ItemSchema):
    """A work item with its form."""


class ProcedureSchema(FormSchema):
    procedure = ma.fields.String(required=True)
    organisations = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "where the person may start it"}
    )


class MessageFormSchema(FormSchema):
    message = ma.fields.String(required=True)
    correlation_key = ma.fields.String(required=True)


class InboxSchema(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(ItemSchema), required=True)
    next = ma.fields.String(required=True, allow_none=True)


class ValuesSchema(_Strict):
    values = ma.fields.Dict(keys=ma.fields.String(), required=True)


class StartSchema(ValuesSchema):
    procedure = _Text(load_default="petition")
    organisation = _Text(required=True)


class MessageSchema(ValuesSchema):
    message = _Text(required=True)
    correlation_key = _Text(required=True)


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
    org_receiver = ma.fields.String(required=True, allow_none=True)
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


class Problem(ma.Schema):
    """RFC 9457."""

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(required=True)
    errors = ma.fields.Dict(
        ma.fields.String(),
        ma.fields.List(ma.fields.String()),
        metadata={"description": "messages by field: `title`, `claims.0.request`"},
    )
