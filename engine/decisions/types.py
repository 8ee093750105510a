"""The FEEL types that a clause may declare (DMN 1.4, table 44), and values held to them."""

from __future__ import annotations

from typing import Any

from engine.errors import DecisionFailed
from engine.expressions import compile_expression
from engine.expressions.values import kind

_KINDS = {
    "string": "string",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "dateTime": "date and time",
    "dayTimeDuration": "days and time duration",
    "yearMonthDuration": "years and months duration",
}
TYPES = {**_KINDS, **{name: name for name in _KINDS.values()}}
"""What a `typeRef` may be -> the FEEL type. `Any` declares nothing."""

_CONSTRUCTORS = {
    "date": "date(value)",
    "time": "time(value)",
    "date and time": "date and time(value)",
    "days and time duration": "duration(value)",
    "years and months duration": "duration(value)",
}


def typed(value: Any, wanted: str | None, what: str) -> Any:
    """The value if it is null or of the wanted FEEL type.

    A text where a date, time or duration is wanted becomes one: process variables hold those as
    text. Raises DecisionFailed for any other type.
    """
    if value is None or wanted is None:
        return value
    if isinstance(value, str) and wanted in _CONSTRUCTORS:
        made = compile_expression(_CONSTRUCTORS[wanted]).evaluate({"value": value})
        value = value if made is None else made
    if kind(value) != wanted:
        raise DecisionFailed(
            f"{what} is a {kind(value)}, expected a {wanted}. Correct the value or the type."
        )
    return value
