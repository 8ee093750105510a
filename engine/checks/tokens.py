"""The token game: parallel joins that are never filled, branches that merge without one.

Explores the markings of one diagram (BPMN 2.0.2, 13.4) with every choice taken both ways. Choices
are local, so firing one enabled element at a time misses no deadlock.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from engine.checks.diagram import CHOICES, Diagram, Flow, Node

MAX_MARKINGS = 5_000
MAX_SUBSETS = 5
"""Outgoing flows of an inclusive gateway of which every combination is tried."""

RESTING = frozenset({"userTask", "callActivity", "intermediateCatchEvent"})

Marking = tuple[str, ...]
"""Where tokens are: ids of flows, and `host|event,event` for an activity with events waiting."""


def check_tokens(diagram: Diagram) -> None:
    """The diagram has one start, no loose ends, and every element lies on a way to an end."""
    if any(problem.rule == "too_many_ways" for problem in diagram.place.report.problems):
        return
    game = _Game(diagram, loops=True)
    for node, found in game.stuck.items():
        waiting = diagram.nodes[node]
        diagram.place.refuse("join_stuck", node, name=waiting.name, found=sorted(found))
    # A side branch may still run when a loop comes round again: that is no missing join.
    once = _Game(diagram, loops=False)
    for node in once.doubled:
        diagram.place.refuse("merge_twice", node, name=diagram.nodes[node].name)
    if game.exhausted or once.exhausted:
        diagram.place.refuse("too_many_ways", diagram.id, process=diagram.id)


class _Game:
    def __init__(self, diagram: Diagram, *, loops: bool) -> None:
        self.nodes = diagram.nodes
        self.flows = {flow.id: flow for flow in diagram.flows}
        self.events = {key: diagram.boundaries(node) for key, node in diagram.nodes.items()}
        self.rank = self._ranks(diagram)
        self.played = {
            flow.id
            for flow in diagram.flows
            if loops or self.rank[flow.source] < self.rank[flow.target]
        }
        self.stuck: dict[str, set[str]] = {}
        self.doubled: dict[str, None] = {}
        self.exhausted = False
        start = diagram.start
        assert start is not None
        self._explore(self._with((), start.outgoing))

    def _ranks(self, diagram: Diagram) -> dict[str, int]:
        """Reverse postorder: without loops, everything comes after all that leads to it."""
        start = diagram.start
        assert start is not None
        seen, order, path = {start.id}, [], [(start.id, iter(self._next(start)))]
        while path:
            key, followers = path[-1]
            for other in followers:
                if other not in seen:
                    seen.add(other)
                    path.append((other, iter(self._next(diagram.nodes[other]))))
                    break
            else:
                order.append(key)
                path.pop()
        return {key: rank for rank, key in enumerate(reversed(order))}

    def _next(self, node: Node) -> list[str]:
        return [flow.target for flow in node.outgoing] + [e.id for e in self.events[node.id]]

    def _explore(self, first: Marking) -> None:
        seen, todo = {first}, [first]
        while todo:
            if len(seen) > MAX_MARKINGS:
                self.exhausted = True
                return
            marking = todo.pop()
            for follower in self._followers(marking):
                if follower not in seen and not self._is_doubled(follower):
                    seen.add(follower)
                    todo.append(follower)

    def _is_doubled(self, marking: Marking) -> bool:
        """Two tokens wait at one task or event, or on one flow into a join.

        Automatic elements are passed at once: a notice may well be sent twice.
        """
        at: dict[str, int] = {}
        for place in marking:
            node = self._node(place)
            key = place if node.kind == "parallelGateway" else node.id
            at[key] = at.get(key, 0) + 1
            if at[key] > 1 and (node.kind in RESTING or key == place):
                self.doubled[node.id] = None
                return True
        return False

    def _followers(self, marking: Marking) -> Iterator[Marking]:
        """What one element can do: automatic ones before others, then the earliest.

        Inclusive joins wait until nothing else moves; ends that terminate come last.
        """
        for node in self._enabled(marking):
            yield from self._fire(marking, node)
            return
        inclusive = self._waiting(marking, "inclusiveGateway")
        for key, arrived in inclusive.items():
            rest = _without(marking, arrived)
            for chosen in self._choices(self.nodes[key]):
                yield self._with(rest, chosen)
            return
        if any(self._node(p).kind == "endEvent" for p in marking):
            yield ()
            return
        for key, arrived in self._waiting(marking, "parallelGateway").items():
            self.stuck.setdefault(key, set()).update(arrived)

    def _node(self, place: str) -> Node:
        flow = self.flows.get(place)
        return self.nodes[flow.target if flow else place.partition("|")[0]]

    def _enabled(self, marking: Marking) -> list[Node]:
        found = {}
        for place in marking:
            node = self._node(place)
            joins = len(node.incoming) > 1
            if node.kind == "inclusiveGateway" and joins:
                continue
            if node.kind == "parallelGateway" and not _filled(node, marking):
                continue
            if node.kind == "endEvent" and node.definitions:
                continue
            found[node.id] = node
        return sorted(found.values(), key=lambda n: (n.kind in RESTING, self.rank[n.id]))

    def _waiting(self, marking: Marking, kind: str) -> dict[str, list[str]]:
        waiting: dict[str, list[str]] = {}
        for place in marking:
            node = self._node(place)
            if node.kind == kind and place in self.flows:
                waiting.setdefault(node.id, []).append(place)
        return waiting

    def _fire(self, marking: Marking, node: Node) -> Iterator[Marking]:
        if node.kind == "parallelGateway":
            taken = [flow.id for flow in node.incoming]
            yield self._with(_without(marking, taken), node.outgoing)
            return
        place = next(p for p in marking if self._node(p) is node)
        rest = _without(marking, [place])
        if node.kind == "endEvent":
            yield rest
        elif self.events[node.id]:
            yield from self._host(rest, node, place)
        else:
            for chosen in self._choices(node):
                yield self._with(rest, chosen)

    def _host(self, rest: Marking, node: Node, place: str) -> Iterator[Marking]:
        """An activity completes, or one of its events happens."""
        yield self._with(rest, node.outgoing)
        _, waits, names = place.partition("|")
        events = [e for e in self.events[node.id] if not waits or e.id in names.split(",")]
        for event in events:
            after = self._with(rest, event.outgoing)
            if not event.interrupting:
                left = ",".join(e.id for e in events if e is not event)
                after = tuple(sorted((*after, f"{node.id}|{left}")))
            yield after

    def _with(self, rest: Marking, flows: list[Flow]) -> Marking:
        return tuple(sorted((*rest, *(flow.id for flow in flows if flow.id in self.played))))

    def _choices(self, node: Node) -> Iterator[list[Flow]]:
        if node.kind == "inclusiveGateway" and len(node.outgoing) <= MAX_SUBSETS:
            for size in range(1, len(node.outgoing) + 1):
                yield from map(list, combinations(node.outgoing, size))
        elif node.kind in CHOICES or node.kind == "eventBasedGateway":
            yield from ([flow] for flow in node.outgoing)
            if node.kind == "inclusiveGateway":
                yield node.outgoing
        else:
            yield node.outgoing


def _filled(node: Node, marking: Marking) -> bool:
    return all(flow.id in marking for flow in node.incoming)


def _without(marking: Marking, taken: list[str]) -> Marking:
    left = list(marking)
    for place in taken:
        left.remove(place)
    return tuple(left)
