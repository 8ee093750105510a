"""One bureau and application for all tests of the pages; each test registers its own petition."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from flask import Flask

from engine import commands as c
from engine.execute import Bureau
from engine.queries import InboxItem
from tests import support
from tests.web import small
from tests.web.visitor import Visitor
from web.app import create_app

NOW = support.at("2025-09-22")
_numbers = itertools.count(1)


class Clock:
    """The application's time; a test may move it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="session")
def bureau() -> Iterator[Bureau]:
    url = support.sqlite_url()
    opened = support.open_bureau(url)
    opened.execute(c.Deploy({"errand": small.package()}), c.SYSTEM, NOW)
    yield opened
    opened.close()
    support.drop(url)


_clock = Clock()


@pytest.fixture
def clock() -> Iterator[Clock]:
    yield _clock
    _clock.now = NOW


@pytest.fixture(scope="session")
def app(bureau: Bureau) -> Flask:
    made = create_app(bureau, clock=_clock, demo=True, secret_key="test")
    made.testing = True
    return made


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    return Visitor(app.test_client())


@pytest.fixture
def lin(app: Flask) -> Visitor:
    """The registrar of the city office, logged in."""
    return Visitor(app.test_client()).log_in("lin")


@pytest.fixture
def desk(bureau: Bureau) -> support.Desk:
    return support.Desk(bureau, NOW)


@pytest.fixture
def petition(desk: support.Desk) -> InboxItem:
    """The first task of a petition that no other test touches, unclaimed."""
    case_id = desk.register(title=f"第{next(_numbers)}件信访事项")
    return desk.open(case_id)[0]


@pytest.fixture
def errand(bureau: Bureau) -> small.Errand:
    """A case of the small procedure, its only task unclaimed."""
    return small.Errand(bureau, f"第{next(_numbers)}件差事")


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, str | list[str]]:
    """A form's values as the names and texts that its HTML form posts."""
    found: dict[str, str | list[str]] = {}
    for key, value in values.items():
        name = prefix + key
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for number, row in enumerate(value):
                found |= flat(row, f"{name}-{number}-")
        elif isinstance(value, list):
            found[name] = [str(entry) for entry in value]
        elif value is True:
            found[name] = "on"
        elif value is not None and value is not False:
            found[name] = str(value)
    return found
