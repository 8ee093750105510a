"""Dates, times and durations: reading and writing their ISO 8601 texts, their properties.

Years are 1 to 9999 and seconds have six decimals: Python's calendar. A date and time without
offset is a local one; the two sorts are never compared with each other.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from engine.expressions.values import MAX_MONTHS, Number, YearsMonths, settle

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(
    r"T?(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d(?::\d\d)?|@[A-Za-z0-9_+/-]+)?", re.ASCII
)
_DURATION = re.compile(
    r"(-)?P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?",
    re.ASCII,
)
_EPOCH = date(1970, 1, 1)
_LONGEST = 40


def parse_date(text: str) -> date | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:
        return None


def parse_time(text: str) -> time | None:
    found = _TIME.fullmatch(text) if len(text) <= 2 * _LONGEST else None
    if found is None:
        return None
    hour, minute, second, fraction, offset = found.groups()
    try:
        return time(int(hour), int(minute), int(second), _micros(fraction), parse_offset(offset))
    except ValueError:
        return None


def parse_date_time(text: str) -> datetime | None:
    """A date and time; a date alone is its midnight."""
    day, separator, clock = text.partition("T")
    on, at = parse_date(day), parse_time(clock) if separator else time()
    if on is None or at is None or clock.startswith("T"):
        return None
    return datetime.combine(on, at)


def parse_offset(text: str | None) -> tzinfo | None:
    """The offset `Z`, `+08:00` or `@Asia/Shanghai`; raises ValueError for an unknown zone."""
    if not text:
        return None
    if text == "Z":
        return UTC
    if text.startswith("@"):
        return _zone(text[1:])
    parts = [int(part) for part in text[1:].split(":")]
    shift = timedelta(hours=parts[0], minutes=parts[1], seconds=parts[2] if parts[2:] else 0)
    if parts[0] > 18 or parts[1] > 59:
        raise ValueError(text)
    return timezone(-shift if text[0] == "-" else shift) if shift else UTC


def _zone(key: str) -> tzinfo:
    try:
        return ZoneInfo(key)
    except (OSError, KeyError) as unknown:
        raise ValueError(key) from unknown


def _micros(fraction: str | None) -> int:
    return int((fraction or "0")[:6].ljust(6, "0"))


def parse_duration(text: str) -> YearsMonths | timedelta | None:
    found = _DURATION.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or not text[-1].isalpha() or text[-1] in "PT":
        return None
    sign, years, months, days, hours, minutes, seconds, fraction = found.groups()
    if years is None and months is None:
        return _days_time(sign, days, hours, minutes, seconds, fraction)
    if any(part is not None for part in (days, hours, minutes, seconds)):
        return None
    total = int(years or 0) * 12 + int(months or 0)
    return YearsMonths(-total if sign else total) if total <= MAX_MONTHS else None


def _days_time(sign: str | None, *parts: str | None) -> timedelta | None:
    days, hours, minutes, seconds = (int(part or 0) for part in parts[:4])
    try:
        total = timedelta(
            days=days,
            hours=hours,
            minutes=minutes,
            seconds=seconds,
            microseconds=_micros(parts[4]),
        )
        return -total if sign else total
    except OverflowError:
        return None


def parse_temporal(text: str) -> Any:
    """The value of an `@"..."` literal, or None when the text is none of the four."""
    for parse in (parse_date, parse_time, parse_date_time, parse_duration):
        value = parse(text)
        if value is not None:
            return value
    return None


def temporal_text(value: Any) -> str:
    """ISO 8601 text of a date, time, date and time or duration."""
    if type(value) is YearsMonths:
        return _months_text(value.months)
    if type(value) is timedelta:
        return _timedelta_text(value)
    if type(value) is date:
        return value.isoformat()
    text: str = value.replace(tzinfo=None).isoformat()
    if "." in text:
        text = text.rstrip("0")
    return text + _offset_text(value.tzinfo)


def _offset_text(zone: tzinfo | None) -> str:
    if zone is None:
        return ""
    if isinstance(zone, ZoneInfo):
        return f"@{zone.key}"
    seconds = offset_seconds(zone)
    if seconds == 0:
        return "Z"
    hours, rest = divmod(abs(seconds), 3600)
    text = f"{'-' if seconds < 0 else '+'}{hours:02}:{rest // 60:02}"
    return f"{text}:{rest % 60:02}" if rest % 60 else text


def offset_seconds(zone: tzinfo, at: datetime | None = None) -> int:
    """Seconds east of Greenwich; a zone's standard ones when no date and time is given."""
    shift = zone.utcoffset(at or datetime.combine(_EPOCH, time()))
    return int(shift.total_seconds()) if shift is not None else 0


def _months_text(months: int) -> str:
    years, rest = divmod(abs(months), 12)
    text = (f"{years}Y" if years else "") + (f"{rest}M" if rest else "")
    return f"{'-' if months < 0 else ''}P{text or '0M'}"


def _timedelta_text(value: timedelta) -> str:
    size = abs(value)
    hours, rest = divmod(size.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    exact = f"{seconds}.{size.microseconds:06}".rstrip("0").rstrip(".")
    if not size.microseconds:
        exact = str(seconds)
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    clock += f"{exact}S" if exact != "0" else ""
    text = (f"{size.days}D" if size.days else "") + (f"T{clock}" if clock else "")
    return f"{'-' if value < timedelta() else ''}P{text or 'T0S'}"


def seconds_of(value: timedelta) -> Number:
    """The duration in seconds, exactly."""
    micros = value.days * 86_400_000_000 + value.seconds * 1_000_000 + value.microseconds
    return settle(Decimal(micros) / 1_000_000)


def property_of(value: Any, name: str) -> Any:
    """A documented property of a date, time, date and time or duration; None for any other."""
    reader = _PROPERTIES.get(type(value), {}).get(name)
    return reader(value) if reader else None


def _second(value: Any) -> Number:
    return settle(value.second + Decimal(value.microsecond) / 1_000_000)


def _time_offset(value: Any) -> timedelta | None:
    if value.tzinfo is None:
        return None
    at = value if type(value) is datetime else None
    return timedelta(seconds=offset_seconds(value.tzinfo, at))


def _timezone(value: Any) -> str | None:
    zone = value.tzinfo
    return zone.key if isinstance(zone, ZoneInfo) else None


def _toward_zero(part: Any) -> Any:
    """A component of a duration carries the duration's sign."""
    return lambda value: part(value) if value >= timedelta() else -part(-value)


def _years(value: YearsMonths) -> int:
    return abs(value.months) // 12 * (-1 if value.months < 0 else 1)


_OF_DATE: dict[str, Any] = {
    "year": lambda value: value.year,
    "month": lambda value: value.month,
    "day": lambda value: value.day,
    "weekday": lambda value: value.isoweekday(),
}
_OF_TIME: dict[str, Any] = {
    "hour": lambda value: value.hour,
    "minute": lambda value: value.minute,
    "second": _second,
    "time offset": _time_offset,
    "timezone": _timezone,
}
_PROPERTIES: dict[type, dict[str, Any]] = {
    date: _OF_DATE,
    time: _OF_TIME,
    datetime: _OF_DATE | _OF_TIME,
    YearsMonths: {
        "years": _years,
        "months": lambda value: value.months - _years(value) * 12,
    },
    timedelta: {
        "days": _toward_zero(lambda value: value.days),
        "hours": _toward_zero(lambda value: value.seconds // 3600),
        "minutes": _toward_zero(lambda value: value.seconds % 3600 // 60),
        "seconds": _toward_zero(
            lambda value: settle(value.seconds % 60 + Decimal(value.microseconds) / 1_000_000)
        ),
    },
}
