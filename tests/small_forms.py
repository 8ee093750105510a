"""Small forms for the tests of forms."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from engine.errors import InvalidInput
from engine.forms import Form, FormScope, Option

TODAY = date(2025, 8, 4)
ORGANISATIONS = {
    "organisations:unit": [Option("zrzy", "自然资源局"), Option("rsj", "人社局")],
    "organisations:*": [Option("zrzy", "自然资源局"), Option("xfj", "信访局")],
    "codes:channel": [Option("letter", "来信"), Option("visit", "来访")],
}


def scope(**values: Any) -> FormScope:
    return FormScope(values, TODAY, lambda source: ORGANISATIONS[source])


def form(*components: dict[str, Any]) -> Form:
    return Form.parse(source(*components))


def source(*components: Any, **changes: Any) -> str:
    data = {"type": "default", "id": "register", "schemaVersion": 18}
    return json.dumps({**data, "components": list(components), **changes})


def component(kind: str = "textfield", key: str = "title", **more: Any) -> dict[str, Any]:
    limits = {"maxLength": 20} if kind in ("textfield", "textarea") else {}
    limits |= more.pop("validate", {})
    named = {"path": key} if kind == "dynamiclist" else {"key": key}
    extra: dict[str, Any] = {"subtype": "date"} if kind == "datetime" else {}
    if kind in ("select", "radio", "checklist") and "options" not in more.get("properties", {}):
        values = [{"value": "a", "label": "甲"}, {"value": "b", "label": "乙"}]
        extra["values"] = values
    return {"type": kind, **named, "label": "标题", "validate": limits, **extra, **more}


def claims(**more: Any) -> dict[str, Any]:
    columns = [
        component("textarea", "request", label="请求", validate={"required": True}),
        component("number", "amount", label="金额", validate={"min": 0}),
    ]
    return component("dynamiclist", "claims", **{"label": "诉求", "components": columns, **more})


def refused(checked: Form, raw: Any, in_scope: FormScope | None = None, lang: Any = "en") -> Any:
    with pytest.raises(InvalidInput) as caught:
        checked.validate(raw, in_scope or scope(), lang)
    return caught.value.fields


def sampled() -> Form:
    required = {"required": True}
    return form(
        component("radio", "channel", label="信访形式", validate=required,
                  properties={"options": "codes:channel", "routing": "true"}),
        component(key="phone", label="电话", validate={**required, "pattern": "^1[0-9]{10}$"}),
        component("number", "people", label="人数", validate={**required, "min": 5, "max": 9}),
        component("datetime", "received_on", label="收到日", validate=required,
                  properties={"check": "value < today()", "checkMessage": "x"}),
        component("datetime", "met_on", label="会面日", validate=required,
                  properties={"check": "value >= received_on", "checkMessage": "x"}),
        component("checkbox", "seen", label="已核对", validate=required),
        component("checklist", "kinds", label="类别", validate=required,
                  properties={"check": "count(value) = 2", "checkMessage": "x"}),
        component(key="visited", label="来访地点", validate=required,
                  conditional={"hide": '=channel != "visit"'}),
        claims(validate=required),
        component(key="note", label="备注"),
    )  # fmt: skip
