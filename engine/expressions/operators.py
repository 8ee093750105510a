"""What FEEL's operators do with two values: arithmetic, equality, order, membership.

Operands of the wrong type give null, as DMN 1.4 (10.3.2) has it; so do dates beyond the
calendar. Only a number beyond the bounds raises.
"""

from __future__ import annotations

import calendar
import decimal
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from engine.expressions.bounds import Run, check_string, number_too_large
from engine.expressions.temporal import offset_seconds, seconds_of
from engine.expressions.values import (
    ARITHMETIC,
    MAX_MONTHS,
    Number,
    Range,
    YearsMonths,
    bounded,
    is_number,
    kind,
    settle,
)

_DAY = timedelta(days=1)


def add(left: Any, right: Any) -> Any:
    if type(left) is int and type(right) is int:
        return bounded(left + right)
    if is_number(left) and is_number(right):
        return decimal_of(ARITHMETIC.add, left, right)
    if type(left) is str and type(right) is str:
        check_string(len(left) + len(right))
        return left + right
    return _guarded(_add_temporal, left, right)


def subtract(left: Any, right: Any) -> Any:
    if type(left) is int and type(right) is int:
        return bounded(left - right)
    if is_number(left) and is_number(right):
        return decimal_of(ARITHMETIC.subtract, left, right)
    return _guarded(_subtract_temporal, left, right)


def multiply(left: Any, right: Any) -> Any:
    if type(left) is int and type(right) is int:
        return bounded(left * right)
    if is_number(left) and is_number(right):
        return decimal_of(ARITHMETIC.multiply, left, right)
    if is_number(left):
        left, right = right, left
    return _guarded(_multiplied, left, right) if is_number(right) else None


def divide(left: Any, right: Any) -> Any:
    if is_number(left) and is_number(right):
        return decimal_of(ARITHMETIC.divide, left, right) if right else None
    if is_number(right):
        return _guarded(_divided, left, right) if right else None
    if type(left) is YearsMonths and type(right) is YearsMonths and right.months:
        return decimal_of(ARITHMETIC.divide, left.months, right.months)
    if type(left) is timedelta and type(right) is timedelta and right:
        return decimal_of(ARITHMETIC.divide, seconds_of(left), seconds_of(right))
    return None


def power(left: Any, right: Any) -> Any:
    if not (is_number(left) and is_number(right)):
        return None
    return 1 if right == 0 else decimal_of(ARITHMETIC.power, left, right)


def negate(value: Any) -> Any:
    if is_number(value):
        return -value if type(value) is int else value.copy_negate()
    if type(value) is timedelta:
        return _guarded(lambda duration, _: -duration, value, None)
    return YearsMonths(-value.months) if type(value) is YearsMonths else None


def decimal_of(operation: Callable[..., Decimal], *operands: Number) -> Number | None:
    """The operation in decimal128; None where it has no result (0 to the power of -1, say)."""
    try:
        return settle(operation(*map(ARITHMETIC.create_decimal, operands)))
    except decimal.Overflow:
        raise number_too_large() from None
    except (decimal.InvalidOperation, decimal.DivisionByZero):
        return None


def _guarded(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """None where Python's calendar ends."""
    try:
        return operation(left, right)
    except (OverflowError, ValueError):
        return None


def _add_temporal(left: Any, right: Any) -> Any:
    if type(right) not in (timedelta, YearsMonths):
        left, right = right, left
    if type(right) is YearsMonths:
        return _add_months(left, right.months)
    return _add_seconds(left, right) if type(right) is timedelta else None


def _subtract_temporal(left: Any, right: Any) -> Any:
    if type(right) is YearsMonths:
        return _add_months(left, -right.months)
    if type(right) is timedelta:
        return _add_seconds(left, -right)
    if type(left) is time and type(right) is time:
        first, second = _time_key(left), _time_key(right)
        return None if first[0] != second[0] else first[1] - second[1]
    if type(left) in (date, datetime) and type(right) in (date, datetime):
        return _between(left, right)
    return None


def _between(left: date | datetime, right: date | datetime) -> timedelta | None:
    """A date among zoned values is its midnight in UTC (DMN 1.4, 10.3.2.3.9)."""
    zoned = any(type(v) is datetime and v.tzinfo is not None for v in (left, right))
    first, second = (instant(v, zoned) for v in (left, right))
    return None if (first.tzinfo is None) != (second.tzinfo is None) else first - second


def instant(value: date | datetime, zoned: bool = False) -> datetime:
    """The value as a date and time; a zoned one in UTC, so that differences are elapsed time."""
    if type(value) is not datetime:
        return datetime.combine(value, time(), UTC if zoned else None)
    return value.astimezone(UTC) if value.tzinfo is not None else value


def _add_months(value: Any, months: int) -> Any:
    if type(value) is YearsMonths:
        return _months(value.months + months)
    if type(value) not in (date, datetime):
        return None
    year, month = divmod(value.year * 12 + value.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        return None
    last = calendar.monthrange(year, month + 1)[1]
    return value.replace(year=year, month=month + 1, day=min(value.day, last))


def _add_seconds(value: Any, shift: timedelta) -> Any:
    if type(value) is timedelta:
        return value + shift
    if type(value) is date:
        return (datetime.combine(value, time()) + shift).date()
    if type(value) is time:
        return (datetime.combine(date(2000, 1, 1), value) + shift % _DAY).timetz()
    if type(value) is not datetime:
        return None
    if value.tzinfo is None:
        return value + shift
    return (value.astimezone(UTC) + shift).astimezone(value.tzinfo)


def _scaled(operation: Callable[..., Decimal], value: Any, factor: Number) -> Any:
    if type(value) is YearsMonths:
        return _months(decimal_of(operation, value.months, factor))
    if type(value) is timedelta:
        return _duration(decimal_of(operation, seconds_of(value), factor))
    return None


_multiplied = partial(_scaled, ARITHMETIC.multiply)
_divided = partial(_scaled, ARITHMETIC.divide)


def _duration(seconds: Number | None) -> timedelta | None:
    longest = timedelta.max.days * 86_400
    if seconds is None or not -longest < seconds < longest:
        return None
    return timedelta(microseconds=int(seconds * 1_000_000))


def _months(count: Number | None) -> YearsMonths | None:
    if count is None or not -MAX_MONTHS <= count <= MAX_MONTHS:
        return None
    return YearsMonths(int(count))


def decided(values: Iterable[Any], decisive: bool) -> bool | None:
    """Three-valued: the decisive value wins, anything but a boolean counts as null."""
    otherwise = not decisive
    result: bool | None = otherwise
    for value in values:
        if value is decisive:
            return not otherwise
        if value is not otherwise:
            result = None
    return result


def equal(left: Any, right: Any, run: Run) -> bool | None:
    """Whether the values are equal; None when their types differ and neither is null."""
    if left is None or right is None:
        return left is right
    kind_of_both = kind(left)
    if kind_of_both != kind(right):
        return None
    if kind_of_both == "list":
        run.spend(len(left))
        return len(left) == len(right) and all(
            equal(a, b, run) is True for a, b in zip(left, right, strict=True)
        )
    if kind_of_both == "context":
        run.spend(len(left))
        return left.keys() == right.keys() and all(
            equal(left[key], right[key], run) is True for key in left
        )
    if kind_of_both == "time":
        return _time_key(left) == _time_key(right)
    if kind_of_both == "range":
        return _same_range(left, right, run)
    return bool(left == right)


def _same_range(left: Range, right: Range, run: Run) -> bool:
    return (
        (left.start_included, left.end_included) == (right.start_included, right.end_included)
        and equal(left.start, right.start, run) is True
        and equal(left.end, right.end, run) is True
    )


_ORDERED = frozenset(
    (
        "number",
        "string",
        "date",
        "time",
        "date and time",
        "days and time duration",
        "years and months duration",
    )
)


def is_ordered(value: Any) -> bool:
    """Whether the value may bound a range: it has an order, or is not known yet."""
    return value is None or kind(value) in _ORDERED


def compare(left: Any, right: Any) -> int | None:
    """Negative, zero or positive as left is before, at or after right; None without order."""
    order = kind(left)
    if order != kind(right) or order not in _ORDERED:
        return None
    if order == "years and months duration":
        return int(left.months - right.months)
    if order == "date and time" and (left.tzinfo is None) != (right.tzinfo is None):
        return None
    if order == "time":
        left, right = _time_key(left), _time_key(right)
        if left[0] != right[0]:
            return None
    return 0 if left == right else 1 if left > right else -1


def _time_key(value: time) -> tuple[bool, timedelta]:
    """Whether the time has an offset, and its distance from midnight (in UTC if it has)."""
    since = timedelta(
        hours=value.hour,
        minutes=value.minute,
        seconds=value.second,
        microseconds=value.microsecond,
    )
    if value.tzinfo is None:
        return False, since
    return True, since - timedelta(seconds=offset_seconds(value.tzinfo))


def includes(interval: Range, value: Any) -> bool | None:
    """Whether the value lies in the interval; None when it cannot be compared with a bound."""
    if interval.start is not None or interval.start_included:
        start = compare(value, interval.start)
        if start is None:
            return None
        if start < 0 or (start == 0 and not interval.start_included):
            return False
    if interval.end is not None or interval.end_included:
        end = compare(value, interval.end)
        if end is None:
            return None
        if end > 0 or (end == 0 and not interval.end_included):
            return False
    return True


def belongs(value: Any, target: Any, run: Run) -> bool | None:
    """`value in target`: equal to it, inside it, or so for one of its elements."""
    if type(target) is Range:
        return equal(value, target, run) if type(value) is Range else includes(target, value)
    if type(target) is list:
        run.spend(len(target))
        if type(value) is list and equal(value, target, run):
            return True
        return any(_meets(value, element, run) for element in target)
    return equal(value, target, run)


def _meets(value: Any, element: Any, run: Run) -> bool:
    if type(element) is Range and type(value) is not Range:
        return includes(element, value) is True
    return equal(value, element, run) is True
