"""Dates on the library's forms that would move a time limit are refused, each beside one that is
taken: the scenarios only tell what may be done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from engine.errors import InvalidInput
from engine.forms import FormScope, Option
from tests.support import packages

TODAY = date(2026, 4, 20)
OVER, RUNNING = date(2026, 4, 17), date(2026, 4, 20)


def refused(package: str, form: str, values: dict[str, Any], known: dict[str, Any]) -> set[str]:
    """The fields that are refused, when `due` and `runs` say how the handling stands."""
    due, runs = known.pop("due", RUNNING), known.pop("runs", True)
    organs = known.pop("organs", {})
    functions: dict[str, Callable[..., Any]] = {
        "today": lambda: TODAY,
        "due_date": lambda _: due,
        "running": lambda _: runs,
        "organisation": organs.get,
    }
    options = [Option(value=organ, label=organ) for organ in ("receiver", "accused", "other")]
    options += [Option(value=code, label=code) for code in ("complaint", "accusation")]
    scope = FormScope(known, TODAY, lambda *_: options, functions)
    try:
        packages()[package].forms[form].validate(values, scope)
    except InvalidInput as error:
        return set(error.fields)
    return set()


SERVED = {"delivery_result": "served", "delivery_mode": "direct"}
PUBLISHED = {"delivery_result": "published", "delivery_mode": "public"}
ASKED = {"extension_days": 30, "extension_due_before": "2026-04-20"}


@pytest.mark.parametrize(
    ("package", "form", "field", "rest", "known", "taken", "wrong"),
    [
        pytest.param(
            "delivery", "delivery_serve", "delivery_receipt_on", SERVED,
            {"delivery_issued_on": "2026-04-10"}, "2026-04-10", "2026-04-09",
            id="no document is received before it was issued",
        ),
        pytest.param(
            "delivery", "delivery_serve", "delivery_published_on", PUBLISHED,
            {"delivery_issued_on": "2026-04-10"}, "2026-04-10", "2026-04-09",
            id="nor published",
        ),
        pytest.param(
            "recheck", "recheck_hearing_notice", "hearing_started_on", {},
            {"recheck_requested_on": "2026-04-07"}, "2026-04-07", "2026-04-06",
            id="no hearing takes days out of the re-check before it was asked for",
        ),
        pytest.param(
            "recheck", "recheck_hearing_hold", "hearing_held_on", {},
            {"hearing_started_on": "2026-04-08"}, "2026-04-08", "2026-04-07",
            id="it is held after its notice",
        ),
        pytest.param(
            "recheck", "recheck_hearing_conclude", "hearing_concluded_on", {},
            {"hearing_held_on": "2026-04-15"}, "2026-04-15", "2026-04-14",
            id="and concluded after it was held",
        ),
    ],
)  # fmt: skip
def test_a_day_before_what_it_follows_is_refused(
    package: str, form: str, field: str, rest: Any, known: Any, taken: str, wrong: str
) -> None:
    assert field not in refused(package, form, {**rest, field: taken}, dict(known))
    assert field in refused(package, form, {**rest, field: wrong}, dict(known))


@pytest.mark.parametrize("state", [{"due": OVER}, {"runs": False}], ids=["over", "decided"])
@pytest.mark.parametrize("decision", ["approve", "return"])
def test_an_extension_is_granted_or_returned_only_while_the_handling_runs(
    decision: str, state: dict[str, Any]
) -> None:
    """Regulation art. 34; told by the due date, and of nothing that has been decided."""
    filled = {"extension_decision": decision}
    assert refused("processing", "extension_approve", filled, {}) == set()
    assert refused("processing", "extension_approve", filled, dict(state)) == {"extension_decision"}
    refusal = filled | {"extension_decision": "refuse"}
    assert refused("processing", "extension_approve", refusal, dict(state)) == set()


@pytest.mark.parametrize("form", ["processing_extension", "extension_revise"])
@pytest.mark.parametrize("state", [{"due": OVER}, {"runs": False}], ids=["over", "decided"])
def test_an_extension_is_asked_for_only_while_the_handling_runs(
    form: str, state: dict[str, Any]
) -> None:
    assert "extension_days" not in refused("processing", form, ASKED, {})
    assert "extension_days" in refused("processing", form, ASKED, dict(state))


@pytest.mark.parametrize("served", [True, False, None])
def test_a_termination_at_three_levels_needs_all_three_opinions_served(served: bool | None) -> None:
    known = {"all_served": served}
    for ground, wrong in (("recheck", served is not True), ("lapsed", False), ("settled", False)):
        found = refused("termination", "termination_propose", {"closing_ground": ground}, {**known})
        assert ("closing_ground" in found) == wrong, ground


def test_only_what_was_not_served_is_served_again() -> None:
    known = {"receipt_date": "2026-01-04", "review_receipt": None, "recheck_receipt": "2026-04-01"}
    for document, wrong in (("D13", True), ("D21", False), ("D22", True)):
        filled = {"unserved_way": "again", "unserved_document": document}
        found = refused("petition", "course_unserved", filled, {**known})
        assert ("unserved_document" in found) == wrong, document


DECIDED = {"dispatch_reason": "职责分工", "guide_to": "某局", "guide_text": "书面提出"}


@pytest.mark.parametrize(
    ("filled", "wrong"),
    [
        ({"category": "complaint", "competence": "discipline"}, {"competence"}),
        ({"category": "accusation", "competence": "discipline", "accused": "receiver"}, set()),
        ({"category": "accusation", "competence": "own", "accused": "receiver"}, {"accused"}),
        ({"category": "complaint", "competence": "lower", "receiving_unit": "other"}, set()),
        ({"competence": "lower", "receiving_unit": "receiver"}, {"receiving_unit"}),
        # Accused when the matter was registered, though no accusation any more.
        ({"competence": "lower", "receiving_unit": "accused"}, {"receiving_unit"}),
    ],
)
def test_an_accusation_never_reaches_the_accused(filled: dict[str, Any], wrong: set[str]) -> None:
    """Regulation art. 30, third paragraph, where an organ decides on what it received directly."""
    known = {"identity": "clear", "organs": {"receiver": "receiver", "accused": "accused"}}
    given = {"category": "complaint", "dispatch_reason": "职责分工", **filled}
    found = refused("registration", "reception_decide", given, known)
    assert found == wrong


def test_the_accused_organ_is_consulted_by_nobody() -> None:
    """Regulation art. 30, third paragraph."""
    for organ, wrong in (("receiver", False), ("accused", True)):
        known, organs = {"accused": "accused"}, ["other", organ]
        found = refused("processing", "handling_assign", {"assist_orgs": organs}, {**known})
        assert ("assist_orgs" in found) == wrong
        rows = [{"organ": organ, "opinion": "不属本机关"} for organ in organs]
        found = refused("transfer", "jurisdiction_consult", {"organs_involved": rows}, {**known})
        assert ("organs_involved" in found) == wrong


@pytest.mark.parametrize("received", ["2026-04-20", "2026-04-17"])
def test_on_the_spot_is_on_the_day_of_receipt(received: str) -> None:
    """Regulation art. 23, second paragraph."""
    known = {"identity": "clear", "received_on": received}
    filled = {**DECIDED, "category": "complaint", "competence": "outside", "notice_mode": "on_spot"}
    found = refused("registration", "reception_decide", filled, known)
    assert found == (set() if received == "2026-04-20" else {"notice_mode"})
