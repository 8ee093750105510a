"""The demo bureau: its people, and petitions in every state, made by executing commands.

Nothing is written past the engine: each matter of `processes/_demo/` is played by the people of
`_shared/bureau.json` on past working days, as a real bureau would have done it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

from argon2 import PasswordHasher

from engine import commands as c
from engine.clocks import SHANGHAI
from engine.definitions import Package, read_packages
from engine.demo.play import Cast, play
from engine.demo.script import read_script
from engine.execute import Bureau
from engine.outgoing import Notification
from engine.worker import send_outbox

__all__ = ["PASSWORD", "make_demo"]

PASSWORD = "anjie-demo"
"""Everybody's; the log-in page shows it under a banner that says demo."""


def make_demo(
    bureau: Bureau, processes: Path, now: datetime, progress: Callable[[str], None]
) -> int:
    """Deploy the procedures, define the people, and play the matters; how many petitions.

    `now` is aware; nothing is dated later. Deterministic but for salts and query codes. Raises
    InvalidInput with matter, task and what is open when a matter's script does not fit the
    procedures.
    """
    packages = read_packages(processes)
    script = read_script(processes / "_demo")
    opening = opening_of(now)
    bureau.create(opening)
    bureau.execute(c.Deploy({key: p.files for key, p in packages.items()}), c.SYSTEM, opening)
    cast = _define(bureau, packages["_shared"], opening)
    progress(f"{len(packages)} packages deployed, {len(cast.names)} people defined")
    days = _working_days(bureau, now)
    matters = sorted(script.matters, key=lambda matter: (-matter.ago, matter.id))
    for number, matter in enumerate(matters, 1):
        play(bureau, cast, script, matter, days, now)
        if number % 10 == 0 or number == len(matters):
            progress(f"{number} of {len(matters)} petitions")
    while send_outbox(bureau, _Nowhere(), now):
        pass
    return len(matters)


class _Nowhere:
    """Where the notifications of the demo's past go; a relay must not get a year of them."""

    def deliver(self, note: Notification) -> None:
        return None


def opening_of(now: datetime) -> datetime:
    """When the demo bureau opened: before its first petition."""
    return datetime.combine(now.astimezone(SHANGHAI) - timedelta(days=400), time(8), SHANGHAI)


def _define(bureau: Bureau, shared: Package, at: datetime) -> Cast:
    data = json.loads(shared.files["bureau.json"])
    hashed = PasswordHasher().hash(PASSWORD)
    people = tuple({**person, "password_hash": hashed} for person in data["people"])
    bureau.execute(c.DefineBureau(tuple(data["organisations"]), people), c.SYSTEM, at)
    return Cast.of(people)


def _working_days(bureau: Bureau, now: datetime) -> list[date]:
    """The working days of about the last year before the day of `now`, earliest first.

    The bureau of the demo works on these alone: what is told in working days then comes out the
    same whenever the demo is made, holidays or not.
    """
    today = now.astimezone(SHANGHAI).date()
    calendar = bureau.library.shared.calendar
    days = (today - timedelta(days=back) for back in range(390, 0, -1))
    return [day for day in days if calendar.is_working_day(day)]
