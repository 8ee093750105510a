"""The working calendar: weekends, public holidays, make-up days, years without a notice."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import Calendar
from engine.errors import InvalidDefinition, InvalidInput

DATA: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "processes/_shared/calendar.json").read_text("utf-8")
)
CALENDAR = Calendar.load(DATA)
DAYS = st.dates(date(2003, 1, 1), date(2030, 12, 31))

# The notices for 2024-2026, read in full, written as ranges independently of the data file.
NOTICES = {
    2024: (
        "01-01 02-10~02-17 04-04~04-06 05-01~05-05 06-10 09-15~09-17 10-01~10-07",
        "02-04 02-18 04-07 04-28 05-11 09-14 09-29 10-12",
        251,
    ),
    2025: (
        "01-01 01-28~02-04 04-04~04-06 05-01~05-05 05-31~06-02 10-01~10-08",
        "01-26 02-08 04-27 09-28 10-11",
        248,
    ),
    2026: (
        "01-01~01-03 02-15~02-23 04-04~04-06 05-01~05-05 06-19~06-21 09-25~09-27 10-01~10-07",
        "01-04 02-14 02-28 05-09 09-20 10-10",
        248,
    ),
}


def days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(n) for n in range((date(year + 1, 1, 1) - first).days)]


def expand(year: int, text: str) -> set[date]:
    found: set[date] = set()
    for part in text.split():
        first, _, last = part.partition("~")
        low, high = (date.fromisoformat(f"{year}-{day}") for day in (first, last or first))
        found |= {day for day in days_of(year) if low <= day <= high}
    return found


def with_notice(year: str, off: list[str], makeup: list[str]) -> dict[str, Any]:
    return {**DATA, year: {"source": "notice", "off": off, "makeup": makeup}}


@pytest.mark.parametrize("year", NOTICES)
def test_every_day_of_2024_to_2026_is_as_the_notice_says(year: int) -> None:
    off, makeup = (expand(year, days) for days in NOTICES[year][:2])
    for day in days_of(year):
        expected = day in makeup or (day.weekday() < 5 and day not in off)
        assert CALENDAR.is_working_day(day) == expected, day


@pytest.mark.parametrize("year", NOTICES)
def test_working_days_of_a_year(year: int) -> None:
    assert sum(map(CALENDAR.is_working_day, days_of(year))) == NOTICES[year][2]


def test_the_file_covers_2004_to_2026_and_names_each_source() -> None:
    assert sorted(DATA) == [str(year) for year in range(2004, 2027)]
    for year, entry in DATA.items():
        assert f"{year}年部分节假日安排的通知" in entry["source"]


def test_the_eve_of_2024_was_not_off() -> None:
    """除夕 is a public holiday from 2025 only."""
    assert CALENDAR.is_working_day(date(2024, 2, 9))
    assert not CALENDAR.is_working_day(date(2025, 1, 28))


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2005, 12, 31), True),  # Saturday, made up for 2006-01-02 (notice for 2006)
        (date(2006, 12, 31), True),  # Sunday, made up for 2007
        (date(2018, 12, 29), True),  # Saturday, made up for 2019
        (date(2018, 12, 31), False),  # Monday, off for 2019
        (date(2015, 9, 3), False),  # Thursday, a notice of its own
        (date(2015, 9, 6), True),
        (date(2019, 5, 2), False),  # the year's notice was changed in March
        (date(2020, 1, 31), False),  # the holiday was lengthened in January
        (date(2020, 2, 1), False),
    ],
)
def test_days_moved_across_years_and_by_later_notices(day: date, working: bool) -> None:
    assert CALENDAR.is_working_day(day) is working


def test_a_year_without_notice_has_weekends_off_and_nothing_else() -> None:
    assert 2027 not in CALENDAR.years
    for day in days_of(2027):
        assert CALENDAR.is_working_day(day) == (day.weekday() < 5)


def test_knows_the_years_loaded() -> None:
    assert sorted(CALENDAR.years) == list(range(2004, 2027))


@pytest.mark.parametrize(
    ("first", "last", "settled"),
    [
        (date(2026, 12, 28), date(2026, 12, 28), True),
        (date(2026, 12, 28), date(2026, 12, 29), False),
        (date(2026, 12, 31), date(2026, 12, 31), False),
        (date(2027, 1, 1), date(2027, 1, 1), False),
        (date(2025, 12, 31), date(2025, 12, 31), True),
        (date(2004, 1, 1), date(2026, 1, 1), True),
        (date(2003, 12, 31), date(2004, 1, 1), False),
    ],
)
def test_days_that_a_notice_to_come_may_still_move(first: date, last: date, settled: bool) -> None:
    """A notice reaches back to 29 December, so those days wait for it too."""
    assert CALENDAR.is_settled(first, last) is settled


def test_rolling_stops_on_a_make_up_day() -> None:
    assert CALENDAR.roll_forward(date(2025, 1, 25)) == date(2025, 1, 26)
    assert CALENDAR.roll_back(date(2025, 1, 26)) == date(2025, 1, 26)
    assert CALENDAR.roll_forward(date(2025, 1, 28)) == date(2025, 2, 5)
    assert CALENDAR.roll_back(date(2025, 2, 4)) == date(2025, 1, 27)


@given(DAYS)
def test_rolling_is_idempotent_and_never_passes_a_working_day(day: date) -> None:
    forward, back = CALENDAR.roll_forward(day), CALENDAR.roll_back(day)
    assert CALENDAR.roll_forward(forward) == forward
    assert CALENDAR.roll_back(back) == back
    assert back <= day <= forward
    between = [back + timedelta(n) for n in range(1, (forward - back).days)]
    assert not any(map(CALENDAR.is_working_day, between))


@given(DAYS, st.integers(1, 80))
def test_adding_working_days_agrees_with_counting_them(start: date, days: int) -> None:
    end = CALENDAR.add_working_days(start, days)
    after = [start + timedelta(n) for n in range(1, (end - start).days + 1)]
    assert CALENDAR.is_working_day(end)
    assert sum(map(CALENDAR.is_working_day, after)) == days


@pytest.mark.parametrize("days", [0, -1])
def test_adding_less_than_one_working_day_is_refused(days: int) -> None:
    with pytest.raises(InvalidInput, match="at least 1"):
        CALENDAR.add_working_days(date(2025, 1, 1), days)


def test_the_version_follows_the_days_alone() -> None:
    reworded = {
        year: {**entry, "source": "x", "off": entry["off"][::-1]} for year, entry in DATA.items()
    }
    assert Calendar.load(reworded).version == CALENDAR.version
    assert len(CALENDAR.version) == 12
    versions = {
        CALENDAR.version,
        Calendar.load(with_notice("2027", [], [])).version,
        Calendar.load(with_notice("2027", ["2027-01-04"], [])).version,
        Calendar.load(with_notice("2027", [], ["2027-01-02"])).version,
        Calendar.load({year: DATA[year] for year in DATA if year != "2004"}).version,
    }
    assert len(versions) == 5


def test_a_calendar_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        CALENDAR.version = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"27": {"source": "x", "off": [], "makeup": []}}, "is no year"),
        ({"2027": {"source": "x", "off": []}}, "exactly source, off and makeup"),
        ({"2027": {"source": "x", "off": [], "makeup": [], "on": []}}, "exactly source"),
        ({"2027": {"source": " ", "off": [], "makeup": []}}, "names no source"),
        (with_notice("2027", ["2027-02-30"], []), "is no date"),
        (with_notice("2027", [20270101], []), "is no date"),  # type: ignore[list-item]
        ({"2027": {"source": "x", "off": "2027-01-01", "makeup": []}}, "no list of dates"),
        (with_notice("2027", ["2026-12-28"], []), "does not belong to the notice for 2027"),
        (with_notice("2027", ["2028-01-01"], []), "does not belong to the notice for 2027"),
        (with_notice("2027", [], ["2027-01-01"]), "no Saturday or Sunday"),
        (with_notice("2027", ["2027-01-02"], ["2027-01-02"]), "more than once"),
        (with_notice("2027", ["2027-01-01", "2027-01-01"], []), "more than once"),
    ],
)
def test_data_that_cannot_be_a_calendar_is_refused(data: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidDefinition, match=sentence) as refused:
        Calendar.load(data)
    assert all(problem.remedy for problem in refused.value.problems)


def test_a_notice_may_reach_back_to_29_december() -> None:
    calendar = Calendar.load(with_notice("2027", ["2026-12-31"], []))
    assert not calendar.is_working_day(date(2026, 12, 31))
    assert CALENDAR.is_working_day(date(2026, 12, 31))


def test_every_finding_is_reported() -> None:
    with pytest.raises(InvalidDefinition) as refused:
        Calendar.load(with_notice("2027", ["x"], ["2027-01-01"]))
    assert len(refused.value.problems) == 2
