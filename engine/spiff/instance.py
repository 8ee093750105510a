"""A process instance in memory: start, complete, fire, deliver, return, cancel; dump and load.

Every act gives the list of changes that followed, in order. Nothing here knows cases, persons,
clocks or the database, and nothing calls the machine's clock or makes a random id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine.errors import ModelFailure
from engine.spiff.parser import ISO_LITERAL, Process, is_message, is_timer
from engine.spiff.specs import CallActivity, DecisionTask, UserTask

WAITING, READY, STARTED = TaskState.WAITING, TaskState.READY, TaskState.STARTED
COMPLETED, CANCELLED = TaskState.COMPLETED, TaskState.CANCELLED
OPEN = READY | WAITING | STARTED

STEP_BUDGET = 2_000
"""Automatic steps that one command may take; more means a loop that never asks anybody."""


class Host(Protocol):
    """What an instance asks of the case that it belongs to."""

    def evaluate(self, text: str, variables: Mapping[str, Any]) -> Any:
        """The value of a FEEL expression."""

    def decide(self, decision: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The outputs of a decision table."""

    def completed(self, element_id: str) -> None:
        """An element has completed: its effects happen before the next condition is read."""


@dataclass(frozen=True)
class Change:
    """One thing that happened to an element of this instance.

    kind: entered | completed | cancelled (any element) · offered (a work item) ·
    withdrawn (a work item) · armed (a timer or message waits) · disarmed · called · ended.
    """

    kind: str
    element: str
    number: int
    value: Any = None


class _Token(Task):  # type: ignore[misc]
    """A task of SpiffWorkflow without tree, tracing and random id; variables are the instance's."""

    def __init__(self, workflow: _Workflow, spec: Any, number: int, state: int) -> None:
        self.id = number
        self.workflow = workflow
        self.task_spec = spec
        self._parent = None
        self._children: list[int] = []
        self._state = state
        self.triggered = False
        self.thread_id = 0
        self.internal_data: dict[str, Any] = {}
        self.chosen: list[Any] | None = None
        workflow.tasks[number] = self

    @property
    def data(self) -> dict[str, Any]:
        return self.workflow.data

    def _set_state(self, value: int) -> None:
        old, self._state = self._state, value
        if old != value:
            self.workflow.note(self, old, value)

    def cancel(self) -> None:
        if self._state & OPEN:
            self._set_state(CANCELLED)
        self.workflow.tasks.pop(self.id, None)

    def error(self) -> None:
        """A failing step leaves the instance; the caller drops it with the exception."""


class _Workflow(BpmnWorkflow):  # type: ignore[misc]
    """Steps tokens from queues instead of scanning a tree."""

    def __init__(self, process: Process, host: Host, data: dict[str, Any], counter: int) -> None:
        super().__init__(process.spec, {}, script_engine=host, deserializing=True)
        self.process, self.host, self.counter = process, host, counter
        self.data = data
        self.queue: dict[int, _Token] = {}
        self.changes: list[Change] = []

    # what the specs ask for

    def token(self, spec: Any) -> _Token:
        self.counter += 1
        return _Token(self, spec, self.counter, TaskState.FUTURE)

    def leave(self, task: _Token) -> None:
        """Pass the token on to the chosen or to all targets; the finished task is dropped."""
        self.tasks.pop(task.id, None)
        for spec in task.task_spec.targets if task.chosen is None else task.chosen:
            follower = self.token(spec)
            if spec.joins:
                follower.internal_data["from"] = task.task_spec.name
            spec._update(follower)

    def waiting_at(self, spec: Any) -> list[_Token]:
        return [t for t in self.tasks.values() if t.task_spec is spec and t._state == WAITING]

    def active(self) -> list[_Token]:
        return [t for t in self.tasks.values() if t._state & OPEN]

    def discard(self, task: _Token) -> None:
        """A token merged into another one: neither completed nor cancelled."""
        self.tasks.pop(task.id, None)

    def cancel_where(self, test: Callable[[_Token], bool], but: _Token | None = None) -> None:
        for task in [t for t in self.tasks.values() if t is not but and test(t)]:
            task.cancel()

    def interrupt(self, host: int, but: _Token) -> None:
        """An interrupting boundary event fired (BPMN 2.0.2, 13.5.3)."""
        self.cancel_where(lambda t: t.id == host or t.internal_data.get("host") == host, but)

    def evaluate(self, text: str) -> Any:
        return self.host.evaluate(text, self.data)

    def decide(self, spec: DecisionTask) -> None:
        self.data.update(self.host.decide(spec.decision, self.data))

    def items(self, spec: Any) -> list[str]:
        items = self.data.get(spec.multi_instance)
        if not isinstance(items, list):
            raise ModelFailure(
                f"{spec.name} runs once for each item of «{spec.multi_instance}»; expected a "
                f"list, found {items!r}. Set the list before this element."
            )
        return list(items)

    def describe(self, spec: Any) -> str:
        names = sorted(k for k in self.data if not k.startswith("_"))
        return ", ".join(f"{k}={self.data[k]!r}" for k in names)

    def arm(self, task: _Token) -> None:
        """A timer or message event starts to wait."""
        definition = task.task_spec.event_definition
        value = definition.name if is_message(definition) else _timer_text(task)
        self.changes.append(Change("armed", task.task_spec.name, task.id, value))

    # the log of changes

    def note(self, task: _Token, old: int, new: int) -> None:
        spec = task.task_spec
        if new == READY:
            self._ready(task, spec)
        elif new == STARTED:
            self._called(task, spec)
        elif new == COMPLETED and spec.bpmn_id:
            if old == WAITING or _timer_text(task) is not None:
                self.changes.append(Change("disarmed", spec.name, task.id))
            self.changes.append(Change("completed", spec.name, task.id))
            self.host.completed(spec.name)
        elif new == CANCELLED and spec.bpmn_id:
            self._cancelled(task, spec, old)

    def _ready(self, task: _Token, spec: Any) -> None:
        if spec.bpmn_id:
            self.changes.append(Change("entered", spec.name, task.id))
        if not isinstance(spec, UserTask):
            self.queue[task.id] = task
        elif spec.multi_instance is None:
            self.changes.append(Change("offered", spec.name, task.id))
        else:
            self._offer_items(task, spec)

    def _offer_items(self, task: _Token, spec: UserTask) -> None:
        numbers = {}
        for item in self.items(spec):
            self.counter += 1
            numbers[str(self.counter)] = item
            self.changes.append(Change("offered", spec.name, self.counter, item))
        task.internal_data["items"] = numbers
        if not numbers:
            self.queue[task.id] = task

    def _called(self, task: _Token, spec: CallActivity) -> None:
        for item in task.internal_data.get("items", [None]):
            self.changes.append(Change("called", spec.name, task.id, item))

    def _cancelled(self, task: _Token, spec: Any, old: int) -> None:
        if isinstance(spec, UserTask) and old == READY:
            for number in task.internal_data.get("items", {str(task.id): None}):
                self.changes.append(Change("withdrawn", spec.name, int(number)))
        elif old == WAITING and "from" not in task.internal_data:
            self.changes.append(Change("disarmed", spec.name, task.id))
        self.queue.pop(task.id, None)
        self.changes.append(Change("cancelled", spec.name, task.id))

    def run(self) -> None:
        """Take every automatic step; at rest, ask joins that waited for a dead token again."""
        budget = STEP_BUDGET
        while True:
            while self.queue:
                if not (budget := budget - 1):
                    raise ModelFailure(
                        f"{self.process.id} took {STEP_BUDGET} automatic steps without asking "
                        "anybody. Draw a user task or a timer into the loop."
                    )
                task = self.queue.pop(next(iter(self.queue)))
                task.run()
            if not self._ask_joins_again():
                break
        if not self.tasks:
            self.completed = True
            self.changes.append(Change("ended", self.process.id, 0))

    def _ask_joins_again(self) -> bool:
        for task in list(self.tasks.values()):
            if task._state == WAITING and hasattr(task.task_spec, "_may_still_arrive"):
                task.task_spec._update(task)
                if task._state == READY:
                    return True
        return False


class Instance:
    """One process instance; `variables` are its flat routing values (JSON scalars and lists)."""

    __slots__ = ("process", "workflow")

    def __init__(self, process: Process, host: Host, variables: Mapping[str, Any]) -> None:
        self.process = process
        self.workflow = _Workflow(process, host, dict(variables), 0)

    def begin(self) -> None:
        """Run from the start event to the first rest."""
        self.workflow.token(self.process.spec.start)._ready()
        self.workflow.run()

    @property
    def variables(self) -> dict[str, Any]:
        data: dict[str, Any] = self.workflow.data
        return data

    @property
    def ended(self) -> bool:
        return bool(self.workflow.completed)

    def changes(self) -> list[Change]:
        """The changes since they were last asked for."""
        taken: list[Change] = self.workflow.changes
        self.workflow.changes = []
        return taken

    def complete(self, number: int, values: Mapping[str, Any]) -> None:
        """Complete the work item `number` with the routing values of its form."""
        task = self._user_task(number)
        self.workflow.data.update(values)
        items = task.internal_data.get("items")
        if items is not None:
            del items[str(number)]
            if items:
                return
        task.run()
        self.workflow.run()

    def trigger(self, number: int, values: Mapping[str, Any]) -> None:
        """Fire the timer, or deliver the message, that waits under `number`."""
        task = self.workflow.tasks[number]
        self.workflow.data.update(values)
        task._set_state(READY)
        self.workflow.run()

    def returned(self, number: int, outputs: Mapping[str, Any]) -> None:
        """An instance that the call activity `number` called has ended."""
        task = self.workflow.tasks[number]
        self.workflow.data.update(outputs)
        task.internal_data["pending"] -= 1
        if task.internal_data["pending"] == 0:
            task.complete()
            self.workflow.run()

    def cancel(self) -> None:
        """Withdraw everything that is open."""
        self.workflow.cancel_where(lambda task: True)

    def _user_task(self, number: int) -> Any:
        task = self.workflow.tasks.get(number)
        if task is None:
            task = next(
                (
                    t
                    for t in self.workflow.tasks.values()
                    if isinstance(t.task_spec, UserTask)
                    and str(number) in t.internal_data.get("items", ())
                ),
                None,
            )
        if task is None or task._state != READY or not isinstance(task.task_spec, UserTask):
            raise KeyError(number)
        return task

    def timers(self) -> list[tuple[int, str, str, str | None]]:
        """(number, element, text, due as set) of every waiting timer."""
        return [
            (t.id, t.task_spec.name, text, t.internal_data.get("due"))
            for t in self.workflow.tasks.values()
            if t._state == WAITING and (text := _timer_text(t)) is not None
        ]

    def set_due(self, number: int, due: str | None) -> None:
        """Keep with a waiting timer when it is due."""
        self.workflow.tasks[number].internal_data["due"] = due

    def waits(self, number: int) -> bool:
        """Whether a timer or message waits under this number."""
        task = self.workflow.tasks.get(number)
        return task is not None and task._state == WAITING and "from" not in task.internal_data

    def items(self) -> list[tuple[int, str, str | None]]:
        """(number, element, item) of every open work item."""
        found = []
        for task in self.workflow.tasks.values():
            if task._state == READY and isinstance(task.task_spec, UserTask):
                numbers = task.internal_data.get("items", {str(task.id): None})
                found += [(int(n), task.task_spec.name, item) for n, item in numbers.items()]
        return found

    def open_elements(self) -> list[tuple[str, int]]:
        """(element, number) of every token that waits for somebody or something."""
        return [
            (t.task_spec.name, t.id)
            for t in self.workflow.tasks.values()
            if t._state & OPEN and t.task_spec.bpmn_id
        ]

    def dump(self) -> list[Any]:
        """The state as JSON; canonical once its keys are sorted."""
        return [
            self.workflow.counter,
            self.workflow.data,
            [
                [t.id, t.task_spec.name, t._state, t.internal_data]
                for t in self.workflow.tasks.values()
            ],
        ]

    @classmethod
    def load(cls, process: Process, host: Host, state: list[Any]) -> Instance:
        counter, data, tokens = state
        instance = cls(process, host, data)
        instance.workflow.counter = counter
        for number, name, token_state, internal in tokens:
            spec = process.spec.task_specs[name]
            _Token(instance.workflow, spec, number, token_state).internal_data = internal
        return instance


def _timer_text(task: _Token) -> str | None:
    """The text of a timer event; None for every other element."""
    definition: Any = getattr(task.task_spec, "event_definition", None)
    return str(definition.expression).strip() if is_timer(definition) else None


def literal(text: str) -> str | None:
    """The ISO 8601 literal in a timer's text, or None where the text is FEEL."""
    return text if ISO_LITERAL.match(text) else None
