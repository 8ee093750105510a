"""Built-in functions that make and read dates, times and durations (DMN 1.4, 10.3.4.1, .7, .8)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from engine.expressions import temporal
from engine.expressions.bounds import Run
from engine.expressions.operators import equal, instant
from engine.expressions.registry import builtin
from engine.expressions.values import Number, YearsMonths, kind


@builtin("is(value1: any, value2: any)", with_run=True)
def identical(run: Run, first: Any, second: Any) -> bool:
    """Equal and written alike: the same moment with another offset is another value."""
    if kind(first) != kind(second):
        return False
    if kind(first) in ("time", "date and time"):
        return temporal.temporal_text(first) == temporal.temporal_text(second)
    return equal(first, second, run) is True


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

builtin("date(from: string)")(temporal.parse_date)
builtin("date and time(from: string)")(temporal.parse_date_time)
builtin("time(from: string)")(temporal.parse_time)
builtin("duration(from: string)")(temporal.parse_duration)


@builtin("date(from: day)")
def date_of(value: date) -> date:
    return date(value.year, value.month, value.day)


@builtin("date(year: number, month: number, day: number)")
def date_of_parts(year: Number, month: Number, day: Number) -> date:
    return date(_whole(year), _whole(month), _whole(day))


def _whole(value: Number) -> int:
    if type(value) is not int:
        raise ValueError(value)
    return value


@builtin("date and time(from: day)")
def date_and_time_of(value: date) -> datetime:
    return instant(value) if type(value) is date else value  # type: ignore[return-value]


@builtin("date and time(date: day, time: time)")
def date_and_time_of_parts(day: date, at: time) -> datetime:
    return datetime.combine(date_of(day), at)


@builtin("time(from: day)")
def time_of(value: Any) -> time:
    """Of a date: its midnight in UTC."""
    return value.timetz() if type(value) is datetime else time(tzinfo=UTC)


@builtin("time(from: time)")
def time_of_time(value: time) -> time:
    return value


@builtin("time(hour: number, minute: number, second: number, offset?: any)")
def time_of_parts(hour: Number, minute: Number, second: Number, offset: Any = None) -> time | None:
    if offset is not None and type(offset) is not timedelta:
        return None
    zone = None if offset is None else timezone(offset) if offset else UTC
    micros = int((second - int(second)) * 1_000_000)
    return time(_whole(hour), _whole(minute), int(second), micros, zone)


@builtin("duration(from: duration)")
def duration_of(value: Any) -> Any:
    return value


@builtin("years and months duration(from: day, to: day)")
def years_and_months_between(start: date, end: date) -> YearsMonths:
    """The whole months from day to day, negative when end is earlier."""
    first, last = date_of(start), date_of(end)
    if last < first:
        return YearsMonths(-years_and_months_between(last, first).months)
    months = (last.year - first.year) * 12 + last.month - first.month
    return YearsMonths(months - (1 if last.day < first.day else 0))


@builtin("day of week(date: day)")
def day_of_week(value: date) -> str:
    return _DAYS[value.weekday()]


@builtin("day of year(date: day)")
def day_of_year(value: date) -> int:
    return value.timetuple().tm_yday


@builtin("month of year(date: day)")
def month_of_year(value: date) -> str:
    return _MONTHS[value.month - 1]


@builtin("week of year(date: day)")
def week_of_year(value: date) -> int:
    """ISO 8601: the week that holds the year's first Thursday is number one."""
    return value.isocalendar().week
