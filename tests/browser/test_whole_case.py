"""A petition from registration to termination, clicked through by the people of the demo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page

from engine.clocks import local_date
from engine.forms import FormScope
from engine.queries import InboxItem
from engine.replay import verify_case
from tests.browser.conftest import Served
from tests.main_path import MAIN_PATH, START, TODAY, Act
from tests.support import Desk, open_bureau

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Visitor:
    """Uses the pages as a member of staff does; the desk beside it only looks."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page, self.base = page, served.url
        self.desk = Desk(open_bureau(served.database), datetime.now(UTC))
        self.names = {p.id: p.zh for p in self.desk.bureau.queries.people()}
        self.who = ""

    @property
    def today(self) -> str:
        return local_date(datetime.now(UTC)).isoformat()

    def follow(self, place: Locator) -> None:
        """Click and be on the next page; a bare click returns while the old one still stands."""
        with self.page.expect_navigation():
            place.first.click()

    def be(self, person: str) -> None:
        """Log in as a person of the demo by one click."""
        if self.who != person:
            self.page.goto(f"{self.base}/login")
            self.follow(self.page.locator(f'button[name="person"][value="{person}"]'))
            self.who = person

    def register(self) -> int:
        self.be("lin")
        self.page.goto(f"{self.base}/register")
        form = self.desk.bureau.library.package("petition").forms["petition_intake"]
        given = {k: self.today if v == TODAY else v for k, v in START.items()}
        scope = FormScope({}, local_date(datetime.now(UTC)), self.desk.bureau.world.options)
        self.enter(form.sample(scope, given))
        return self.desk.bureau.queries.case_ids()[0]

    def act(self, case_id: int, act: Act) -> None:
        """Do a task from the inbox of whoever holds its role, or take in a message."""
        self.desk.now = datetime.now(UTC)
        values = act.filled(local_date(self.desk.now), lambda key: self.due(case_id, key))
        items = [i for i in self.desk.open(case_id) if i.name == act.task]
        if items:
            self.do_task(items[0], values)
        else:
            self.take_in(case_id, act.task, values)

    def do_task(self, item: InboxItem, values: Mapping[str, Any]) -> None:
        filled = self.desk.fill(item, **values)
        self.be(self.desk.holder(item))
        if item.assignee is None:
            self.page.goto(f"{self.base}/inbox")
            row = self.page.locator("table.queue tr", has_text=item.name)
            self.follow(row.locator('form[action*="claim"] button'))
        self.page.goto(f"{self.base}/tasks/{item.id}")
        self.enter(filled)
        assert self.page.locator('[role="status"]').first.is_visible()

    def take_in(self, case_id: int, name: str, values: Mapping[str, Any]) -> None:
        bureau = self.desk.bureau
        for wait in bureau.queries.waits_of(case_id):
            case = bureau.look(case_id, "lin", self.desk.now)
            running = case.instances[wait["instance_no"]]
            element = running.element(wait["element"])
            if element.name == name:
                form = case.form(running, element)
                assert form is not None
                self.be(self.desk.holders[wait["role"], wait["organisation"]])
                self.page.goto(f"{self.base}/cases/{case.case_no}")
                row = self.page.locator("table.queue tr", has_text=name)
                self.follow(row.locator('a[href*="messages"], a.btn'))
                self.enter(form.sample(case.form_scope(running), dict(values)))
                return
        raise AssertionError(f"neither a task nor a message «{name}» is open")

    def due(self, case_id: int, key: str) -> str:
        rows = [r for r in self.desk.bureau.queries.clocks_of(case_id) if r["clock"] == key]
        return str(rows[-1]["legal_due"])

    def enter(self, values: Mapping[str, Any]) -> None:
        """Type values into the form and send it; rows are added and parts shown as needed."""
        wanted = dict(_flat(values))
        for _ in range(12):
            missing = [name for name, value in wanted.items() if not self._set(name, value)]
            if not missing:
                break
            self.reveal(missing[0])
        else:
            raise AssertionError(f"no field for {missing} at {self.page.url}")
        self.follow(self.page.locator('button.btn-primary[name="_act"][value="complete"]'))
        summary = self.page.locator(".error-summary")
        assert summary.count() == 0, summary.inner_text()

    def reveal(self, name: str) -> None:
        """Bring a field onto the page: a row by its button, what follows from a choice by the
        button beneath it, or with scripts by waiting."""
        rows, _, column = name.partition("-")
        add = self.page.locator(f'button[name="_act"][value="add:{rows}"]')
        update = self.page.locator('button[name="_act"][value="update"]:visible')
        if column and add.count():
            self.follow(add)
        elif update.count():
            self.follow(update)
        else:
            self.page.locator(f'[name="{name}"]').first.wait_for(state="attached")

    def _set(self, name: str, value: Any) -> bool:
        """Fill one field; False when it is not on the page."""
        field = self.page.locator(f'[name="{name}"]:not([type="hidden"])')
        if not field.count():
            return False
        tag = field.first.evaluate("e => e.tagName + ':' + (e.type || '')")
        if tag.startswith("SELECT"):
            field.select_option(str(value))
        elif tag.endswith(("radio", "checkbox")):
            for one in field.all():
                options = value if isinstance(value, list) else [str(value)]
                chosen = value is True or one.get_attribute("value") in options
                if chosen or one.get_attribute("type") == "checkbox":
                    one.set_checked(chosen)
        else:
            field.fill(str(value))
        return True


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Values by the names of the page's fields; empty ones are left as they are."""
    for key, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for number, row in enumerate(value):
                for column, cell in row.items():
                    if cell not in (None, [], False):
                        yield f"{key}-{number}-{column}", cell
        elif isinstance(value, list):
            if value:
                yield key, value
        elif value not in (None, ""):
            yield key, value


@pytest.fixture
def visitor(browser: Browser, served: Served, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """A visitor; one whose browser runs no scripts where the test asks for that."""
    scripts = getattr(request, "param", True)
    context = browser.new_context(
        locale="zh-CN", viewport={"width": 1280, "height": 900}, java_script_enabled=scripts
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield Visitor(page, served)
    context.close()


@pytest.mark.parametrize(
    "visitor", [False, True], indirect=True, ids=["without scripts", "with scripts"]
)
def test_the_people_of_the_demo_bring_a_petition_to_its_end(visitor: Visitor) -> None:
    case_id = visitor.register()
    for act in MAIN_PATH:
        visitor.act(case_id, act)
    bureau = visitor.desk.bureau
    assert bureau.queries.status(case_id) == "closed_recheck"
    assert visitor.desk.open(case_id) == []
    assert verify_case(bureau, case_id) is None
