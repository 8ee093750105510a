"""Counting days: the worked examples, the rules of counting, the chain of a whole matter."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import Calendar
from engine.clocks import (
    Catalogue,
    Due,
    check_extension,
    compute,
    describe_due,
    end_of_day,
    in_words,
    local_date,
)
from engine.errors import InvalidDefinition, InvalidInput, NotFound

SHARED = Path(__file__).parents[2] / "processes/_shared"
CALENDAR_DATA: dict[str, Any] = json.loads((SHARED / "calendar.json").read_text("utf-8"))
CLOCK_DATA: dict[str, Any] = json.loads((SHARED / "clocks.json").read_text("utf-8"))
CALENDAR = Calendar.load(CALENDAR_DATA)
CATALOGUE = Catalogue.load(CLOCK_DATA)
TODAY = date(2025, 6, 1)
RULES = {clock_id: CATALOGUE.rule(clock_id, TODAY) for clock_id in CATALOGUE.rules}
FIXED = [rule for rule in RULES.values() if rule.length]
STARTS = st.dates(date(2022, 5, 1), date(2028, 12, 31))


def day(text: str) -> date:
    return date.fromisoformat(text)


def due(clock_id: str, start: str, **extent: int) -> Due:
    counted = compute(RULES[clock_id], day(start), CALENDAR, **extent)
    assert counted is not None
    return counted


def dates(counted: Due) -> tuple[str, str, str]:
    return (
        counted.nominal.isoformat(),
        counted.legal_due.isoformat(),
        counted.internal_target.isoformat(),
    )


# The worked examples. E5-E7, E9, E11, E12 are not in the source table.
EXAMPLES = [
    pytest.param(
        "notice_direct", "2025-01-20", {},
        ("2025-02-04", "2025-02-05", "2025-01-27"), "2025-02-04 2025-02-14", id="E1",
    ),
    pytest.param(
        "objection", "2025-01-24", {},
        ("2025-02-07", "2025-02-07", "2025-02-07"), "2025-01-31 2025-02-10", id="E2",
    ),
    pytest.param(
        "handle", "2025-08-04", {},
        ("2025-10-03", "2025-10-09", "2025-09-30"), "2025-10-02 2025-10-03", id="E3",
    ),
    pytest.param(
        "handle", "2025-08-04", {"extended_days": 30},
        ("2025-11-02", "2025-11-03", "2025-10-31"), "2025-11-02 2025-11-10", id="E4",
    ),
    pytest.param(
        "notice_direct", "2024-01-25", {},
        ("2024-02-09", "2024-02-09", "2024-02-09"), "2024-02-18", id="E8",
    ),
    pytest.param(
        "recheck", "2025-09-05", {"excluded_days": 12},
        ("2025-10-17", "2025-10-17", "2025-10-17"), "2025-10-09", id="E10",
    ),
    pytest.param(
        "recheck", "2025-09-05", {},
        ("2025-10-05", "2025-10-09", "2025-09-30"), "2025-10-17", id="E10-without-hearing",
    ),
    pytest.param(
        "notice_direct", "2025-10-01", {},
        ("2025-10-16", "2025-10-16", "2025-10-16"), "2025-10-24", id="E13",
    ),
    pytest.param(
        "handle", "2023-10-01", {},
        ("2023-11-30", "2023-11-30", "2023-11-30"), "2023-12-01 2023-12-27", id="E14",
    ),
    pytest.param(
        "apply_review", "2024-01-31", {},
        ("2024-03-01", "2024-03-01", "2024-03-01"), "2024-02-29", id="E15-2024",
    ),
    pytest.param(
        "apply_review", "2025-01-31", {},
        ("2025-03-02", "2025-03-03", "2025-02-28"), "2025-02-28 2025-03-02", id="E15-2025",
    ),
    pytest.param(
        "apply_review", "2026-01-31", {},
        ("2026-03-02", "2026-03-02", "2026-03-02"), "2026-02-28", id="E15-2026",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("clock_id", "start", "extent", "expected", "wrong"), EXAMPLES)
def test_worked_example(
    clock_id: str, start: str, extent: dict[str, int], expected: tuple[str, ...], wrong: str
) -> None:
    counted = due(clock_id, start, **extent)
    assert dates(counted) == expected
    assert counted.legal_due.isoformat() not in wrong.split()
    assert not counted.provisional


def test_the_clocks_of_a_whole_matter() -> None:
    """From the petition office to the re-check, each hop started by its own fact."""
    assert due("dispatch", "2025-09-22").nominal == day("2025-10-07")
    assert due("dispatch", "2025-09-22").legal_due == day("2025-10-09")
    assert due("objection", "2025-09-26").legal_due == day("2025-10-10")
    assert due("notice_forwarded", "2025-09-26").legal_due == day("2025-10-11")
    assert due("handle", "2025-10-10").legal_due == day("2025-12-09")
    assert due("handle", "2025-10-10", extended_days=30).legal_due == day("2026-01-08")
    assert due("apply_review", "2026-01-04").legal_due == day("2026-02-03")
    assert due("review", "2026-02-02").legal_due == day("2026-03-04")
    assert due("apply_recheck", "2026-03-05").nominal == day("2026-04-04")
    assert due("apply_recheck", "2026-03-05").legal_due == day("2026-04-07")
    assert due("recheck", "2026-04-07").legal_due == day("2026-05-07")
    heard = due("recheck", "2026-04-07", excluded_days=10)
    assert (heard.nominal, heard.legal_due) == (day("2026-05-17"), day("2026-05-18"))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_no_clock_without_its_starting_fact(rule: Any) -> None:
    """No proof of service at any hop: nothing later is counted, whatever else is known."""
    assert compute(rule, None, CALENDAR) is None
    assert compute(rule, None, CALENDAR, length=10) is None


# Rules 1-10 of counting.


def test_rule_1_only_what_says_working_days_is_counted_in_working_days() -> None:
    in_workdays = {clock_id for clock_id, rule in RULES.items() if rule.unit == "workday"}
    assert in_workdays == {
        "objection", "verify_objection", "simple_accept", "simple_reply", "simple_pass",
    }  # fmt: skip
    holiday_counts = due("notice_direct", "2025-09-25")
    assert holiday_counts.nominal == day("2025-10-10")


def test_rule_2_the_first_day_is_not_counted_and_the_last_is_moved_off_a_holiday() -> None:
    counted = due("handle", "2025-08-04")
    assert counted.nominal == counted.start + timedelta(60)
    assert counted.legal_due == CALENDAR.roll_forward(counted.nominal) != counted.nominal
    assert counted.internal_target == CALENDAR.roll_back(counted.nominal) != counted.nominal


def test_rule_2_a_system_that_does_not_roll() -> None:
    strict = compute(replace(RULES["handle"], strict_no_roll=True), day("2025-08-04"), CALENDAR)
    assert strict is not None
    assert dates(strict) == ("2025-10-03", "2025-10-03", "2025-09-30")


def test_rule_3_a_due_date_on_a_make_up_saturday_or_sunday_stays() -> None:
    assert due("notice_direct", "2025-09-26").legal_due == day("2025-10-11")  # Saturday
    assert due("notice_direct", "2025-01-11").legal_due == day("2025-01-26")  # Sunday
    assert due("notice_direct", "2025-10-03").legal_due == day("2025-10-20")  # plain Saturday


def test_rule_4_an_extension_counts_from_the_nominal_date_and_rolls_once() -> None:
    plain, extended = due("handle", "2025-08-04"), due("handle", "2025-08-04", extended_days=30)
    assert extended.nominal == plain.nominal + timedelta(30)
    assert extended.legal_due == CALENDAR.roll_forward(plain.nominal + timedelta(30))
    assert extended.legal_due != CALENDAR.roll_forward(plain.legal_due + timedelta(30))


@pytest.mark.parametrize("days", [1, 30])
def test_rule_4_an_extension_told_on_the_last_day_is_in_time(days: int) -> None:
    counted = due("handle", "2025-08-04")
    check_extension(RULES["handle"], counted, days, told_on=counted.legal_due, already_extended=0)


@pytest.mark.parametrize(
    ("days", "told_on", "already", "field", "sentence"),
    [
        (31, "2025-10-09", 0, "days", "at most 30 days"),
        (0, "2025-10-09", 0, "days", "at least 1 day"),
        (-1, "2025-10-09", 0, "days", "at least 1 day"),
        (30, "2025-10-10", 0, "told_on", "was due on 2025-10-09"),
        (5, "2025-10-09", 10, "days", "only once"),
    ],
)
def test_rule_4_extensions_that_are_refused(
    days: int, told_on: str, already: int, field: str, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence) as refused:
        check_extension(
            RULES["handle"],
            due("handle", "2025-08-04"),
            days,
            told_on=day(told_on),
            already_extended=already,
        )
    assert list(refused.value.fields) == [field]


def test_rule_4_only_handling_can_be_extended() -> None:
    assert [rule.id for rule in RULES.values() if rule.extendable_days] == ["handle"]
    with pytest.raises(InvalidInput, match="cannot be extended"):
        due("review", "2026-02-02", extended_days=1)
    counted = due("review", "2026-02-02")
    with pytest.raises(InvalidInput, match="cannot be extended"):
        check_extension(RULES["review"], counted, 1, told_on=counted.start, already_extended=0)


@pytest.mark.parametrize(("days", "sentence"), [(31, "at most 30"), (-1, "0 or more")])
def test_rule_4_counting_refuses_what_the_rule_does_not_allow(days: int, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        due("handle", "2025-08-04", extended_days=days)


def test_rule_5_a_hearing_shifts_the_re_check_by_its_days() -> None:
    plain, heard = due("recheck", "2025-09-05"), due("recheck", "2025-09-05", excluded_days=12)
    assert heard.nominal == plain.nominal + timedelta(12)


def test_rule_5_only_the_re_check_leaves_time_out() -> None:
    assert [rule.id for rule in RULES.values() if rule.excludable] == ["recheck"]
    for clock_id in ("handle", "review", "notice_forwarded"):
        with pytest.raises(InvalidInput, match="No time is left out"):
            due(clock_id, "2025-09-05", excluded_days=1)
    with pytest.raises(InvalidInput, match="0 or more days to leave out"):
        due("recheck", "2025-09-05", excluded_days=-1)


def test_rule_6_the_petitioners_thirty_days_start_with_proof_of_service() -> None:
    assert RULES["apply_review"].starts == "opinion_served"
    assert RULES["apply_recheck"].starts == "review_served"
    issued, served = due("apply_review", "2025-12-29"), due("apply_review", "2026-01-04")
    assert issued.legal_due < served.legal_due == day("2026-02-03")


def test_rule_7_each_clock_starts_with_its_own_fact() -> None:
    assert RULES["handle"].starts == RULES["simple_reply"].starts == "accepted"
    own = [RULES[key].starts for key in ("dispatch", "notice_direct", "notice_forwarded")]
    assert len(set(own)) == 3


def test_rule_7_what_arrives_by_net_on_a_holiday_arrived_that_day() -> None:
    arrived = datetime(2025, 10, 1, 15, 59, 59, tzinfo=UTC)
    assert due("notice_direct", local_date(arrived).isoformat()).legal_due == day("2025-10-16")


def test_rule_8_a_refused_objection_did_not_stop_the_fifteen_days() -> None:
    with pytest.raises(InvalidInput, match="it runs on"):
        due("notice_forwarded", "2025-09-26", excluded_days=5)


def test_rule_8_a_redo_runs_for_the_days_that_were_ordered() -> None:
    assert due("handle", "2026-03-05", length=30).nominal == day("2026-04-04")


def test_rule_9_thirty_days_are_not_a_month() -> None:
    for start, month_later in [("2024-01-31", "2024-02-29"), ("2025-03-31", "2025-04-30")]:
        assert due("apply_review", start).nominal == day(start) + timedelta(30)
        assert (due("apply_review", start).nominal == day(month_later)) is (start[:4] == "2025")


def test_rule_9_days_are_days_in_china() -> None:
    assert local_date(datetime(2025, 8, 4, 15, 59, 59, tzinfo=UTC)) == day("2025-08-04")
    assert local_date(datetime(2025, 8, 4, 16, 0, tzinfo=UTC)) == day("2025-08-05")
    last = end_of_day(day("2025-10-09"))
    assert last == datetime(2025, 10, 9, 16, 0, tzinfo=UTC)
    assert last.tzinfo is UTC
    assert local_date(last) == day("2025-10-10")
    assert local_date(last - timedelta(microseconds=1)) == day("2025-10-09")


def test_rule_9_an_instant_is_no_date() -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        local_date(datetime(2025, 8, 4))  # noqa: DTZ001
    with pytest.raises(InvalidInput, match="local date"):
        compute(RULES["handle"], datetime(2025, 8, 4, tzinfo=UTC), CALENDAR)


def test_rule_10_without_the_notice_for_2027_the_date_is_provisional() -> None:
    counted = due("notice_direct", "2026-12-20")
    assert counted.nominal.year == 2027
    assert counted.provisional
    assert not due("notice_direct", "2026-12-01").provisional


@pytest.mark.parametrize(
    ("clock_id", "start", "provisional"),
    [
        ("notice_direct", "2026-12-13", False),  # nominal Monday 28 December
        ("notice_direct", "2026-12-14", True),  # nominal 29 December, which a notice may move
        ("objection", "2026-12-21", False),  # fifth working day is 28 December
        ("objection", "2026-12-22", True),
    ],
)
def test_rule_10_both_sides_of_what_is_still_open(
    clock_id: str, start: str, provisional: bool
) -> None:
    assert due(clock_id, start).provisional is provisional


def test_rule_10_only_the_days_that_were_looked_at_count() -> None:
    """Without the notice for 2024: working days were counted in it, calendar days only passed."""
    gap = Calendar.load({year: days for year, days in CALENDAR_DATA.items() if year != "2024"})
    for clock_id, provisional in [("objection", True), ("notice_direct", False)]:
        counted = compute(RULES[clock_id], day("2024-12-30"), gap)
        assert counted is not None
        assert counted.legal_due.year == 2025
        assert counted.provisional is provisional


def test_rule_10_importing_the_notice_recomputes() -> None:
    """A made-up notice: 4 January 2027, a Monday, is off and the Saturday before is worked."""
    notice = {"source": "test", "off": ["2027-01-01", "2027-01-04"], "makeup": ["2027-01-02"]}
    known = Calendar.load({**CALENDAR_DATA, "2027": notice})
    before = due("notice_direct", "2026-12-20")
    after = compute(RULES["notice_direct"], before.start, known)
    assert after is not None
    assert dates(before) == ("2027-01-04", "2027-01-04", "2027-01-04")
    assert dates(after) == ("2027-01-04", "2027-01-05", "2027-01-02")
    assert not after.provisional
    assert after.calendar_version == known.version != before.calendar_version


@given(STARTS, st.sampled_from(FIXED), st.integers(2022, 2026))
def test_rule_10_what_is_not_provisional_no_later_notice_changes(
    start: date, rule: Any, last_known: int
) -> None:
    """Counting with the notices up to some year and with all of them gives the same days."""
    early = Calendar.load({y: e for y, e in CALENDAR_DATA.items() if int(y) <= last_known})
    first, later = compute(rule, start, early), compute(rule, start, CALENDAR)
    assert first is not None
    assert later is not None
    if not first.provisional:
        assert dates(first) == dates(later)


# Properties.


@given(STARTS, st.integers(1, 400))
def test_calendar_days_are_ordered_and_end_on_working_days(start: date, length: int) -> None:
    counted = compute(RULES["perform"], start, CALENDAR, length=length)
    assert counted is not None
    assert counted.legal_due >= counted.nominal >= counted.internal_target
    assert (counted.nominal - start).days == length
    assert CALENDAR.is_working_day(counted.legal_due)
    assert CALENDAR.is_working_day(counted.internal_target)


@given(STARTS, st.sampled_from([rule for rule in FIXED if rule.unit == "workday"]))
def test_working_days_agree_with_counting_them(start: date, rule: Any) -> None:
    counted = compute(rule, start, CALENDAR)
    assert counted is not None
    after = [start + timedelta(n) for n in range(1, (counted.nominal - start).days + 1)]
    assert sum(map(CALENDAR.is_working_day, after)) == rule.length
    assert counted.nominal == counted.legal_due == counted.internal_target


@given(STARTS, st.integers(0, 30), st.integers(0, 30))
def test_a_longer_extension_is_never_due_earlier(start: date, one: int, other: int) -> None:
    short, long = sorted((one, other))
    first = compute(RULES["handle"], start, CALENDAR, extended_days=short)
    second = compute(RULES["handle"], start, CALENDAR, extended_days=long)
    assert first is not None
    assert second is not None
    assert first.legal_due <= second.legal_due


# Lengths.


@pytest.mark.parametrize("clock_id", ["assigned_report", "perform"])
def test_a_clock_without_length_needs_the_days_that_the_act_sets(clock_id: str) -> None:
    with pytest.raises(InvalidInput, match="no length of its own"):
        due(clock_id, "2025-08-04")
    assert due(clock_id, "2025-08-04", length=20).nominal == day("2025-08-24")


def test_an_organ_may_be_given_less_and_a_petitioner_more_never_the_reverse() -> None:
    assert due("handle", "2025-08-04", length=60) == due("handle", "2025-08-04")
    assert due("handle", "2025-08-04", length=59).nominal == day("2025-10-02")
    with pytest.raises(InvalidInput, match="at most 60 days"):
        due("handle", "2025-08-04", length=61)
    assert due("apply_review", "2025-08-04", length=31).nominal == day("2025-09-04")
    with pytest.raises(InvalidInput, match="at least 30 days"):
        due("apply_review", "2025-08-04", length=29)


@pytest.mark.parametrize(("length", "sentence"), [(0, "at least 1"), (3661, "at most 3660")])
def test_lengths_out_of_bounds(length: int, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        due("perform", "2025-08-04", length=length)


@pytest.mark.parametrize("start", ["9999-12-01", "9999-12-30"])
def test_a_start_at_the_end_of_time_is_refused(start: str) -> None:
    with pytest.raises(InvalidInput, match="No calendar reaches"):
        due("perform", start, length=31)


# The catalogue.

A7 = {
    "dispatch": (15, "day"), "notice_direct": (15, "day"), "notice_forwarded": (15, "day"),
    "objection": (5, "workday"), "verify_objection": (5, "workday"),
    "simple_accept": (3, "workday"), "simple_reply": (10, "workday"),
    "simple_pass": (1, "workday"), "handle": (60, "day"), "assigned_report": (None, "day"),
    "apply_review": (30, "day"), "apply_recheck": (30, "day"), "review": (30, "day"),
    "recheck": (30, "day"), "perform": (None, "day"), "judicial_confirm": (30, "day"),
    "advice_feedback": (30, "day"), "rating": (30, "day"), "callback": (7, "day"),
}  # fmt: skip


def test_the_catalogue_is_the_whole_timer_catalogue() -> None:
    assert {rule.id: (rule.length, rule.unit) for rule in RULES.values()} == A7


def test_every_default_is_marked_as_one() -> None:
    defaults = {rule.id for rule in RULES.values() if rule.authority == "default"}
    assert defaults == {"verify_objection", "perform", "advice_feedback", "rating", "callback"}
    assert {rule.id for rule in RULES.values() if rule.mark == "S"} == {
        "simple_accept", "simple_reply", "simple_pass",
    }  # fmt: skip
    assert all(rule.note for rule in RULES.values() if rule.mark != "V")


def test_titles_and_starting_facts_are_in_both_languages() -> None:
    handle = RULES["handle"]
    assert (handle.title("zh_CN"), handle.title("en")) == ("办理", "Handling")
    assert (handle.starting_fact("zh"), handle.starting_fact("en")) == (
        "受理之日",
        "day of acceptance",
    )


def test_the_readme_lists_every_clock() -> None:
    table = (SHARED / "README.md").read_text("utf-8")
    for rule in RULES.values():
        assert f"| `{rule.id}` | {rule.zh} |" in table


def test_a_rule_holds_from_its_first_to_its_last_day() -> None:
    later = {**CLOCK_DATA["handle"][0], "length": 45, "in_force_from": "2030-07-01"}
    first = {**CLOCK_DATA["handle"][0], "in_force_until": "2030-06-30"}
    catalogue = Catalogue.load({"handle": [later, first]})
    assert catalogue.rule("handle", date(2022, 5, 1)).length == 60
    assert catalogue.rule("handle", date(2030, 6, 30)).length == 60
    assert catalogue.rule("handle", date(2030, 7, 1)).length == 45
    with pytest.raises(NotFound, match="no rule in force on 2022-04-30"):
        catalogue.rule("handle", date(2022, 4, 30))


def test_an_unknown_clock_is_not_found() -> None:
    assert "handle" in CATALOGUE
    assert "handel" not in CATALOGUE
    with pytest.raises(NotFound, match="handel"):
        CATALOGUE.rule("handel", TODAY)


def test_a_rule_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        RULES["handle"].length = 90  # type: ignore[misc]


def changed(**values: Any) -> list[dict[str, Any]]:
    return [{**CLOCK_DATA["recheck"][0], **values}]


@pytest.mark.parametrize(
    ("versions", "sentence"),
    [
        ([{k: v for k, v in CLOCK_DATA["handle"][0].items() if k != "article"}], "'article'"),
        (changed(article=""), "article: expected str"),
        (changed(lenght=30), "unknown keys"),
        (changed(id="x"), "unknown keys"),
        (changed(length=0), "at least 1"),
        (changed(length=-1), "length: expected int"),
        (changed(length=True), "length: expected int"),
        (changed(length="30"), "length: expected int"),
        (changed(unit="month"), "expected one of day, workday"),
        (changed(mark="X"), "expected one of V, S, L, D"),
        (changed(in_force_from="2022-5-1"), "expected a date"),
        (changed(excludable="yes"), "excludable: expected bool"),
        (changed(unit="workday"), "calendar days only"),
        (changed() + changed(), "two versions are in force"),
        (
            changed(in_force_until="2030-06-30") + changed(in_force_from="2030-06-30"),
            "two versions are in force on 2030-06-30",
        ),
        (["x"], "expected an object"),
        ({}, "expected a list"),
        ([], "expected a list"),
    ],
)
def test_an_entry_that_cannot_be_a_rule_is_refused(versions: Any, sentence: str) -> None:
    with pytest.raises(InvalidDefinition, match=sentence) as refused:
        Catalogue.load({**CLOCK_DATA, "recheck": versions})
    assert [problem.element for problem in refused.value.problems] == ["recheck"]


# Words, and the bare calculation.


@pytest.mark.parametrize(
    ("days", "zh", "en"),
    [
        (3, "还剩 3 天", "due in 3 days"),
        (1, "还剩 1 天", "due in 1 day"),
        (0, "今天到期", "due today"),
        (-1, "已逾期 1 天", "1 day late"),
        (-2, "已逾期 2 天", "2 days late"),
    ],
)
def test_due_in_words(days: int, zh: str, en: str) -> None:
    assert in_words(TODAY + timedelta(days), TODAY, "zh") == zh
    assert in_words(TODAY + timedelta(days), TODAY, "en") == en


def test_describe_due_in_calendar_and_working_days() -> None:
    plain = describe_due(day("2025-08-04"), 60, workdays=False, exclude=0, calendar=CALENDAR)
    assert plain == {
        "nominal": "2025-10-03",
        "legal_due": "2025-10-09",
        "internal_target": "2025-09-30",
        "provisional": False,
    }
    five = describe_due(day("2025-01-24"), 5, workdays=True, exclude=0, calendar=CALENDAR)
    assert five["legal_due"] == "2025-02-07"
    heard = describe_due(day("2025-09-05"), 30, workdays=False, exclude=12, calendar=CALENDAR)
    assert heard["legal_due"] == "2025-10-17"
    far = describe_due(day("2026-12-20"), 15, workdays=False, exclude=0, calendar=CALENDAR)
    assert far["provisional"] is True


@pytest.mark.parametrize(
    ("n", "workdays", "exclude", "field"),
    [(0, False, 0, "n"), (5, False, -1, "exclude"), (5, True, 1, "exclude")],
)
def test_describe_due_refuses(n: int, workdays: bool, exclude: int, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        describe_due(TODAY, n, workdays=workdays, exclude=exclude, calendar=CALENDAR)
    assert list(refused.value.fields) == [field]
