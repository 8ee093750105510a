"""The stepped adapter against stock SpiffWorkflow on random diagrams and random paths.

Both run the same XML; the conditions are Python for both, since stock knows no FEEL. Left out is
what stock is known to do otherwise: the values of variables that parallel branches both write,
two timers on one event gateway, multi-instance over restored state, event subprocesses, and a
parallel or inclusive block inside a loop (in a later round stock fires the join after one branch).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from SpiffWorkflow.bpmn import BpmnEvent, BpmnWorkflow
from SpiffWorkflow.bpmn.specs.event_definitions.timer import TimerEventDefinition
from SpiffWorkflow.spiff.parser.process import SpiffBpmnParser
from SpiffWorkflow.spiff.specs.event_definitions import MessageEventDefinition
from SpiffWorkflow.util.task import TaskState

from engine.spiff import Instance, parse_processes

PAST = "2001-01-01T00:00:00+00:00"
STEPS = 40


@dataclass
class Drawing:
    """BPMN elements and flows, as they are drawn."""

    nodes: list[str] = field(default_factory=list)
    flows: list[str] = field(default_factory=list)
    count: int = 0

    def id(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def node(self, tag: str, body: str = "", **attributes: str) -> str:
        name = self.id(tag[:2])
        listed = "".join(f' {k}="{v}"' for k, v in attributes.items())
        self.nodes.append(f'<{tag} id="{name}"{listed}>{body}</{tag}>')
        return name

    def flow(self, source: str, target: str, condition: str = "") -> str:
        name = self.id("f")
        body = f"<conditionExpression>{condition}</conditionExpression>" if condition else ""
        self.flows.append(
            f'<sequenceFlow id="{name}" sourceRef="{source}" targetRef="{target}">{body}'
            "</sequenceFlow>"
        )
        return name

    def default(self, gateway: str, flow: str) -> None:
        self.nodes = [
            n.replace(f'id="{gateway}"', f'id="{gateway}" default="{flow}"') for n in self.nodes
        ]

    def xml(self) -> str:
        return (
            '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" '
            'targetNamespace="t"><message id="msg" name="word"/>'
            f'<process id="p" isExecutable="true">{"".join(self.nodes + self.flows)}</process>'
            "</definitions>"
        )


class Artist:
    """Draws a block-structured process by chance: sequences, choices, forks, loops, timers."""

    def __init__(self, seed: int) -> None:
        self.chance, self.drawing = random.Random(seed), Drawing()
        self.in_loop = False

    def process(self) -> str:
        start = self.drawing.node("startEvent")
        first, last = self.block(3)
        self.drawing.flow(start, first)
        self.drawing.flow(last, self.drawing.node("endEvent"))
        return self.drawing.xml()

    def block(self, depth: int) -> tuple[str, str]:
        """(entry, exit) of a new block."""
        kinds = [self.task, self.task, self.race]
        if depth:
            kinds += [self.sequence, self.choice, self.loop]
            kinds += [] if self.in_loop else [self.fork, self.inclusive]
        return self.chance.choice(kinds)(depth)

    def task(self, depth: int) -> tuple[str, str]:
        name = self.drawing.node("userTask")
        for cancels in self.chance.sample(["true", "false"], self.chance.choice([0, 0, 1, 2])):
            body = (
                "<timerEventDefinition><timeDuration>&quot;P1D&quot;</timeDuration>"
                "</timerEventDefinition>"
            )
            timer = self.drawing.node(
                "boundaryEvent", body, attachedToRef=name, cancelActivity=cancels
            )
            escalated = self.drawing.node("userTask")
            self.drawing.flow(timer, escalated)
            self.drawing.flow(escalated, self.drawing.node("endEvent"))
        return name, name

    def race(self, depth: int) -> tuple[str, str]:
        gateway = self.drawing.node("eventBasedGateway")
        join = self.drawing.node("exclusiveGateway")
        timer = (
            "<timerEventDefinition><timeDuration>&quot;P1D&quot;</timeDuration>"
            "</timerEventDefinition>"
        )
        for body in ('<messageEventDefinition messageRef="msg"/>', timer):
            event = self.drawing.node("intermediateCatchEvent", body)
            self.drawing.flow(gateway, event)
            self.drawing.flow(event, join)
        return gateway, join

    def sequence(self, depth: int) -> tuple[str, str]:
        first, middle = self.block(depth - 1)
        entry, last = self.block(depth - 1)
        self.drawing.flow(middle, entry)
        return first, last

    def choice(self, depth: int) -> tuple[str, str]:
        asked = self.drawing.node("userTask")
        gateway = self.drawing.node("exclusiveGateway")
        join = self.drawing.node("exclusiveGateway")
        self.drawing.flow(asked, gateway)
        branches = [self.block(depth - 1) for _ in range(2)]
        self._branch(gateway, join, branches[0], f"{asked} == 1")
        self.drawing.default(gateway, self._branch(gateway, join, branches[1], ""))
        return asked, join

    def _branch(self, gateway: str, join: str, block: tuple[str, str], condition: str) -> str:
        flow = self.drawing.flow(gateway, block[0], condition)
        self.drawing.flow(block[1], join)
        return flow

    def fork(self, depth: int) -> tuple[str, str]:
        split = self.drawing.node("parallelGateway")
        join = self.drawing.node("parallelGateway")
        for _ in range(self.chance.choice([2, 3])):
            self._branch(split, join, self.task(0), "")
        return split, join

    def inclusive(self, depth: int) -> tuple[str, str]:
        asked = self.drawing.node("userTask")
        split = self.drawing.node("inclusiveGateway")
        join = self.drawing.node("inclusiveGateway")
        self.drawing.flow(asked, split)
        for condition in (f"{asked} == 1", f"{asked} &lt; 2"):
            name = self.drawing.node("userTask")
            self._branch(split, join, (name, name), condition)
        name = self.drawing.node("userTask")
        self.drawing.default(split, self._branch(split, join, (name, name), ""))
        return asked, join

    def loop(self, depth: int) -> tuple[str, str]:
        merge = self.drawing.node("exclusiveGateway")
        outside, self.in_loop = self.in_loop, True
        entry, last = self.block(depth - 1)
        self.in_loop = outside
        asked = self.drawing.node("userTask")
        gateway = self.drawing.node("exclusiveGateway")
        on = self.drawing.node("exclusiveGateway")
        self.drawing.flow(merge, entry)
        self.drawing.flow(last, asked)
        self.drawing.flow(asked, gateway)
        self.drawing.flow(gateway, merge, f"{asked} == 1")
        self.drawing.default(gateway, self.drawing.flow(gateway, on))
        return merge, on


class Python:
    """A host whose expressions are Python: for the comparison alone."""

    def evaluate(self, text: str, variables: Mapping[str, Any]) -> Any:
        return eval(text, {}, dict(variables))

    def decide(self, decision: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AssertionError("no decision is drawn")

    def completed(self, element_id: str) -> None:
        """No effects are drawn."""


class Ours:
    def __init__(self, xml: str) -> None:
        self.process = parse_processes(xml)["p"]
        self.instance = Instance(self.process, Python(), {})
        self.instance.begin()

    def open(self) -> list[str]:
        return sorted(element for _, element, _ in self.instance.items())

    def waiting(self) -> list[str]:
        events = [e for e in self.instance.open_elements() if self.instance.waits(e[1])]
        return sorted(e for e, n in events if self.process.elements[e].type.endswith("Event"))

    @property
    def ended(self) -> bool:
        return self.instance.ended

    def complete(self, name: str, value: int) -> None:
        number = next(n for n, element, _ in self.instance.items() if element == name)
        self.instance.complete(number, {name: value})

    def fire(self, name: str) -> None:
        number = next(n for e, n in self.instance.open_elements() if e == name)
        self.instance.trigger(number, {})

    def reload(self) -> None:
        """Through JSON and back; the state is the same."""
        state = json.loads(json.dumps(self.instance.dump()))
        restored = Instance.load(self.process, Python(), json.loads(json.dumps(state)))
        assert restored.dump() == state
        self.instance = restored


class Stock:
    def __init__(self, xml: str) -> None:
        parser = SpiffBpmnParser()
        parser.add_bpmn_str(xml.encode())
        self.workflow = BpmnWorkflow(parser.get_spec("p"), {})
        self.workflow.do_engine_steps()

    def open(self) -> list[str]:
        ready = self.workflow.get_tasks(state=TaskState.READY, manual=True)
        return sorted(task.task_spec.name for task in ready)

    @property
    def ended(self) -> bool:
        return bool(self.workflow.completed)

    def complete(self, name: str, value: int) -> None:
        ready = self.workflow.get_tasks(state=TaskState.READY, manual=True)
        task = next(t for t in ready if t.task_spec.name == name)
        task.data[name] = value
        task.run()
        self.workflow.do_engine_steps()

    def fire(self, name: str) -> None:
        """A boundary timer, or the event of a race, which stock keeps on the gateway."""
        for task in list(self.workflow.event_manager.tasks.values()):
            if task.task_spec.name == name:
                self._past(task)
                return
            if name in [s.name for s in task.task_spec.outputs]:
                number = [s.name for s in task.task_spec.outputs].index(name)
                definition = task.task_spec.event_definition.event_definitions[number]
                if isinstance(definition, TimerEventDefinition):
                    self._past(task)
                else:
                    self.workflow.send_event(BpmnEvent(MessageEventDefinition("word"), {}))
                    self.workflow.do_engine_steps()
                return
        raise AssertionError(f"stock does not wait at {name}")

    def _past(self, task: Any) -> None:
        task.internal_data["event_value"] = PAST
        self.workflow.refresh_timers()
        self.workflow.do_engine_steps()


def races(xml: str) -> int:
    return xml.count("<eventBasedGateway")


def walk(seed: int) -> Iterator[tuple[Ours, Stock, str]]:
    """The two engines after each step of a random path."""
    xml = Artist(seed).process()
    # A message in stock reaches every race that waits; one race a diagram keeps them apart.
    if races(xml) > 1:
        return
    chance = random.Random(seed)
    ours, stock = Ours(xml), Stock(xml)
    yield ours, stock, "start"
    for step in range(STEPS):
        acts = [("complete", name) for name in ours.open()]
        acts += [("fire", name) for name in ours.waiting()]
        if not acts:
            return
        kind, name = chance.choice(acts)
        if kind == "complete":
            value = chance.choice([0, 1, 2])
            ours.complete(name, value)
            stock.complete(name, value)
        else:
            ours.fire(name)
            stock.fire(name)
        if not ours.ended:  # the state of an ended instance is dropped
            ours.reload()
        yield ours, stock, f"step {step}: {kind} {name}"


@pytest.mark.parametrize("block", range(8))
def test_the_same_tasks_are_open_after_every_step(block: int) -> None:
    compared = 0
    for seed in range(block * 40, block * 40 + 40):
        for ours, stock, told in walk(seed):
            assert ours.open() == stock.open(), (seed, told)
            assert ours.ended == stock.ended, (seed, told)
            compared += 1
    assert compared > 100


def test_state_and_step_do_not_grow_with_the_rounds_of_a_loop() -> None:
    """Where stock stops at a depth of 1,000 tasks, the state stays what it was."""
    drawing = Drawing()
    merge, task = drawing.node("exclusiveGateway"), drawing.node("userTask")
    gateway = drawing.node("exclusiveGateway")
    drawing.flow(drawing.node("startEvent"), merge)
    drawing.flow(merge, task)
    drawing.flow(task, gateway)
    drawing.flow(gateway, drawing.node("endEvent"), f"{task} == 1")
    drawing.default(gateway, drawing.flow(gateway, merge))
    ours = Ours(drawing.xml())
    ours.complete(task, 0)
    early = len(json.dumps(ours.instance.dump()))
    for _ in range(1_500):
        ours.complete(task, 0)
    assert len(json.dumps(ours.instance.dump())) <= early + 8
    ours.complete(task, 1)
    assert ours.ended


def test_a_parallel_block_in_a_loop_joins_in_every_round() -> None:
    """BPMN 2.0.2, 13.4.2: one token from each incoming flow, in the second round too."""
    drawing = Drawing()
    merge, split = drawing.node("exclusiveGateway"), drawing.node("parallelGateway")
    join, asked = drawing.node("parallelGateway"), drawing.node("userTask")
    left, right = drawing.node("userTask"), drawing.node("userTask")
    gateway = drawing.node("exclusiveGateway")
    drawing.flow(drawing.node("startEvent"), merge)
    drawing.flow(merge, split)
    for task in (left, right):
        drawing.flow(split, task)
        drawing.flow(task, join)
    drawing.flow(join, asked)
    drawing.flow(asked, gateway)
    drawing.flow(gateway, drawing.node("endEvent"), f"{asked} == 1")
    drawing.default(gateway, drawing.flow(gateway, merge))
    ours = Ours(drawing.xml())
    for answer in (0, 0, 1):
        ours.complete(right, 0)
        assert ours.open() == [left]
        ours.complete(left, 0)
        assert ours.open() == [asked]
        ours.complete(asked, answer)
    assert ours.ended
