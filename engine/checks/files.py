"""Reading the files of a package: what cannot be read, or holds what the engine does not run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from jinja2 import TemplateError, pass_context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from lxml import etree

from engine.checks.diagram import NODES, Diagram, read_diagrams
from engine.checks.report import Place, Report
from engine.decisions import Decision, Decisions
from engine.definitions import Package
from engine.errors import InvalidDefinition
from engine.expressions import MAX_FEEL
from engine.forms import Form
from engine.spiff import BPMN, NS, UNSUPPORTED, schema_faults
from engine.xml import read_xml

MAX_FILES = 300
MAX_XML_ELEMENTS = 20_000
MAX_PROCESSES = 10
"""Of one file; processes/README.md, 八, asks for one."""
MAX_NODES = 200
"""A diagram that people can read has about 25."""
MAX_LETTER = 200_000
"""Characters."""

_IN_DEFINITIONS = {
    *("process", "collaboration", "message", "import", "extension", "relationship"),
    *("category", "itemDefinition", "extensionElements", "documentation"),
}
_IN_COLLABORATION = {"participant", "documentation", "extensionElements", "textAnnotation"} | {
    *("association", "group"),
}
_IN_PROCESS = NODES | _IN_COLLABORATION | {"laneSet", "sequenceFlow", "property"}
_IN_NODE = {"documentation", "extensionElements", "incoming", "outgoing"}
_IN_EVENT = _IN_NODE | {"timerEventDefinition", "messageEventDefinition"}
_IN_KIND: Mapping[str, set[str]] = {
    "userTask": _IN_NODE | {"multiInstanceLoopCharacteristics"},
    "callActivity": _IN_NODE | {"multiInstanceLoopCharacteristics"},
    "startEvent": _IN_NODE,
    "endEvent": _IN_NODE | {"terminateEventDefinition"},
    "intermediateCatchEvent": _IN_EVENT,
    "boundaryEvent": _IN_EVENT,
}
_IN_LOOP = {"documentation", "extensionElements", "loopDataInputRef", "inputDataItem"}
_OBEYED: Mapping[str, tuple[str, ...]] = {
    "isForCompensation": ("false", "0"),
    "startQuantity": ("1",),
    "completionQuantity": ("1",),
    "instantiate": ("false", "0"),
    "eventGatewayType": ("Exclusive",),
    "parallelMultiple": ("false", "0"),
    "isInterrupting": ("true", "1"),
    "isClosed": ("false", "0", "true", "1"),
}
"""Attributes that the engine does not read, with the values that change nothing."""
_CODE = {"preScript", "postScript", "script", "serviceTaskOperator", "unitTests"}

_INSTEAD_ZH = {
    "scriptTask": "决策表（业务规则任务），或者用户任务",
    "manualTask": "用户任务",
    "task": "用户任务",
    "receiveTask": "中间消息捕获事件",
    "subProcess": "调用活动",
    "transaction": "调用活动",
    "adHocSubProcess": "调用活动",
    "complexGateway": "包容网关",
    "standardLoopCharacteristics": "用网关画出的回线",
    "signalEventDefinition": "消息事件",
    "compensateEventDefinition": "用来更正的用户任务",
    "linkEventDefinition": "顺序流",
    "escalationEventDefinition": "发送任务",
    "errorEventDefinition": "按结果分支的网关",
    "conditionalEventDefinition": "网关或者时间事件",
    "timeCycle": "带时间事件的回线",
    "messageFlow": "消息事件；两个池之间的线只作说明，请用文字注释",
}


@pass_context
def _as_it_is(context: Any, value: Any) -> Any:
    return value


# Jinja computes constants when it compiles, `"a" * 10 ** 10` too: neither its optimizer nor its
# output does so for an environment whose `finalize` wants a context.
_SANDBOX = ImmutableSandboxedEnvironment(optimized=False, finalize=_as_it_is)
Read = TypeVar("Read")


@dataclass
class Content:
    """What could be read of a package; `unread`: the files that could not be."""

    key: str
    place: Place
    diagrams: list[Diagram] = field(default_factory=list)
    forms: dict[str, tuple[Place, Form]] = field(default_factory=dict)
    decisions: dict[str, tuple[Place, Decision]] = field(default_factory=dict)
    letters: dict[str, Place] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)

    def lacks(self, suffix: str) -> bool:
        """Whether a file of this kind could not be read, so that nobody knows what is in it."""
        return any(name.endswith(suffix) for name in self.unread)


def read_content(package: Package, report: Report) -> Content:
    """Read every file, noting what is wrong with each."""
    content = Content(package.key, Place(report, package.key))
    if len(package.files) > MAX_FILES:
        values = {"what": package.key, "found": len(package.files), "most": MAX_FILES}
        content.place.refuse("too_large", None, **values)
        return content
    for name, text in sorted(package.files.items()):
        for suffix, read in _READERS.items():
            if name.endswith(suffix) and not read(content, Place(report, package.key, name), text):
                content.unread.add(name)
    return content


def _is_small(place: Place, found: int, most: int) -> bool:
    if found > most:
        place.refuse("too_large", None, what=place.file, found=found, most=most)
    return found <= most


def _read_bpmn(content: Content, place: Place, text: str) -> bool:
    root: Any = _attempt(lambda: read_xml(text.encode()))
    if isinstance(root, InvalidDefinition):
        place.pass_on(root)
        return False
    if not _is_small(place, sum(1 for _ in root.iter()), MAX_XML_ELEMENTS):
        return False
    processes = list(root.iter(f"{{{BPMN}}}process"))
    if _is_fit(root, processes, place):
        content.diagrams += read_diagrams(root, place)
        return True
    return False


def _is_fit(root: Any, processes: list[Any], place: Place) -> bool:
    """Whether the rules about diagrams can be asked."""
    if not _is_small(place, sum(map(len, set(_texts(root)))), MAX_FEEL):
        return False
    faults = schema_faults(root)
    for line, detail in faults[:20]:
        place.refuse("schema", None, line=line, detail=detail.replace(f"{{{BPMN}}}", ""))
    if faults:
        return False
    if not processes:
        place.refuse("process_missing", None)
        return False
    if not _is_small(place, len(processes), MAX_PROCESSES):
        return False
    before = len(place.report.problems)
    _check_known(root, place)
    _check_values(root, place)
    for process in processes:
        found = sum(etree.QName(child).localname in NODES for child in process)
        if found > MAX_NODES:
            what = process.get("id") or place.file
            place.refuse("too_large", what, what=what, found=found, most=MAX_NODES)
    return len(place.report.problems) == before


def _texts(root: Any) -> Iterator[str]:
    """Everything that may be FEEL."""
    for xml in root.iter(f"{{{NS['s']}}}property"):
        yield xml.get("value", "")
    for tag in ("conditionExpression", "timeDate", "timeDuration"):
        for xml in root.iter(f"{{{BPMN}}}{tag}"):
            yield xml.text or ""


def _check_known(root: Any, place: Place) -> None:
    """Only what the engine runs may be drawn."""
    _check_children(root, _IN_DEFINITIONS, place)
    for parent in root.iter(f"{{{BPMN}}}collaboration"):
        _check_children(parent, _IN_COLLABORATION, place)
    for process in root.iter(f"{{{BPMN}}}process"):
        _check_children(process, _IN_PROCESS, place)
        for node in process:
            kind = etree.QName(node).localname
            if kind in NODES:
                _check_children(node, _IN_KIND.get(kind, _IN_NODE), place)
    for cycle in root.iter(f"{{{BPMN}}}timeCycle"):
        _refuse_tag(cycle, place)
    for loop in root.iter(f"{{{BPMN}}}multiInstanceLoopCharacteristics"):
        _check_loop(loop, place)


def _check_loop(loop: Any, place: Place) -> None:
    _check_children(loop, _IN_LOOP, place)
    zh = place.report.lang == "zh"
    owner = loop.getparent()
    name = owner.get("name") or owner.get("id")
    if loop.get("isSequential") in ("true", "1"):
        detail = "写成了依次执行" if zh else "it is sequential"
        place.refuse("multi_instance", owner.get("id"), name=name, detail=detail)
    if not (loop.findtext(f"{{{BPMN}}}loopDataInputRef") or "").strip():
        detail = "没有列表（loopDataInputRef）" if zh else "it has no list (loopDataInputRef)"
        place.refuse("multi_instance", owner.get("id"), name=name, detail=detail)


def _check_children(parent: Any, known: set[str] | frozenset[str], place: Place) -> None:
    for child in parent:
        name = etree.QName(child)
        if name.namespace == BPMN and name.localname not in known:
            _refuse_tag(child, place)


def _refuse_tag(xml: Any, place: Place) -> None:
    tag = etree.QName(xml).localname
    owner = xml
    while owner is not None and (not owner.get("id") or owner.tag.endswith("EventDefinition")):
        owner = owner.getparent()
    if place.report.lang == "zh":
        instead = _INSTEAD_ZH.get(tag, "processes/README.md 第三节列出的元素")
    else:
        instead = UNSUPPORTED.get(tag, "an element of processes/README.md, part 3")
    element = None if owner is None else owner.get("id")
    place.refuse("unsupported", element, tag=tag, instead=instead)


def _check_values(root: Any, place: Place) -> None:
    """No code, no other language than FEEL, no attribute that the engine would not obey."""
    for xml in root.iter():
        name = etree.QName(xml)
        if name.namespace != BPMN:
            if name.localname in _CODE and (len(xml) or xml.attrib or (xml.text or "").strip()):
                _refuse_code(xml, place)
            continue
        for attribute, harmless in _OBEYED.items():
            if xml.get(attribute, harmless[0]) not in harmless:
                place.refuse(
                    "attribute", xml.get("id"), attribute=attribute, value=xml.get(attribute)
                )
        language = xml.get("language") or xml.get("expressionLanguage") or ""
        if "python" in language.lower() or "script" in language.lower():
            place.refuse("attribute", xml.get("id"), attribute="language", value=language)


def _refuse_code(xml: Any, place: Place) -> None:
    owner = xml
    while owner.getparent() is not None and etree.QName(owner).namespace != BPMN:
        owner = owner.getparent()
    if etree.QName(owner).localname == "extensionElements":
        owner = owner.getparent()
    name = owner.get("name") or owner.get("id") or ""
    place.refuse("script", owner.get("id"), name=name, tag=etree.QName(xml).localname)


# Reading takes most of a check, and most files have not changed since the last one.
_KEPT = 256


@lru_cache(_KEPT)
def _form_of(text: str) -> Form | InvalidDefinition:
    return _attempt(lambda: Form.parse(text))


@lru_cache(_KEPT)
def _decisions_of(text: str) -> Mapping[str, Decision] | InvalidDefinition:
    return _attempt(lambda: Decisions.parse(text.encode()))


@lru_cache(_KEPT)
def _letter_fault(text: str) -> str | None:
    try:
        _SANDBOX.compile(text, raw=True)
    except (TemplateError, RecursionError) as error:
        return str(error)
    return None


def _attempt(read: Callable[[], Read]) -> Read | InvalidDefinition:
    try:
        return read()
    except InvalidDefinition as error:
        return error


def _read_form(content: Content, place: Place, text: str) -> bool:
    form = _form_of(text)
    if isinstance(form, InvalidDefinition):
        place.pass_on(form)
        return False
    if _is_new(content.forms, form.id, place):
        content.forms[form.id] = (place, form)
    return True


def _read_dmn(content: Content, place: Place, text: str) -> bool:
    decisions = _decisions_of(text)
    if isinstance(decisions, InvalidDefinition):
        place.pass_on(decisions)
        return False
    for key, decision in decisions.items():
        if _is_new(content.decisions, key, place):
            content.decisions[key] = (place, decision)
    return True


def _is_new(known: Mapping[str, tuple[Place, Any]], key: str, place: Place) -> bool:
    if key in known:
        place.refuse("id_twice", key, id=key, other=known[key][0].file)
    return key not in known


def _read_letter(content: Content, place: Place, text: str) -> bool:
    if not _is_small(place, len(text), MAX_LETTER):
        return False
    fault = _letter_fault(text)
    if fault:
        place.refuse("letter_template", None, detail=fault)
    content.letters[place.file.removeprefix("letters/").removesuffix(".html")] = place
    return True


_READERS: Mapping[str, Callable[[Content, Place, str], bool]] = {
    ".bpmn": _read_bpmn,
    ".dmn": _read_dmn,
    ".form": _read_form,
    ".html": _read_letter,
}
