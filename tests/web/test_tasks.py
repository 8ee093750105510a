from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from engine.execute import Bureau
from engine.queries import InboxItem
from tests import support
from tests.web.conftest import flat
from tests.web.visitor import Visitor

CHOICES = {
    "channel": "letter",
    "identity": "clear",
    "urgency": "normal",
    "elements": "complete",
}


@pytest.fixture
def form(lin: Visitor, petition: InboxItem) -> Visitor:
    """The registration of a petition, claimed and open."""
    return lin.open(f"/tasks/{petition.id}").press("领取并填写")


@pytest.fixture
def filled(desk: support.Desk, petition: InboxItem) -> dict[str, Any]:
    """Valid values for it, as posted."""
    return flat(desk.fill(petition, **CHOICES))


def events(bureau: Bureau, item: InboxItem) -> int:
    return len(bureau.queries.history(item.case_id))


def test_the_page_shows_form_facts_articles_clock_and_timeline(form: Visitor):
    for words in ("信访人姓名（名称）、住址", "必填", "《信访工作条例》第十七条", "转送、交办"):
        assert words in form.text
    assert "收到信访事项" in form.text
    assert "还剩 17 天" in form.text
    assert form.page.xpath("//label[@for='f-title']")
    assert form.value("title").startswith("第")
    assert form.value("petitioners-0-name") == "李强"


def test_completing_says_what_happened_and_offers_the_next_task(
    form: Visitor, filled: dict[str, Any], petition: InboxItem
):
    form.press("提交", extra=filled)
    assert form.path == f"/cases/{petition.case_id}/done"
    assert "办完：登记信访事项" in form.text
    assert "状态：已登记" in form.text
    assert "随后：甄别信访事项（青岚市信访局登记员）" in form.text
    form.press("领取并填写")
    assert form.page.xpath("//h1")[0].text_content().startswith(petition.case_no)
    assert "甄别信访事项" in form.text


def test_a_form_with_wrong_missing_and_extra_fields_keeps_what_was_typed_and_writes_nothing(
    form: Visitor, bureau: Bureau, petition: InboxItem
):
    before = events(bureau, petition)
    typed = {
        "title": "长" * 61,
        "claims-0-request": "补发补偿款",
        "claims-0-amount": "三千",
        "facts": "第一行\n第二行 <script>alert(1)</script>",
        "place": "",
    }
    form.press("提交", typed, extra={"boss": "yes"}, expect=422)
    told = form.summary()
    assert "最多 60 字，现有 61 字" in told["#f-title"]
    assert "诉求 · 1 · 金额" in told["#f-claims-0-amount"]
    assert "请填写这一项" in told["#f-place"]
    assert "请选择一项" in told["#f-urgency"]
    assert "本表单没有这一项" in told["boss"]
    for name, value in typed.items():
        assert form.value(name) == value
    for link in (key for key in told if key.startswith("#")):
        target = form.page.get_element_by_id(link[1:])
        field = next(a for a in target.iterancestors("div") if "field" in a.get("class", ""))
        around = target.getparent() if target.tag == "fieldset" else field
        assert around.xpath(".//p[@class='field-error']"), link
    assert events(bureau, petition) == before
    assert "alert(1)" not in "".join(form.page.xpath("//script/text()"))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("title", "看不见\x07的", "控制字符"),
        ("title", "\u202e倒着写", "控制字符"),
        ("urgency", "now", "没有这个选项"),
        ("people_involved", "-1", "不能小于 1"),
        ("people_involved", "9" * 400, "数字"),
        ("content", "'; drop table case_file; --", "没有这个选项"),
        ("petitioners-0-name", ["甲", "乙"], "应当是文字"),
        ("petitioners-0-boss", "1", "本表单没有这一项"),
        ("title", "x" * 300_000, "最多 60 字"),
    ],
)
def test_a_hostile_value_is_refused_at_its_field(
    form: Visitor, filled: dict[str, Any], field: str, value: Any, words: str
):
    form.press("提交", extra=filled | {field: value}, expect=422)
    assert any(words in told for told in form.summary().values()), form.summary()


def test_two_hundred_and_one_rows_are_refused(form: Visitor, filled: dict[str, Any]):
    rows = {f"petitioners-{n}-name": "某人" for n in range(201)}
    form.press("提交", extra=filled | rows, expect=422)
    assert "最多 200 行" in form.summary()["#f-petitioners"]


def test_more_than_the_page_takes_is_refused_in_words(form: Visitor):
    form.press("提交", extra={"facts": "x" * 5_000_000}, expect=413)
    assert "提交的内容太多" in form.text


def test_the_same_completion_twice_completes_once(
    form: Visitor, filled: dict[str, Any], bureau: Bureau, petition: InboxItem
):
    form.press("提交", extra=filled)
    after = events(bureau, petition)
    form.send_again()
    assert "办完：登记信访事项" in form.text
    assert events(bureau, petition) == after


def test_an_old_page_with_other_contents_is_not_taken_for_the_first(
    form: Visitor, filled: dict[str, Any]
):
    form.press("提交", extra=filled)
    action, data = form.sent
    data["title"] = "改过的标题"
    form.sent = (action, data)
    form.send_again(expect=409)
    assert "已经办完或者已撤回" in form.text


def test_the_task_of_another_role_is_refused(visitor: Visitor, petition: InboxItem):
    visitor.log_in("zhou").open(f"/tasks/{petition.id}", expect=403)
    assert "其他岗位" in visitor.text


def test_a_task_that_another_holds_can_be_looked_at_but_not_completed(
    app: Flask, bureau: Bureau, petition: InboxItem, desk: support.Desk
):
    desk.claim(petition)
    lin = Visitor(app.test_client()).log_in("lin").open(f"/tasks/{petition.id}")
    lin.press("放回")
    lin.open(f"/tasks/{petition.id}")
    assert lin.page.xpath("//fieldset[@disabled]")
    assert not lin.page.xpath("//button[.='提交']")


def test_completing_what_is_not_claimed_is_refused(
    form: Visitor, filled: dict[str, Any], petition: InboxItem
):
    before = form.page
    form.press("放回")
    form.page = before
    form.press("提交", extra=filled, expect=409)
    assert "还没有领取" in form.text


def test_a_task_that_never_was_is_not_found(lin: Visitor):
    for address in ("/tasks/1.0.999999", "/tasks/999999.0.1", "/tasks/1.2", "/tasks/..."):
        lin.open(address, expect=404)


def test_rows_are_added_and_removed_by_buttons_and_keep_the_others(form: Visitor):
    form.press("增加一行", {"petitioners-0-name": "甲"})
    form.press("增加一行", {"petitioners-1-name": "乙"})
    form.press("增加一行", {"petitioners-2-name": "丙"})
    assert form.page.xpath("//*[@name='petitioners-3-name']")
    form.press("删除这一行", nth=1)
    names = [form.value(f"petitioners-{n}-name") for n in range(3)]
    assert names == ["甲", "丙", ""]


def test_a_message_about_a_row_stands_at_that_row_though_an_empty_one_went(form: Visitor):
    form.press("增加一行", {"claims-0-request": ""}, nth=2)
    form.press("提交", {"claims-1-amount": "许多"}, expect=422)
    assert form.value("claims-0-amount") == "许多"
    assert "#f-claims-0-request" in form.summary()


def test_what_a_choice_hides_is_neither_asked_nor_sent(
    form: Visitor, filled: dict[str, Any], bureau: Bureau, petition: InboxItem
):
    assert not form.page.xpath("//*[@name='accused_person']")
    form.press("显示相应填写项", {"purpose": "accusation"}, nth=1)
    assert form.page.xpath("//*[@name='accused_person']")
    form.press("提交", extra=filled | {"accused_person": "某人", "purpose": "request"})
    doc = bureau.queries.case(petition.case_id, bureau.queries.person("lin")).doc
    assert "accused_person" not in doc


def test_enter_in_a_field_completes_and_does_not_remove_a_row(form: Visitor):
    first = form.page.xpath("//form[.//input[@name='_key']]//button")[0]
    assert (first.get("name"), first.get("value")) == ("_act", "complete")
