"""For every rule of the gate, a change to the clean package that breaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tests.small_packages import WHY


class Change(NamedTuple):
    """`old` becomes `new` in a file; without `old`, `new` becomes the file."""

    file: str
    old: str
    new: str


def small(old: str, new: str) -> Change:
    return Change("small.bpmn", old, new)


def inner(old: str, new: str) -> Change:
    return Change("inner.bpmn", old, new)


def grow(*xml: str) -> Change:
    """More elements in the process `small`."""
    tail = "</process></definitions>"
    return small(tail, "".join(xml) + tail)


def flow(name: str, source: str, target: str) -> str:
    return f'<sequenceFlow id="{name}" sourceRef="{source}" targetRef="{target}"/>'


def condition(text: str) -> str:
    return f'<conditionExpression xsi:type="tFormalExpression">{text}</conditionExpression>'


def before_call(element: str, name: str) -> tuple[Change, Change]:
    """An element `name` between `mark` and `call`."""
    return (
        small('sourceRef="mark" targetRef="call"', f'sourceRef="mark" targetRef="{name}"'),
        grow(element, flow("f_on", name, "call")),
    )


def wait(text: str) -> str:
    return f'<timeDuration xsi:type="tFormalExpression">{text}</timeDuration>'


def prop(name: str, value: str) -> str:
    return f'<spiffworkflow:property name="{name}" value="{value}"/>'


TASK = '<userTask id="one" name="核对材料">'
SERVICE = '<serviceTask id="alone" name="孤立"/>'
GATE = '<exclusiveGateway id="gate" name="再来？" default="f_on"/>'
TIRED = f'<timerEventDefinition id="tired_d">{wait("P3D")}</timerEventDefinition>'
ANSWER = '<messageEventDefinition id="answer_d" messageRef="m_answer"/>'
START = prop("startClock", "handle") + prop("clockStart", "date(received_on)")
OFFICE = prop("organisation", "office")
DUE = "due(&quot;handle&quot;)"
PLAIN = ' default="flow_which_split_5"'
EMPTY = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="e" targetNamespace="a"/>'
)
SCRIPT = "<spiffworkflow:preScript>x = 1</spiffworkflow:preScript>"
OTHER_LANE = '<lane id="other" name="别的"><flowNodeRef>one</flowNodeRef></lane>'
BASIS = (
    "<extensionElements><spiffworkflow:properties>"
    f"{prop('legalBasis', WHY)}</spiffworkflow:properties></extensionElements>"
)

FILES: Mapping[str, tuple[str | None, tuple[Change, ...]]] = {
    "too_large": ("small", (grow(*(f'<endEvent id="x{n}"/>' for n in range(200))),)),
    "schema": (None, (small('targetRef="ask"', 'target="ask"'),)),
    "process_missing": (None, (Change("empty.bpmn", "", EMPTY),)),
    "unsupported": ("mark", (small("serviceTask", "scriptTask"),)),
    "attribute": ("one", (small(TASK, TASK.replace(">", ' isForCompensation="true">')),)),
    "script": (
        "one",
        (small(f"{TASK}<extensionElements>", f"{TASK}<extensionElements>{SCRIPT}"),),
    ),
    "letter_template": (None, (Change("letters/D06.html", "{{ case.case_no }}", "{% for x %}"),)),
    "id_twice": ("ask", (inner('"inner_ask"', '"ask"'), inner(">inner_ask<", ">ask<"))),
    "id_reserved": ("End", (inner("inner_end", "End"),)),
    "name_missing": ("one", (small(' name="核对材料"', ""),)),
    "choice_name_missing": ("which", (small(' name="往哪去？"', ""),)),
    "property_unknown": ("mark", (small('name="clockStart"', 'name="clockstart"'),)),
    "property_place": ("mark", (small(START, prop("form", "small_ask")),)),
    "property_alone": ("mark", (small(START, prop("clockStart", "today()")),)),
}

STRUCTURE: Mapping[str, tuple[str | None, tuple[Change, ...]]] = {
    "start_count": (
        "small",
        (grow('<startEvent id="again"/>', flow("f_x", "again", "ask")),),
    ),
    "end_missing": ("inner", (inner('<endEvent id="inner_end" name="已答复"/>', ""),)),
    "event_kind": ("tired", (small(TIRED, ""),)),
    "boundary_host": ("late", (small('attachedToRef="ask"', 'attachedToRef="mark"'),)),
    "flow_ends": ("f_x", (grow(flow("f_x", "one", "small_lane")),)),
    "dangling_in": ("alone", (grow(SERVICE, flow("f_x", "alone", "mark")),)),
    "dangling_out": ("alone", (grow(SERVICE, flow("f_x", "which", "alone")),)),
    "flow_into_start": ("begin", (grow(flow("f_x", "mark", "begin")),)),
    "flow_out_of_end": ("finish", (grow(flow("f_x", "finish", "mark")),)),
    "several_outgoing": ("mark", (grow(flow("f_x", "mark", "finish")),)),
    "unreachable": (
        "alone",
        (
            grow(
                SERVICE,
                GATE,
                flow("f_on", "gate", "alone"),
                flow("f_y", "alone", "gate"),
                flow("f_z", "gate", "mark"),
            ),
        ),
    ),
    "no_way_out": (
        "alone",
        (
            *before_call(GATE, "gate"),
            grow(SERVICE, flow("f_x", "gate", "alone"), flow("f_y", "alone", "alone")),
        ),
    ),
    "default_missing": ("which", (small(PLAIN, ""),)),
    "default_foreign": ("which", (small(PLAIN, ' default="flow_begin_ask_0"'),)),
    "condition_missing": ("f_x", (grow(flow("f_x", "which", "mark")),)),
    "condition_ignored": (
        "flow_begin_ask_0",
        (small('targetRef="ask">', f'targetRef="ask">{condition("true")}'),),
    ),
    "event_gateway_target": (
        "race",
        (small('sourceRef="race" targetRef="tired"', 'sourceRef="race" targetRef="mark"'),),
    ),
    "event_gateway_few": (
        "race",
        (small(flow("flow_race_tired_8", "race", "tired").replace("/>", "></sequenceFlow>"), ""),),
    ),
    "event_gateway_timers": ("race", (small(ANSWER, TIRED.replace("tired", "answer")),)),
    "message_twice": ("answer", (small(TIRED, ANSWER.replace("answer_d", "tired_d")),)),
    "gateway_useless": ("gate", before_call('<exclusiveGateway id="gate"/>', "gate")),
    "join_stuck": (
        "join",
        (
            small(
                '<parallelGateway id="split"/>',
                '<exclusiveGateway id="split" name="哪个？" default="flow_split_one_11"/>',
            ),
        ),
    ),
    "merge_twice": (
        "call",
        (small('<parallelGateway id="join"/>', '<exclusiveGateway id="join"/>'),),
    ),
    "loop_automatic": (
        "gate",
        (*before_call(GATE, "gate"), grow(flow("f_x", "gate", "mark"))),
    ),
    "timer_missing": ("tired", (small(">P3D<", "><"),)),
    "timer_value": ("tired", (small(">P3D<", ">P1M<"),)),
    "message_missing": ("answer", (small(' name="answer"', ""),)),
    "multi_instance": (
        "inner_ask",
        (inner("<loopDataInputRef>orgs</loopDataInputRef>", ""),),
    ),
    "multi_instance_list": ("inner_ask", (inner(">orgs<", ">found<"),)),
}

REFERENCES: Mapping[str, tuple[str | None, tuple[Change, ...]]] = {
    "lane_name": ("small_lane", (small('id="small_lane" name="登记员"', 'id="small_lane"'),)),
    "lane_missing": ("one", (small("<flowNodeRef>one</flowNodeRef>", ""),)),
    "lane_twice": ("one", (small("</lane>", f"</lane>{OTHER_LANE}"),)),
    "role_missing": ("one", (small(prop("role", "registrar"), ""),)),
    "role_unknown": ("one", (small(prop("role", "registrar"), prop("role", "registrer")),)),
    "organisation_unknown": ("one", (small(OFFICE, prop("organisation", "offices")),)),
    "organisation_unset": ("remind", (small("registrar@office", "registrar@review_org"),)),
    "item_alone": ("one", (small(OFFICE, prop("organisation", "item")),)),
    "recipient": ("remind", (small("registrar@office", "registrar"),)),
    "text_place": ("remind", (small("《{title}》", "《{titel}》"),)),
    "form_unknown": ("ask", (small('value="small_ask"', 'value="small_asks"'),)),
    "form_unused": ("small_ask", (small(prop("form", "small_ask"), ""),)),
    "decision_unknown": ("decide", (small(">small_table<", ">small_tables<"),)),
    "decision_unused": ("small_table", (small(">small_table<", ">small_tables<"),)),
    "letter_unused": ("D07", (Change("letters/D07.html", "", "<p>函</p>"),)),
    "letter_missing": ("ask", (small('value="D06"', 'value="D07"'),)),
    "document_unknown": ("ask", (small('value="D06"', 'value="D66"'),)),
    "status_unknown": ("begin", (small('value="received"', 'value="recieved"'),)),
    "clock_unknown": ("mark", (small('startClock" value="handle"', 'startClock" value="handel"'),)),
    "clock_length": ("mark", (small('startClock" value="handle"', 'startClock" value="perform"'),)),
    "clock_fixed": (
        "mark",
        (small(START, prop("extendClock", "dispatch") + prop("extendDays", "15")),),
    ),
    "call_unknown": ("call", (small('calledElement="inner"', 'calledElement="innner"'),)),
    "call_cycle": ("call", (small('calledElement="inner"', 'calledElement="small"'),)),
    "call_input": (
        "again",
        before_call('<callActivity id="again" name="再征求" calledElement="inner"/>', "again"),
    ),
    "process_unused": ("inner", (small('calledElement="inner"', 'calledElement="innner"'),)),
    "options_unknown": (
        "small_start",
        (Change("small_start.form", "organisations:unit", "codes:units"),),
    ),
    "prefill_unknown": (
        "small_answer",
        (Change("small_answer.form", '"prefill": "claims"', '"prefill": "claim"'),),
    ),
    "legal_basis": ("which", (small(f"{PLAIN}>{BASIS}", f"{PLAIN}>"),)),
}

FEEL: Mapping[str, tuple[str | None, tuple[Change, ...]]] = {
    "feel": ("flow_which_race_6", (small('route = "wait"', 'route == "wait"'),)),
    "feel_function": ("call", (small("asked_on=today()", "asked_on=tomorrow()"),)),
    "feel_arguments": ("late", (small(DUE, "warn(&quot;handle&quot;)"),)),
    "feel_name": ("flow_which_race_6", (small('route = "wait"', 'rout = "wait"'),)),
    "variable_name": ("call", (small('value="found"', 'value="1found=found"'),)),
    "feel_clock": ("late", (small(DUE, "due(&quot;handel&quot;)"),)),
}

FAULTS = {**FILES, **STRUCTURE, **REFERENCES, **FEEL}
"""Rule -> the element (None: a file) at which it is told, and the changes."""
