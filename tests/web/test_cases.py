from __future__ import annotations

import json

import pytest
from flask import Flask

from engine import commands as c
from engine.errors import InvalidDefinition
from engine.execute import Bureau
from engine.queries import InboxItem
from tests import support
from tests.web.conftest import Clock
from tests.web.small import Errand
from tests.web.visitor import Visitor
from web.letters import render_letter


def test_the_case_page_begins_with_number_next_act_and_its_date(lin: Visitor, petition: InboxItem):
    head = lin.open(f"/cases/{petition.case_no}").page.xpath("//header[@class='case-head']")[0]
    words = " ".join(head.text_content().split())
    assert words.startswith(petition.case_no)
    assert "下一步： 登记信访事项" in words
    assert "还剩 17 天" in words


def test_it_shows_where_the_case_stands_on_its_diagram_and_as_a_list(
    lin: Visitor, petition: InboxItem
):
    lin.open(f"/cases/{petition.case_no}")
    steps = [" ".join(row.text_content().split()) for row in lin.page.xpath("//details//tbody/tr")]
    assert any(step.startswith("登记信访事项办理中") for step in steps), steps
    for host in lin.page.xpath("//div[@class='diagram']"):
        marks = json.loads(host.get("data-marks"))
        assert marks["triage_register"] == "active"
        xml = lin.client.get(host.get("data-xml-url"))
        assert xml.mimetype == "application/xml"
        assert 'id="triage_register"' in xml.text
    lin.open(f"/cases/{petition.case_no}?diagram=0")
    assert "信访事项办理全程" in lin.page.xpath("//nav//a[@aria-current]")[-1].text_content()


def test_a_case_of_other_organisations_is_closed(visitor: Visitor, petition: InboxItem):
    visitor.log_in("zhou")
    for address in ("", "/diagrams/0.bpmn", "/documents/1"):
        visitor.open(f"/cases/{petition.case_no}{address}", expect=403)
    visitor.open(f"/cases/{petition.case_id}/done", expect=403)
    visitor.open(f"/cases?q={petition.case_no}")
    assert petition.case_no not in visitor.text


def test_a_number_that_no_case_has_is_not_found(lin: Visitor):
    lin.open("/cases/XF9999999999", expect=404)
    assert "请核对编号" in lin.text


def test_the_list_searches_by_number_title_and_petitioner(lin: Visitor, desk: support.Desk):
    case_id = desk.register(title="查找用的奇石", petitioners=[{"name": "欧阳寻"}])
    number = desk.open(case_id)[0].case_no
    for text in (number, "奇石", "欧阳寻"):
        lin.open("/cases").press("查找", {"q": text})
        assert number in lin.text
    lin.open("/cases?q=%25")
    assert number not in lin.text


def test_the_list_shows_one_status_and_the_late_only(
    lin: Visitor, petition: InboxItem, clock: Clock
):
    lin.open(f"/cases?q={petition.case_no}&status=received")
    assert petition.case_no in lin.text
    lin.open(f"/cases?q={petition.case_no}&status=decided")
    assert petition.case_no not in lin.text
    lin.open(f"/cases?q={petition.case_no}&late=1")
    assert petition.case_no not in lin.text
    clock.now = support.at("2025-10-10")
    lin.log_in("lin").open(f"/cases?q={petition.case_no}&late=1")
    assert petition.case_no in lin.text


def test_registering_a_petition_goes_straight_to_its_first_task_claimed(lin: Visitor):
    lin.open("/register/petition").press(
        "登记",
        {
            "channel": "letter",
            "received_on": "2025-09-20",
            "title": "从页面登记的信访",
            "petitioners-0-name": "李强",
            "facts": "补偿款没有发。",
        },
    )
    assert lin.path.startswith("/tasks/")
    assert "登记信访事项" in lin.text
    assert lin.page.xpath("//button[.='提交']")


def test_registering_twice_with_one_page_makes_one_case_and_another_text_makes_another(
    lin: Visitor,
):
    fields = {
        "channel": "letter",
        "received_on": "2025-09-20",
        "title": "只登记一次的信访",
        "facts": "一件事。",
    }
    lin.open("/register/petition").press("登记", fields)
    lin.send_again()
    lin.open("/cases?q=只登记一次的信访")
    assert len(lin.page.xpath("//tbody/tr")) == 1
    lin.sent[1]["facts"] = "另一件事。"
    lin.send_again()
    lin.open("/cases?q=只登记一次的信访")
    assert len(lin.page.xpath("//tbody/tr")) == 2


def test_a_petition_of_tomorrow_is_refused_and_what_was_typed_stays(lin: Visitor):
    lin.open("/register/petition").press(
        "登记", {"received_on": "2025-09-23", "title": "明天的信"}, expect=422
    )
    assert "日期不能晚于今天" in lin.summary()["#f-received_on"]
    assert lin.value("title") == "明天的信"
    lin.press("登记", {"received_on": "昨天"}, expect=422)
    assert lin.value("received_on") == "昨天"


def test_whoever_may_start_several_procedures_chooses_one(lin: Visitor):
    lin.open("/register")
    assert lin.page.xpath("//main//li/a/@href") == ["/register/errand", "/register/petition"]
    lin.open("/register/petition")
    assert "信访事项办理全程" in lin.text


def test_the_one_procedure_that_a_person_may_start_is_shown_at_once(visitor: Visitor):
    """A clerk registers what the organ receives directly (art. 23)."""
    visitor.log_in("zhou").open("/inbox")
    assert visitor.page.xpath("//header//a[.='登记信访']")
    visitor.open("/register").press(
        "登记",
        {
            "channel": "visit",
            "received_on": "2025-09-22",
            "title": "直接到局里反映的信访",
            "petitioners-0-name": "李强",
            "facts": "补偿款没有发。",
        },
    )
    assert visitor.path.startswith("/tasks/")
    assert "登记信访事项" in visitor.text
    assert visitor.page.xpath("//button[.='提交']")


def test_what_others_call_and_what_nobody_holds_cannot_be_registered(visitor: Visitor):
    visitor.log_in("zhou").open("/register/delivery", expect=403)
    visitor.open("/register/nothing", expect=404)
    visitor.log_in("zheng").open("/register", expect=403)
    visitor.open("/inbox")
    assert not visitor.page.xpath("//header//a[.='登记信访']")


def test_whoever_is_no_registrar_there_cannot_register(visitor: Visitor, lin: Visitor):
    visitor.log_in("zhou").open("/register/petition", expect=403)
    lin.open("/register/petition")
    lin.press("登记", extra={"_organisation": "dq_xfj"}, expect=403)


def test_a_message_is_taken_in_by_a_form_and_says_what_followed(lin: Visitor, errand: Errand):
    errand.choose("wait")
    lin.open(f"/cases/{errand.case_no}")
    assert "等待： 等候来文" in lin.text
    link = lin.page.xpath("//a[.='收到并登记']/@href")[0]
    lin.open(link).press("收到并登记", expect=422)
    assert "请填写这一项" in lin.summary()["#f-reply_text"]
    lin.press("收到并登记", {"reply_text": "来文如下"})
    assert "收到：等候来文" in lin.text
    assert "案件办结" in lin.text
    lin.send_again()
    assert "收到：等候来文" in lin.text
    lin.open(link, expect=409)


def test_a_message_is_not_for_other_roles(visitor: Visitor, lin: Visitor, errand: Errand):
    errand.choose("wait")
    link = lin.open(f"/cases/{errand.case_no}").page.xpath("//a[.='收到并登记']/@href")[0]
    visitor.log_in("he").open(f"/cases/{errand.case_no}")
    assert not visitor.page.xpath("//a[.='收到并登记']")
    visitor.open(link, expect=403)


def test_a_letter_is_a_page_without_scripts_from_the_package(lin: Visitor, errand: Errand):
    errand.choose("wait")
    lin.open(f"/cases/{errand.case_no}")
    link = lin.page.xpath("//a[.='转送函']/@href")[0]
    answer = lin.client.get(link)
    assert f"<p>{errand.case_no} 青岚市信访局" in answer.text
    assert "<p>2025-09-22 青岚市信访局 </p>" in answer.text
    assert "script-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "template", ["{{ ''.__class__.__mro__ }}", "{{ case.__init__.__globals__ }}"]
)
def test_a_letter_sees_nothing_of_the_program(app: Flask, template: str):
    assert render_letter(template, {"case": Errand, "doc": {}}) == ""


@pytest.mark.parametrize(
    "template",
    [
        "{% for n in range(10**9) %}{% endfor %}",
        "{{ doc.update({'title': 'x'}) }}",
        "{% if %}",
        "{{ 1 / 0 }}",
    ],
)
def test_a_letter_that_fails_or_would_change_something_is_refused(app: Flask, template: str):
    with pytest.raises(InvalidDefinition):
        render_letter(template, {"case": Errand, "doc": {}})


def test_an_incident_is_told_at_once_and_on_the_case_page_and_retried_by_the_administrator(
    app: Flask, lin: Visitor, errand: Errand, bureau: Bureau
):
    lin.open(f"/tasks/{errand.item}").press("领取并填写")
    lin.press("提交", {"way": "lost"}, expect=409)
    assert "流程无法继续" in lin.text
    assert "故障已经记录" in lin.text
    lin.open(f"/cases/{errand.case_no}")
    assert "故障1：流程无法继续" in lin.text
    assert not lin.page.xpath("//button[.='重试这一步']")

    assert "shi_xfj" not in lin.text
    admin = Visitor(app.test_client()).log_in("admin")
    assert errand.case_no in admin.page.xpath("//section[h2[contains(.,'故障')]]")[0].text_content()
    admin.open(f"/cases/{errand.case_no}")
    admin.press("重试这一步", expect=409)
    admin.open(f"/cases/{errand.case_no}")
    assert "已试2次" in admin.text
    token = lin.page.xpath("//input[@name='csrf_token']/@value")[0]
    address = f"/cases/{errand.case_no}/incidents/1/retry"
    assert lin.client.post(address, data={"csrf_token": token}).status_code == 403


def test_a_petitioners_own_limit_makes_nothing_late(lin: Visitor, bureau: Bureau, clock: Clock):
    """Whoever may ask for a review within thirty days is not late by not asking."""
    organs = {"office": "shi_xfj", "unit": "dq_zrzy"}
    seed = c.SeedCase("remedy", {"receipt_date": "2025-09-22"}, {"title": "x"}, organs)
    made = bureau.execute(seed, c.SYSTEM, support.at("2025-09-22"))
    clock.now = support.at("2025-10-30")
    visitor = lin.log_in("tan").open(f"/cases?late=1&q={made.case_no}")
    assert made.case_no not in visitor.text
    visitor.open(f"/cases/{made.case_no}")
    assert "已于10月22日届满" in visitor.text
    assert "逾期" not in visitor.page.xpath("//section[h2='期限']")[0].text_content()
