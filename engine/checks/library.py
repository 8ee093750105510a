"""What the whole deployment knows: processes and who calls them, keys, variables, organisations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from engine.casefile import Case, assignments
from engine.checks.diagram import Diagram, Node
from engine.checks.files import Content
from engine.checks.structure import backwards, walk
from engine.decisions import Decision
from engine.decisions.logic import Literal
from engine.definitions import Library, Shared
from engine.forms import Field, Form

ALWAYS = frozenset({"case_no", "received_on"})
"""Variables that every instance gets (processes/README.md, 三)."""
ENGINE_FUNCTIONS = Case(0, "", Library()).functions
OF_ENTRY = frozenset({"organisation", "by", "on"})
"""What `collect` adds to each entry."""


@dataclass(frozen=True, eq=False)
class Whole:
    """All packages of a check, by key, with the shared catalogues."""

    contents: Mapping[str, Content]
    shared: Shared
    diagrams: Mapping[str, Diagram] = field(init=False)
    callers: Mapping[str, list[tuple[Diagram, Node]]] = field(init=False)
    missing_inputs: set[tuple[str, str, str]] = field(default_factory=set)
    """What callers were already told to pass."""

    def __post_init__(self) -> None:
        diagrams: dict[str, Diagram] = {}
        callers: dict[str, list[tuple[Diagram, Node]]] = {}
        for content in self.contents.values():
            for diagram in content.diagrams:
                diagrams.setdefault(diagram.id, diagram)
                for node in diagram.of_kind("callActivity"):
                    callers.setdefault(node.called, []).append((diagram, node))
        object.__setattr__(self, "diagrams", diagrams)
        object.__setattr__(self, "callers", callers)

    @cached_property
    def complete(self) -> bool:
        """Everything could be read: a name that nothing sets is set nowhere."""
        return not any(content.unread for content in self.contents.values())

    def content(self, diagram: Diagram) -> Content:
        return self.contents[diagram.place.package]

    def form(self, diagram: Diagram, node: Node) -> Form | None:
        found = self.content(diagram).forms.get(node.element.get("form"))
        return found and found[1]

    def decision(self, diagram: Diagram, node: Node) -> Decision | None:
        found = self.content(diagram).decisions.get(node.decision)
        return found and found[1]

    @cached_property
    def fields(self) -> list[Field]:
        """The fields of all forms, those of lists' rows left out."""
        forms = (form for c in self.contents.values() for _, form in c.forms.values())
        return [field for form in forms for field in form.fields]

    @cached_property
    def file_keys(self) -> frozenset[str]:
        """The keys of the case document."""
        collected = {
            node.element.get("collect")
            for diagram in self.diagrams.values()
            for node in diagram.nodes.values()
        }
        return frozenset({f.key for f in self.fields} | collected) - {""}

    @cached_property
    def lists(self) -> frozenset[str]:
        """The keys of the case document that hold lists of rows."""
        rows = {f.key for f in self.fields if f.kind == "dynamiclist"}
        return frozenset(rows | (self.file_keys - {f.key for f in self.fields}))

    @cached_property
    def entries(self) -> frozenset[str]:
        """What rows of lists may hold."""
        columns = {column.key for f in self.fields for column in f.columns}
        return frozenset(columns | OF_ENTRY | self.file_keys)

    # variables

    @cached_property
    def own_variables(self) -> Mapping[str, frozenset[str]]:
        """What each process sets itself."""
        return {
            key: ALWAYS | frozenset(self._set_by(diagram)) for key, diagram in self.diagrams.items()
        }

    def _set_by(self, diagram: Diagram) -> Iterator[str]:
        for node in diagram.nodes.values():
            form = self.form(diagram, node)
            if form:
                yield from (field.key for field in form.fields if field.routing)
            decision = self.decision(diagram, node)
            if decision:
                yield from decision.output_names
            yield from (name for name, _ in assignments(node.element.get("outputs")))

    @cached_property
    def variables(self) -> Mapping[str, frozenset[str]]:
        """What each process sets or is passed by some caller."""
        return {key: own | self.passed(key) for key, own in self.own_variables.items()}

    def passed(self, process: str) -> frozenset[str]:
        calls = self.callers.get(process, ())
        return frozenset(name for _, node in calls for name in inputs(node))

    # organisations

    @cached_property
    def settled_organisations(self) -> frozenset[str]:
        """The organisation keys that a form, the start of a case or the tree settles."""
        settled = {"item"} | {f.organisation for f in self.fields if f.organisation}
        starts = [d.start for d in self.diagrams.values() if d.start is not None]
        settled |= {s.element.organisation for s in starts if s.element.get("form")}
        for diagram in self.diagrams.values():
            for node in diagram.nodes.values():
                settled |= {key for key, _ in assignments(node.element.get("setOrganisation"))}
        rules = self.shared.organisation_keys
        while True:
            more = {
                key
                for key, rule in rules.items()
                if key not in settled and {rule.get("parentOf"), rule.get("of")} & settled
            }
            if not more:
                return frozenset(settled)
            settled |= more

    def is_called_for_items(self, process: str) -> bool:
        return any(node.list_name for _, node in self.callers.get(process, ()))


def inputs(node: Node) -> frozenset[str]:
    return frozenset(name for name, _ in assignments(node.element.get("inputs")))


def decision_reads(decision: Decision) -> tuple[set[str], list[tuple[str, Iterable[str]]]]:
    """The names that a decision and those it requires read, and the calls in each text."""
    names: set[str] = set()
    calls: list[tuple[str, Iterable[str]]] = []
    for asked in _with_required(decision).values():
        given = {below.variable for below in asked.required}
        for text, read, called in _texts_of(asked):
            names |= read - given
            calls.append((text, called))
    return names, calls


def _with_required(decision: Decision) -> dict[str, Decision]:
    """The decision and all that it requires, each once, by id."""
    found, todo = {decision.id: decision}, [decision]
    while todo:
        for below in todo.pop().required:
            if below.id not in found:
                found[below.id] = below
                todo.append(below)
    return found


def _texts_of(decision: Decision) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    logic = decision.logic
    if isinstance(logic, Literal):
        found = [logic.expression]
    else:
        found = [clause.expression for clause in logic.inputs]
        found += [cell for rule in logic.rules for cell in (*rule.tests, *rule.cells)]  # type: ignore[misc]
        found += [o.default for o in logic.outputs if o.default is not None]
    for expression in found:
        yield expression.text, expression.names, expression.calls


def check_deployment(whole: Whole) -> None:
    """Ids, calls and what nobody uses."""
    _check_ids(whole)
    _check_calls(whole)
    for content in whole.contents.values():
        _check_use(content)
    for key, diagram in whole.diagrams.items():
        start = diagram.start
        if key not in whole.callers and start is not None and not start.element.get("form"):
            diagram.place.refuse("process_unused", key, process=key)


def _check_ids(whole: Whole) -> None:
    seen: dict[str, str] = {}
    for content in whole.contents.values():
        for diagram in content.diagrams:
            where = f"{content.key}/{diagram.place.file}"
            # A process and its elements: what the history, the inbox and the pages go by.
            for key in dict.fromkeys((diagram.id, *diagram.ids)):
                if key in seen:
                    diagram.place.refuse("id_twice", key, id=key, other=seen[key])
                seen.setdefault(key, where)
            for key in {"Start", "End", "Root"} & diagram.nodes.keys():
                diagram.place.refuse("id_reserved", key, id=key, process=diagram.id)


def _check_calls(whole: Whole) -> None:
    steps = {
        key: [node.called for node in diagram.of_kind("callActivity")]
        for key, diagram in whole.diagrams.items()
    }
    back_steps = backwards(steps)
    lacking = any(content.lacks(".bpmn") for content in whole.contents.values())
    for called, calls in whole.callers.items():
        back = walk([called], steps)
        for diagram, node in calls:
            if called not in whole.diagrams and not lacking:
                diagram.place.refuse("call_unknown", node.id, name=node.name, process=called)
            elif diagram.id in back:
                circle = sorted(back & walk([diagram.id], back_steps))
                diagram.place.refuse(
                    "call_cycle", node.id, name=node.name, process=called, circle=circle
                )


def _check_use(content: Content) -> None:
    nodes = [node for diagram in content.diagrams for node in diagram.nodes.values()]
    if content.lacks(".bpmn"):
        return
    forms = {node.element.get("form") for node in nodes}
    for key, (place, _) in content.forms.items():
        if key not in forms:
            place.refuse("form_unused", key, form=key)
    used = {node.decision for node in nodes}
    used |= {below.id for _, d in content.decisions.values() for below in d.required}
    for key, (place, _) in content.decisions.items():
        if key not in used:
            place.refuse("decision_unused", key, decision=key)
