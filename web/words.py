"""Names and dates as the reader says them; the templates' functions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Flask, g, request
from flask_babel import format_date, format_datetime
from flask_babel import gettext as _

from engine.errors import NotFound
from engine.pages import in_words, read_instant
from web.context import context, today
from web.language import LANGUAGES, language

SOON_DAYS = 3
"""From so many calendar days before the legal date on, a due date is shown as soon."""

MARKS = ("done", "active", "cancelled", "incident")


class Names:
    """What ids are called in the reader's language; an unknown id stays as it is."""

    def role(self, role: str) -> str:
        found = context().pages.world.shared.roles.get(role)
        return found[language()] if found else role

    def place(self, organisation: str) -> str:
        found = context().pages.world.organisations.get(organisation)
        return (found.zh if language() == "zh" else found.en) if found else organisation

    def person(self, person: str) -> str:
        """Timer and system are no persons."""
        if person == "timer":
            return _("by the clock")
        if person == "system":
            return _("automatic")
        self.load([person])
        found = g.people.get(person)
        return (found[0] if language() == "zh" else found[1]) if found else person

    def load(self, people: Iterable[str]) -> None:
        """Read many persons' names at once."""
        known = g.setdefault("people", {})
        missing = set(people) - known.keys() - {"timer", "system"}
        if missing:
            known |= context().queries.person_names(missing)

    def document(self, kind: str) -> str:
        found = context().pages.world.shared.documents.get(kind)
        return found[language()] if found else kind

    def clock(self, clock: str, start: str) -> str:
        rule = self._rule(clock, start)
        return rule.title(language()) if rule else clock

    def clock_basis(self, clock: str, start: str) -> str:
        rule = self._rule(clock, start)
        return rule.article if rule else ""

    def is_petitioners(self, clock: str, start: str) -> bool:
        """Whether the clock bounds what the petitioner may do: nobody here is late by it."""
        rule = self._rule(clock, start)
        return rule is not None and rule.runs_against == "petitioner"

    def _rule(self, clock: str, start: str) -> Any:
        try:
            return context().pages.world.shared.catalogue.rule(clock, date.fromisoformat(start))
        except NotFound:
            return None

    def code(self, table: str, value: str | None) -> str:
        return context().pages.world.shared.code(table, value, language())

    def recipient(self, address: str) -> str:
        """`clerk@dq_zrzy` or `petitioner` of a notification."""
        role, _at, organisation = address.partition("@")
        return f"{self.role(role)} {self.place(organisation)}".strip()


names = Names()


def day(value: str | date | None) -> str:
    """A local date, the year only where it is not this one."""
    if value is None:
        return "—"
    found = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    this_year = found.year == today().year
    if language() == "zh":
        return format_date(found, "M月d日" if this_year else "y年M月d日")
    return format_date(found, "d MMM" if this_year else "d MMM y")


def moment(value: str | datetime) -> str:
    """A UTC instant as the local time of day."""
    found = read_instant(value) if isinstance(value, str) else value
    return format_datetime(found, "HH:mm")


def weekday(value: date) -> str:
    return format_date(value, "EEE")


def left(due: str) -> str:
    """How far off a due date is, in words."""
    return in_words(date.fromisoformat(due), today(), language())


def urgency(due: str) -> str:
    """late | soon | later, for the icon beside the words."""
    days = (date.fromisoformat(due) - today()).days
    if days < 0:
        return "late"
    return "soon" if days <= SOON_DAYS else "later"


def mark_words() -> dict[str, str]:
    return {
        "done": _("Done"),
        "active": _("Active"),
        "cancelled": _("Cancelled"),
        "incident": _("Incident"),
    }


def collected_label(key: str) -> str:
    """What the engine itself adds to each answer of several units asked at once."""
    return _("Organ") if key == "organisation" else _("Date")


def here(lang: str) -> str:
    """This page's address in another language."""
    rest = [(key, value) for key, value in request.args.items(multi=True) if key != "lang"]
    return f"{request.path}?{urlencode([*rest, ('lang', lang)])}"


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        names=names,
        day=day,
        moment=moment,
        weekday=weekday,
        left=left,
        urgency=urgency,
        mark_words=mark_words,
        collected_label=collected_label,
        language=language,
        languages=LANGUAGES,
        today=today,
        here=here,
    )
