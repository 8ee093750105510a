"""The FEEL values: which Python types stand for them, and their way from and to JSON.

number: int or Decimal, never float; boolean: bool; string: str; date, time, date and time:
the types of datetime; days and time duration: timedelta; years and months duration:
YearsMonths; list: list; context: dict; range: Range; function: Function; null: None.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from engine.errors import ExpressionFailed
from engine.expressions.bounds import (
    DIGITS,
    MAX_EXPONENT,
    MAX_VALUE_DEPTH,
    Run,
    number_too_large,
)

Number = int | Decimal

ARITHMETIC = decimal.Context(
    prec=DIGITS,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=1 - MAX_EXPONENT,
    Emax=MAX_EXPONENT,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
INTEGER_BOUND: int = 10**DIGITS
MAX_BITS = (10 ** (MAX_EXPONENT + 1)).bit_length()
MAX_MONTHS = 12 * 999_999_999


@dataclass(frozen=True, slots=True)
class YearsMonths:
    """A years and months duration, as a count of months."""

    months: int


@dataclass(frozen=True, slots=True)
class Range:
    """An interval; a bound that is None with `..._included` False is open without end."""

    start: Any
    end: Any
    start_included: bool
    end_included: bool


class Function:
    """A FEEL function; `invoke(run, positional, named)` gives its result."""

    __slots__ = ("invoke", "name")

    def __init__(
        self, name: str, invoke: Callable[[Run, list[Any], dict[str, Any] | None], Any]
    ) -> None:
        self.name = name
        self.invoke = invoke


KINDS: dict[type, str] = {
    type(None): "Null",
    bool: "boolean",
    int: "number",
    Decimal: "number",
    str: "string",
    date: "date",
    time: "time",
    datetime: "date and time",
    timedelta: "days and time duration",
    YearsMonths: "years and months duration",
    list: "list",
    dict: "context",
    Range: "range",
    Function: "function",
}
ATOMS: frozenset[type] = frozenset(KINDS) - {list, dict}


def kind(value: Any) -> str:
    """The name of the value's FEEL type."""
    return KINDS[type(value)]


def is_number(value: Any) -> bool:
    return type(value) is int or type(value) is Decimal


def settle(value: Decimal) -> Number:
    """The number as int when it is whole and has at most DIGITS digits."""
    if not value.is_finite():
        raise number_too_large()
    if not value:
        return 0
    if value.adjusted() < DIGITS and value == value.to_integral_value():
        return int(value)
    return value


def bounded(value: int) -> Number:
    """The integer, rounded to DIGITS significant digits."""
    if -INTEGER_BOUND < value < INTEGER_BOUND:
        return value
    if value.bit_length() > MAX_BITS:  # before the conversion, whose work grows as its square
        raise number_too_large()
    try:
        return settle(ARITHMETIC.create_decimal(value))
    except decimal.Overflow:
        raise number_too_large() from None


def parse_number(text: str) -> Number:
    """The number of a plain decimal text; raises ExpressionFailed beyond MAX_EXPONENT."""
    try:
        return settle(ARITHMETIC.create_decimal(text))
    except decimal.Overflow:
        raise number_too_large() from None


def number_text(value: Number) -> str:
    """Plain digits without exponent or trailing zeros."""
    value = bounded(value) if type(value) is int else value
    text = str(value) if type(value) is int else format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if text not in ("-0", "") else "0"


def to_feel(value: Any) -> Any:
    """The FEEL value of a JSON value (or of a Python date, time, datetime or timedelta).

    Texts stay strings: `date(opened_on)` makes a date of an ISO text. Raises ExpressionFailed
    for a Python value that JSON does not know, and for one nested deeper than MAX_VALUE_DEPTH.
    """
    return value if type(value) in ATOMS else _to_feel(value, MAX_VALUE_DEPTH)


def _to_feel(value: Any, depth: int) -> Any:
    if type(value) in ATOMS:
        return value
    if depth == 0:
        raise _too_deep()
    if isinstance(value, float):
        return settle(ARITHMETIC.create_decimal(repr(value))) if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [_to_feel(element, depth - 1) for element in value]
    if isinstance(value, Mapping):
        return {_key(key): _to_feel(entry, depth - 1) for key, entry in value.items()}
    return _plain(value)


def _plain(value: Any) -> Any:
    """A subclass of a FEEL type (an enum of strings, say) as that type itself."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str.__str__(value)
    raise ExpressionFailed(
        f"A value of the Python type {type(value).__name__} was given to an expression. "
        "Give JSON values, dates, times or durations."
    )


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ExpressionFailed(
            f"A context's key {key!r} is a {type(key).__name__}. Use texts as keys."
        )
    return str(key)


def _too_deep() -> ExpressionFailed:
    return ExpressionFailed(
        f"A value is nested deeper than {MAX_VALUE_DEPTH} levels. Give a flatter value."
    )


def from_feel(value: Any) -> Any:
    """The JSON value of a FEEL value.

    Whole numbers become int, others float; a number that neither holds (beyond 64 bits, or too
    near to zero) becomes its digits as text. Dates, times, durations and ranges
    become FEEL's text.
    Raises ExpressionFailed for a function and for a value too deep or too large to write.
    """
    return _from_feel(value, MAX_VALUE_DEPTH, Run({}))


def _from_feel(value: Any, depth: int, run: Run) -> Any:
    run.spend(1)
    if is_number(value):
        return _json_number(value)
    if value is None or type(value) in (str, bool):
        return value
    if depth == 0:
        raise _too_deep()
    if type(value) is list:
        return [_from_feel(element, depth - 1, run) for element in value]
    if type(value) is dict:
        return {key: _from_feel(entry, depth - 1, run) for key, entry in value.items()}
    return _json_text(value)


def _json_number(value: Number) -> int | float | str:
    exact = bounded(value) if type(value) is int else settle(Decimal(value))
    if type(exact) is int:
        return exact if exact.bit_length() < 64 else number_text(exact)
    near = float(exact) if Decimal(exact).adjusted() < DIGITS else 0.0
    return near or number_text(exact)


def _json_text(value: Any) -> str:
    from engine.expressions.texts import text_of

    if type(value) is Function:
        raise ExpressionFailed(
            "The expression gives a function, which is no value to keep. Call the function."
        )
    if type(value) not in KINDS:
        raise ExpressionFailed(
            f"A value of the Python type {type(value).__name__} is no FEEL value. "
            "Give what an expression evaluated to."
        )
    return text_of(value, Run({}))
