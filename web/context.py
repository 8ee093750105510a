"""What every view needs at hand: the bureau, its reads, the moment, the person."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from flask import current_app, g

from engine.commands import Command, Result
from engine.errors import NotFound
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


_PAGE_KEY = re.compile(r"[0-9TZ:.-]+(_[0-9]{1,15}){1,3}")


def page_key(text: str | None) -> str | None:
    """The key of a list's page as it stands in an address. Raises NotFound for no such key."""
    if text and not _PAGE_KEY.fullmatch(text):
        raise NotFound("The page's key is unknown; begin with the first page.")
    return text or None


def execute(command: Command, actor: str | None = None) -> Result:
    """Execute a command now, as whoever is logged in."""
    return context().bureau.execute(command, actor or person().id, now())
