"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.execute import Bureau
from tests import support


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with the real procedures and people deployed, once on each kind."""
    address = support.new_url(request.param)
    yield address
    support.drop(address)


@pytest.fixture
def bureau(url: str) -> Iterator[Bureau]:
    opened = support.open_bureau(url)
    yield opened
    opened.close()


@pytest.fixture
def desk(bureau: Bureau) -> support.Desk:
    return support.Desk(bureau, support.at("2025-09-22"))
