from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from lxml import html

from engine import commands as c
from engine.execute import Bureau
from engine.queries import InboxItem
from tests.web.conftest import NOW, Clock
from tests.web.visitor import Visitor
from web.app import create_app


@pytest.fixture
def office(bureau: Bureau, clock: Clock) -> Iterator[Visitor]:
    """At a bureau that is no demo, where qian has a password."""
    row = {
        "id": "qian",
        "zh": "钱多",
        "en": "Qian Duo",
        "roles": [{"role": "registrar", "organisation": "shi_xfj"}],
        "password_hash": PasswordHasher(time_cost=1, memory_cost=64).hash("对的口令"),
    }
    bureau.execute(c.DefineBureau((), (row,)), c.SYSTEM, NOW)
    app = create_app(bureau, clock=clock, demo=False, secret_key="test")
    yield Visitor(app.test_client())
    # Failures count against the name: the next test begins without any.
    clock.now += timedelta(days=1)


def log_in(office: Visitor, password: str, expect: int, name: str = "qian") -> Visitor:
    return office.open("/login").press("登录", {"name": name, "password": password}, expect=expect)


def test_the_demo_lists_its_people_by_role_under_a_banner_that_says_demo(visitor: Visitor):
    visitor.open("/login")
    assert "演示" in visitor.page.xpath("//p[contains(@class,'note-demo')]")[0].text_content()
    roles = visitor.page.xpath("//section/h2/text()")
    assert roles[:2] == ["登记员", "信访部门负责人"]
    assert "林晓燕" in visitor.page.xpath("//section[1]")[0].text_content()


def test_one_click_logs_a_person_of_the_demo_in(visitor: Visitor):
    visitor.log_in("lin")
    assert visitor.path == "/inbox"
    assert "林晓燕" in visitor.page.xpath("//header")[0].text_content()


def test_a_bureau_that_is_no_demo_has_no_one_click(office: Visitor):
    office.open("/login")
    assert not office.page.xpath("//button[@name='person']")
    token = office.page.xpath("//input[@name='csrf_token']/@value")[0]
    answer = office.client.post("/login/demo", data={"csrf_token": token, "person": "qian"})
    assert answer.status_code == 404


def test_a_password_logs_in_and_leads_to_the_page_asked_for(office: Visitor):
    office.open("/cases?late=1")
    assert office.path == "/login"
    office.press("登录", {"name": "qian", "password": "对的口令"})
    assert office.answer.request.full_path == "/cases?late=1"


@pytest.mark.parametrize("name", ["qian", "nobody", "", "x" * 5000, "' OR 1=1 --"])
def test_a_wrong_password_or_name_is_refused_with_the_same_words(office: Visitor, name: str):
    log_in(office, "错的口令", 401, name)
    assert "用户名和密码不符" in office.text


def test_five_failures_lock_the_name_out_for_fifteen_minutes(office: Visitor, clock: Clock):
    clock.now = NOW + timedelta(days=10)
    for _ in range(5):
        log_in(office, "错的口令", 401)
        clock.now += timedelta(seconds=1)
    log_in(office, "对的口令", 429)
    assert "15分钟" in office.text
    clock.now += timedelta(minutes=14)
    log_in(office, "对的口令", 429)
    clock.now += timedelta(minutes=2)
    log_in(office, "对的口令", 200)


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_logging_in_never_leads_to_another_site(visitor: Visitor, wanted: str):
    visitor.client.get("/login")
    page = visitor.open(f"/login?next={wanted}").page
    token = page.xpath("//input[@name='csrf_token']/@value")[0]
    data = {"csrf_token": token, "person": "lin", "next": wanted}
    assert visitor.client.post("/login/demo", data=data).location == "/"


def test_logging_out_ends_the_session_on_the_server(app: Flask, lin: Visitor):
    cookie = lin.client.get_cookie("anjie_session")
    assert cookie is not None
    lin.press("退出")
    thief = app.test_client()
    thief.set_cookie("anjie_session", cookie.value)
    assert thief.get("/inbox").location == "/login?next=/inbox"


def test_another_person_at_the_same_browser_ends_the_session_of_the_first(app: Flask, lin: Visitor):
    cookie = lin.client.get_cookie("anjie_session")
    assert cookie is not None
    lin.log_in("he")
    thief = app.test_client()
    thief.set_cookie("anjie_session", cookie.value)
    assert thief.get("/inbox").location == "/login?next=/inbox"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_over_tls_every_cookie_is_for_tls_alone(app: Flask, scheme: str):
    client = app.test_client()
    client.get("/login?lang=zh", base_url=f"{scheme}://localhost")
    page = client.get("/login", base_url=f"{scheme}://localhost").text
    token = html.fromstring(page).xpath("//input[@name='csrf_token']/@value")[0]
    data, headers = {"csrf_token": token, "person": "lin"}, {"Referer": f"{scheme}://localhost/"}
    client.post("/login/demo", data=data, headers=headers, base_url=f"{scheme}://localhost")
    for name in ("anjie_form", "anjie_language", "anjie_session"):
        cookie = client.get_cookie(name)
        assert cookie is not None
        assert (cookie.secure, cookie.http_only, cookie.same_site) == (
            scheme == "https",
            True,
            "Lax",
        ), name


def test_a_session_ends_after_a_day(lin: Visitor, clock: Clock):
    clock.now += timedelta(hours=23)
    lin.open("/inbox")
    assert lin.path == "/inbox"
    clock.now += timedelta(hours=2)
    lin.open("/inbox")
    assert lin.path == "/login"


def test_what_was_typed_while_the_session_ended_is_kept_and_sent_again(
    lin: Visitor, petition: InboxItem, bureau: Bureau, clock: Clock
):
    lin.open(f"/tasks/{petition.id}").press("领取并填写")
    clock.now += timedelta(days=2)
    before = len(bureau.queries.history(petition.case_id))
    lin.press("提交", {"facts": "写了\n半天的<事实>"}, expect=401)
    assert "登录已过期" in lin.text
    assert len(bureau.queries.history(petition.case_id)) == before
    kept = Visitor(lin.client).log_in("lin")
    assert kept.path == "/inbox"
    lin.press("重新提交", expect=422)
    assert lin.value("facts") == "写了\n半天的<事实>"


def test_nothing_is_kept_of_a_form_that_another_site_made(app: Flask):
    answer = app.test_client().post("/register/petition", data={"title": "来自别处"})
    assert answer.status_code == 400
    assert "来自别处" not in answer.text


def test_whoever_only_oversees_begins_at_the_cases(visitor: Visitor):
    visitor.log_in("tan")
    assert visitor.path == "/cases"


def test_the_database_keeps_no_token(lin: Visitor, bureau: Bureau):
    cookie = lin.client.get_cookie("anjie_session")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    stored = Path(str(bureau.database.url.database))
    wal = Path(f"{stored}-wal")
    kept = stored.read_bytes() + (wal.read_bytes() if wal.exists() else b"")
    assert cookie.value.encode() not in kept
