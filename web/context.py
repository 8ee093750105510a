"""What every view needs at hand: the bureau, its reads, the moment, the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from flask import current_app, g

from engine.commands import Command, Result
from engine.execute import Bureau
from engine.pages import Pages, local_date
from engine.queries import Person, Queries


@dataclass(frozen=True)
class Context:
    """Of one application. `clock` gives an aware instant."""

    bureau: Bureau
    pages: Pages
    clock: Callable[[], datetime]
    demo: bool

    @property
    def queries(self) -> Queries:
        return self.bureau.queries


def context() -> Context:
    return cast(Context, current_app.extensions["anjie"])


def now() -> datetime:
    """The instant of this request, the same for its whole length."""
    if "now" not in g:
        g.now = context().clock()
    return cast(datetime, g.now)


def today() -> date:
    """The local date in China."""
    return local_date(now())


def person() -> Person:
    """Who is logged in; only behind the guard in session.py."""
    return cast(Person, g.person)


def execute(command: Command, actor: str | None = None) -> Result:
    """Execute a command now, as whoever is logged in."""
    return context().bureau.execute(command, actor or person().id, now())
