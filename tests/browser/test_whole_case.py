"""A petition from registration to termination, clicked through by the people of the demo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

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

    def be(self, person: str) -> None:
        """Log in as a person of the demo by one click."""
        if self.who != person:
            self.page.goto(f"{self.base}/login")
            self.page.locator(f'button[name="person"][value="{person}"]').first.click()
            self.page.wait_for_url(lambda url: "/login" not in url)
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
            row.locator('form[action*="claim"] button').first.click()
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
                row.locator('a[href*="messages"], a.btn').first.click()
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
            rows = missing[0].split("-")[0]
            add = self.page.locator(f'button[name="_act"][value="add:{rows}"]')
            update = self.page.locator('button[name="_act"][value="update"]')
            (add if "-" in missing[0] and add.count() else update).first.click()
        else:
            raise AssertionError(f"no field for {missing} at {self.page.url}")
        self.page.locator('button.btn-primary[name="_act"][value="complete"]').click()
        self.page.wait_for_load_state()
        summary = self.page.locator(".error-summary")
        assert summary.count() == 0, summary.inner_text()

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
def visitor(
    browser_window: Browser, served: Served, request: pytest.FixtureRequest
) -> Iterator[Visitor]:
    """A visitor; one whose browser runs no scripts where the test asks for that."""
    scripts = getattr(request, "param", True)
    context = browser_window.new_context(
        locale="zh-CN", viewport={"width": 1280, "height": 900}, java_script_enabled=scripts
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield Visitor(page, served)
    context.close()


@pytest.mark.parametrize("visitor", [False], indirect=True, ids=["without scripts"])
def test_the_people_of_the_demo_bring_a_petition_to_its_end(visitor: Visitor) -> None:
    case_id = visitor.register()
    for act in MAIN_PATH:
        visitor.act(case_id, act)
    bureau = visitor.desk.bureau
    assert bureau.queries.status(case_id) == "closed_recheck"
    assert visitor.desk.open(case_id) == []
    assert verify_case(bureau, case_id) is None


def test_the_case_page_shows_the_diagram_where_the_case_stands(visitor: Visitor) -> None:
    case_id = visitor.register()
    item = visitor.desk.open(case_id)[0]
    errors: list[str] = []
    visitor.page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    visitor.page.goto(f"{visitor.base}/cases/{item.case_no}")
    visitor.page.wait_for_selector('.diagram[data-drawn="true"]')
    assert visitor.page.locator(".diagram svg").count() >= 1
    assert errors == []


@pytest.mark.parametrize("width", [1280, 400])
def test_pages_fit_their_width(browser_window: Browser, served: Served, width: int) -> None:
    """Nothing but a diagram or a table's own box scrolls sideways."""
    context = browser_window.new_context(viewport={"width": width, "height": 900})
    visitor = Visitor(context.new_page(), served)
    case_id = visitor.register()
    case_no = visitor.desk.bureau.queries.case(case_id, visitor.desk.bureau.queries.person("lin"))
    item = visitor.desk.open(case_id)[0]
    for path in (
        "inbox",
        "cases",
        "register",
        f"cases/{case_no.row['case_no']}",
        f"tasks/{item.id}",
    ):
        visitor.page.goto(f"{visitor.base}/{path}")
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width, path
    context.close()
