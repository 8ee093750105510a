"""A form in HTML: what was typed, kept as it was typed, with its messages; rows by buttons.

Names are those of engine/forms/submission.py: a field posts its key, a column `claims-0-request`.
Names that begin with an underscore are the page's own.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask import request

from engine.pages import Field, FormView
from web.language import language

Pairs = list[tuple[str, str]]
KEY = "_key"
ACT = "_act"
OWN = frozenset({KEY, ACT, "csrf_token", "_organisation"})

_CELL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)-([0-9]{1,4})-(.+)", re.DOTALL)


def new_key() -> str:
    """A key that makes this rendered form execute once, however often it is sent."""
    return secrets.token_urlsafe(18)


def posted() -> Pairs:
    """The pairs that belong to the form itself."""
    return [(k, v) for k, v in request.form.items(multi=True) if k not in OWN]


def command_key() -> str:
    """The idempotency key of what was sent. Other contents under an old page's key are another
    command: going back in the browser and filling in the page anew must not be swallowed."""
    sent = sorted((k, v) for k, v in request.form.items(multi=True) if k not in {ACT, "csrf_token"})
    digest = hashlib.sha256(repr(sent).encode()).hexdigest()
    return digest[:48]


def act() -> str:
    """Which button was pressed: `complete`, `update`, `add:claims`, `drop:claims:1`."""
    return request.form.get(ACT, "complete")


@dataclass
class Typed:
    """What stands in the form: texts by name, and how many rows each list shows."""

    view: FormView
    pairs: Pairs
    rows: dict[str, int] = field(default_factory=dict)
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def initial(cls, view: FormView) -> Typed:
        return cls._of(view, list(_flatten(view.initial)))

    @classmethod
    def posted(cls, view: FormView, pressed: str) -> Typed:
        """What was sent, after the button that was pressed has changed the rows."""
        verb, _, rest = pressed.partition(":")
        pairs = posted()
        if verb == "drop":
            key, _, index = rest.partition(":")
            pairs = [(k, v) for k, v in pairs if not k.startswith(f"{key}-{index}-")]
        if verb not in ("add", "drop"):
            pairs = _without_spare_rows(view, pairs)
        typed = cls._of(view, pairs)
        if verb == "add" and rest in typed.rows:
            typed.rows[rest] += 1
        return typed

    @classmethod
    def _of(cls, view: FormView, pairs: Pairs) -> Typed:
        lists = {f.key: f for f in view.form.fields if f.kind == "dynamiclist"}
        pairs, counts = _renumbered(lists, pairs)
        # A list shows one row to begin with; left empty, it is none.
        rows = {key: max(counts.get(key, 0), 1) for key in lists}
        return cls(view, pairs, rows)

    def text(self, name: str) -> str:
        return next((v for k, v in reversed(self.pairs) if k == name), "")

    def texts(self, name: str) -> list[str]:
        return [v for k, v in self.pairs if k == name]

    def is_date(self, name: str) -> bool:
        """Whether a date input can show what was typed."""
        try:
            return not self.text(name) or bool(date.fromisoformat(self.text(name)))
        except ValueError:
            return False

    def values(self) -> dict[str, Any]:
        """The raw values for the engine, without those of fields that are not shown: whoever
        chose another way after filling in one of them has left it behind."""
        raw = self.view.form.parse_submission(self.pairs)
        known = {f.key: f for f in self.view.form.fields}
        shown = self.view.visible({k: v for k, v in raw.items() if k in known})
        return {
            key: _shown_cells(known[key], value, shown) if key in known else value
            for key, value in raw.items()
            if key not in known or key in shown
        }

    def judge(self) -> Typed:
        """With the messages that the engine would give, in the reader's language."""
        self.errors = self.view.errors(self.values(), language())
        return self

    @property
    def visible(self) -> set[str]:
        """Shown keys; the columns of an empty row too."""
        raw = self.view.form.parse_submission(self.pairs)
        for key, count in self.rows.items():
            rows = raw.get(key, [])
            raw[key] = [*rows, *({} for _ in range(count - len(rows)))]
        known = {f.key for f in self.view.form.fields}
        return self.view.visible({k: v for k, v in raw.items() if k in known})

    def label(self, key: str) -> str:
        """The label behind a dotted key, for the summary of errors."""
        first, _, rest = key.partition(".")
        top = next((f for f in self.view.form.fields if f.key == first), None)
        if top is None:
            return first
        number, _, column = rest.partition(".")
        below = next((c.label for c in top.columns if c.key == column), "")
        return (
            " · ".join(part for part in (top.label, str(int(number) + 1), below) if part)
            if (number.isdigit())
            else top.label
        )

    def knows(self, key: str) -> bool:
        """Whether the form has this field; an unknown one has no place of its own."""
        return any(f.key == key.partition(".")[0] for f in self.view.form.fields)


def _shown_cells(field: Field, value: Any, shown: set[str]) -> Any:
    if field.kind != "dynamiclist" or not isinstance(value, list):
        return value
    known = {column.key for column in field.columns}
    return [
        {k: v for k, v in row.items() if k not in known or f"{field.key}.{n}.{k}" in shown}
        for n, row in enumerate(value)
    ]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in values.items():
        name = prefix + key
        if isinstance(value, list):
            for number, entry in enumerate(value):
                if isinstance(entry, Mapping):
                    yield from _flatten(entry, f"{name}-{number}-")
                else:
                    yield name, str(entry)
        elif isinstance(value, bool):
            if value:
                yield name, "on"
        elif value is not None:
            yield name, str(value)


def _without_spare_rows(view: FormView, pairs: Pairs) -> Pairs:
    lists = {f.key for f in view.form.fields if f.kind == "dynamiclist"}
    filled = {(cell[1], cell[2]) for k, v in pairs if v.strip() and (cell := _CELL.fullmatch(k))}
    return [
        (k, v)
        for k, v in pairs
        if not (cell := _CELL.fullmatch(k)) or cell[1] not in lists or (cell[1], cell[2]) in filled
    ]


def _renumbered(lists: Mapping[str, Field], pairs: Pairs) -> tuple[Pairs, dict[str, int]]:
    """Rows numbered from 0 without gaps, so that a message about row n meets row n."""
    seen: dict[str, list[int]] = {key: [] for key in lists}
    for name, _ in pairs:
        cell = _CELL.fullmatch(name)
        if cell and cell[1] in seen and int(cell[2]) not in seen[cell[1]]:
            seen[cell[1]].append(int(cell[2]))
    order = {key: {n: i for i, n in enumerate(sorted(found))} for key, found in seen.items()}
    renamed = []
    for name, value in pairs:
        cell = _CELL.fullmatch(name)
        if cell and cell[1] in order:
            name = f"{cell[1]}-{order[cell[1]][int(cell[2])]}-{cell[3]}"
        renamed.append((name, value))
    return renamed, {key: len(found) for key, found in seen.items()}
