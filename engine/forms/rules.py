"""What holds for a form's values in this case: visible, required, options, checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from engine.errors import ExpressionFailed
from engine.expressions import compile_expression
from engine.forms.fields import CHOICES, SINGLE_CHOICES, Component, Field, FormScope, fields_of
from engine.forms.shapes import Faults
from engine.messages import Message

Values = Mapping[str, Any]


class Rules:
    """Judges values of good shape. `faults` holds those of shapes.py; it is added to."""

    def __init__(self, scope: FormScope, faults: Faults) -> None:
        self.scope = scope
        self.faults = faults
        self.faulty = Counter(name for fault in faults for name in _at_and_above(fault))
        """How many faults there are at a dotted key or below it."""
        self.functions = {**scope.functions, "today": lambda: scope.today}

    def settle(
        self, components: Iterable[Component], values: Values, around: Values, prefix: str = ""
    ) -> dict[str, Any]:
        """The values of the visible fields, each with an entry; the empty ones as `Field.empty`.

        A fault of a hidden field is forgotten: nobody could correct it.
        """
        components = tuple(components)
        shown = self.shown(components, values, around)
        self._forget({c.key for c in components} - {c.key for c in shown}, prefix)
        seen = _seen(components, shown, values, around)
        settled: dict[str, Any] = {}
        for field in fields_of(shown):
            name = prefix + field.key
            value = settled[field.key] = _or_empty(field, values)
            if field.kind == "dynamiclist":
                settled[field.key] = [
                    self.settle(field.components, row, seen, f"{name}.{index}.")
                    for index, row in enumerate(value)
                    if f"{name}.{index}" not in self.faults
                ]
            if not self.faulty[name]:
                self._judge(field, name, prefix, settled[field.key], seen)
        return settled

    def shown(
        self, components: Iterable[Component], values: Values, around: Values
    ) -> tuple[Component, ...]:
        """The components that no `hide` takes away.

        What is hidden has no value, so it may show or hide others in turn. Once hidden, a
        component stays so: fields that hide each other come to an end.
        """
        components = tuple(components)
        left = components
        asked = [c for c in left if c.hide]
        while True:
            seen = _seen(components, left, values, around)
            gone = {c.key for c in asked if c.hide and self.holds(c.hide, seen)}
            if not gone:
                return left
            left = tuple(c for c in left if c.key not in gone)
            asked = [c for c in left if c.hide and not gone.isdisjoint(_reads(c.hide))]

    def holds(self, expression: str, seen: Values) -> bool:
        """Whether the FEEL text is true; null and a failure are not."""
        try:
            return compile_expression(expression).evaluate(seen, self.functions) is True
        except ExpressionFailed:
            return False

    def visible_names(
        self, components: Iterable[Component], values: Values, around: Values, prefix: str = ""
    ) -> set[str]:
        components = tuple(components)
        shown = self.shown(components, values, around)
        seen = _seen(components, shown, values, around)
        names = {prefix + component.key for component in shown}
        for field in fields_of(shown):
            if field.kind == "dynamiclist":
                for index, row in enumerate(_or_empty(field, values)):
                    inside = f"{prefix}{field.key}.{index}."
                    names |= self.visible_names(field.components, row, seen, inside)
        return names

    def _judge(self, field: Field, name: str, prefix: str, value: Any, seen: Values) -> None:
        if value == field.empty:
            if field.required:
                self._add(name, Message(required_message(field)))
            if value is None or value == []:
                return
        if field.kind in CHOICES:
            allowed = {option.value for option in self.scope.options_of(field)}
            if not set(value if isinstance(value, list) else [value]) <= allowed:
                self._add(name, Message("unknown_option"))
                return
        if field.check and not self._mentions_fault(field.check, prefix):
            seen = {
                **seen,
                "value": date.fromisoformat(value) if field.kind == "datetime" else value,
            }
            if not self.holds(field.check, seen):
                self._add(name, Message("", words=field.check_message))

    def _add(self, name: str, message: Message) -> None:
        if name not in self.faults:
            self.faulty.update(_at_and_above(name))
        self.faults.setdefault(name, []).append(message)

    def _mentions_fault(self, check: str, prefix: str) -> bool:
        # A check on a value that could not be read would only repeat that fault.
        return any(self.faulty[name] or self.faulty[prefix + name] for name in _reads(check))

    def _forget(self, hidden: Iterable[str], prefix: str) -> None:
        names = {prefix + key for key in hidden if self.faulty[prefix + key]}
        if not names:
            return
        for fault in [f for f in self.faults if not names.isdisjoint(_at_and_above(f))]:
            del self.faults[fault]
            self.faulty.subtract(_at_and_above(fault))


def _at_and_above(name: str) -> Iterator[str]:
    """`claims.0.request`, `claims.0`, `claims`."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _reads(expression: str) -> frozenset[str]:
    compiled = compile_expression(expression)
    return compiled.names | compiled.filter_names


def required_message(field: Field) -> str:
    """The catalogue's key of what to say when a required field is empty."""
    if field.kind == "checkbox":
        return "required_checkbox"
    if field.kind == "dynamiclist":
        return "required_rows"
    return "required_choice" if field.kind in SINGLE_CHOICES | {"checklist"} else "required"


def _or_empty(field: Field, values: Values) -> Any:
    value = values.get(field.key)
    return field.empty if value is None else value


def _seen(
    components: Iterable[Component], shown: Iterable[Component], values: Values, around: Values
) -> dict[str, Any]:
    """What an expression sees: this form's values over the case's; the hidden ones are null."""
    hidden: dict[str, Any] = dict.fromkeys(field.key for field in fields_of(components))
    return {**around, **hidden, **{f.key: _in_feel(f, values) for f in fields_of(shown)}}


def _in_feel(field: Field, values: Values) -> Any:
    """The value as expressions see it: this form's dates are FEEL dates, in rows too."""
    value = _or_empty(field, values)
    if field.kind == "datetime" and value is not None:
        return date.fromisoformat(value)
    if field.kind == "dynamiclist":
        columns = field.columns
        return [{column.key: _in_feel(column, row) for column in columns} for row in value]
    return value
