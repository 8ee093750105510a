"""What only a browser with JavaScript does: live forms, keys, the drawn diagram."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Dialog, Page, expect
from werkzeug.serving import make_server

from engine.queries import InboxItem
from web.assets import Assets

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Assets.read().built, reason="no build of the front end"),
]


@pytest.fixture(scope="module")
def site(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A page in which the registrar of the city office is logged in; it may not complain."""
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda told: said.append(told.text) if told.type == "error" else None)
    page.goto(f"{site}/login")
    with page.expect_navigation():
        page.click("button[name=person][value=lin]")
    yield page
    context.close()
    assert not said


def test_a_choice_shows_what_follows_at_once_and_touches_nothing_else(
    page: Page, site: str, petition: InboxItem
):
    page.goto(f"{site}/tasks/{petition.id}")
    with page.expect_navigation():
        page.click("text=领取并填写")
    page.fill("#f-facts", "正在写的事实")
    assert page.locator(".update:visible").count() == 0
    page.check("input[name=purpose][value=accusation]")
    expect(page.locator("#f-accused_person")).to_be_visible()
    expect(page.locator("#f-respondent")).to_have_count(0)
    page.check("input[name=purpose][value=request]")
    expect(page.locator("#f-accused_person")).to_have_count(0)
    assert page.input_value("#f-facts") == "正在写的事实"
    order = page.eval_on_selector_all(".form-fields > *", "all => all.map(b => b.dataset.key)")
    assert order.index("people_involved") < order.index("respondent") < order.index("urgency")


def test_keys_move_claim_and_release(page: Page, site: str, petition: InboxItem):
    page.goto(f"{site}/inbox?tab=queue&q={petition.case_no}")
    page.keyboard.press("j")
    expect(page.locator("tr[aria-current] .row-link")).to_be_focused()
    page.keyboard.press("c")
    page.wait_for_url("**/tasks/*")
    page.keyboard.press("u")
    page.wait_for_url("**/inbox*")
    page.goto(f"{site}/inbox?tab=queue&q={petition.case_no}")
    page.keyboard.press("c")
    page.keyboard.press("/")
    page.keyboard.type("?juc")
    expect(page.locator("input[type=search]")).to_have_value("?juc")
    assert "/inbox" in page.url  # no row was marked, so none was claimed


def test_what_was_typed_is_not_lost_unasked(page: Page, site: str, petition: InboxItem):
    page.goto(f"{site}/tasks/{petition.id}")
    with page.expect_navigation():
        page.click("text=领取并填写")
    page.locator("#f-reasons").press_sequentially("写了半天")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.click("text=放回", no_wait_after=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    assert page.input_value("#f-reasons") == "写了半天"
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("text=放回", no_wait_after=True)
    page.wait_for_url("**/inbox*")


def test_the_diagram_is_drawn_with_its_marks(page: Page, site: str, petition: InboxItem):
    page.goto(f"{site}/cases/{petition.case_no}")
    expect(page.locator(".diagram[data-drawn]")).to_be_visible()
    expect(
        page.locator(".djs-element.mark-active[data-element-id=triage_register]")
    ).to_be_visible()
    expect(page.locator(".diagram-legend")).to_contain_text("办理中")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [1280, 400])
def test_no_page_is_wider_than_the_window(
    page: Page, site: str, petition: InboxItem, width: int, language: str
):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{site}/inbox?lang={language}")
    addresses = (
        "/inbox?tab=queue",
        "/cases",
        "/register",
        "/register/petition",
        f"/tasks/{petition.id}",
    )
    for address in (*addresses, f"/cases/{petition.case_no}", "/login"):
        page.goto(site + address)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, address
