"""What an element names must exist: roles, organisations, clocks, documents, forms, decisions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from engine.casefile import assignments, names_in
from engine.checks.diagram import ACTIVITIES, NODES, Diagram, Node
from engine.checks.library import Whole

_ANY = NODES
_MESSAGES = frozenset({"intermediateCatchEvent", "boundaryEvent"})
PLACES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("legalBasis", "role", "organisation", "status", "document"), _ANY),
    **dict.fromkeys(("startClock", "clockStart", "clockLength"), _ANY),
    **dict.fromkeys(("stopClock", "cancelClock", "extendClock", "extendDays"), _ANY),
    **dict.fromkeys(("excludeFromClock", "excludeDays"), _ANY),
    **dict.fromkeys(("serveDocument", "servedOn", "serveMode"), _ANY),
    "setOrganisation": _ANY,
    "documentBy": _ANY,
    "form": _MESSAGES | {"userTask", "startEvent"},
    "clock": frozenset({"userTask", "sendTask"}),
    "stage": ACTIVITIES,
    "collect": frozenset({"userTask"}),
    "correlationKey": _MESSAGES,
    "inputs": frozenset({"callActivity"}),
    "outputs": frozenset({"callActivity"}),
    "to": frozenset({"sendTask"}),
    "text": frozenset({"sendTask"}),
}
"""Where each property of processes/README.md, 二, has an effect."""
_NEEDS = {
    "clockStart": "startClock",
    "clockLength": "startClock",
    "extendDays": "extendClock",
    "extendClock": "extendDays",
    "excludeDays": "excludeFromClock",
    "excludeFromClock": "excludeDays",
    "documentBy": "document",
    "servedOn": "serveDocument",
    "serveMode": "serveDocument",
    "serveDocument": "servedOn",
    "to": "text",
    "text": "to",
}
_CLOCKS = ("clock", "startClock", "stopClock", "cancelClock", "extendClock", "excludeFromClock")
_PLACE = re.compile(r"\{(\w+)\}")


def check_references(diagram: Diagram, whole: Whole) -> None:
    _check_lanes(diagram)
    for node in diagram.nodes.values():
        for check in _CHECKS:
            check(diagram, node, whole)


# properties and people


def _check_properties(diagram: Diagram, node: Node, whole: Whole) -> None:
    for name, value in node.element.properties.items():
        if name == "_process":
            continue
        if name not in PLACES:
            diagram.place.refuse("property_unknown", node.id, name=node.name, property=name)
        elif node.kind not in PLACES[name]:
            values = {"name": node.name, "property": name, "kind": node.kind}
            diagram.place.refuse("property_place", node.id, **values)
        elif value and not node.element.get(_NEEDS.get(name, name)):
            values = {"name": node.name, "property": name, "needed": _NEEDS[name]}
            diagram.place.refuse("property_alone", node.id, **values)
    if node.kind == "sendTask" and not node.element.get("to"):
        values = {"name": node.name, "property": "sendTask", "needed": "to"}
        diagram.place.refuse("property_alone", node.id, **values)


def _check_lanes(diagram: Diagram) -> None:
    for lane in diagram.lanes:
        if not lane.name:
            diagram.place.refuse("lane_name", lane.id, id=lane.id)
        for name in set(lane.properties) - {"role", "organisation", "legalBasis"}:
            diagram.place.refuse("property_unknown", lane.id, name=lane.name, property=name)
    for node in diagram.nodes.values():
        # A boundary event may leave its lane to its host.
        host = diagram.nodes.get(node.host or "")
        if not node.lanes and not (host and host.lanes):
            diagram.place.refuse("lane_missing", node.id, name=node.name)
        if node.lanes > 1:
            diagram.place.refuse("lane_twice", node.id, name=node.name)


def _check_people(diagram: Diagram, node: Node, whole: Whole) -> None:
    refuse, element, shared = diagram.place.refuse, node.element, whole.shared
    asks = node.kind == "userTask" or node.is_message
    asks = asks or (node.kind == "startEvent" and bool(element.get("form")))
    if asks:
        for what in ("role", "organisation"):
            if not element.get(what):
                refuse("role_missing", node.id, name=node.name, what=what)
    if element.role and element.role not in shared.roles:
        refuse("role_unknown", node.id, name=node.name, role=element.role, known=list(shared.roles))
    if element.organisation:
        _check_organisation(diagram, node, whole, element.organisation)
    for pair in assignments(element.get("setOrganisation")):
        for key in pair:
            _check_organisation(diagram, node, whole, key)


def _check_organisation(diagram: Diagram, node: Node, whole: Whole, key: str) -> None:
    known = whole.shared.organisation_keys
    if key not in known:
        values = {"name": node.name, "key": key, "known": list(known)}
        diagram.place.refuse("organisation_unknown", node.id, **values)
    elif key == "item":
        if not node.list_name and not whole.is_called_for_items(diagram.id):
            diagram.place.refuse("item_alone", node.id, name=node.name)
    elif key not in whole.settled_organisations and whole.complete:
        diagram.place.refuse("organisation_unset", node.id, name=node.name, key=key)


def _check_notice(diagram: Diagram, node: Node, whole: Whole) -> None:
    for recipient in names_in(node.element.get("to")):
        role, at, key = recipient.partition("@")
        if (role not in whole.shared.roles) or (not at and role != "petitioner"):
            diagram.place.refuse("recipient", node.id, name=node.name, recipient=recipient)
        elif at:
            _check_organisation(diagram, node, whole, key)
    known = whole.variables[diagram.id] | whole.file_keys | {"case_no"}
    known = known | {"due"} if node.element.get("clock") else known
    for place in _PLACE.findall(node.element.get("text")):
        if place not in known and whole.complete:
            diagram.place.refuse("text_place", node.id, name=node.name, place=place)


# the catalogues


def _check_clocks(diagram: Diagram, node: Node, whole: Whole) -> None:
    element, catalogue = node.element, whole.shared.catalogue
    for name in _CLOCKS:
        several = name not in ("extendClock", "excludeFromClock")
        for clock in names_in(element.get(name)) if several else [element.get(name)]:
            if not clock:
                continue
            if clock not in catalogue:
                diagram.place.refuse("clock_unknown", node.id, name=node.name, clock=clock)
            else:
                _check_rule(diagram, node, whole, name, clock)


def _check_rule(diagram: Diagram, node: Node, whole: Whole, name: str, clock: str) -> None:
    rules = whole.shared.catalogue.rules[clock]
    refuse = diagram.place.refuse
    given = name != "startClock" or node.element.get("clockLength")
    if not given and any(rule.length is None for rule in rules):
        refuse("clock_length", node.id, name=node.name, clock=clock)
    if name == "extendClock" and not any(rule.extendable_days for rule in rules):
        what = "延长" if diagram.place.report.lang == "zh" else "extend"
        refuse("clock_fixed", node.id, name=node.name, clock=clock, what=what)
    if name == "excludeFromClock" and not any(rule.excludable for rule in rules):
        what = "扣除日子" if diagram.place.report.lang == "zh" else "leave days out of"
        refuse("clock_fixed", node.id, name=node.name, clock=clock, what=what)


def _check_codes(diagram: Diagram, node: Node, whole: Whole) -> None:
    element, shared = node.element, whole.shared
    status = element.get("status")
    if status and status not in {row["value"] for row in shared.codes.get("status", ())}:
        diagram.place.refuse("status_unknown", node.id, name=node.name, status=status)
    kinds = names_in(element.get("document"))
    # The kinds that a FEEL text of this project may give are written in it as texts.
    quoted = re.findall(r'"(D\d{2})"', " ".join(element.properties.values()))
    for kind in dict.fromkeys([*kinds, *quoted]):
        if kind not in shared.documents:
            diagram.place.refuse("document_unknown", node.id, name=node.name, document=kind)
    letters = {*whole.content(diagram).letters, *_shared_letters(whole)}
    for kind in kinds:
        if kind in shared.documents and kind not in letters:
            diagram.place.refuse("letter_missing", node.id, name=node.name, document=kind)


def _shared_letters(whole: Whole) -> set[str]:
    content = whole.contents.get(whole.shared.package.key)
    return set(content.letters) if content else set()


# forms, decisions, lists, names


def _check_targets(diagram: Diagram, node: Node, whole: Whole) -> None:
    refuse, form = diagram.place.refuse, node.element.get("form")
    content = whole.content(diagram)
    # A form or table that cannot be read is reported itself.
    if form and form not in content.forms and not content.lacks(".form"):
        refuse("form_unknown", node.id, name=node.name, form=form)
    known = whole.decision(diagram, node) or content.lacks(".dmn")
    if node.kind == "businessRuleTask" and not known:
        refuse("decision_unknown", node.id, name=node.name, decision=node.decision)


def _check_list(diagram: Diagram, node: Node, whole: Whole) -> None:
    name = node.list_name
    if name is None or name not in whole.variables[diagram.id]:
        return
    kinds = {
        field.kind
        for other in diagram.nodes.values()
        for field in getattr(whole.form(diagram, other), "fields", ())
        if field.key == name and field.routing
    }
    if kinds and "checklist" not in kinds:
        diagram.place.refuse("multi_instance_list", node.id, name=node.name, list=name)


def _check_names(diagram: Diagram, node: Node, whole: Whole) -> None:
    if node.element.name.strip():
        return
    if node.kind in ACTIVITIES or node.is_timer or node.is_message:
        diagram.place.refuse("name_missing", node.id, id=node.id)
    elif node.is_choice:
        diagram.place.refuse("choice_name_missing", node.id, id=node.id)


def _check_law(diagram: Diagram, node: Node, whole: Whole) -> None:
    """No rule without its article (processes/README.md, 二)."""
    asks = node.kind in ("userTask", "businessRuleTask") or node.is_choice
    if (asks or node.is_timer or node.is_message) and not node.element.get("legalBasis").strip():
        diagram.place.refuse("legal_basis", node.id, name=node.name)


_CHECKS: tuple[Callable[[Diagram, Node, Whole], None], ...] = (
    _check_properties,
    _check_people,
    _check_notice,
    _check_clocks,
    _check_codes,
    _check_targets,
    _check_list,
    _check_names,
    _check_law,
)


def check_letters(whole: Whole) -> None:
    """A letter that no element of its package makes is never sent."""
    for content in whole.contents.values():
        if content.lacks(".bpmn") or content.key == whole.shared.package.key:
            continue
        made = {
            kind
            for diagram in content.diagrams
            for node in diagram.nodes.values()
            for kind in names_in(node.element.get("document"))
        }
        for kind, place in content.letters.items():
            if kind not in made:
                place.refuse("letter_unused", kind, document=kind)
