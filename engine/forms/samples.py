"""Values for scenarios: what the scenario says, and valid values for what it leaves out."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from engine.forms.fields import CHOICES, SINGLE_CHOICES, TEXTS, Field, FormScope
from engine.forms.shapes import Faults
from engine.messages import Message

if TYPE_CHECKING:
    from engine.forms.form import Form

_CELL = re.compile(r"(.+?)\[([1-9][0-9]{0,2})\]\.(.+)")
_YES_NO = {"true": True, "是": True, "false": False, "否": False}
_DAYS = (0, -1, 1, -7, 7, -30, 30, -60, 60, -365, 365)
MAX_SAMPLE_ROWS = 5
# For texts with a pattern: a postcode, phone numbers, an identity number, a document number.
_TEXTS = ("467100", "13800000000", "0375-2161234", "11010119900307123X", "云信字〔2025〕1号", "A1")


class Sampler:
    """Fills one form once. What cannot be filled stands in `faults` afterwards."""

    def __init__(self, form: Form, scope: FormScope) -> None:
        self.form = form
        self.scope = scope
        self.faults: Faults = {}

    def fill(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Raw values; the caller validates them."""
        given = self._read(overrides)
        values = self._with_document(given)
        sampled: list[str] = []
        while missing := [name for name in self._missing(values) if name not in sampled]:
            for name in missing:
                self._fill_one(values, name)
            sampled += missing
        for field in self.form.fields:
            if field.key in sampled and field.kind == "dynamiclist":
                self._add_rows(values, field)
        self._vary_choices(values, sampled)
        visible = self.form.visible(values, self.scope)
        for name in given.keys() - visible:
            self._refuse(name, "hidden_field")
        return values

    def _read(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Dotted key -> raw value."""
        given: dict[str, Any] = {}
        for name, value in overrides.items():
            cell = _CELL.fullmatch(name)
            field = self._find(self.form.fields, cell[1] if cell else name, name)
            if field is None:
                continue
            if not cell:
                given[field.key] = self._raw(field, value)
            elif column := self._find(field.columns, cell[3], name):
                given[f"{field.key}.{int(cell[2]) - 1}.{column.key}"] = self._raw(column, value)
        return given

    def _find(self, fields: Sequence[Field], wanted: str, name: str) -> Field | None:
        found = [field for field in fields if field.key == wanted]
        found = found or [field for field in fields if field.label == wanted]
        if len(found) != 1:
            self._refuse(name, "ambiguous_field" if found else "unknown_field")
            return None
        return found[0]

    def _raw(self, field: Field, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if field.kind == "checkbox":
            return _YES_NO.get(value.strip(), value)
        return self._chosen(field, value) if field.kind in CHOICES else value

    def _chosen(self, field: Field, value: str) -> str | list[str]:
        options = self.scope.options_of(field)
        values = {option.label: option.value for option in options}
        values |= {option.value: option.value for option in options}
        if field.kind in SINGLE_CHOICES:
            return values.get(value, value)
        parts = [value] if value in values else re.split("[、，,]", value)
        return [values.get(part.strip(), part.strip()) for part in parts if part.strip()]

    def _with_document(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the form shows when opened, then the given values. Routing fields and what the
        rules no longer accept do not come from the document."""
        routing = {field.key for field in self.form.fields if field.routing}
        shown = self.form.initial(self.scope.values)
        shown = {key: value for key, value in shown.items() if key not in routing}
        values = _placed(shown, given)
        stale = {
            name.split(".")[0]
            for name, found in self.form.faults(values, self.scope).items()
            if not any(_is_missing(message) for message in found)
        }
        return _placed({key: shown[key] for key in shown.keys() - stale}, given)

    def _missing(self, values: Mapping[str, Any]) -> list[str]:
        faults = self.form.faults(values, self.scope)
        return [name for name, found in faults.items() if any(map(_is_missing, found))]

    def _fill_one(self, values: dict[str, Any], name: str) -> None:
        field = self._field(name)
        if field.routing:
            self.faults[name] = self.form.faults(values, self.scope)[name]
            return
        for candidate in self._candidates(field):
            if name not in self.form.faults(_placed(values, {name: candidate}), self.scope):
                _place(values, name, candidate)
                return
        self._refuse(name, "no_sample")

    def _add_rows(self, values: dict[str, Any], field: Field) -> None:
        """A list whose check wants more rows gets its first one again."""
        rows = values.get(field.key)
        while (
            rows
            and len(rows) < MAX_SAMPLE_ROWS
            and field.key in self.form.faults(values, self.scope)
        ):
            rows.append(dict(rows[0]))

    def _vary_choices(self, values: dict[str, Any], sampled: Sequence[str]) -> None:
        """A list whose check refuses the options first taken tries the others."""
        for field in self.form.fields:
            for column in field.columns:
                cells = [
                    n for n in sampled if re.fullmatch(rf"{field.key}\.[0-9]+\.{column.key}", n)
                ]
                if column.kind not in SINGLE_CHOICES or not cells:
                    continue
                for option in self.scope.options_of(column):
                    if field.key not in self.form.faults(values, self.scope):
                        break
                    for name in cells:
                        _place(values, name, option.value)

    def _field(self, name: str) -> Field:
        key, *column = name.split(".")
        field = next(field for field in self.form.fields if field.key == key)
        return next(c for c in field.columns if c.key == column[-1]) if column else field

    def _candidates(self, field: Field) -> Iterator[Any]:
        if field.kind in TEXTS:
            yield from _texts(field)
        elif field.kind == "number":
            bounds = (field.minimum, field.maximum)
            yield from [str(n) for n in (*bounds, 1, 0, 10, 100, 1000) if n is not None]
        elif field.kind == "datetime":
            for days in _DAYS:
                yield (self.scope.today + timedelta(days=days)).isoformat()
        elif field.kind in CHOICES:
            options = [option.value for option in self.scope.options_of(field)]
            many = [[value] for value in options] + [options[:2], options]
            yield from options if field.kind in SINGLE_CHOICES else many
        else:
            yield True if field.kind == "checkbox" else [{}]

    def _refuse(self, name: str, key: str) -> None:
        self.faults.setdefault(name, []).append(Message(key))


def _is_missing(message: Message) -> bool:
    return message.key.startswith("required")


def _texts(field: Field) -> Iterator[str]:
    text = f"样例{field.label}"
    while len(text) < (field.min_length or 0):
        text += text
    yield text[: field.max_length]
    yield from _TEXTS
    for length in range(1, 21):
        yield "1" * length


def _placed(values: Mapping[str, Any], cells: Mapping[str, Any]) -> dict[str, Any]:
    placed = copy.deepcopy(dict(values))
    # Whole lists first, then single cells of them.
    for name in sorted(cells, key=lambda name: (name.count("."), name)):
        _place(placed, name, copy.deepcopy(cells[name]))
    return placed


def _place(values: dict[str, Any], name: str, value: Any) -> None:
    key, *cell = name.split(".")
    if not cell:
        values[key] = value
        return
    rows = values.get(key)
    if not isinstance(rows, list):
        rows = values[key] = []
    index = int(cell[0])
    rows.extend({} for _ in range(index + 1 - len(rows)))
    rows[index] = {**(rows[index] if isinstance(rows[index], Mapping) else {}), cell[1]: value}
