"""A small procedure beside the real ones: a task, a message, a letter, and a way that fails."""

from __future__ import annotations

import json
from typing import Any

from engine import commands as c
from engine.execute import Bureau
from tests import support

START = {
    "type": "default",
    "id": "errand_start",
    "components": [
        {
            "type": "textfield",
            "key": "title",
            "label": "标题",
            "validate": {"required": True, "maxLength": 60},
        }
    ],
}
CHOOSE = {
    "type": "default",
    "id": "errand_choose",
    "components": [
        {
            "type": "radio",
            "key": "way",
            "label": "去向",
            "validate": {"required": True},
            "values": [
                {"label": "等消息", "value": "wait"},
                {"label": "还没有责任单位", "value": "lost"},
            ],
            "properties": {"routing": "true"},
        }
    ],
}
REPLY = {
    "type": "default",
    "id": "errand_reply",
    "components": [
        {
            "type": "textarea",
            "key": "reply_text",
            "label": "来文",
            "validate": {"required": True, "maxLength": 100},
        }
    ],
}
WHY = "内部管理：测试"
LETTER = (
    "<!doctype html><title>函</title><p>{{ case.case_no }} {{ org.zh }} {{ doc.title }}</p>"
    "<p>{{ today }} {{ organisations.office.zh }} {{ doc.nothing.at.all }}</p>"
)


def package() -> dict[str, str]:
    p = support.properties
    basis, unit = p(legalBasis=WHY), p(organisation="unit", legalBasis=WHY)
    reply = p(form="errand_reply", legalBasis=WHY)
    body = (
        f'<startEvent id="errand_begin">{p(form="errand_start")}</startEvent>'
        f'<userTask id="errand_ask" name="选定去向">'
        f"{p(form='errand_choose', document='D06', legalBasis=WHY)}</userTask>"
        '<exclusiveGateway id="errand_which" name="往哪去？" '
        'default="flow_errand_which_errand_far_3">'
        f"{basis}</exclusiveGateway>"
        f'<userTask id="errand_far" name="交责任单位">{unit}</userTask>'
        f'<intermediateCatchEvent id="errand_wait" name="等候来文">{reply}'
        '<messageEventDefinition messageRef="errand_message"/></intermediateCatchEvent>'
        '<endEvent id="errand_end"/>'
    )
    drawn = support.small_package(
        body
        + support.flows(
            ("errand_begin", "errand_ask"),
            ("errand_ask", "errand_which"),
            ("errand_which", "errand_wait", 'way = "wait"'),
            ("errand_which", "errand_far"),
            ("errand_wait", "errand_end"),
            ("errand_far", "errand_end"),
        ),
        key="errand",
    )["errand.bpmn"]
    message = '<message id="errand_message" name="reply"/>'
    return {
        "errand.bpmn": drawn.replace("<process ", f"{message}<process "),
        "errand_start.form": json.dumps(START, ensure_ascii=False),
        "errand_choose.form": json.dumps(CHOOSE, ensure_ascii=False),
        "errand_reply.form": json.dumps(REPLY, ensure_ascii=False),
        "letters/D06.html": LETTER,
    }


class Errand:
    """One case of it, driven by the registrar of the city office."""

    def __init__(self, bureau: Bureau, title: str) -> None:
        self.bureau = bureau
        values = {"title": title}
        started = bureau.execute(c.StartCase("errand", values, "shi_xfj"), "lin", self.now)
        self.case_id, self.case_no = started.case_id, started.case_no
        self.item = c.ItemId.parse(started.opened[0])

    now = support.at("2025-09-22")

    def choose(self, way: str) -> Any:
        self.bureau.execute(c.ClaimTask(self.item), "lin", self.now)
        return self.bureau.execute(c.CompleteTask(self.item, {"way": way}), "lin", self.now)
