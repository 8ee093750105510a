"""The shape of each value, by marshmallow: type, length, bounds, pattern, no unknown keys.

What depends on the case (visible, required, options, checks) is judged afterwards in rules.py.
Every refusal is a Message, so that one schema serves both languages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Context, Decimal
from typing import Any

import marshmallow
from marshmallow import ValidationError

from engine.errors import ExpressionFailed
from engine.expressions import compile_expression
from engine.forms.fields import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_DIGITS,
    MAX_ROWS,
    MAX_TEXT,
    Field,
)
from engine.messages import Message

Faults = dict[str, list[Message]]
WHOLE_FORM = "_form"
"""The key of a fault that concerns no single field."""
MAX_KEY = 80
"""Characters of a field's key, and of an unknown one in an answer."""
MAX_UNKNOWN = 20
"""Unknown keys that are told; a form or row with more is none of ours."""

_EXACT = Context(prec=100)
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Bidirectional controls can show a text in another order than the one that is signed.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def fault(key: str, **values: Any) -> ValidationError:
    # marshmallow passes the elements of a list of messages through untouched.
    return ValidationError([Message(key, values)])


def matches_pattern(text: str, pattern: str) -> bool:
    """FEEL's `matches`: found anywhere in the text, in bounded time.

    Raises ExpressionFailed for a text that is no pattern.
    """
    found = compile_expression("matches(text, pattern)").evaluate(
        {"text": text, "pattern": pattern}, {}
    )
    if not isinstance(found, bool):
        raise ExpressionFailed(f"{pattern!r} is no pattern of FEEL's matches. Write it simpler.")
    return found


def is_plain(text: str, allowed: str = "") -> bool:
    """Whether the text has no control characters but the allowed ones."""
    return not any(
        character not in allowed
        and (unicodedata.category(character) in _REFUSED_CATEGORIES or character in _BIDIRECTIONAL)
        for character in text
    )


def is_visible(character: str) -> bool:
    """Neither space nor a format character, such as a zero-width one that a copy brought."""
    return not character.isspace() and unicodedata.category(character) != "Cf"


class Shape(marshmallow.fields.Field[Any]):
    """The shape of one Field's values. Null means: not filled in."""

    def __init__(self, field: Field) -> None:
        super().__init__(data_key=field.key, attribute=field.key, allow_none=True)
        self.field = field


class Text(Shape):
    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str | None:
        if not isinstance(value, str):
            raise fault("not_text")
        if self.field.kind == "textarea":
            text, allowed = value.replace("\r\n", "\n").replace("\r", "\n"), "\n\t"
        else:
            text, allowed = value, ""
        text = text.strip()
        if not any(map(is_visible, text)):
            return None
        if not is_plain(text, allowed):
            raise fault("control_characters")
        self._check_length(text)
        if self.field.pattern and not matches_pattern(text, self.field.pattern):
            raise fault("pattern")
        return text

    def _check_length(self, text: str) -> None:
        most, least = self.field.max_length or MAX_TEXT, self.field.min_length or 0
        if len(text) > most:
            raise fault("too_long", most=most, found=len(text))
        if len(text) < least:
            raise fault("too_short", least=least, found=len(text))


class Choice(Shape):
    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str | None:
        if not isinstance(value, str):
            raise fault("not_text")
        return value or None


class Choices(Shape):
    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[str]:
        if not isinstance(value, list):
            raise fault("not_list")
        if len(value) > MAX_ROWS:
            raise fault("too_many", most=MAX_ROWS, found=len(value))
        if not all(isinstance(element, str) for element in value):
            raise fault("not_text")
        if len(set(value)) < len(value):
            raise fault("repeated_choice")
        return list(value)


class Tick(Shape):
    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise fault("not_boolean")
        return value


class Number(Shape):
    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int | float | None:
        if isinstance(value, str) and not value.strip():
            return None
        number = self._read(value)
        if self.field.minimum is not None and number < self.field.minimum:
            raise fault("too_small", least=f"{self.field.minimum:f}")
        if self.field.maximum is not None and number > self.field.maximum:
            raise fault("too_large", most=f"{self.field.maximum:f}")
        return int(number) if number == int(number) else float(number)

    def _read(self, value: Any) -> Decimal:
        too_long = fault("number_digits", digits=MAX_DIGITS, decimals=self.field.decimals)
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise fault("not_number")
        if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
            raise too_long  # before str(), which refuses very long integers
        # NFKC: an input method may leave full-width digits.
        text = unicodedata.normalize("NFKC", str(value)).strip()
        if not _NUMBER.fullmatch(text):
            raise fault("not_number")
        number = Decimal(text)
        if number and not _fits(number, self.field.decimals):
            raise too_long
        return number


def _fits(number: Decimal, decimals: int) -> bool:
    _, digits, exponent = number.normalize(_EXACT).as_tuple()
    assert isinstance(exponent, int)
    return (
        number.adjusted() < MAX_DIGITS
        and -exponent <= decimals
        and len(digits) + max(exponent, 0) <= MAX_DIGITS
    )


class Day(Shape):
    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str | None:
        if value == "":
            return None
        wrong = fault("not_date", first=FIRST_YEAR, last=LAST_YEAR)
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise wrong
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise wrong from None
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise wrong
        return value


class Rows(Shape):
    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.row = schema_of(field.columns)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list):
            raise fault("not_list")
        if len(value) > MAX_ROWS:
            raise fault("too_many", most=MAX_ROWS, found=len(value))
        rows: list[dict[str, Any]] = []
        wrong: dict[int, Any] = {}
        for index, entry in enumerate(value):
            row: dict[str, Any] = {}
            faults: Faults = {"": [Message("not_row")]}
            if isinstance(entry, Mapping):
                row, faults = load(self.row, entry)
            rows.append(row)
            if faults:
                wrong[index] = faults
        if wrong:
            # A row keeps its place among the valid data: its other columns are still judged.
            raise ValidationError(wrong, valid_data=rows)
        return rows


SHAPES: Mapping[str, type[Shape]] = {
    "textfield": Text,
    "textarea": Text,
    "number": Number,
    "select": Choice,
    "radio": Choice,
    "checkbox": Tick,
    "checklist": Choices,
    "datetime": Day,
    "dynamiclist": Rows,
}


class _FormSchema(marshmallow.Schema):
    error_messages = {  # noqa: RUF012 - marshmallow's own class attribute
        "unknown": Message("unknown_field"),  # type: ignore[dict-item]
        "type": Message("not_form"),  # type: ignore[dict-item]
    }


def schema_of(fields: Iterable[Field]) -> marshmallow.Schema:
    # Attribute names of their own: a key such as `load` must not hide the schema's method.
    shapes = {f"field_{field.key}": SHAPES[field.kind](field) for field in fields}
    return _FormSchema.from_dict(dict(shapes))(unknown=marshmallow.RAISE)


def load(schema: marshmallow.Schema, raw: Any) -> tuple[dict[str, Any], Faults]:
    """The values of good shape, and the faults of the others under dotted keys."""
    try:
        return dict(schema.load(_trimmed(schema, raw))), {}
    except ValidationError as error:
        faults: Faults = {}
        _flatten("", error.messages_dict, faults)
        valid = error.valid_data
        return dict(valid) if isinstance(valid, Mapping) else {}, faults


def _trimmed(schema: marshmallow.Schema, raw: Any) -> Any:
    """Without the unknown keys beyond MAX_UNKNOWN."""
    if not isinstance(raw, Mapping) or len(raw) <= len(schema.fields) + MAX_UNKNOWN:
        return raw
    known = {shape.data_key for shape in schema.fields.values()}
    unknown = [key for key in raw if key not in known][:MAX_UNKNOWN]
    return {key: raw[key] for key in (*(known & raw.keys()), *unknown)}


def _flatten(prefix: str, found: Any, faults: Faults) -> None:
    if not isinstance(found, Mapping):
        faults.setdefault(prefix or WHOLE_FORM, []).extend(found)
        return
    for key, below in found.items():
        name = "" if key == marshmallow.exceptions.SCHEMA else str(key)[:MAX_KEY]
        _flatten(".".join(part for part in (prefix, name) if part), below, faults)
