"""BPMN XML to compiled processes: SpiffWorkflow's parser with our element classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree
from SpiffWorkflow.bpmn.parser.util import full_tag
from SpiffWorkflow.bpmn.specs.event_definitions.message import MessageEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.timer import TimerEventDefinition
from SpiffWorkflow.spiff.parser.process import VALIDATOR, SpiffBpmnParser
from SpiffWorkflow.spiff.parser.task_spec import SpiffTaskParser

from engine.errors import InvalidDefinition, Problem
from engine.spiff.specs import (
    AutomaticTask,
    CallActivity,
    DecisionTask,
    UserTask,
    compile_spec,
)
from engine.xml import read_xml

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
NS = {"b": BPMN, "s": "http://spiffworkflow.org/bpmn/schema/1.0/core"}


@dataclass(frozen=True)
class Element:
    """What the rest of the engine needs to know of one element of a diagram."""

    id: str
    type: str
    name: str
    lane: str
    properties: Mapping[str, str]
    message: str | None = None

    def get(self, key: str, default: str = "") -> str:
        return self.properties.get(key, default)

    @property
    def role(self) -> str:
        return self.get("role")

    @property
    def organisation(self) -> str:
        return self.get("organisation")


@dataclass(frozen=True)
class Process:
    """One compiled process: its id, SpiffWorkflow's spec in stepped form, its elements."""

    id: str
    name: str
    spec: Any = field(repr=False, compare=False)
    elements: Mapping[str, Element] = field(repr=False, compare=False)

    @property
    def start(self) -> Element:
        return next(e for e in self.elements.values() if e.type == "startEvent")

    @property
    def is_root(self) -> bool:
        """What has a form at its start begins a case; the others are called."""
        return bool(self.start.role and self.start.get("form"))


class _ActivityParser(SpiffTaskParser):  # type: ignore[misc]
    """Tasks without pre- and post-scripts: those are Python, which is refused everywhere."""

    def create_task(self) -> Any:
        return self.spec_class(self.spec, self.bpmn_id, **self.own(), **self.bpmn_attributes)

    def own(self) -> dict[str, str]:
        return {}

    def _add_multiinstance_task(self, loop: Any) -> None:
        inputs = self.xpath("./bpmn:multiInstanceLoopCharacteristics/bpmn:loopDataInputRef")
        if not isinstance(self.task, UserTask | CallActivity) or len(inputs) != 1:
            self.raise_validation_exception(
                "A multi-instance activity is a user task or call activity with loopDataInputRef"
            )
        self.task.multi_instance = inputs[0].text.strip()


class _CallActivityParser(_ActivityParser):
    def own(self) -> dict[str, str]:
        return {"called": self.node.get("calledElement", "")}


class _DecisionParser(_ActivityParser):
    def own(self) -> dict[str, str]:
        return {"decision": (self.parse_extensions().get("calledDecisionId") or "").strip()}


class _Parser(SpiffBpmnParser):  # type: ignore[misc]
    OVERRIDE_PARSER_CLASSES = {  # noqa: RUF012  (SpiffWorkflow's own extension point)
        **SpiffBpmnParser.OVERRIDE_PARSER_CLASSES,
        full_tag("userTask"): (_ActivityParser, UserTask),
        full_tag("serviceTask"): (_ActivityParser, AutomaticTask),
        full_tag("sendTask"): (_ActivityParser, AutomaticTask),
        full_tag("businessRuleTask"): (_DecisionParser, DecisionTask),
        full_tag("callActivity"): (_CallActivityParser, CallActivity),
    }

    def _find_dependencies(self, process: Any) -> None:
        """Called processes are instances of their own and no part of this one."""


UNSUPPORTED = {
    "scriptTask": "a user task, or a decision table",
    "manualTask": "a user task",
    "receiveTask": "an intermediate message event",
    "subProcess": "a call activity",
    "transaction": "a call activity",
    "adHocSubProcess": "a call activity",
    "complexGateway": "an inclusive gateway",
    "standardLoopCharacteristics": "a loop drawn with a gateway",
    "signalEventDefinition": "a message event",
    "compensateEventDefinition": "a user task for the correction",
    "linkEventDefinition": "a sequence flow",
    "escalationEventDefinition": "a send task",
    "errorEventDefinition": "a gateway on the result",
    "conditionalEventDefinition": "a gateway or a timer",
    "timeCycle": "a loop drawn with a timer event",
    "task": "a user task",
}
"""Elements that SpiffWorkflow refuses or runs wrongly, and what to draw instead."""


def parse_processes(text: str | bytes, filename: str = "") -> dict[str, Process]:
    """Parse one BPMN file into its processes by id.

    Raises InvalidDefinition with a problem for each element that the engine does not run.
    """
    root: Any = read_xml(text.encode() if isinstance(text, str) else text)
    problems = list(_unsupported(root))
    if problems:
        raise InvalidDefinition(problems)
    elements = read_elements(root)
    parser = _Parser()
    try:
        parser.add_bpmn_xml(root, filename)
        return {
            key: Process(
                id=key,
                name=root.xpath("string(.//b:process[@id=$k]/@name)", namespaces=NS, k=key) or key,
                spec=compile_spec(parser.get_spec(key)),
                elements={k: v for k, v in elements.items() if v.properties["_process"] == key},
            )
            for key in parser.get_process_ids()
        }
    # Whatever its parser stumbles over in an uploaded file is a fault of the file.
    except Exception as error:
        raise InvalidDefinition(
            [Problem("parse", getattr(error, "id", None), str(error), "Correct the element.")]
        ) from error


def schema_faults(root: Any) -> list[tuple[int, str]]:
    """What BPMN's XML schema (BPMN 2.0.2, 15.3) finds wrong: line and libxml2's sentence."""
    schema = VALIDATOR.validator
    if schema.validate(root):
        return []
    return [(fault.line, fault.message) for fault in schema.error_log]


def _unsupported(root: Any) -> Any:
    for tag, instead in UNSUPPORTED.items():
        for node in root.iter(f"{{{BPMN}}}{tag}"):
            owner = node if node.get("id") and tag[-10:] != "Definition" else node.getparent()
            yield Problem(
                "unsupported",
                owner.get("id"),
                f"The engine does not run {tag}.",
                f"Use {instead}.",
            )


def read_elements(root: Any) -> dict[str, Element]:
    """Every identified child of a process, its lane's role and organisation inherited."""
    lanes = {}
    for lane in root.iter(f"{{{BPMN}}}lane"):
        properties = _properties(lane)
        for ref in lane.findall("b:flowNodeRef", NS):
            lanes[(ref.text or "").strip()] = (lane.get("name", ""), properties)
    messages = {m.get("id"): m.get("name") for m in root.iter(f"{{{BPMN}}}message")}
    found = {}
    for process in root.iter(f"{{{BPMN}}}process"):
        for node in process:
            if not isinstance(node.tag, str) or node.get("id") is None:
                continue
            kind = etree.QName(node).localname
            owner = node.get("attachedToRef") or node.get("id")
            lane_name, inherited = lanes.get(node.get("id")) or lanes.get(owner, ("", {}))
            refs = node.xpath("./b:messageEventDefinition/@messageRef", namespaces=NS)
            found[node.get("id")] = Element(
                id=node.get("id"),
                type=kind,
                name=node.get("name", ""),
                lane=lane_name,
                properties={
                    **{k: v for k, v in inherited.items() if k in ("role", "organisation")},
                    **_properties(node),
                    "_process": process.get("id"),
                },
                message=messages.get(refs[0]) if refs else None,
            )
    return found


def _properties(node: Any) -> dict[str, str]:
    path = "./b:extensionElements/s:properties/s:property"
    return {p.get("name"): p.get("value", "") for p in node.xpath(path, namespaces=NS)}


def is_timer(definition: Any) -> bool:
    return isinstance(definition, TimerEventDefinition)


def is_message(definition: Any) -> bool:
    return isinstance(definition, MessageEventDefinition)


ISO_LITERAL = re.compile(r"^-?(P[0-9YMWDTHS.]+|\d{4}-\d{2}-\d{2}(T[0-9:.+Z-]+)?)$")
"""A timer's text is an ISO 8601 literal or a FEEL expression."""
