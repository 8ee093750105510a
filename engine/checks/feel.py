"""Every FEEL text of a deployment compiles, and reads and calls only what exists."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from engine.casefile import assignments, names_in
from engine.checks.diagram import Diagram, Node
from engine.checks.files import Content
from engine.checks.library import ENGINE_FUNCTIONS, Whole, decision_reads, inputs
from engine.checks.report import Place
from engine.errors import ExpressionFailed, InvalidExpression
from engine.expressions import BUILTIN_NAMES, Expression, compile_expression
from engine.forms import Form
from engine.spiff import ISO_LITERAL

ON_FILE = (
    *("clockStart", "clockLength", "extendDays", "excludeDays"),
    *("documentBy", "serveDocument", "servedOn", "serveMode", "correlationKey"),
)
"""Properties in FEEL, which may read the case document behind the variables."""
_CLOCK = re.compile(r'\b(?:due|target|warn|due_date|running)\(\s*"([^"]*)"')
_CALL = re.compile(r"(?<![\w.])(" + "|".join(ENGINE_FUNCTIONS) + r")\(([^()]*)\)")
_COUNTS = {
    name: len(inspect.signature(function).parameters) for name, function in ENGINE_FUNCTIONS.items()
}


@dataclass(frozen=True)
class Read:
    """A name that a text at an element reads; `on_file`: the case document will do, too."""

    element: str
    where: str
    text: str
    name: str
    on_file: bool


class Checker:
    """Checks texts in one file."""

    def __init__(self, place: Place, whole: Whole) -> None:
        self.place, self.whole = place, whole

    def compile(self, element: str, where: str, text: str) -> Expression | None:
        """The expression, with its functions and clocks checked; None where it is none."""
        values = {"where": where, "text": text}
        try:
            expression = compile_expression(text)
        except InvalidExpression as error:
            self.place.refuse("feel", element, **values, detail=error.message)
            return None
        self.check_calls(element, where, text, expression.calls)
        for name in sorted(expression.filter_names - self.whole.entries):
            if not any(name in known for known in self.whole.variables.values()):
                self.unknown(element, where, text, name)
        return expression

    def unknown(self, element: str, where: str, text: str, name: str) -> None:
        """A name that nothing sets; of a file that could not be read nobody knows what it sets."""
        if self.whole.complete:
            self.place.refuse("feel_name", element, where=where, text=text, variable=name)

    def check_name(self, node: Node, name: str) -> None:
        """A variable that no expression could read is of no use to anybody."""
        try:
            fits = compile_expression(name).names == {name}
        except InvalidExpression:
            fits = False
        if not fits:
            self.place.refuse("variable_name", node.id, name=node.name, variable=name)

    def check_calls(self, element: str, where: str, text: str, calls: Any) -> None:
        values = {"where": where, "text": text}
        for function in sorted(set(calls) - BUILTIN_NAMES - ENGINE_FUNCTIONS.keys()):
            self.place.refuse("feel_function", element, **values, function=function)
        for function, given in _CALL.findall(text):
            parts = re.sub(r'"[^"]*"', '""', given).split(",")
            if len([part for part in parts if part.strip()]) != _COUNTS[function]:
                self.place.refuse("feel_arguments", element, **values, function=function)
        for clock in (name for keys in _CLOCK.findall(text) for name in names_in(keys)):
            if clock not in self.whole.shared.catalogue:
                self.place.refuse("feel_clock", element, **values, clock=clock)


def check_diagram_feel(diagram: Diagram, whole: Whole) -> None:
    """Conditions, timers, properties, lists and what calls pass on and bring back."""
    checker = Checker(diagram.place, whole)
    own, passed = whole.own_variables[diagram.id], whole.passed(diagram.id)
    for read in _reads(diagram, checker):
        known = own | passed | (whole.file_keys if read.on_file else frozenset())
        if read.name not in known:
            checker.unknown(read.element, read.where, read.text, read.name)
        elif read.name not in own and not (read.on_file and read.name in whole.file_keys):
            _check_callers(diagram, whole, read.name)
    for node in diagram.of_kind("callActivity"):
        for name in ("inputs", "outputs"):
            for variable, _ in assignments(node.element.get(name)):
                checker.check_name(node, variable)
        _check_outputs(diagram, node, checker)


def _check_callers(diagram: Diagram, whole: Whole, name: str) -> None:
    for caller, node in whole.callers.get(diagram.id, ()):
        key = (caller.place.package, node.id, name)
        if name not in inputs(node) and key not in whole.missing_inputs:
            whole.missing_inputs.add(key)
            values = {"process": diagram.id, "variable": name, "name": node.name}
            caller.place.refuse("call_input", node.id, **values)


def _reads(diagram: Diagram, checker: Checker) -> Iterator[Read]:
    for node in diagram.nodes.values():
        yield from _reads_of(diagram, node, checker)
        if node.is_choice:
            for flow in node.outgoing:
                if flow.condition and flow.id != node.default:
                    yield from _names(checker, flow.id, node.name, flow.condition, False)


def _reads_of(diagram: Diagram, node: Node, checker: Checker) -> Iterator[Read]:
    for definition in node.definitions:
        if definition.kind == "timer" and definition.value:
            yield from _timer(node, definition.value, checker)
    for name in ON_FILE:
        text = node.element.get(name)
        if text:
            yield from _names(checker, node.id, node.name, text, True)
    for _, text in assignments(node.element.get("inputs")):
        yield from _names(checker, node.id, node.name, text, True)
    if node.list_name:
        yield Read(node.id, node.name, node.list_name, node.list_name, False)
    decision = checker.whole.decision(diagram, node)
    if decision is not None:
        for name in sorted(decision_reads(decision)[0]):
            yield Read(node.id, node.name, decision.id, name, False)


def _names(checker: Checker, element: str, where: str, text: str, on_file: bool) -> Iterator[Read]:
    expression = checker.compile(element, where, text)
    for name in sorted(expression.names) if expression else ():
        yield Read(element, where, text, name, on_file)


def _timer(node: Node, text: str, checker: Checker) -> Iterator[Read]:
    """A literal, or an expression without variables, is evaluated here and now."""
    fixed = f'@"{text}"' if ISO_LITERAL.match(text) else text
    expression = checker.compile(node.id, node.name, fixed)
    if expression is None:
        return
    if not expression.names and not expression.calls - BUILTIN_NAMES:
        try:
            value = expression.evaluate({})
        except ExpressionFailed:
            value = None
        if not _is_time(value):
            checker.place.refuse("timer_value", node.id, name=node.name, text=text, found=value)
    for name in sorted(expression.names):
        yield Read(node.id, node.name, text, name, True)


def _is_time(value: Any) -> bool:
    if isinstance(value, timedelta):
        return value > timedelta(0)
    return isinstance(value, date | datetime)


def _check_outputs(diagram: Diagram, node: Node, checker: Checker) -> None:
    """What is brought back is read off the called process's variables at its end."""
    own = checker.whole.own_variables.get(node.called)
    for _, text in assignments(node.element.get("outputs")):
        expression = checker.compile(node.id, node.name, text)
        if expression is None or own is None:
            continue
        for name in sorted(expression.names - own - inputs(node)):
            checker.unknown(node.id, node.name, text, name)


def check_content_feel(content: Content, whole: Whole) -> None:
    """Forms and decision tables."""
    for place, decision in content.decisions.values():
        for text, calls in decision_reads(decision)[1]:
            Checker(place, whole).check_calls(decision.id, decision.name, text, calls)
    for place, form in content.forms.values():
        _check_form(place, form, content, whole)


def _check_form(place: Place, form: Form, content: Content, whole: Whole) -> None:
    checker = Checker(place, whole)
    known = whole.file_keys | {"value"} | {field.key for field in form.fields}
    for diagram in content.diagrams:
        if any(node.element.get("form") == form.id for node in diagram.nodes.values()):
            known |= whole.variables[diagram.id]
    columns = {field.key: {column.key for column in field.columns} for field in form.fields}
    for key, text in form.expressions:
        expression = checker.compile(form.id, key, text)
        if expression is None:
            continue
        inside = columns.get(key.partition(".")[0], set()) if "." in key else set()
        for name in sorted(expression.names - known - inside):
            checker.unknown(form.id, key, text, name)
    for field in form.fields:
        for part in (field, *field.columns):
            _check_sources(place, form, part, whole)


def _check_sources(place: Place, form: Form, field: Any, whole: Whole) -> None:
    kind, _, name = (field.source or "").partition(":")
    if kind == "codes" and name not in whole.shared.codes:
        place.refuse("options_unknown", form.id, field=field.label, source=field.source)
    if field.organisation and field.organisation not in whole.shared.organisation_keys:
        values = {"name": field.label, "key": field.organisation}
        known = list(whole.shared.organisation_keys)
        place.refuse("organisation_unknown", form.id, **values, known=known)
    if field.prefill and field.prefill not in whole.lists and whole.complete:
        place.refuse("prefill_unknown", form.id, field=field.label, source=field.prefill)
