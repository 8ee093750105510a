from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from engine import commands as c
from engine.execute import Bureau
from engine.queries import InboxItem
from tests import support
from tests.web.conftest import NOW
from tests.web.small import Errand
from web.api import MAX_KEY


class Caller:
    """A program with a person's token."""

    def __init__(self, app: Flask, bureau: Bureau, person: str) -> None:
        token = secrets.token_urlsafe(32)
        hashed = hashlib.sha256(token.encode()).hexdigest()
        bureau.execute(c.OpenSession(person, hashed, "api"), c.SYSTEM, NOW)
        self.client = app.test_client()
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, expect: int = 200) -> Any:
        return self._read(self.client.get(f"/api/v1{path}", headers=self.headers), expect)

    def post(self, path: str, body: Any = None, expect: int = 200, key: str | None = None) -> Any:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        # As ASCII: what no UTF-8 can hold is sent as an escape.
        sent = {} if body is None else {"data": json.dumps(body)}
        headers |= {"Content-Type": "application/json"} if sent else {}
        return self._read(self.client.post(f"/api/v1{path}", headers=headers, **sent), expect)

    def _read(self, answer: TestResponse, expect: int) -> Any:
        assert answer.status_code == expect, answer.text
        if expect >= 400:
            assert answer.mimetype == "application/problem+json"
            assert answer.json["status"] == expect
        return answer.json


@pytest.fixture
def api(app: Flask, bureau: Bureau) -> Caller:
    return Caller(app, bureau, "lin")


@pytest.fixture
def values(desk: support.Desk, petition: InboxItem) -> dict[str, Any]:
    choices = {"channel": "letter", "identity": "clear", "urgency": "normal"}
    return desk.fill(petition, **choices, elements="complete")


def test_a_petition_is_started_found_claimed_and_completed(api: Caller, values: dict[str, Any]):
    body = {
        "organisation": "shi_xfj",
        "values": {
            "channel": "letter",
            "received_on": "2025-09-20",
            "title": "从程序登记的信访",
            "facts": "一件事。",
        },
    }
    made = api.post("/cases", body, 201)
    (item,) = made["opened"]
    found = api.get("/inbox?q=从程序登记的信访")["items"]
    assert [row["id"] for row in found] == [item]
    api.post(f"/items/{item}/claim")
    done = api.post(f"/items/{item}/complete", {"values": values})
    assert done["case_no"] == made["case_no"]
    assert done["opened"]
    case = api.get(f"/cases/{made['case_no']}")
    assert case["status"] == "registered"
    assert case["doc"]["facts"] == values["facts"]
    types = [row["type"] for row in api.get(f"/cases/{made['case_no']}/history")]
    assert types == ["StartCase", "ClaimTask", "CompleteTask"]
    diagram = api.get(f"/cases/{made['case_no']}/diagrams/0")
    assert diagram["marks"]["petition_start"] == "done"
    assert "<bpmn:definitions" in diagram["xml"]


def test_an_item_comes_with_its_form_and_its_first_values(api: Caller, petition: InboxItem):
    item = api.get(f"/items/{petition.id}")
    assert item["due"] == "2025-10-09"
    assert item["legal_basis"].startswith("《信访工作条例》")
    assert item["values"]["petitioners"][0]["name"] == "李强"
    fields = {f["key"]: f for f in item["form"]["components"]}
    assert fields["title"]["maxLength"] == 60
    assert {"value": "letter", "label": "来信"} in fields["channel"]["options"]
    assert fields["claims"]["components"][0]["key"] == "request"


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer x", "Basic bGluOmxpbg==", "Bearer " + "x" * 5000]
)
def test_without_a_valid_token_nothing_answers(app: Flask, header: str | None):
    headers = {"Authorization": header} if header else {}
    answer = app.test_client().get("/api/v1/inbox", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.mimetype == "application/problem+json"


def test_the_session_of_a_browser_is_no_token_and_a_token_no_session(app: Flask, api: Caller):
    token = api.headers["Authorization"].removeprefix("Bearer ")
    thief = app.test_client()
    thief.set_cookie("anjie_session", token)
    assert thief.get("/inbox").status_code == 302
    assert thief.post("/api/v1/cases").status_code == 401


def test_of_two_who_claim_the_second_gets_409(api: Caller, petition: InboxItem):
    api.post(f"/items/{petition.id}/claim")
    api.post(f"/items/{petition.id}/claim", expect=409)
    api.post(f"/items/{petition.id}/release")
    api.post(f"/items/{petition.id}/release", expect=409)


def test_the_task_of_another_role_gets_403(app: Flask, bureau: Bureau, petition: InboxItem):
    zhou = Caller(app, bureau, "zhou")
    zhou.get(f"/items/{petition.id}", 403)
    zhou.post(f"/items/{petition.id}/claim", expect=403)
    zhou.post(f"/items/{petition.id}/complete", {"values": {}}, 403)
    zhou.get(f"/cases/{petition.case_no}", 403)
    zhou.get(f"/cases/{petition.case_no}/history", 403)
    zhou.get(f"/cases/{petition.case_no}/diagrams/0", 403)


def test_wrong_values_get_422_with_messages_by_field_in_the_language_asked_for(
    api: Caller, petition: InboxItem, values: dict[str, Any], bureau: Bureau
):
    api.post(f"/items/{petition.id}/claim")
    before = len(bureau.queries.history(petition.case_id))
    wrong = values | {"title": "x" * 61, "boss": 1, "claims": [{"request": None}]}
    told = api.post(f"/items/{petition.id}/complete", {"values": wrong}, 422)["errors"]
    assert told["title"] == ["最多 60 字，现有 61 字，请缩短。"]
    assert told["claims.0.request"] == ["请填写这一项。"]
    assert set(told) == {"title", "boss", "claims.0.request"}
    api.headers["Accept-Language"] = "en"
    told = api.post(f"/items/{petition.id}/complete", {"values": wrong}, 422)["errors"]
    assert told["title"] == ["At most 60 characters, found 61. Shorten it."]
    assert len(bureau.queries.history(petition.case_id)) == before


def test_the_same_key_completes_once_and_gets_the_same_answer(
    api: Caller, petition: InboxItem, values: dict[str, Any], bureau: Bureau
):
    api.post(f"/items/{petition.id}/claim")
    first = api.post(f"/items/{petition.id}/complete", {"values": values}, key="k1")
    after = len(bureau.queries.history(petition.case_id))
    again = api.post(f"/items/{petition.id}/complete", {"values": values}, key="k1")
    assert (again["case_id"], again["seq"]) == (first["case_id"], first["seq"])
    assert len(bureau.queries.history(petition.case_id)) == after
    api.post(f"/items/{petition.id}/complete", {"values": values}, 409)
    long = "k" * (MAX_KEY + 1)
    api.post(f"/items/{petition.id}/complete", {"values": values}, 422, key=long)


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"values": []}, {"values": {}, "item": "1.0.1"}]
)
def test_a_body_of_another_shape_is_refused(api: Caller, petition: InboxItem, body: Any):
    api.post(f"/items/{petition.id}/complete", body, 422)


def test_what_is_no_json_is_refused(app: Flask, api: Caller, petition: InboxItem):
    headers = api.headers | {"Content-Type": "application/json"}
    path = f"/api/v1/items/{petition.id}/complete"
    for data in (b"{", b"\xff\xfe", b"[" * 100_000):
        answer = app.test_client().post(path, headers=headers, data=data)
        assert answer.status_code in (400, 422)
        assert answer.mimetype == "application/problem+json"


def test_a_message_is_delivered_by_its_key(api: Caller, errand: Errand):
    message = {"message": "reply", "correlation_key": errand.case_no, "values": {}}
    errand.choose("wait")
    assert api.post("/messages", message, 422)["errors"] == {"reply_text": ["请填写这一项。"]}
    api.headers["Accept-Language"] = "en"
    told = api.post("/messages", message, 422)
    assert told["errors"] == {"reply_text": ["Fill in this field."]}
    del api.headers["Accept-Language"]
    (wait,) = api.get(f"/cases/{errand.case_no}")["waits"]
    address = f"/cases/{errand.case_no}/messages/{wait['instance_no']}.{wait['number']}"
    asked = api.get(address)
    assert (asked["message"], asked["correlation_key"]) == ("reply", errand.case_no)
    assert [f["key"] for f in asked["form"]["components"]] == ["reply_text"]
    api.post("/messages", message | {"values": {"reply_text": "来文"}})
    assert api.get(f"/cases/{errand.case_no}")["closed_at"]
    api.post("/messages", message | {"values": {"reply_text": "来文"}}, 409)


@pytest.mark.parametrize(("message", "key"), [("nobody_waits", None), ("reply", "XF0")])
def test_an_unknown_message_or_a_wrong_key_gets_409(
    api: Caller, errand: Errand, message: str, key: str | None
):
    errand.choose("wait")
    body = {"message": message, "correlation_key": key or errand.case_no, "values": {}}
    assert "No case waits" in api.post("/messages", body, 409)["detail"]


def test_a_message_of_another_role_gets_403(app: Flask, bureau: Bureau, errand: Errand):
    errand.choose("wait")
    body = {"message": "reply", "correlation_key": errand.case_no, "values": {"reply_text": "x"}}
    Caller(app, bureau, "zhou").post("/messages", body, 403)


def test_a_model_that_cannot_go_on_gets_409_and_tells_of_the_incident(api: Caller, errand: Errand):
    api.post(f"/items/{errand.item}/claim")
    body = {"values": {"way": "lost"}}
    assert "incident" in api.post(f"/items/{errand.item}/complete", body, 409)["detail"]
    assert len(api.get(f"/cases/{errand.case_no}")["incidents"]) == 1


def test_an_incident_is_retried_by_the_administrator_alone(
    app: Flask, bureau: Bureau, api: Caller, errand: Errand
):
    api.post(f"/items/{errand.item}/claim")
    api.post(f"/items/{errand.item}/complete", {"values": {"way": "lost"}}, 409)
    address = f"/cases/{errand.case_no}/incidents/1/retry"
    api.post(address, expect=403)
    admin = Caller(app, bureau, "admin")
    admin.post(address, expect=409)
    admin.post(f"/cases/{errand.case_no}/incidents/2/retry", expect=404)
    assert admin.get(f"/cases/{errand.case_no}")["incidents"][0]["attempts"] == 2


def test_pages_of_the_lists_are_bounded(api: Caller, petition: InboxItem):
    api.get("/inbox?limit=0", 422)
    api.get("/inbox?limit=201", 422)
    api.get("/inbox?tab=everything", 422)
    api.get("/inbox?boss=1", 422)
    api.get("/cases?after=x", 404)
    first = api.get("/cases?limit=1")
    second = api.get(f"/cases?limit=1&after={first['next']}")
    assert first["items"][0]["id"] != second["items"][0]["id"]


def test_the_form_that_starts_a_procedure_comes_with_where_it_may_be_started(
    app: Flask, bureau: Bureau, api: Caller
):
    start = api.get("/procedures/petition")
    assert start["organisations"] == ["shi_xfj"]
    assert {"title", "received_on"} <= {f["key"] for f in start["form"]["components"]}
    api.get("/procedures/nothing", 404)
    Caller(app, bureau, "zhou").get("/procedures/petition", 403)


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "\n", 7, None, ["x"]])
def test_a_text_that_no_database_takes_gets_its_message_at_its_field(api: Caller, text: Any):
    body = {"message": "reply", "correlation_key": text, "values": {}}
    assert set(api.post("/messages", body, 422)["errors"]) == {"correlation_key"}
    body = {"organisation": text, "values": {"title": "x"}}
    assert set(api.post("/cases", body, 422)["errors"]) == {"organisation"}


def test_a_field_that_no_text_can_name_is_told_as_it_came(api: Caller):
    body = {"organisation": "shi_xfj", "values": {"\ud801": 1, "title": "\ud800"}}
    told = api.post("/cases", body, 422)["errors"]
    assert {"\ud801", "title"} <= set(told)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/xml"])
def test_what_comes_as_something_else_than_json_is_refused(api: Caller, kind: str):
    headers = api.headers | {"Content-Type": kind}
    answer = api.client.post("/api/v1/messages", headers=headers, data=b"message=x")
    assert answer.status_code == 415
    assert answer.mimetype == "application/problem+json"


def test_numbers_that_no_column_holds_name_nothing(api: Caller, petition: InboxItem):
    huge = "9" * 30
    api.get(f"/cases/{petition.case_no}/diagrams/{huge}", 404)
    api.get(f"/cases/{petition.case_no}/history?after={huge}", 422)
    for key in (f"2025-01-01_{huge}_1_1", "2025-01-01_²_1_1", "\ud800", "a\0b_1"):
        answer = api.client.get(
            "/api/v1/inbox",
            headers=api.headers,
            query_string={"after": key.encode("utf-8", "replace")},
        )
        assert answer.status_code in (400, 404, 422), key
    api.get(f"/cases?after=2025_{huge}", 404)


def test_messages_about_a_request_stand_by_their_field(api: Caller):
    assert set(api.get("/inbox?limit=x&boss=1", 422)["errors"]) == {"limit", "boss"}
    told = api.post("/cases", {"values": {}, "boss": 1}, 422)["errors"]
    assert set(told) == {"organisation", "boss"}
    assert all(isinstance(line, str) for lines in told.values() for line in lines)


def test_what_is_not_there_is_a_problem_too(api: Caller):
    api.get("/nothing", 404)
    api.get("/cases/XF0", 404)
    api.get("/items/1.2.99999999", 404)
    assert api.client.delete("/api/v1/inbox", headers=api.headers).status_code == 405


# the OpenAPI document ----------------------------------------------------------------------------


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = app.test_client().get("/api/openapi.json").json
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                yield path, methods, operation


def references(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        if isinstance(found.get("$ref"), str):
            yield found["$ref"]
        for below in found.values():
            yield from references(below)
    elif isinstance(found, list):
        for below in found:
            yield from references(below)


def test_the_document_is_openapi_3_and_complete_in_itself(document: dict[str, Any]):
    assert document["openapi"] == "3.0.3"
    assert document["info"]["title"] == "Anjie"
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def test_every_operation_has_its_parameters_answers_words_and_token(document: dict[str, Any]):
    assert document["security"] == [{"token": []}]
    for path, methods, operation in operations(document):
        declared = [*methods.get("parameters", ()), *operation.get("parameters", ())]
        named = {p["name"] for p in declared if p.get("in") == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path)), path
        assert operation["summary"], path
        assert all(
            answer.get("description") or "$ref" in answer
            for answer in (operation["responses"].values())
        ), path


def test_refusals_are_described_as_what_they_are(document: dict[str, Any]):
    answers = document["components"]["responses"]
    for name in ("UNAUTHORIZED", "FORBIDDEN", "NOT_FOUND", "CONFLICT", "UNPROCESSABLE_ENTITY"):
        (kind,) = answers[name]["content"]
        assert kind == "application/problem+json"
    told = document["components"]["schemas"]["Problem"]
    assert set(told["required"]) == {"type", "title", "status", "detail"}
    assert "Error" not in document["components"]["schemas"]
    for path, methods, operation in operations(document):
        declared = {"401", "403", "404", "default"} & set(operation["responses"])
        assert declared == {"401", "403", "404", "default"}, path
        if operation is methods.get("post"):
            assert {"409", "422"} <= set(operation["responses"]), path
            names = {p["name"] for p in operation["parameters"]}
            assert "Idempotency-Key" in names, path


def test_every_route_of_the_api_is_in_the_document(app: Flask, document: dict[str, Any]):
    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
    }
    assert routes == set(document["paths"])
