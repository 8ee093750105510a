"""Which days are working days in China: weekends, public holidays, make-up days.

The State Council's general office fixes each year by a notice; nothing can be computed. The data
is one entry per notice, `processes/_shared/calendar.json`. A year without a notice has weekends
off and nothing else, and whatever is counted across it is provisional.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from engine.errors import InvalidDefinition, InvalidInput, Problem

ONE_DAY = timedelta(days=1)
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working calendar, never changed after loading. All days are local dates.

    `version` is a short hash of the days of all loaded years; wording of sources does not count.
    """

    years: frozenset[int]
    off: frozenset[date]
    makeup: frozenset[date]
    version: str

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Calendar:
        """Read `{year: {source, off: [ISO date...], makeup: [ISO date...]}}`.

        A year's entry is what that year's notice says, so it may reach back to 29-31 December.
        Raises InvalidDefinition with every finding.
        """
        problems: list[Problem] = []
        notices = {year: _read_notice(year, entry, problems) for year, entry in data.items()}
        _refuse_contradictions(notices, problems)
        if problems:
            raise InvalidDefinition(problems)
        return cls(
            years=frozenset(int(year) for year in notices),
            off=frozenset(day for off, _ in notices.values() for day in off),
            makeup=frozenset(day for _, makeup in notices.values() for day in makeup),
            version=_version(notices),
        )

    def is_settled(self, first: date, last: date) -> bool:
        """Whether no notice still to come can change a day from `first` to `last`, both included.

        A notice may move 29-31 December of the year before (2007, 2018 and 2022 saw it).
        """
        needed = set(range(first.year, last.year + 1))
        if (last.month, last.day) >= (12, 29):
            needed.add(last.year + 1)
        return needed <= self.years

    def is_working_day(self, day: date) -> bool:
        """Make-up Saturdays and Sundays are working days."""
        return day in self.makeup or (day.weekday() < SATURDAY and day not in self.off)

    def roll_forward(self, day: date) -> date:
        """The day itself if it is a working day, else the next one (Civil Code art. 203)."""
        while not self.is_working_day(day):
            day += ONE_DAY
        return day

    def roll_back(self, day: date) -> date:
        """The day itself if it is a working day, else the last one before."""
        while not self.is_working_day(day):
            day -= ONE_DAY
        return day

    def add_working_days(self, start: date, days: int) -> date:
        """The `days`-th working day after `start`; the start is not counted (Civil Code art. 201).

        Raises InvalidInput when `days` is less than 1.
        """
        if days < 1:
            sentence = f"Expected at least 1 working day, found {days}; give a larger number."
            raise InvalidInput({"days": [sentence]}, sentence)
        day = start
        for _ in range(days):
            day = self.roll_forward(day + ONE_DAY)
        return day


Notice = tuple[list[date], list[date]]


def _read_notice(year: str, entry: Any, problems: list[Problem]) -> Notice:
    if not (len(year) == 4 and year.isdecimal()):
        problems.append(_problem(year, f"“{year}” is no year.", "Write four digits, e.g. 2027."))
        return [], []
    if not isinstance(entry, Mapping) or set(entry) != {"source", "off", "makeup"}:
        problems.append(
            _problem(
                year,
                f"The entry for {year} does not have exactly source, off and makeup.",
                "Write all three; the lists may be empty.",
            )
        )
        return [], []
    if not (isinstance(entry["source"], str) and entry["source"].strip()):
        problems.append(
            _problem(year, f"The year {year} names no source.", "Name the notice and its number.")
        )
    off, makeup = (_read_days(year, entry[key], problems) for key in ("off", "makeup"))
    for day in makeup:
        if day.weekday() < SATURDAY:
            problems.append(
                _problem(
                    year,
                    f"The make-up day {day} is no Saturday or Sunday.",
                    "Compare it with the notice.",
                )
            )
    return off, makeup


def _read_days(year: str, texts: Any, problems: list[Problem]) -> list[date]:
    if not isinstance(texts, list):
        problems.append(_problem(year, f"{texts!r} is no list of dates.", "Write [] if none."))
        return []
    days = []
    for text in texts:
        try:
            day = date.fromisoformat(text)
        except (TypeError, ValueError):
            problems.append(_problem(year, f"{text!r} is no date.", f"Write it like {year}-10-01."))
            continue
        if date(int(year) - 1, 12, 29) <= day <= date(int(year), 12, 31):
            days.append(day)
        else:
            problems.append(
                _problem(
                    year,
                    f"{day} does not belong to the notice for {year}.",
                    "Only that year and 29-31 December before it do; move it.",
                )
            )
    return days


def _refuse_contradictions(notices: Mapping[str, Notice], problems: list[Problem]) -> None:
    counts = Counter(day for off, makeup in notices.values() for day in [*off, *makeup])
    for day in sorted(day for day, count in counts.items() if count > 1):
        problems.append(
            _problem(
                str(day.year),
                f"{day} is written more than once.",
                "A day is off or a make-up day, under one notice; keep one.",
            )
        )


def _problem(year: str, message: str, remedy: str) -> Problem:
    return Problem(rule="calendar", element=year, message=message, remedy=remedy)


def _version(notices: Mapping[str, Notice]) -> str:
    def texts(days: Iterable[date]) -> list[str]:
        return sorted(day.isoformat() for day in days)

    content = {year: [texts(off), texts(makeup)] for year, (off, makeup) in notices.items()}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
