"""A diagram as the rules see it: nodes, flows, lanes. Read from XML that the schema has passed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from engine.checks.report import Place
from engine.spiff import BPMN, NS, Element, read_elements

ACTIVITIES = frozenset({"userTask", "sendTask", "serviceTask", "businessRuleTask", "callActivity"})
GATEWAYS = frozenset(
    {"exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway"}
)
CATCHING = frozenset({"intermediateCatchEvent", "boundaryEvent"})
NODES = ACTIVITIES | GATEWAYS | CATCHING | {"startEvent", "endEvent"}
"""What a token can be at (processes/README.md, 三)."""
CHOICES = frozenset({"exclusiveGateway", "inclusiveGateway"})
HOSTS = frozenset({"userTask", "callActivity"})


@dataclass(frozen=True)
class Definition:
    """An event definition: `timer`, `message` or another of BPMN's. `value`: a timer's text, the
    message's name."""

    kind: str
    value: str = ""
    clock: str = ""


@dataclass(frozen=True)
class Flow:
    id: str
    source: str
    target: str
    condition: str | None


@dataclass(eq=False)
class Node:
    id: str
    element: Element
    definitions: tuple[Definition, ...]
    host: str | None
    interrupting: bool
    default: str | None
    list_name: str | None
    called: str
    decision: str
    incoming: list[Flow] = field(default_factory=list)
    outgoing: list[Flow] = field(default_factory=list)
    lanes: int = 0

    @property
    def kind(self) -> str:
        return self.element.type

    @property
    def name(self) -> str:
        """For messages: the name, or the id where there is none."""
        return self.element.name.replace("\n", "") or self.id

    @property
    def is_timer(self) -> bool:
        return any(d.kind == "timer" for d in self.definitions)

    @property
    def is_message(self) -> bool:
        return any(d.kind == "message" for d in self.definitions)

    @property
    def is_choice(self) -> bool:
        return self.kind in CHOICES and len(self.outgoing) > 1


@dataclass(frozen=True)
class Lane:
    id: str
    name: str
    properties: Mapping[str, str]
    refs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Diagram:
    """One process."""

    id: str
    place: Place
    nodes: Mapping[str, Node]
    flows: tuple[Flow, ...]
    lanes: tuple[Lane, ...]
    ids: tuple[str, ...]
    """Every id inside the process."""

    def of_kind(self, *kinds: str) -> list[Node]:
        return [node for node in self.nodes.values() if node.kind in kinds]

    def boundaries(self, node: Node) -> list[Node]:
        return [other for other in self.nodes.values() if other.host == node.id]

    @property
    def start(self) -> Node | None:
        return next(iter(self.of_kind("startEvent")), None)


def read_diagrams(root: Any, place: Place) -> Iterator[Diagram]:
    """The processes of a file."""
    elements = read_elements(root)
    messages = {m.get("id"): m.get("name") or "" for m in root.iter(f"{{{BPMN}}}message")}
    for process in root.iter(f"{{{BPMN}}}process"):
        nodes = {
            xml.get("id"): _node(xml, elements[xml.get("id")], messages)
            for xml in process
            if etree.QName(xml).localname in NODES and xml.get("id") in elements
        }
        flows = tuple(_flow(xml) for xml in process.findall("b:sequenceFlow", NS))
        for flow in flows:
            if flow.source in nodes and flow.target in nodes:
                nodes[flow.source].outgoing.append(flow)
                nodes[flow.target].incoming.append(flow)
        lanes = tuple(_lane(xml) for xml in process.iter(f"{{{BPMN}}}lane"))
        for lane in lanes:
            for ref in set(lane.refs) & nodes.keys():
                nodes[ref].lanes += 1
        ids = tuple(xml.get("id") for xml in process.iter() if xml.get("id"))
        yield Diagram(process.get("id") or "", place, nodes, flows, lanes, ids)


def _node(xml: Any, element: Element, messages: Mapping[str, str]) -> Node:
    lists = xml.xpath("./b:multiInstanceLoopCharacteristics/b:loopDataInputRef", namespaces=NS)
    decision = xml.find("./b:extensionElements/s:calledDecisionId", NS)
    return Node(
        id=element.id,
        element=element,
        definitions=tuple(_definitions(xml, messages)),
        host=xml.get("attachedToRef"),
        interrupting=xml.get("cancelActivity", "true") not in ("false", "0"),
        default=xml.get("default"),
        list_name=_text(lists[0]) if lists else None,
        called=xml.get("calledElement") or "",
        decision=_text(decision),
    )


def _definitions(xml: Any, messages: Mapping[str, str]) -> Iterator[Definition]:
    for child in xml:
        kind = etree.QName(child).localname.removesuffix("EventDefinition")
        if kind == "timer":
            for time in child:
                if etree.QName(time).localname.startswith("time"):
                    yield Definition(kind, _text(time), etree.QName(time).localname)
                    break
            else:
                yield Definition(kind)
        elif kind == "message":
            yield Definition(kind, messages.get(child.get("messageRef"), ""))
        elif child.tag.endswith("EventDefinition"):
            yield Definition(kind)


def _flow(xml: Any) -> Flow:
    condition = xml.find("b:conditionExpression", NS)
    return Flow(
        xml.get("id") or "",
        xml.get("sourceRef") or "",
        xml.get("targetRef") or "",
        None if condition is None else _text(condition),
    )


def _lane(xml: Any) -> Lane:
    path = "./b:extensionElements/s:properties/s:property"
    properties = {p.get("name"): p.get("value", "") for p in xml.xpath(path, namespaces=NS)}
    refs = tuple(_text(ref) for ref in xml.findall("b:flowNodeRef", NS))
    return Lane(xml.get("id") or "", xml.get("name", "").strip(), properties, refs)


def _text(xml: Any) -> str:
    return "" if xml is None else (xml.text or "").strip()
