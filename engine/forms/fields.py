"""What a form is made of. Pure data: the rules that use it are in the other files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

MAX_ROWS = 200
"""Rows of a list, and options ticked in a checklist."""
MAX_TEXT = 20_000
"""The longest `maxLength` that a form may give a text."""
MAX_DIGITS = 15
"""Digits of a number: what a JSON number keeps exactly."""
MAX_DECIMALS = 6
FIRST_YEAR, LAST_YEAR = 1900, 2199

TEXTS = frozenset({"textfield", "textarea"})
SINGLE_CHOICES = frozenset({"select", "radio"})
CHOICES = SINGLE_CHOICES | {"checklist"}


@dataclass(frozen=True)
class Option:
    value: str
    label: str


@dataclass(frozen=True)
class Note:
    """An explaining text between the fields; `key` names it in `Form.visible`."""

    key: str
    text: str
    hide: str | None = None


@dataclass(frozen=True)
class Field:
    """One thing to fill in.

    `kind` is form-js's component type. `options` are those written in the form, `source` names
    those that `FormScope.options` resolves (`organisations:unit`, `codes:channel`). `hide` and
    `check` are FEEL texts. `columns` are a dynamiclist's components.
    """

    key: str
    kind: str
    label: str
    description: str = ""
    required: bool = False
    options: tuple[Option, ...] = ()
    source: str | None = None
    routing: bool = False
    organisation: str | None = None
    personal: bool = False
    prefill: str | None = None
    components: tuple[Component, ...] = ()
    min_length: int | None = None
    max_length: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    decimals: int = MAX_DECIMALS
    pattern: str | None = None
    hide: str | None = None
    check: str | None = None
    check_message: str = ""

    @property
    def columns(self) -> tuple[Field, ...]:
        return fields_of(self.components)

    @property
    def empty(self) -> Any:
        """The value of the field when it was shown and nothing was filled in."""
        if self.kind == "checkbox":
            return False
        return [] if self.kind in ("checklist", "dynamiclist") else None


Component = Field | Note


def fields_of(components: Iterable[Component]) -> tuple[Field, ...]:
    return tuple(component for component in components if isinstance(component, Field))


@dataclass(frozen=True)
class FormScope:
    """What a form's expressions and options see besides the form itself.

    `values`: the case document and the process variables, as JSON values. `today`: the local
    date of the act. `options`: resolves a `source`. `functions`: more functions for FEEL.
    """

    values: Mapping[str, Any]
    today: date
    options: Callable[[str], Sequence[Option]]
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    def options_of(self, field: Field) -> Sequence[Option]:
        return self.options(field.source) if field.source else field.options
