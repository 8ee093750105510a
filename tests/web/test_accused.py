"""An accusation is closed to the accused organisation (art. 30, third paragraph): whatever its
people ask for, they are answered as about any case of other organisations."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from flask import Flask

from engine import commands as c
from engine.execute import Bureau
from tests.web.conftest import NOW
from tests.web.test_api import Caller
from tests.web.visitor import Visitor


@dataclass(frozen=True)
class Seeded:
    case_id: int
    case_no: str
    item: str


def seeded(bureau: Bureau, accused: str, title: str) -> Seeded:
    organs = {"office": "shi_xfj", "accused": accused}
    command = c.SeedCase("errand", {}, {"title": title}, organs)
    made = bureau.execute(command, c.SYSTEM, NOW)
    return Seeded(made.case_id, made.case_no, made.opened[0])


@pytest.fixture
def against_us(bureau: Bureau) -> Seeded:
    return seeded(bureau, "dq_zrzy", "控告自然资源局")


@pytest.fixture
def against_others(bureau: Bureau) -> Seeded:
    return seeded(bureau, "dq_hewan", "控告河湾镇")


READ = (
    "/cases/{no}",
    "/cases/{no}?diagram=0",
    "/cases/{no}/diagrams/0.bpmn",
    "/cases/{no}/diagrams/7.bpmn",
    "/cases/{no}/documents/1",
    "/cases/{no}/messages/0.1",
    "/cases/{id}/done",
    "/tasks/{item}",
    "/tasks/{id}.0.99",
)
ACTS = (
    "/tasks/{item}",
    "/tasks/{item}/claim",
    "/tasks/{item}/release",
    "/tasks/{id}.0.99/claim",
    "/cases/{no}/messages/0.1",
    "/cases/{no}/incidents/1/retry",
)


def told(answer: tuple[int, str], case: Seeded) -> tuple[int, str]:
    """An answer's words without the numbers that were asked for."""
    status, text = answer
    words = re.sub(r"<[^>]*>", " ", text).replace(case.case_no, "NO")
    return status, re.sub(rf"\b{case.case_id}\b", "ID", words)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_answer_the_accused_as_about_any_case_of_others(
    app: Flask, against_us: Seeded, against_others: Seeded, language: str
):
    zhou = Visitor(app.test_client()).log_in("zhou").open(f"/inbox?lang={language}")
    token = zhou.page.xpath("//input[@name='csrf_token']/@value")[0]

    def asked(method: str, address: str, case: Seeded) -> tuple[int, str]:
        path = address.format(no=case.case_no, id=case.case_id, item=case.item)
        sent = {"csrf_token": token, "_act": "complete"} if method == "POST" else None
        answer = zhou.client.open(path, method=method, data=sent)
        return told((answer.status_code, answer.text), case)

    for method, addresses in (("GET", READ), ("POST", ACTS)):
        for address in addresses:
            ours = asked(method, address, against_us)
            assert ours[0] in (403, 404, 409), address
            assert ours == asked(method, address, against_others), address


def test_the_api_answers_the_accused_as_about_any_case_of_others(
    app: Flask, bureau: Bureau, against_us: Seeded, against_others: Seeded
):
    zhou = Caller(app, bureau, "zhou")

    def asked(method: str, address: str, case: Seeded) -> tuple[int, str]:
        path = address.format(no=case.case_no, id=case.case_id, item=case.item)
        body = {"values": {}} if path.endswith("complete") else None
        answer = zhou.client.open(f"/api/v1{path}", method=method, headers=zhou.headers, json=body)
        return told((answer.status_code, answer.text), case)

    reads = ("/cases/{no}", "/cases/{no}/history", "/cases/{no}/diagrams/0", "/items/{item}")
    acts = ("/items/{item}/claim", "/items/{item}/release", "/items/{item}/complete")
    for address in (*reads, "/cases/{no}/messages/0.1", "/items/{id}.0.99"):
        assert asked("GET", address, against_us) == asked("GET", address, against_others), address
    for address in (*acts, "/cases/{no}/incidents/1/retry"):
        ours = asked("POST", address, against_us)
        assert ours == asked("POST", address, against_others), address
        assert "registrar" not in ours[1]
        assert "shi_xfj" not in ours[1]


def test_a_message_that_an_accusation_waits_for_is_answered_alike(
    app: Flask, bureau: Bureau, against_us: Seeded, against_others: Seeded
):
    zhou = Caller(app, bureau, "zhou")
    answers = []
    for case in (against_us, against_others):
        item = c.ItemId.parse(case.item)
        bureau.execute(c.ClaimTask(item), "lin", NOW)
        bureau.execute(c.CompleteTask(item, {"way": "wait"}), "lin", NOW)
        body = {"message": "reply", "correlation_key": case.case_no, "values": {"reply_text": "x"}}
        answers.append(zhou.post("/messages", body, 403))
    assert answers[0] == answers[1]
    assert "registrar" not in str(answers)


def test_lists_counts_and_search_leave_it_out(app: Flask, bureau: Bureau, against_us: Seeded):
    zhou = Visitor(app.test_client()).log_in("zhou")
    for address in (
        "/cases",
        f"/cases?q={against_us.case_no}",
        "/cases?q=控告自然资源局",
        "/inbox",
    ):
        assert against_us.case_no not in zhou.open(address).page.xpath("//main")[0].text_content()
    api = Caller(app, bureau, "zhou")
    assert against_us.case_no not in str(api.get("/cases?limit=200"))
    assert against_us.case_no not in str(api.get("/inbox?limit=200"))


def test_whoever_sees_the_case_is_told_whose_task_it_is(app: Flask, against_us: Seeded):
    he = Visitor(app.test_client()).log_in("he")
    he.open(f"/cases/{against_us.case_no}")
    token = he.page.xpath("//input[@name='csrf_token']/@value")[0]
    answer = he.client.post(f"/tasks/{against_us.item}/claim", data={"csrf_token": token})
    assert answer.status_code == 403
    assert "青岚市信访局的登记员" in answer.text
