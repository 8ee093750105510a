"""Making the demo bureau in an installation: whole or not at all, by one process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from engine.demo import make_demo, opening_of
from engine.errors import Conflict
from engine.execute import Bureau

UNFINISHED = "unfinished"


def install_demo(
    url: str, instance: Path, processes: Path, now: datetime, progress: Callable[[str], None]
) -> int:
    """Make the demo bureau at an address that holds no case; how many petitions.

    A new SQLite file comes to its place when the last petition is in it, so that an interrupted
    one is made anew. In a database that is there already what was begun stays, and the instance's
    mark says so. Raises Conflict.
    """
    with _alone(instance):
        bureau = Bureau(url)
        file = _missing_file(bureau)
        if file is None:
            _require_no_case(bureau, now)
            demo_mark(instance).write_text(UNFINISHED)
            made = make_demo(bureau, processes, now, progress)
        else:
            made = _make_aside(file, processes, now, progress)
        bureau.close()
        demo_mark(instance).write_text("")
        return made


def demo_mark(instance: Path) -> Path:
    """Where it is, the log-in page offers the demo's people, under a banner (web/wsgi.py)."""
    return instance / "demo"


def require_finished(instance: Path) -> None:
    """Raises Conflict when the making of the demo was interrupted in its own database."""
    mark = demo_mark(instance)
    if mark.is_file() and mark.read_text() == UNFINISHED:
        raise Conflict(
            f"The making of the demo bureau of {instance} was interrupted. Empty its database, "
            "or set ANJIE_INSTANCE and DATABASE_URL to new ones, and run `anjie init --demo`."
        )


@contextmanager
def _alone(instance: Path) -> Iterator[None]:
    folder = os.open(instance, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise Conflict(
            f"Another `anjie init --demo` is at work in {instance}; wait until it is done."
        ) from None
    try:
        yield
    finally:
        os.close(folder)


def _missing_file(bureau: Bureau) -> Path | None:
    """The file of an SQLite database that is not there yet."""
    url = bureau.database.url
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    file = Path(url.database).absolute()
    return None if file.exists() else file


def _make_aside(file: Path, processes: Path, now: datetime, progress: Callable[[str], None]) -> int:
    aside = file.with_name(f"{file.name}.making")
    for left_behind in file.parent.glob(f"{aside.name}*"):
        left_behind.unlink()
    bureau = Bureau(f"sqlite:///{aside}")
    made = make_demo(bureau, processes, now, progress)
    bureau.close()  # the last connection takes the write-ahead log into the file
    aside.rename(file)
    return made


def _require_no_case(bureau: Bureau, now: datetime) -> None:
    bureau.create(opening_of(now))
    if bureau.queries.case_ids():
        raise Conflict(
            f"{bureau.database.url.render_as_string()} holds cases already; the demo bureau is "
            "made in an empty database. Set ANJIE_INSTANCE or DATABASE_URL to a new one."
        )
