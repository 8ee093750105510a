"""Flows, gateways and events: what SpiffWorkflow takes and then runs otherwise than drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from engine.checks.diagram import (
    ACTIVITIES,
    CATCHING,
    CHOICES,
    GATEWAYS,
    HOSTS,
    Definition,
    Diagram,
    Node,
)
from engine.checks.tokens import check_tokens

Steps = Mapping[str, list[str]]
_MOVES = re.compile(r'\b(today|now)\(|^\s*(@")?-?P|^\s*duration\(')
"""In a timer's text: the clock is looked at, or it is a duration."""


def check_structure(diagram: Diagram) -> None:
    """Everything about one diagram that needs no other file."""
    sound = _check_flows(diagram)
    for node in diagram.nodes.values():
        _check_events(diagram, node)
        _check_outgoing(diagram, node)
        if node.kind == "eventBasedGateway":
            _check_event_gateway(diagram, node)
        if node.kind in GATEWAYS and len(node.incoming) == len(node.outgoing) == 1:
            diagram.place.refuse("gateway_useless", node.id, name=node.name)
    _check_rivals(diagram)
    if sound and _check_reach(diagram):
        check_tokens(diagram)


# flows


def _check_flows(diagram: Diagram) -> bool:
    before = len(diagram.place.report.problems)
    starts = diagram.of_kind("startEvent")
    if len(starts) != 1:
        diagram.place.refuse("start_count", diagram.id, process=diagram.id, found=len(starts))
    if not diagram.of_kind("endEvent"):
        diagram.place.refuse("end_missing", diagram.id, process=diagram.id)
    for flow in diagram.flows:
        if flow.source not in diagram.nodes or flow.target not in diagram.nodes:
            diagram.place.refuse("flow_ends", flow.id, id=flow.id)
    for node in diagram.nodes.values():
        _check_ends(diagram, node)
    return len(diagram.place.report.problems) == before


def _check_ends(diagram: Diagram, node: Node) -> None:
    takes_none = node.kind in ("startEvent", "boundaryEvent")
    if takes_none and node.incoming:
        diagram.place.refuse("flow_into_start", node.id, name=node.name)
    if not takes_none and not node.incoming:
        diagram.place.refuse("dangling_in", node.id, name=node.name)
    if node.kind == "endEvent" and node.outgoing:
        diagram.place.refuse("flow_out_of_end", node.id, name=node.name)
    if node.kind != "endEvent" and not node.outgoing:
        diagram.place.refuse("dangling_out", node.id, name=node.name)


def _check_outgoing(diagram: Diagram, node: Node) -> None:
    refuse = diagram.place.refuse
    if node.kind not in GATEWAYS and len(node.outgoing) > 1:
        refuse("several_outgoing", node.id, name=node.name, found=len(node.outgoing))
    ids = {flow.id for flow in node.outgoing}
    if node.default and (node.default not in ids or node.kind not in CHOICES):
        refuse("default_foreign", node.id, name=node.name, flow=node.default)
    if node.is_choice and not node.default:
        refuse("default_missing", node.id, name=node.name)
    for flow in node.outgoing:
        if not node.is_choice or flow.id == node.default:
            if flow.condition is not None:
                refuse("condition_ignored", flow.id, flow=flow.id)
        elif not flow.condition and node.default:
            refuse("condition_missing", flow.id, name=node.name, flow=flow.id)


# events


def _check_events(diagram: Diagram, node: Node) -> None:
    if node.kind in ACTIVITIES or node.kind in GATEWAYS or node.kind == "startEvent":
        return
    refuse = diagram.place.refuse
    kinds = [definition.kind for definition in node.definitions]
    if node.kind == "endEvent":
        return
    if len(kinds) != 1:
        refuse("event_kind", node.id, name=node.name, found=kinds or "-", expected="timer, message")
    if node.kind == "boundaryEvent":
        host = diagram.nodes.get(node.host or "")
        if host is None or host.kind not in HOSTS:
            refuse("boundary_host", node.id, name=node.name)
    for definition in node.definitions:
        if definition.kind == "timer" and not definition.value:
            refuse("timer_missing", node.id, name=node.name)
        if definition.kind == "message" and not definition.value:
            refuse("message_missing", node.id, name=node.name)


def _check_event_gateway(diagram: Diagram, gateway: Node) -> None:
    refuse = diagram.place.refuse
    if len(gateway.outgoing) < 2:
        refuse("event_gateway_few", gateway.id, name=gateway.name, found=len(gateway.outgoing))
    events = [diagram.nodes[flow.target] for flow in gateway.outgoing]
    for event in events:
        if event.kind != "intermediateCatchEvent" or len(event.incoming) != 1:
            refuse("event_gateway_target", gateway.id, name=gateway.name, target=event.name)
    timers = sum(event.is_timer for event in events)
    if timers > 1:
        refuse("event_gateway_timers", gateway.id, name=gateway.name, found=timers)


def _check_rivals(diagram: Diagram) -> None:
    """Events that always wait together take different messages, or nobody knows which is meant."""
    groups = [
        [diagram.nodes[flow.target] for flow in node.outgoing]
        for node in diagram.of_kind("eventBasedGateway")
    ]
    groups += [diagram.boundaries(node) for node in diagram.of_kind(*HOSTS)]
    for group in groups:
        waiting: dict[tuple[str, str], list[Node]] = {}
        for event in group:
            for definition in event.definitions:
                if definition.kind == "message":
                    key = event.element.get("correlationKey", "case_no")
                    waiting.setdefault((definition.value, key), []).append(event)
        for (message, _), events in waiting.items():
            if len(events) > 1:
                others = [event.name for event in events]
                diagram.place.refuse("message_twice", events[0].id, message=message, others=others)


# ways through


def _check_reach(diagram: Diagram) -> bool:
    forward = {
        node.id: [f.target for f in node.outgoing] + [b.id for b in diagram.boundaries(node)]
        for node in diagram.nodes.values()
    }
    start = diagram.start
    assert start is not None
    reached = walk([start.id], forward)
    leaving = walk([node.id for node in diagram.of_kind("endEvent")], backwards(forward))
    for node in diagram.nodes.values():
        if node.id not in reached:
            diagram.place.refuse("unreachable", node.id, name=node.name)
        elif node.id not in leaving:
            diagram.place.refuse("no_way_out", node.id, name=node.name)
    return reached >= diagram.nodes.keys() <= leaving


def backwards(steps: Steps) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source, targets in steps.items():
        for target in targets:
            found.setdefault(target, []).append(source)
    return found


def walk(origins: Iterable[str], steps: Steps) -> set[str]:
    """Everything that can be reached, the origins included."""
    seen = set(origins)
    todo = list(seen)
    while todo:
        for follower in steps.get(todo.pop(), ()):
            if follower not in seen:
                seen.add(follower)
                todo.append(follower)
    return seen


def _automatic(diagram: Diagram, rests: Callable[[str], bool]) -> dict[str, list[str]]:
    """The steps that need nobody and no time: a date that is past holds up nothing, and what it
    interrupts or accompanies need not be done first."""
    return {
        node.id: [flow.target for flow in node.outgoing if not _holds(node, rests)]
        + [event.id for event in diagram.boundaries(node) if not _holds(event, rests)]
        for node in diagram.nodes.values()
    }


def _holds(node: Node, rests: Callable[[str], bool]) -> bool:
    """Whether a token stays there until somebody acts, a message comes or time passes."""
    if node.kind in CATCHING:
        return not all(_is_fixed(definition) for definition in node.definitions)
    return node.kind == "userTask" or (node.kind == "callActivity" and rests(node.called))


def _is_fixed(definition: Definition) -> bool:
    """A date that is the same whenever it is asked for; one that looks at the clock moves on."""
    is_date = definition.kind == "timer" and definition.clock == "timeDate"
    return is_date and not _MOVES.search(definition.value)


def check_loops(diagrams: Mapping[str, Diagram]) -> None:
    """A loop without a user task, message or duration never ends or never asks anybody.

    A call counts as a rest when the called process cannot be run through without one.
    """
    resting: set[str] = set()
    while True:
        more = {
            key
            for key, diagram in diagrams.items()
            if key not in resting and not _runs_through(diagram, resting.__contains__)
        }
        if not more:
            break
        resting |= more
    for diagram in diagrams.values():
        circle = _circle(_automatic(diagram, resting.__contains__))
        if circle:
            names = [diagram.nodes[key].name for key in circle]
            diagram.place.refuse("loop_automatic", circle[0], names=names)


def _runs_through(diagram: Diagram, rests: Callable[[str], bool]) -> bool:
    steps = _automatic(diagram, rests)
    starts = [node.id for node in diagram.of_kind("startEvent")]
    return any(node.id in walk(starts, steps) for node in diagram.of_kind("endEvent"))


def _circle(steps: Steps) -> list[str]:
    """The elements that lie on circles or between two of them; none where there is no circle."""
    left = dict(steps)
    for _ in range(2):
        while True:
            done = [key for key, targets in left.items() if not any(t in left for t in targets)]
            if not done:
                break
            for key in done:
                del left[key]
        reverse: dict[str, list[str]] = {key: [] for key in left}
        for key, targets in left.items():
            for target in targets:
                if target in left:
                    reverse[target].append(key)
        left = reverse
    return sorted(left)
