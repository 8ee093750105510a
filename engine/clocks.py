"""Statutory time limits: the dated catalogue of clocks, and the counting of days.

The lengths, articles and starting facts are law and live in `processes/_shared/clocks.json`.
How days are counted is here. The Regulation on Petition Work has no article on it, so the Civil
Code applies by analogy: the first day does not count (art. 201), and a last day that is a public
holiday moves to the next working day and ends at 24:00 (art. 203). All days are local dates in
China; nothing here reads the machine's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise
from typing import Any, Literal, get_args, get_type_hints

from engine.calendar import Calendar
from engine.errors import InvalidDefinition, InvalidInput, NotFound, Problem

Unit = Literal["day", "workday"]
Mark = Literal["V", "S", "L", "D"]
Party = Literal["organ", "petitioner"]

# A fixed offset, no zone database: China has kept UTC+8 without summer time since 1992.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

# No limit in this field is longer than ten years; more is a slip of the keyboard.
MAX_DAYS = 3660


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One clock as it stood in law from `in_force_from` to `in_force_until` (both included).

    `length` is None where the starting act itself gives it (an order's date, a promise's date).
    `starts` is the id of the fact that starts the clock. `runs_against` says whose delay it
    measures. `mark` is the trust in the text: V read in full, S seen in part, L local, D default
    chosen by this project because no text says it. `strict_no_roll` is for systems that do not
    move a last day off a holiday.
    """

    id: str
    zh: str
    en: str
    article: str
    length: int | None
    unit: Unit
    starts: str
    starts_zh: str
    starts_en: str
    runs_against: Party
    mark: Mark
    in_force_from: date
    in_force_until: date | None = None
    extendable_days: int = 0
    excludable: bool = False
    strict_no_roll: bool = False
    breach: str | None = None
    note: str | None = None

    @property
    def authority(self) -> Literal["law", "default"]:
        """Whether some legal text stands behind the length, or only this project's default."""
        return "default" if self.mark == "D" else "law"

    def title(self, lang: str) -> str:
        """The clock's name in the language of this tag: Chinese for zh…, else English."""
        return self.zh if lang.startswith("zh") else self.en

    def starting_fact(self, lang: str) -> str:
        """What starts the clock, in words."""
        return self.starts_zh if lang.startswith("zh") else self.starts_en

    def in_force(self, on: date) -> bool:
        return self.in_force_from <= on and (
            self.in_force_until is None or on <= self.in_force_until
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All clocks, each with its versions in order of their coming into force."""

    rules: Mapping[str, tuple[Rule, ...]]

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Catalogue:
        """Read `{clock id: [version...]}`, the keys of a version being the fields of Rule.

        Raises InvalidDefinition with a finding for each clock that cannot be read.
        """
        rules, problems = {}, []
        for clock_id, versions in data.items():
            try:
                rules[clock_id] = _read_versions(clock_id, versions)
            except ValueError as error:
                remedy = "Correct this clock; the other clocks show how one is written."
                problems.append(Problem("clocks", clock_id, f"{clock_id}: {error}", remedy))
        if problems:
            raise InvalidDefinition(problems)
        return cls(rules)

    def __contains__(self, clock_id: str) -> bool:
        return clock_id in self.rules

    def rule(self, clock_id: str, on: date) -> Rule:
        """The version of a clock in force on the local date on which it starts. Raises NotFound."""
        if clock_id not in self.rules:
            raise NotFound(
                f"There is no clock “{clock_id}”; the catalogue has {', '.join(self.rules)}."
            )
        for rule in self.rules[clock_id]:
            if rule.in_force(on):
                return rule
        raise NotFound(
            f"The clock “{clock_id}” has no rule in force on {on}; "
            "add that version to the catalogue or check the date."
        )


@dataclass(frozen=True, slots=True)
class Due:
    """A counted time limit, in local dates.

    `nominal` is the counted last day; `legal_due` is that day moved off a holiday, overdue is
    judged on it; `internal_target` is the last working day not after `nominal`, organs work to
    it. `provisional`: a holiday notice still to come may move these days.
    """

    start: date
    nominal: date
    legal_due: date
    internal_target: date
    calendar_version: str
    provisional: bool


def compute(
    rule: Rule,
    start: date | None,
    calendar: Calendar,
    *,
    extended_days: int = 0,
    excluded_days: int = 0,
    length: int | None = None,
) -> Due | None:
    """When a clock that started on a local date is due; None without its starting fact.

    `extended_days` (unit of the rule) and `excluded_days` (calendar days) lengthen the counted
    period; the last day is moved off a holiday once, at the very end, so an extension counts
    from the nominal date. `length` (unit of the rule) is for rules without one; where the law
    fixes a length, an organ may be given less and a petitioner more, never the reverse.
    Raises InvalidInput.
    """
    if start is None:
        return None
    _check_extent(rule, extended_days)
    _check_exclusion(rule, excluded_days)
    days = _length(rule, length) + extended_days + excluded_days
    return _count(start, days, rule.unit, calendar, strict_no_roll=rule.strict_no_roll)


def check_extension(
    rule: Rule, due: Due, days: int, *, told_on: date, already_extended: int
) -> None:
    """Refuse an extension that the rule does not allow (Regulation art. 34, for handling).

    `due` is the clock as it stands; `told_on` the local date by which the extension is both
    approved and told to the petitioner; `already_extended` the days granted before. The last
    day itself is still in time. Raises InvalidInput.
    """
    if days < 1:
        raise _invalid("days", f"Expected at least 1 day of extension, found {days}.")
    _check_extent(rule, days, field="days")
    if already_extended:
        raise _invalid(
            "days",
            f"{rule.en} was already extended by {already_extended} days; "
            "a limit can be extended only once.",
        )
    if told_on > due.legal_due:
        raise _invalid(
            "told_on",
            f"{rule.en} was due on {due.legal_due}; an extension must be approved and told by "
            f"that day, found {told_on}. The matter is late: handle it without delay.",
        )


def describe_due(
    start: date, n: int, *, workdays: bool, exclude: int, calendar: Calendar
) -> dict[str, str | bool]:
    """Count `n` days (working days if `workdays`) from a local date, without any rule.

    `exclude` is a number of calendar days left out. Dates are returned as ISO text. Raises
    InvalidInput.
    """
    if exclude < 0:
        raise _invalid("exclude", f"Expected 0 or more days to leave out, found {exclude}.")
    if exclude and workdays:
        raise _invalid(
            "exclude", "Days are left out of limits in calendar days only; drop one of the two."
        )
    if n < 1:
        raise _invalid("n", f"Expected at least 1 day, found {n}.")
    due = _count(start, n + exclude, "workday" if workdays else "day", calendar)
    return {
        "nominal": due.nominal.isoformat(),
        "legal_due": due.legal_due.isoformat(),
        "internal_target": due.internal_target.isoformat(),
        "provisional": due.provisional,
    }


def in_words(due: date, today: date, lang: str) -> str:
    """How far off a due date is, in calendar days: Chinese for zh…, else English."""
    left = (due - today).days
    if lang.startswith("zh"):
        if left == 0:
            return "今天到期"
        return f"还剩 {left} 天" if left > 0 else f"已逾期 {-left} 天"
    if left == 0:
        return "due today"
    days = f"{abs(left)} {'day' if abs(left) == 1 else 'days'}"
    return f"due in {days}" if left > 0 else f"{days} late"


def end_of_day(day: date) -> datetime:
    """24:00 local time of a day, as an aware UTC instant; from then on the day is over."""
    midnight = datetime.combine(day + timedelta(days=1), time(), SHANGHAI)
    return midnight.astimezone(UTC)


def local_date(instant: datetime) -> date:
    """The local date on which an instant falls. Raises InvalidInput for one without a zone."""
    if instant.tzinfo is None:
        raise _invalid("instant", f"Expected an instant with its time zone, found {instant}.")
    return instant.astimezone(SHANGHAI).date()


def _count(
    start: date, days: int, unit: Unit, calendar: Calendar, *, strict_no_roll: bool = False
) -> Due:
    if isinstance(start, datetime):
        raise _invalid("start", f"Expected a local date, found the instant {start}.")
    if days > MAX_DAYS:
        raise _invalid("length", f"Expected at most {MAX_DAYS} days, found {days}.")
    try:
        if unit == "workday":
            nominal = calendar.add_working_days(start, days)
            read_from = start + timedelta(days=1)
        else:
            nominal = start + timedelta(days=days)
            read_from = calendar.roll_back(nominal)
        target, rolled = calendar.roll_back(nominal), calendar.roll_forward(nominal)
    except OverflowError:
        raise _invalid("start", f"No calendar reaches {days} days from {start}.") from None
    return Due(
        start=start,
        nominal=nominal,
        legal_due=nominal if strict_no_roll else rolled,
        internal_target=target,
        calendar_version=calendar.version,
        provisional=not calendar.is_settled(read_from, rolled),
    )


def _length(rule: Rule, given: int | None) -> int:
    length = rule.length if given is None else given
    if length is None:
        raise _invalid(
            "length", f"{rule.en} has no length of its own; give the days that the act sets."
        )
    if length < 1:
        raise _invalid("length", f"Expected at least 1 day for {rule.en}, found {length}.")
    if rule.length is not None:
        bound = "at most" if rule.runs_against == "organ" else "at least"
        if length > rule.length if bound == "at most" else length < rule.length:
            raise _invalid(
                "length",
                f"{rule.en} is {bound} {rule.length} days ({rule.article}), found {length}.",
            )
    return length


def _check_extent(rule: Rule, days: int, field: str = "extended_days") -> None:
    if days < 0:
        raise _invalid(field, f"Expected 0 or more days of extension, found {days}.")
    if days and not rule.extendable_days:
        raise _invalid(field, f"{rule.en} cannot be extended ({rule.article}).")
    if days > rule.extendable_days:
        raise _invalid(
            field,
            f"{rule.en} can be extended by at most {rule.extendable_days} days "
            f"({rule.article}), found {days}.",
        )


def _check_exclusion(rule: Rule, days: int) -> None:
    if days < 0:
        raise _invalid("excluded_days", f"Expected 0 or more days to leave out, found {days}.")
    if days and not rule.excludable:
        raise _invalid(
            "excluded_days", f"No time is left out of {rule.en} ({rule.article}); it runs on."
        )


def _invalid(field: str, sentence: str) -> InvalidInput:
    return InvalidInput({field: [sentence]}, sentence)


_KINDS = {key: kind for key, kind in get_type_hints(Rule).items() if key != "id"}
_REQUIRED = {field.name for field in fields(Rule) if field.default is MISSING} - {"id"}


def _read_versions(clock_id: str, versions: Any) -> tuple[Rule, ...]:
    if not isinstance(versions, list) or not versions:
        raise ValueError(f"expected a list of at least one version, found {versions!r}.")
    rules = [_read_rule(clock_id, version) for version in versions]
    rules.sort(key=lambda rule: rule.in_force_from)
    for earlier, later in pairwise(rules):
        if earlier.in_force_until is None or earlier.in_force_until >= later.in_force_from:
            raise ValueError(
                f"two versions are in force on {later.in_force_from}; end the earlier."
            )
    return tuple(rules)


def _read_rule(clock_id: str, version: Any) -> Rule:
    if not isinstance(version, Mapping):
        raise ValueError(f"expected an object, found {version!r}.")
    missing = sorted(_REQUIRED - set(version))
    unknown = sorted(set(version) - set(_KINDS))
    if missing or unknown:
        raise ValueError(f"missing keys {missing}, unknown keys {unknown}.")
    rule = Rule(id=clock_id, **{key: _value(key, value) for key, value in version.items()})
    if rule.length == 0:
        raise ValueError("length: expected at least 1, or null where the starting act gives it.")
    if rule.excludable and rule.unit == "workday":
        raise ValueError("time can be left out of limits in calendar days only.")
    return rule


def _value(key: str, value: Any) -> Any:
    kinds = get_args(_KINDS[key]) or (_KINDS[key],)
    if value is None and type(None) in kinds:
        return None
    if isinstance(kinds[0], str):
        if value not in kinds:
            raise ValueError(f"{key}: expected one of {', '.join(kinds)}, found {value!r}.")
    elif kinds[0] is date:
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValueError(f"{key}: expected a date like 2022-05-01, found {value!r}.") from None
    elif type(value) is not kinds[0] or value == "" or value < type(value)():
        raise ValueError(f"{key}: expected {kinds[0].__name__}, found {value!r}.")
    return value
