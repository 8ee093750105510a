"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from engine.execute import Bureau
from tests import support

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """How pytest-playwright starts its one browser: the system's Chromium, a fresh profile."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's chromium, or set CHROMIUM")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    return {"executable_path": CHROMIUM, "args": flags}


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
