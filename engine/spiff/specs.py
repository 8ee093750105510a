"""Element behaviour: SpiffWorkflow's task specs, stepped as tokens without prediction.

`compile_spec` gives every parsed spec a subclass that (1) caches its outputs, (2) makes successors
only when it completes, (3) joins by the tokens that wait at the join itself (BPMN 2.0.2, 13.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from SpiffWorkflow.bpmn.specs.bpmn_task_spec import BpmnTaskSpec
from SpiffWorkflow.bpmn.specs.control import BoundaryEventJoin, BoundaryEventSplit, _EndJoin
from SpiffWorkflow.bpmn.specs.event_definitions.simple import (
    NoneEventDefinition,
    TerminateEventDefinition,
)
from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin
from SpiffWorkflow.bpmn.specs.mixins.events.end_event import EndEvent
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.specs.mixins.events.intermediate_event import (
    BoundaryEvent,
    EventBasedGateway,
)
from SpiffWorkflow.bpmn.specs.mixins.exclusive_gateway import ExclusiveGateway
from SpiffWorkflow.bpmn.specs.mixins.inclusive_gateway import InclusiveGateway
from SpiffWorkflow.bpmn.specs.mixins.parallel_gateway import ParallelGateway
from SpiffWorkflow.operators import Operator
from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.util.task import TaskState

from engine.errors import ModelFailure

WAITING, READY, STARTED = TaskState.WAITING, TaskState.READY, TaskState.STARTED
CANCELLED = TaskState.CANCELLED


class UserTask(BpmnSpecMixin):  # type: ignore[misc]
    """A task that a person completes; with `multi_instance`, one work item for each list item."""

    def __init__(self, wf_spec: Any, name: str, **kwargs: Any) -> None:
        super().__init__(wf_spec, name, manual=True, **kwargs)
        self.multi_instance: str | None = None


class CallActivity(BpmnSpecMixin):  # type: ignore[misc]
    """Calls another procedure as an instance of its own; STARTED until that instance has ended."""

    def __init__(self, wf_spec: Any, name: str, called: str, **kwargs: Any) -> None:
        super().__init__(wf_spec, name, **kwargs)
        self.called = called
        self.multi_instance: str | None = None

    def _run_hook(self, task: Any) -> bool | None:
        if self.multi_instance is None:
            task.internal_data["pending"] = 1
            return None
        items = task.workflow.items(self)
        task.internal_data["pending"] = len(items)
        task.internal_data["items"] = items
        return None if items else True


class AutomaticTask(BpmnSpecMixin):  # type: ignore[misc]
    """A service or send task: done at once, its effects are read off its properties."""


class DecisionTask(BpmnSpecMixin):  # type: ignore[misc]
    """A business rule task: the decision's outputs become variables."""

    def __init__(self, wf_spec: Any, name: str, decision: str, **kwargs: Any) -> None:
        super().__init__(wf_spec, name, **kwargs)
        self.decision = decision

    def _run_hook(self, task: Any) -> bool:
        task.workflow.decide(self)
        return True


class Condition(Operator):  # type: ignore[misc]
    """A FEEL condition; anything but true or false is a fault of the model, not a 'no'."""

    def __init__(self, text: str, element: str) -> None:
        super().__init__(text)
        self.text, self.element = text, element

    def _matches(self, task: Any) -> bool:
        value = task.workflow.evaluate(self.text)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise ModelFailure(
            f"The condition «{self.text}» at {self.element} gave {value!r}; expected true or "
            "false. Correct the condition in the diagram."
        )


class Stepped(TaskSpec):  # type: ignore[misc]
    """Mixed in before every parsed spec class."""

    targets: list[TaskSpec]
    sources: list[TaskSpec]

    @property
    def outputs(self) -> list[TaskSpec]:
        return self.targets

    @property
    def inputs(self) -> list[TaskSpec]:
        return self.sources

    def test(self) -> None:
        """Specs are tested once, when they are compiled."""

    def _on_ready(self, task: Any) -> None:
        """No assignments and no callbacks: readiness is the change of state alone."""

    def _predict(self, task: Any, *args: Any, **kwargs: Any) -> None:
        """Successors are made when the task completes."""

    def _update(self, task: Any) -> None:
        if self._update_hook(task):
            task._ready()

    def _update_hook(self, task: Any) -> bool:
        return True

    def _on_complete(self, task: Any) -> None:
        self._on_complete_hook(task)
        task.workflow.leave(task)

    def _on_complete_hook(self, task: Any) -> None:
        """What happens on completion beyond passing the token on."""


class SteppedCatch(Stepped):
    """Start, intermediate and boundary events: wait for a command that fires them."""

    def _update_hook(self, task: Any) -> bool:
        if isinstance(self.event_definition, NoneEventDefinition):
            return True
        task._set_state(WAITING)
        task.workflow.arm(task)
        return False

    def _run_hook(self, task: Any) -> bool:
        return True

    def _on_complete_hook(self, task: Any) -> None:
        rivals = task.internal_data.get("race")
        if rivals is not None:
            task.workflow.cancel_where(lambda t: t.internal_data.get("race") == rivals, but=task)
        if isinstance(self, BoundaryEvent) and self.cancel_activity:
            task.workflow.interrupt(task.internal_data["host"], but=task)

    def _on_cancel(self, task: Any) -> None:
        """Nothing is registered outside the token."""


class SteppedActivity(Stepped):
    """User tasks and call activities: on completion the boundary events go."""

    def _on_complete_hook(self, task: Any) -> None:
        if self.guarded:
            task.workflow.cancel_where(lambda t: t.internal_data.get("host") == task.id)


class SteppedBoundarySplit(Stepped):
    """Makes the host and its boundary events, which know their host by its number."""

    def _on_complete(self, task: Any) -> None:
        workflow = task.workflow
        workflow.discard(task)
        host = workflow.token(self.host)
        # The events wait before the host starts, so that a host which ends at once cancels them.
        for spec in self.events:
            event = workflow.token(spec)
            event.internal_data["host"] = host.id
            spec._update(event)
        self.host._update(host)


class SteppedRace(Stepped):
    """Event-based gateway: all its events wait, the first one cancels the others."""

    def _update_hook(self, task: Any) -> bool:
        return True

    def _run_hook(self, task: Any) -> bool:
        return True

    def _on_complete(self, task: Any) -> None:
        task.workflow.discard(task)
        for spec in self.targets:
            event = task.workflow.token(spec)
            event.internal_data["race"] = task.id
            spec._update(event)


class SteppedChoice(Stepped):
    """Exclusive gateway: SpiffWorkflow's own choice, our condition and our error."""

    def _run_hook(self, task: Any) -> bool:
        for condition, name in self.cond_task_specs:
            if condition is not None and condition._matches(task):
                task.chosen = [self._wf_spec.task_specs[name]]
                return True
        if self.default_task_spec is None:
            raise ModelFailure(
                f"No outgoing flow of the gateway {self.name} applies to "
                f"{task.workflow.describe(self)}. Give it a default flow or correct a condition."
            )
        task.chosen = [self._wf_spec.task_specs[self.default_task_spec]]
        return True


class SteppedJoin(Stepped):
    """Parallel gateway: fires when a token waits from each incoming flow, consuming one of each."""

    def _update_hook(self, task: Any) -> bool:
        if len(self.sources) == 1:
            return True
        tokens = [*task.workflow.waiting_at(self), task]
        first: dict[str, Any] = {}
        for token in tokens:
            first.setdefault(token.internal_data["from"], token)
        if len(first) < len(self.sources):
            task._set_state(WAITING)
            return False
        for token in first.values():
            if token is not task:
                task.workflow.discard(token)
        return True

    def _run_hook(self, task: Any) -> bool:
        return True


class SteppedInclusive(Stepped):
    """Inclusive gateway: waits while a token elsewhere can still reach an empty incoming flow."""

    def _update_hook(self, task: Any) -> bool:
        workflow = task.workflow
        tokens = workflow.waiting_at(self)
        if len(self.sources) > 1 and self._may_still_arrive(workflow, task, tokens):
            task._set_state(WAITING)
            return False
        for token in tokens:
            if token is not task:
                workflow.discard(token)
        return True

    def _may_still_arrive(self, workflow: Any, task: Any, tokens: list[Any]) -> bool:
        arrived = {token.internal_data["from"] for token in [*tokens, task]}
        near = self._before(s for s in self.sources if s.name in arrived)
        far = self._before(s for s in self.sources if s.name not in arrived)
        return any(
            token.task_spec is not self and token.task_spec in far and token.task_spec not in near
            for token in workflow.active()
        )

    def _before(self, specs: Iterable[TaskSpec]) -> set[TaskSpec]:
        seen: set[TaskSpec] = set()
        todo = list(specs)
        while todo:
            spec = todo.pop()
            if spec is not self and spec not in seen:
                seen.add(spec)
                todo.extend(getattr(spec, "sources", ()))
        return seen

    def _run_hook(self, task: Any) -> bool:
        matches, defaults = self._get_matching_outputs(task)
        task.chosen = matches or defaults
        if not task.chosen:
            raise ModelFailure(
                f"No outgoing flow of the gateway {self.name} applies to "
                f"{task.workflow.describe(self)}. Give it a default flow or correct a condition."
            )
        return True


class SteppedEndEvent(Stepped):
    """End events; a terminate event cancels whatever is still open."""

    def _run_hook(self, task: Any) -> bool:
        return True

    def _on_complete_hook(self, task: Any) -> None:
        if isinstance(self.event_definition, TerminateEventDefinition):
            task.workflow.cancel_where(lambda t: True, but=task)


class SteppedEnd(Stepped):
    """SpiffWorkflow's internal last task: the instance has ended when no token is left."""

    def _update_hook(self, task: Any) -> bool:
        return True

    def _run_hook(self, task: Any) -> bool:
        return True


_BEHAVIOUR: tuple[tuple[type[TaskSpec], type[Stepped]], ...] = (
    (BoundaryEventSplit, SteppedBoundarySplit),
    (EventBasedGateway, SteppedRace),
    (EndEvent, SteppedEndEvent),
    (CatchingEvent, SteppedCatch),
    (ExclusiveGateway, SteppedChoice),
    (InclusiveGateway, SteppedInclusive),
    (ParallelGateway, SteppedJoin),
    (_EndJoin, SteppedEnd),
    (UserTask, SteppedActivity),
    (CallActivity, SteppedActivity),
)
_classes: dict[type[TaskSpec], type[TaskSpec]] = {}


def _stepped(cls: type[TaskSpec]) -> type[TaskSpec]:
    if cls not in _classes:
        behaviour = next((b for base, b in _BEHAVIOUR if issubclass(cls, base)), Stepped)
        _classes[cls] = type(f"Stepped{cls.__name__}", (behaviour, cls), {})
    return _classes[cls]


def compile_spec(spec: Any) -> Any:
    """Turn a parsed process spec into its stepped form, once per definition."""
    specs: dict[str, BpmnTaskSpec] = spec.task_specs
    for name in [n for n, s in specs.items() if isinstance(s, BoundaryEventJoin)]:
        _remove(specs, name)
    for task_spec in specs.values():
        task_spec.targets = [specs[name] for name in task_spec._outputs]
        task_spec.sources = [specs[name] for name in task_spec._inputs if name in specs]
        task_spec.guarded = False
    for task_spec in specs.values():
        if isinstance(task_spec, EventBasedGateway):
            _restore_events(task_spec)
        if isinstance(task_spec, BoundaryEventSplit):
            hosts = [s for s in task_spec.targets if not isinstance(s, BoundaryEvent)]
            task_spec.host = hosts[0]
            task_spec.host.guarded = True
            task_spec.events = [s for s in task_spec.targets if isinstance(s, BoundaryEvent)]
        if hasattr(task_spec, "cond_task_specs"):
            task_spec.cond_task_specs = [
                (c and Condition(c.args[0], task_spec.name), n)
                for c, n in task_spec.cond_task_specs
            ]
    for task_spec in specs.values():
        task_spec.__class__ = _stepped(type(task_spec))
        joins = isinstance(task_spec, SteppedJoin | SteppedInclusive)
        task_spec.joins = joins and len(task_spec.sources) > 1
    return spec


def _remove(specs: dict[str, BpmnTaskSpec], name: str) -> None:
    """The boundary join only cancels; tokens know their host and do without it."""
    gone = specs.pop(name)
    for other in specs.values():
        other._outputs = [n for n in other._outputs if n != gone.name]
        other._inputs = [n for n in other._inputs if n != gone.name]


def _restore_events(gateway: Any) -> None:
    """SpiffWorkflow moves the events onto the gateway; each goes back to its own element."""
    for event, definition in zip(
        gateway.targets, gateway.event_definition.event_definitions, strict=True
    ):
        event.event_definition = definition
