from __future__ import annotations

from flask import Flask

from engine.queries import InboxItem
from tests import support
from tests.web.conftest import Clock
from tests.web.visitor import Visitor


def row_of(visitor: Visitor, item: InboxItem) -> str:
    found = visitor.page.xpath("//tr[.//a[@href=$h]]", h=f"/tasks/{item.id}")
    return " ".join(found[0].text_content().split()) if found else ""


def test_an_unclaimed_task_is_in_the_queue_of_its_role_with_its_date_in_words(
    lin: Visitor, petition: InboxItem
):
    lin.open(f"/inbox?tab=queue&q={petition.case_no}")
    row = row_of(lin, petition)
    assert "登记信访事项" in row
    assert petition.case_no in row
    assert "李强" in row
    assert "还剩 17 天 · 10月9日" in row


def test_a_late_task_says_so_in_words_not_by_colour_alone(
    lin: Visitor, petition: InboxItem, clock: Clock
):
    clock.now = support.at("2025-10-12")
    lin.log_in("lin").open(f"/inbox?tab=queue&q={petition.case_no}")
    assert "已逾期 3 天" in row_of(lin, petition)
    assert lin.page.xpath("//*[contains(@class,'due-late')]")


def test_the_queue_of_another_office_does_not_show_it(visitor: Visitor, petition: InboxItem):
    visitor.log_in("sun").open(f"/inbox?tab=queue&q={petition.case_no}")
    assert row_of(visitor, petition) == ""
    assert "没有符合条件的内容" in visitor.text


def test_opening_a_task_claims_nothing(lin: Visitor, petition: InboxItem, desk: support.Desk):
    lin.open(f"/tasks/{petition.id}")
    assert desk.open(petition.case_id)[0].assignee is None


def test_a_claimed_task_moves_to_mine_and_released_back(lin: Visitor, petition: InboxItem):
    lin.open(f"/inbox?tab=queue&q={petition.case_no}").press("领取")
    assert lin.path == f"/tasks/{petition.id}"
    lin.open(f"/inbox?tab=mine&q={petition.case_no}")
    assert row_of(lin, petition)
    lin.press("放回")
    lin.open(f"/inbox?tab=queue&q={petition.case_no}")
    assert row_of(lin, petition)


def test_of_two_who_claim_the_second_is_told_who_has_it(
    app: Flask, lin: Visitor, petition: InboxItem, desk: support.Desk
):
    lin.open(f"/tasks/{petition.id}")
    desk.claim(petition)
    lin.press("领取并填写", expect=409)
    assert "已被他人先办" in lin.text

    other = Visitor(app.test_client()).log_in("sun")
    token = other.open("/register").page.xpath("//input[@name='csrf_token']/@value")[0]
    answer = other.client.post(f"/tasks/{petition.id}/claim", data={"csrf_token": token})
    assert answer.status_code == 403
    assert "这项任务由其他岗位办理" in answer.text


def test_take_next_claims_the_task_that_is_due_first(lin: Visitor, desk: support.Desk):
    words = "先到期的在前"
    desk.register(title=f"{words}一", received_on="2025-09-19")
    first = desk.open(desk.register(title=f"{words}二", received_on="2025-09-10"))[0]
    lin.open(f"/inbox?tab=queue&q={words}").press("领取下一件")
    assert lin.path == f"/tasks/{first.id}"
    assert desk.open(first.case_id)[0].assignee == "lin"


def test_take_next_with_nothing_left_says_so(lin: Visitor, petition: InboxItem):
    lin.open(f"/inbox?tab=queue&q={petition.case_no}")
    lin.press("领取下一件").press("放回")
    lin.open(f"/inbox?tab=queue&q={petition.case_no}")
    button = "领取下一件"
    form = next(lin.page.xpath(f"//button[.='{button}']")[0].iterancestors("form"))
    lin.press("领取下一件")
    answer = lin.client.post(form.action, data=dict(form.form_values()), follow_redirects=True)
    assert "没有待领取的任务" in answer.text


def test_pages_follow_each_other_without_gaps_and_keep_the_filter(lin: Visitor, desk: support.Desk):
    words = "分页用的标题"
    made = {desk.register(title=f"{words}{n}") for n in range(53)}
    lin.open(f"/inbox?tab=queue&q={words}")
    seen: list[str] = []
    while True:
        seen += lin.page.xpath("//tbody//a[contains(@class,'row-link')]/@href")
        following = lin.page.xpath("//a[@rel='next']/@href")
        if not following:
            break
        lin.open(following[0])
    assert len(seen) == len(set(seen)) == 53
    assert {int(link.split("/")[-1].split(".")[0]) for link in seen} == made


def test_a_page_key_of_somebody_else_making_is_refused(lin: Visitor):
    lin.open("/inbox?tab=queue&after=x'; drop", expect=404)


def test_the_role_filter_stands_in_the_address(visitor: Visitor):
    visitor.log_in("lu").open("/inbox?tab=queue&role=reviewer")
    assert visitor.page.xpath("//option[@selected]/@value") == ["reviewer"]
    visitor.press("查找", {"role": "superior"})
    assert "role=superior" in visitor.answer.request.full_path
