"""A package with one of everything that the gate looks at, and nothing wrong with it."""

from __future__ import annotations

import json
from typing import Any

from tests.support import flows, properties, small_package

WHY = "内部管理：测试"
TABLE = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="small_definitions"
 name="small" namespace="anjie">
 <decision id="small_table" name="去向">
  <decisionTable id="small_dt" hitPolicy="FIRST">
   <input id="small_in"><inputExpression id="small_ie"><text>way</text></inputExpression></input>
   <output id="small_out" name="route"/>
   <rule id="small_r1"><inputEntry id="small_e1"><text>"wait"</text></inputEntry>
    <outputEntry id="small_o1"><text>"wait"</text></outputEntry></rule>
   <rule id="small_r2"><inputEntry id="small_e2"><text>-</text></inputEntry>
    <outputEntry id="small_o2"><text>"call"</text></outputEntry></rule>
  </decisionTable>
 </decision>
</definitions>"""


def form(name: str, *components: dict[str, Any]) -> str:
    data = {"type": "default", "id": name, "schemaVersion": 18, "components": list(components)}
    return json.dumps(data, ensure_ascii=False)


def _message(event: str, name: str) -> str:
    return f'<messageEventDefinition id="{event}_d" messageRef="{name}"/>'


def _timer(event: str, text: str, kind: str = "timeDate") -> str:
    value = f'<{kind} xsi:type="tFormalExpression">{text}</{kind}>'
    return f'<timerEventDefinition id="{event}_d">{value}</timerEventDefinition>'


def _task(name: str, words: str, **more: str) -> str:
    return f'<userTask id="{name}" name="{words}">{properties(legalBasis=WHY, **more)}</userTask>'


def clean_files() -> dict[str, str]:
    """The files of the package `small`: the root `small` calls `inner` for each organisation."""
    basis = properties(legalBasis=WHY)
    notice = properties(to="registrar@office", text="《{title}》{due}到期。", clock="handle")
    body = (
        f'<startEvent id="begin" name="开始">{properties(form="small_start", status="received")}'
        "</startEvent>"
        f"{_task('ask', '选定去向', form='small_ask', document='D06', clock='handle')}"
        '<boundaryEvent id="late" name="期限届满" attachedToRef="ask" cancelActivity="false">'
        f"{basis}{_timer('late', 'due(&quot;handle&quot;)')}</boundaryEvent>"
        f'<sendTask id="remind" name="提醒">{notice}</sendTask>'
        '<endEvent id="reminded" name="已提醒"/>'
        '<businessRuleTask id="decide" name="确定去向"><extensionElements>'
        "<spiffworkflow:calledDecisionId>small_table</spiffworkflow:calledDecisionId>"
        "<spiffworkflow:properties>"
        f'<spiffworkflow:property name="legalBasis" value="{WHY}"/>'
        "</spiffworkflow:properties></extensionElements></businessRuleTask>"
        '<exclusiveGateway id="which" name="往哪去？" default="flow_which_split_5">'
        f"{basis}</exclusiveGateway>"
        '<eventBasedGateway id="race"/>'
        '<intermediateCatchEvent id="answer" name="来文">'
        f"{properties(legalBasis=WHY, form='small_answer')}{_message('answer', 'm_answer')}"
        "</intermediateCatchEvent>"
        '<intermediateCatchEvent id="tired" name="满3日">'
        f"{basis}{_timer('tired', 'P3D', 'timeDuration')}</intermediateCatchEvent>"
        '<parallelGateway id="split"/>'
        f"{_task('one', '核对材料')}{_task('two', '核对附件')}"
        '<parallelGateway id="join"/>'
        '<serviceTask id="mark" name="起算">'
        f"{properties(startClock='handle', clockStart='date(received_on)')}</serviceTask>"
        '<callActivity id="call" name="逐个征求" calledElement="inner">'
        f"{properties(inputs='orgs; asked_on=today()', outputs='found')}</callActivity>"
        '<endEvent id="finish" name="办结"/>'
    ) + flows(
        ("begin", "ask"),
        ("ask", "decide"),
        ("late", "remind"),
        ("remind", "reminded"),
        ("decide", "which"),
        ("which", "split"),
        ("which", "race", 'route = "wait"'),
        ("race", "answer"),
        ("race", "tired"),
        ("answer", "mark"),
        ("tired", "mark"),
        ("split", "one"),
        ("split", "two"),
        ("one", "join"),
        ("two", "join"),
        ("join", "mark"),
        ("mark", "call"),
        ("call", "finish"),
    )
    inner = (
        '<startEvent id="inner_begin" name="开始"/>'
        '<userTask id="inner_ask" name="答复">'
        f"{properties(legalBasis=WHY, form='inner_ask', organisation='item')}"
        '<multiInstanceLoopCharacteristics isSequential="false">'
        "<loopDataInputRef>orgs</loopDataInputRef></multiInstanceLoopCharacteristics></userTask>"
        '<endEvent id="inner_end" name="已答复"/>'
    ) + flows(("inner_begin", "inner_ask"), ("inner_ask", "inner_end"))
    drawn = small_package(body)["small.bpmn"]
    return {
        "small.bpmn": drawn.replace("<process ", '<message id="m_answer" name="answer"/><process '),
        "inner.bpmn": small_package(inner, key="inner")["inner.bpmn"],
        "small_start.form": form("small_start", _text("title", "标题"), _orgs()),
        "small_ask.form": form("small_ask", _ways()),
        "small_answer.form": form("small_answer", _text("answer_text", "来文"), _rows()),
        "inner_ask.form": form("inner_ask", _text("found", "答复", routing="true")),
        "small.dmn": TABLE,
        "letters/D06.html": "<!doctype html><title>函</title><p>{{ case.case_no }}</p>",
    }


def _text(key: str, label: str, **more: str) -> dict[str, Any]:
    return {
        "type": "textfield",
        "key": key,
        "label": label,
        "validate": {"maxLength": 60},
        "properties": more,
    }


def _ways() -> dict[str, Any]:
    return {
        "type": "radio",
        "key": "way",
        "label": "去向",
        "validate": {"required": True},
        "values": [{"label": "等", "value": "wait"}, {"label": "问", "value": "call"}],
        "properties": {"routing": "true", "check": 'title != "x"', "checkMessage": "请填写"},
    }


def _orgs() -> dict[str, Any]:
    return {
        "type": "checklist",
        "key": "orgs",
        "label": "协办单位",
        "properties": {"routing": "true", "options": "organisations:unit"},
    }


def _rows() -> dict[str, Any]:
    return {
        "type": "dynamiclist",
        "path": "claims",
        "label": "请求",
        "properties": {"prefill": "claims"},
        "components": [_text("request", "请求")],
    }
