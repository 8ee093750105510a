"""From form-js's JSON to components; whatever the engine would not obey is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.errors import InvalidDefinition, Problem
from engine.expressions import MAX_FEEL
from engine.expressions.bounds import MAX_STEPS
from engine.expressions.regex import compile_pattern
from engine.forms.attributes import Place
from engine.forms.fields import (
    CHOICES,
    MAX_DECIMALS,
    MAX_TEXT,
    SINGLE_CHOICES,
    TEXTS,
    Component,
    Field,
    Note,
    Option,
    fields_of,
)
from engine.forms.shapes import MAX_KEY

MAX_FORM = MAX_FEEL
"""Characters of a form's JSON."""
MAX_COMPONENTS = 200
"""Components of a form, columns included."""
MAX_PATTERN = 200
"""Characters of a pattern."""

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,79}")
_KEY = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{MAX_KEY - 1}}}")
_SOURCE = re.compile(r"organisations:(\*|[a-z_]+(\|[a-z_]+)*)|codes:[a-z0-9_]+")
# Names that mean something else inside an expression (FEEL's words; `value` is this field's).
_TAKEN = frozenset(
    {"value", "item", "and", "or", "not", "in", "if", "then", "else", "for", "return", "some"}
    | {"every", "satisfies", "between", "true", "false", "null", "function", "instance", "of"}
)

_ALL = {"type", "id", "key", "label", "description", "layout", "conditional", "properties"}
_ATTRIBUTES: Mapping[str, set[str]] = {
    "text": {"type", "id", "text", "layout", "conditional"},
    "textfield": _ALL | {"validate", "appearance"},
    "textarea": _ALL | {"validate"},
    "number": _ALL | {"validate", "appearance", "decimalDigits", "increment"},
    "select": _ALL | {"validate", "values", "searchable"},
    "radio": _ALL | {"validate", "values"},
    "checklist": _ALL | {"validate", "values"},
    "checkbox": _ALL | {"validate"},
    "datetime": _ALL | {"validate", "subtype", "dateLabel"},
    "dynamiclist": (_ALL - {"key"})
    | {"validate", "path", "components", "showOutline", "isRepeating", "allowAddRemove"}
    | {"defaultRepetitions", "disableCollapse", "nonCollapsedItems"},
}
_CONSTANTS = {"subtype": "date", "isRepeating": True, "allowAddRemove": True}
_LIMITS: Mapping[str, set[str]] = {
    "textfield": {"required", "minLength", "maxLength", "pattern", "validationType"},
    "textarea": {"required", "minLength", "maxLength"},
    "number": {"required", "min", "max"},
}
_PROPERTIES: Mapping[str, set[str]] = {
    "select": {"routing", "organisation", "options"},
    "radio": {"routing", "organisation", "options"},
    "checklist": {"routing", "options"},
    "dynamiclist": {"prefill"},
}


def read_form(text: str) -> tuple[str, tuple[Component, ...]]:
    """The form's id and components. Raises InvalidDefinition with every problem found."""
    data = _read_json(text)
    problems: list[Problem] = []
    form_id = data.get("id")
    place = Place(problems, str(form_id))
    if not isinstance(form_id, str) or not _ID.fullmatch(form_id):
        place.refuse("id", f"The form's id is {form_id!r}.", "Write an id such as register.")
    if data.get("type") != "default":
        place.refuse("attribute", f"The type is {data.get('type')!r}.", 'Write "type":"default".')
    components = _read_components(data.get("components"), place)
    found = len(components) + sum(len(field.components) for field in fields_of(components))
    if found > MAX_COMPONENTS:
        message = f"There are {found} components, more than {MAX_COMPONENTS}."
        place.refuse("component", message, "Split the form.")
    if problems:
        raise InvalidDefinition(problems)
    return str(form_id), components


def _read_json(text: str) -> Mapping[str, Any]:
    def refused(message: str) -> InvalidDefinition:
        remedy = "Save the form again in the form editor."
        return InvalidDefinition([Problem("form-json", None, message, remedy)])

    if len(text) > MAX_FORM:
        raise refused(f"The form has {len(text)} characters, more than {MAX_FORM}.")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refused(f"The form is no JSON: {error}.") from None
    if not isinstance(data, dict):
        raise refused("The form's JSON is no object.")
    return data


def _read_components(found: Any, place: Place) -> tuple[Component, ...]:
    if not isinstance(found, list) or not found:
        place.refuse("component", "There are no components.", "Draw at least one component.")
        return ()
    components = []
    keys: set[str] = set()
    for number, entry in enumerate(found, 1):
        component = _read_component(entry, number, place)
        if component is None:
            continue
        if component.key in keys:
            below = _below(place, component.key)
            below.refuse("key", f"The key {component.key!r} is used twice.", "Rename one of them.")
        keys.add(component.key)
        components.append(component)
    return tuple(components)


def _below(place: Place, name: str) -> Place:
    element = f"{place.element}.{name}" if place.is_column else name
    return Place(place.problems, element, place.is_column)


def _read_component(entry: Any, number: int, parent: Place) -> Component | None:
    data = entry if isinstance(entry, Mapping) else {}
    kind = data.get("type")
    key = data.get("path" if kind == "dynamiclist" else "key")
    place = _below(parent, str(key or data.get("id") or f"component {number}"))
    if not isinstance(kind, str) or kind not in _ATTRIBUTES:
        known = ", ".join(sorted(_ATTRIBUTES))
        place.refuse("component", f"The component type is {kind!r}.", f"Use one of: {known}.")
        return None
    if kind == "dynamiclist" and parent.is_column:
        place.refuse("component", "A list stands inside a list.", "Draw a list beside it instead.")
        return None
    place.refuse_unknown("attribute", data, _ATTRIBUTES[kind])
    _check_constants(data, kind, place)
    if kind == "text":
        note = str(data.get("id") or f"text_{number}")
        return Note(note, place.words(data, "text"), _read_hide(data, place))
    if not isinstance(key, str) or not _KEY.fullmatch(key) or key in _TAKEN:
        place.refuse(
            "key",
            f"The key is {key!r}.",
            "Write letters, digits and underscores, such as received_on; no word of FEEL.",
        )
        return None
    return _FieldReader(data, kind, key, place).read()


def _check_constants(data: Mapping[str, Any], kind: str, place: Place) -> None:
    for name, only in _CONSTANTS.items():
        if name in data and data[name] != only:
            place.refuse(
                "attribute", f"{name!r} is {data[name]!r}.", f"Only {json.dumps(only)} is obeyed."
            )
    if kind == "datetime" and "subtype" not in data:
        place.refuse("attribute", "The date has no subtype.", 'Write "subtype":"date".')


def _read_hide(data: Mapping[str, Any], place: Place) -> str | None:
    conditional = place.mapping(data, "conditional")
    place.refuse_unknown("condition", conditional, {"hide"})
    text = place.words(conditional, "hide")
    if text and not text.startswith("="):
        place.refuse("expression", f"The condition {text!r} lacks its '='.", f"Write ={text}.")
        return None
    return place.expression(text[1:].strip())


@dataclass
class _FieldReader:
    data: Mapping[str, Any]
    kind: str
    key: str
    place: Place
    limits: Mapping[str, Any] = field(init=False)
    properties: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.limits = self.place.mapping(self.data, "validate")
        self.properties = self.place.mapping(self.data, "properties")
        self.place.refuse_unknown("limit", self.limits, _LIMITS.get(self.kind, {"required"}))
        known = {"check", "checkMessage", "personal"} | _PROPERTIES.get(self.kind, {"routing"})
        self.place.refuse_unknown(
            "property", self.properties, known - ({"routing", "organisation"} & self._barred())
        )

    def _barred(self) -> set[str]:
        # A column has one value per row, a process variable only one.
        return {"routing", "organisation"} if self.place.is_column else set()

    def read(self) -> Field:
        check, check_message = self._check()
        source = self._source()
        self._check_bounds()
        return Field(
            key=self.key,
            kind=self.kind,
            label=self._label(),
            description=self.place.words(self.data, "description"),
            required=self.place.flag(self.limits, "required"),
            options=self._options(source),
            source=source,
            routing=self._is("routing"),
            organisation=self._organisation(source),
            personal=self._is("personal"),
            prefill=self.place.words(self.properties, "prefill") or None,
            components=self._components(),
            min_length=self.place.count(self.limits, "minLength", MAX_TEXT),
            max_length=self._max_length(),
            minimum=self.place.number(self.limits, "min"),
            maximum=self.place.number(self.limits, "max"),
            decimals=self._decimals(),
            pattern=self._pattern(),
            hide=_read_hide(self.data, self.place),
            check=check,
            check_message=check_message,
        )

    def _label(self) -> str:
        label = self.place.words(self.data, "label") or self.place.words(self.data, "dateLabel")
        if not label:
            self.place.refuse("label", "The field has no label.", "Write what is to be filled in.")
        return label

    def _is(self, name: str) -> bool:
        found = self.place.words(self.properties, name)
        if found not in ("", "true", "false"):
            self.place.refuse("property", f"{name!r} is {found!r}.", 'Write "true" or "false".')
        return found == "true"

    def _check_bounds(self) -> None:
        for low, high in (("minLength", "maxLength"), ("min", "max")):
            least, most = self.limits.get(low), self.limits.get(high)
            if not isinstance(least, int | float) or not isinstance(most, int | float):
                continue
            if least > most:
                message = f"{low!r} is {least!r} and {high!r} is {most!r}: nothing fits."
                self.place.refuse("limit", message, "Write the smaller one first.")

    def _max_length(self) -> int | None:
        most = self.place.count(self.limits, "maxLength", MAX_TEXT)
        if self.kind in TEXTS and not most:
            self.place.refuse(
                "length", "The text has no maxLength.", f"Write one, at most {MAX_TEXT}."
            )
        return most

    def _decimals(self) -> int:
        found = self.place.count(self.data, "decimalDigits", MAX_DECIMALS)
        return MAX_DECIMALS if found is None else found

    def _pattern(self) -> str | None:
        pattern = self.limits.get("pattern")
        if self.limits.get("validationType", "custom") != "custom":
            self.place.refuse("pattern", "The validationType is not obeyed.", "Write a pattern.")
        if pattern in (None, ""):
            return None
        most = self.limits.get("maxLength")
        fault = pattern_fault(pattern, most if isinstance(most, int) else 0)
        if fault:
            self.place.refuse("pattern", f"The pattern {pattern!r}: {fault}.", "Write it simpler.")
            return None
        return str(pattern)

    def _source(self) -> str | None:
        source = self.place.words(self.properties, "options")
        if source and not _SOURCE.fullmatch(source):
            self.place.refuse(
                "options",
                f"The options are {source!r}.",
                "Write organisations:<kind>, organisations:* or codes:<name>.",
            )
        return source or None

    def _options(self, source: str | None) -> tuple[Option, ...]:
        found = self.data.get("values")
        if self.kind not in CHOICES or (source and not found):
            return ()
        options = read_options(found)
        if source or not options:
            self.place.refuse(
                "options",
                "There must be options in the form or in the property, each with its own text.",
                'Write either "values" with labels and values, no two alike, or "options".',
            )
        return options

    def _organisation(self, source: str | None) -> str | None:
        name = self.place.words(self.properties, "organisation")
        if not name:
            return None
        if not (source or "").startswith("organisations:") or self.kind not in SINGLE_CHOICES:
            self.place.refuse(
                "options",
                "The field settles an organisation but does not choose from organisations.",
                'Write the property "options" as organisations:<kind>.',
            )
        return name

    def _check(self) -> tuple[str | None, str]:
        check = self.place.expression(self.place.words(self.properties, "check"))
        message = self.place.words(self.properties, "checkMessage")
        if bool(check) != bool(message):
            self.place.refuse(
                "expression",
                "A check and its checkMessage go together; one is missing.",
                "Write both: the condition, and what the person reads who fails it.",
            )
        return check, message

    def _components(self) -> tuple[Component, ...]:
        if self.kind != "dynamiclist":
            return ()
        inside = Place(self.place.problems, self.key, is_column=True)
        components = _read_components(self.data.get("components"), inside)
        if components and not fields_of(components):
            self.place.refuse("component", "The list has no field.", "Draw a field in it.")
        return components


def read_options(found: Any) -> tuple[Option, ...]:
    """The options of a form-js `values`; none at all when one is faulty."""
    if not isinstance(found, Sequence) or isinstance(found, str):
        return ()
    options = []
    for entry in found:
        value, label = (
            (entry.get("value"), entry.get("label")) if isinstance(entry, Mapping) else (None, None)
        )
        if not isinstance(value, str) or not isinstance(label, str) or not value or not label:
            return ()
        options.append(Option(value, label))
    alike = {option.value for option in options}, {option.label for option in options}
    return tuple(options) if all(len(texts) == len(options) for texts in alike) else ()


def pattern_fault(pattern: Any, longest: int) -> str | None:
    """Why the pattern is refused for texts of so many characters, or None."""
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN:
        return f"expected a text of at most {MAX_PATTERN} characters"
    try:
        states = compile_pattern(pattern, "").states
    except ValueError as error:
        return str(error)
    # At each character every state may be looked at: a match then stays within FEEL's steps.
    most = MAX_STEPS // (states + 1) - 2
    if longest > most:
        return f"texts of {longest} characters take too long; a maxLength of {most} is possible"
    return None
