"""What holds for the whole application, whichever pages are added."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from engine.queries import InboxItem
from tests import support
from tests.web.visitor import Visitor
from web.session import PUBLIC

VALUES = {"item": "1.0.1", "case_no": "XF2025000001", "filename": "pages.css", "path": "x"}


def rules(app: Flask, method: str) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()):
            given = {name: VALUES.get(name, 1) for name in rule.arguments}
            with app.test_request_context():
                yield rule, app.url_for(rule.endpoint, **given)


def is_api(rule: Rule) -> bool:
    return rule.endpoint.startswith("api.")


def test_every_page_but_the_named_ones_demands_a_log_in(app: Flask):
    seen = 0
    for method in ("GET", "POST"):
        for rule, address in rules(app, method):
            if rule.endpoint in PUBLIC or rule.endpoint == "api-docs.openapi_json":
                continue
            app.config["WTF_CSRF_ENABLED"] = False
            try:
                answer = app.test_client().open(address, method=method)
            finally:
                app.config["WTF_CSRF_ENABLED"] = True
            if is_api(rule):
                assert answer.status_code == 401, address
            elif method == "POST" and rule.endpoint != "session.log_out":
                assert answer.status_code == 400, address
            else:
                assert answer.status_code == 302, address
                assert answer.location.startswith("/login"), address
            seen += 1
    assert seen > 25


def test_the_named_ones_are_the_log_in_health_openapi_and_static_files(app: Flask):
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert endpoints >= PUBLIC
    assert {name.split(".")[0] for name in PUBLIC} == {"session", "health", "static"}


def test_every_post_needs_a_token_of_the_form_or_a_bearers(app: Flask, lin: Visitor):
    seen = 0
    for rule, address in rules(app, "POST"):
        answer = lin.client.post(address)
        assert answer.status_code == (401 if is_api(rule) else 400), address
        seen += 1
    assert seen > 12


def test_no_page_takes_reading_and_acting_at_one_function(app: Flask):
    for rule in app.url_map.iter_rules():
        if is_api(rule):
            continue
        methods = set(rule.methods or ()) - {"HEAD", "OPTIONS"}
        assert methods in ({"GET"}, {"POST"}), rule


def test_every_form_of_a_page_carries_its_token(lin: Visitor, petition: InboxItem):
    for address in ("/inbox", "/cases", "/register/petition", f"/tasks/{petition.id}", "/login"):
        lin.open(address)
        forms = lin.page.xpath("//form[@method='post']")
        assert forms
        assert all(form.xpath(".//input[@name='csrf_token'][@value!='']") for form in forms)


def test_every_answer_has_the_headers_that_protect_it(lin: Visitor, petition: InboxItem):
    addresses = ("/inbox", f"/cases/{petition.case_no}", "/nothing", "/healthz", "/api/v1/inbox")
    for address in (*addresses, "/static/pages.css"):
        headers = lin.client.get(address).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["script-src"] == "'self'"
        assert policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["default-src"] == "'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        if not address.startswith("/static"):
            assert headers["Cache-Control"] == "no-store"


def test_style_attributes_are_allowed_where_a_diagram_needs_them_alone(
    lin: Visitor, petition: InboxItem
):
    case = lin.client.get(f"/cases/{petition.case_no}").headers["Content-Security-Policy"]
    inbox = lin.client.get("/inbox").headers["Content-Security-Policy"]
    assert "style-src-attr 'unsafe-inline'" in case
    assert "unsafe-inline" not in inbox


def test_no_page_has_a_script_or_style_of_its_own(lin: Visitor, petition: InboxItem):
    for address in ("/inbox", f"/cases/{petition.case_no}", f"/tasks/{petition.id}", "/login"):
        page = lin.open(address).page
        assert not page.xpath("//script[not(@src)] | //style | //*[@style]")
        assert not [a for a in page.xpath("//@*") if re.match(r"on[a-z]+$", a.attrname)]


HUGE = "9" * 30


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"/cases/{HUGE}/done", 404),
        (f"/cases/XF0/messages/0.{HUGE}", 404),
        (f"/tasks/{HUGE}.0.1", 404),
        (f"/inbox?tab=queue&after=2025-01-01_{HUGE}_1_1", 404),
        ("/inbox?tab=queue&after=2025-01-01_²_1_1", 404),
        ("/cases?after=2025_²", 404),
        (f"/cases?after=2025_{HUGE}", 404),
        ("/cases?q=%00", 400),
        ("/cases/%00", 400),
        ("/inbox?role=a%00b", 400),
        ("/login?next=%00", 400),
        ("/inbox?q=%ED%A0%80&tab=queue", 200),
    ],
)
def test_addresses_of_somebody_elses_making_break_nothing(lin: Visitor, address: str, status: int):
    lin.open(address, expect=status)


def test_what_a_petitioner_wrote_is_shown_as_text(lin: Visitor, desk: support.Desk):
    hostile = "<img src=x onerror=alert(1)>"
    item = desk.open(desk.register(title=hostile))[0]
    for page in (f"/inbox?tab=queue&q={item.case_no}", f"/cases/{item.case_no}"):
        lin.open(page)
        assert hostile in lin.page.text_content()
        assert not lin.page.xpath("//img")
