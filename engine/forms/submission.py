"""Between a form's values and the flat pairs of an HTML form, and the case document.

A field posts its key; a checkbox only when ticked; a checklist its key once per tick; a column
of a list `claims-0-request`, counted from 0. An empty text is not filled in. A row in which
nothing is filled in is a spare one and left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.forms.fields import Field, fields_of

_CELL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)-([0-9]{1,4})-(.+)", re.DOTALL)
_TICKED = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False, "": False}


def parse(fields: Sequence[Field], items: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The raw values of these pairs. Keys the form does not have are kept, to be refused."""
    lists = {field.key: field for field in fields if field.kind == "dynamiclist"}
    flat: dict[str, list[str]] = {}
    cells: dict[str, dict[int, dict[str, list[str]]]] = {}
    for key, value in items:
        cell = _CELL.fullmatch(key)
        if cell and cell[1] in lists:
            row = cells.setdefault(cell[1], {}).setdefault(int(cell[2]), {})
            row.setdefault(cell[3], []).append(value)
        else:
            flat.setdefault(key, []).append(value)
    rows = {key: _rows(lists[key], found) for key, found in cells.items()}
    return {**rows, **_values(fields, flat)}


def _rows(field: Field, cells: Mapping[int, dict[str, list[str]]]) -> list[dict[str, Any]]:
    rows = (_values(field.columns, cells[index]) for index in sorted(cells))
    return [row for row in rows if any(value is not False for value in row.values())]


def _values(fields: Sequence[Field], posted: Mapping[str, list[str]]) -> dict[str, Any]:
    known = {field.key: field for field in fields}
    values = {}
    for key, texts in posted.items():
        if key not in known:
            values[key] = texts[-1]
        elif (value := _value(known[key], texts)) is not None:
            values[key] = value
    return values


def _value(field: Field, texts: list[str]) -> Any:
    if field.kind == "checklist":
        return [text for text in texts if text]
    if field.kind == "checkbox":
        # A page may put a hidden "false" before the box; the last one counts.
        return _TICKED.get(texts[-1], texts[-1])
    if len(set(texts)) > 1:
        return texts  # two values for one field: no shape takes a list here
    return texts[0] if texts[0].strip() else None


def prefilled(fields: Iterable[Field], doc: Mapping[str, Any]) -> dict[str, Any]:
    """What the document holds for these fields, lists cut down to their columns."""
    values = {}
    for field in fields:
        found = doc.get(field.key)
        if field.kind == "dynamiclist":
            rows = found if found or not field.prefill else doc.get(field.prefill)
            found = _cut(rows, field) if isinstance(rows, list) else None
        if found is not None:
            values[field.key] = found
    return values


def _cut(rows: list[Any], field: Field) -> list[dict[str, Any]]:
    keys = {column.key for column in fields_of(field.components)}
    return [
        {key: value for key, value in row.items() if key in keys}
        for row in rows
        if isinstance(row, Mapping)
    ]


def without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values and the rows' values that are not null."""
    return {
        key: [without_nulls(row) if isinstance(row, dict) else row for row in value]
        if isinstance(value, list)
        else value
        for key, value in values.items()
        if value is not None
    }
