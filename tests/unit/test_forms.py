"""Validation: each kind of component right and wrong, lists, conditions, checks, options."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import pytest

from engine.forms import Form, FormScope
from engine.messages import LANGUAGES
from tests.small_forms import TODAY, claims, component, form, refused, scope

# Each kind of component, right and wrong


@pytest.mark.parametrize(
    ("kind", "limits", "raw", "cleaned"),
    [
        ("textfield", {}, "  反映征地补偿 ", "反映征地补偿"),
        ("textfield", {"pattern": "^1[0-9]{10}$"}, "13800000000", "13800000000"),
        ("textfield", {}, "   ", None),
        ("textfield", {}, None, None),
        ("textarea", {}, "一\r\n二\r三\t四", "一\n二\n三\t四"),
        ("number", {}, "12", 12),
        ("number", {}, " １２.5 ", 12.5),
        ("number", {}, 3.0, 3),
        ("number", {}, "-0", 0),
        ("number", {}, 1e-06, 0.000001),
        ("number", {"min": 1, "max": 2.5}, 2.5, 2.5),
        ("number", {}, "", None),
        ("number", {}, 999_999_999_999_999, 999_999_999_999_999),
        ("select", {}, "a", "a"),
        ("select", {}, "", None),
        ("radio", {}, "b", "b"),
        ("checkbox", {}, True, True),
        ("checkbox", {}, None, False),
        ("checklist", {}, ["b", "a"], ["b", "a"]),
        ("checklist", {}, None, []),
        ("datetime", {}, "2024-02-29", "2024-02-29"),
        ("datetime", {}, "", None),
    ],
)
def test_a_good_value_is_cleaned(kind: str, limits: Any, raw: Any, cleaned: Any) -> None:
    """And what is cleaned is good input again, giving itself."""
    checked = form(component(kind, validate=limits))
    found = checked.validate({"title": raw}, scope())
    assert found == {"title": cleaned}
    assert type(found["title"]) is type(cleaned)
    assert checked.validate(found, scope()) == found


@pytest.mark.parametrize(
    ("kind", "limits", "raw", "key"),
    [
        ("textfield", {}, 7, "not_text"),
        ("textfield", {}, ["a", "b"], "not_text"),
        ("textfield", {}, "x" * 21, "too_long"),
        ("textfield", {"minLength": 3}, "ab", "too_short"),
        ("textfield", {"pattern": "^[0-9]+$"}, "12a", "pattern"),
        ("textfield", {}, "a\x00b", "control_characters"),
        ("textfield", {}, "a\nb", "control_characters"),
        ("textfield", {}, "a\u202eb", "control_characters"),
        ("textfield", {}, "a\ud800b", "control_characters"),
        ("textfield", {}, "a\u2028b", "control_characters"),
        ("textarea", {}, "a\x1bb", "control_characters"),
        ("textarea", {}, "x" * 21, "too_long"),
        ("number", {}, "twelve", "not_number"),
        ("number", {}, True, "not_number"),
        ("number", {}, [1], "not_number"),
        ("number", {}, float("nan"), "not_number"),
        ("number", {}, float("inf"), "not_number"),
        ("number", {}, "Infinity", "not_number"),
        ("number", {}, "1_000", "not_number"),
        ("number", {}, "1" * 10_000, "not_number"),
        pytest.param("number", {}, 10**5_000, "number_digits", id="more digits than str takes"),
        ("number", {}, 1e15, "number_digits"),
        ("number", {}, "1e99", "number_digits"),
        ("number", {}, "0.0000001", "number_digits"),
        ("number", {}, "1.00000000000000000000000000001", "number_digits"),
        ("number", {"min": 1}, 0, "too_small"),
        ("number", {"max": 2}, "2.5", "too_large"),
        ("select", {}, "c", "unknown_option"),
        ("select", {}, ["a"], "not_text"),
        ("radio", {}, "甲", "unknown_option"),
        ("checkbox", {}, "true", "not_boolean"),
        ("checkbox", {}, 1, "not_boolean"),
        ("checklist", {}, "a", "not_list"),
        ("checklist", {}, ["a", "c"], "unknown_option"),
        ("checklist", {}, ["a", "a"], "repeated_choice"),
        ("checklist", {}, ["a", None], "not_text"),
        ("checklist", {}, ["a"] * 201, "too_many"),
        ("datetime", {}, "2025-02-30", "not_date"),
        ("datetime", {}, "20250804", "not_date"),
        ("datetime", {}, "2025-W32-1", "not_date"),
        ("datetime", {}, "2025-08-04T00:00:00", "not_date"),
        ("datetime", {}, "1899-12-31", "not_date"),
        ("datetime", {}, "９９９９-01-01", "not_date"),
        ("datetime", {}, 20250804, "not_date"),
        ("textfield", {"required": True}, " ", "required"),
        ("number", {"required": True}, None, "required"),
        ("datetime", {"required": True}, "", "required"),
        ("select", {"required": True}, "", "required_choice"),
        ("checklist", {"required": True}, [], "required_choice"),
        ("checkbox", {"required": True}, False, "required_checkbox"),
    ],
)
def test_a_wrong_value_is_refused(kind: str, limits: Any, raw: Any, key: str) -> None:
    """In words of both languages, one message a fault."""
    checked = form(component(kind, validate=limits))
    faults = checked.faults({"title": raw}, scope())
    assert [message.key for message in faults["title"]] == [key]
    for lang in LANGUAGES:
        assert refused(checked, {"title": raw}, lang=lang) == {
            "title": [faults["title"][0].text(lang)]
        }


def test_missing_is_as_empty() -> None:
    checked = form(component(validate={"required": True}), component("number", "people"))
    assert refused(checked, {}) == {"title": ["Fill in this field."]}
    assert checked.validate({"title": "x"}, scope()) == {"title": "x", "people": None}


def test_unknown_keys_are_refused() -> None:
    """At the top and in rows; a very long key is cut short in the answer."""
    checked = form(component(), claims())
    assert set(refused(checked, {"titel": 1, "x" * 500: 2})) == {"titel", "x" * 80}
    raw = {"claims": [{"request": "a"}, {"request": "b", "wish": 1}]}
    assert set(refused(checked, raw)) == {"claims.1.wish"}


@pytest.mark.parametrize("raw", [[], "x", None, 7, [{"title": "x"}]])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    assert list(refused(form(component()), raw)) == ["_form"]


def test_decimals_are_limited() -> None:
    checked = form(component("number", decimalDigits=2))
    assert checked.validate({"title": "1.50"}, scope()) == {"title": 1.5}
    assert refused(checked, {"title": "1.505"}) == {
        "title": ["The number is too long: at most 15 digits, 2 of them decimals."]
    }


def test_a_text_that_nobody_sees_is_not_filled_in() -> None:
    checked = form(component(validate={"required": True}))
    for invisible in ("\u200b", "\ufeff \u00ad", "\U000e0001"):
        assert refused(checked, {"title": invisible}) == {"title": ["Fill in this field."]}
    family = "\U0001f468\u200d\U0001f469"  # the joiner inside belongs to the text
    assert checked.validate({"title": family}, scope()) == {"title": family}


def test_a_fault_stands_at_its_field_however_long_the_key() -> None:
    key = "k" * 80
    assert set(refused(form(component(key=key)), {key: 7})) == {key}


def test_a_pattern_at_its_bound_judges_the_longest_text() -> None:
    limits = {"pattern": "([a-z]{0,9}){20}!", "maxLength": 478}
    checked = form(component(validate=limits))
    assert refused(checked, {"title": "a" * 478}) == {
        "title": ["The text has another form than the hint asks for. Correct it."]
    }


# Lists


def test_very_many_faults_are_told_in_time() -> None:
    columns = [component(key=f"c{n}") for n in range(30)]
    checked = form(claims(components=columns))
    unknown = {f"u{n}": 1 for n in range(300)}
    started = time.perf_counter()
    told = refused(checked, {"claims": [{f"c{n}": 7 for n in range(30)} | unknown] * 200})
    assert time.perf_counter() - started < 5
    assert len(told) == 200 * (30 + 20)


def test_fields_that_hide_one_another_in_a_row_are_settled_in_time() -> None:
    chain = [component(key=f"c{n}", conditional={"hide": f"=c{n - 1} = null"})
             for n in range(1, 150)]  # fmt: skip
    checked = form(claims(components=[component(key="c0"), *chain]))
    row = {f"c{n}": "x" for n in range(1, 150)}
    started = time.perf_counter()
    assert checked.validate({"claims": [row] * 200}, scope()) == {"claims": [{"c0": None}] * 200}
    assert time.perf_counter() - started < 20


def test_rows_are_cleaned_and_faults_keep_their_place() -> None:
    checked = form(claims())
    raw = {"claims": [{"request": " a ", "amount": "3"}, {"request": "b"}]}
    assert checked.validate(raw, scope())["claims"] == [
        {"request": "a", "amount": 3},
        {"request": "b", "amount": None},
    ]
    raw = {"claims": [{"request": "a"}, 7, {"amount": -1}, None]}
    assert set(refused(checked, raw)) == {
        *("claims.1", "claims.3", "claims.2.request", "claims.2.amount")
    }


@pytest.mark.parametrize(
    ("raw", "key"), [("a", "not_list"), ({"0": {}}, "not_list"), ([{}] * 201, "too_many")]
)
def test_a_list_is_a_bounded_list(raw: Any, key: str) -> None:
    assert [m.key for m in form(claims()).faults({"claims": raw}, scope())["claims"]] == [key]


def test_a_required_list_has_a_row() -> None:
    checked = form(claims(validate={"required": True}))
    assert refused(checked, {"claims": []}) == {"claims": ["Fill in at least one row."]}
    assert form(claims()).validate({}, scope()) == {"claims": []}


def test_a_list_has_checks_of_its_own_and_in_its_rows() -> None:
    """`value` is the rows, or the column's value beside its row and the form."""
    amount = component("number", "amount", properties={"check": "value <= most and request != null",
                                                       "checkMessage": "超过"})  # fmt: skip
    checked = form(
        component("number", "most"),
        claims(
            components=[component(key="request"), amount],
            properties={"check": "count(value) = 2", "checkMessage": "要两行"},
        ),
    )
    row = {"request": "a", "amount": 5}
    assert checked.validate({"most": 5, "claims": [row, row]}, scope())
    assert refused(checked, {"most": 5, "claims": [row]}) == {"claims": ["要两行"]}
    assert refused(checked, {"most": 4, "claims": [{}, row]}) == {"claims.1.amount": ["超过"]}


# Conditions, checks, options


def hiding() -> Form:
    return form(
        component("select", "kind"),
        component(key="more", validate={"required": True}, conditional={"hide": '=kind != "a"'}),
        component(key="rest", conditional={"hide": "=more = null"}),
        {"type": "text", "id": "note", "text": "x", "conditional": {"hide": '=kind = "a"'}},
    )


def test_a_hidden_field_is_neither_required_nor_taken() -> None:
    """Its faults are nobody's, and what is hidden is null for other conditions."""
    checked = hiding()
    shown = {"kind": "a", "more": "x", "rest": "y"}
    assert checked.validate(shown, scope()) == shown
    assert checked.validate({**shown, "kind": "b"}, scope()) == {"kind": "b"}
    assert checked.validate({"kind": "b", "more": 7, "rest": [1]}, scope()) == {"kind": "b"}
    assert refused(checked, {"kind": "a"}) == {"more": ["Fill in this field."]}


def test_visible_names_fields_notes_and_columns() -> None:
    checked = hiding()
    assert checked.visible({}, scope()) == {"kind", "note"}
    assert checked.visible({"kind": "a"}, scope()) == {"kind", "more"}
    assert checked.visible({"kind": "a", "more": "x"}, scope()) == {"kind", "more", "rest"}
    column = component(key="why", conditional={"hide": "=request = null or loud = false"})
    checked = form(claims(components=[component(key="request"), column]))
    rows = {"claims": [{}, {"request": "x"}, 7]}
    shown = {"claims", "claims.0.request", "claims.1.request", "claims.2.request"}
    assert checked.visible(rows, scope(loud=True)) == shown | {"claims.1.why"}
    assert checked.visible(rows, scope(loud=False)) == shown


def test_fields_that_hide_each_other_come_to_an_end() -> None:
    checked = form(
        component(key="a", conditional={"hide": "=b != null"}),
        component(key="b", conditional={"hide": "=a != null"}),
    )
    assert checked.validate({"a": "x", "b": "y"}, scope()) == {}
    assert checked.validate({"a": "x"}, scope()) == {"a": "x"}


def test_the_form_hides_what_the_case_says_of_the_same_key() -> None:
    """A field left empty is null in expressions, whatever the document held before."""
    checked = form(component(key="a"), component(key="b", conditional={"hide": "=a = null"}))
    assert checked.visible({}, scope(a="before")) == {"a"}


def dated(check: str) -> Form:
    return form(
        component("datetime", "on"),
        component("datetime", "served_on", properties={"check": check, "checkMessage": "日期不对"}),
    )


@pytest.mark.parametrize(
    ("check", "given", "passes"),
    [
        ("value <= today()", {"served_on": "2025-08-04"}, True),
        ("value <= today()", {"served_on": "2025-08-05"}, False),
        ("value >= on", {"on": "2025-08-04", "served_on": "2025-08-04"}, True),
        ("value >= on", {"on": "2025-08-05", "served_on": "2025-08-04"}, False),
        ("value > date(on)", {"on": "2025-08-01", "served_on": "2025-08-04"}, True),
        ("value >= on", {"served_on": "2025-08-04"}, False),
        ("value > date(accepted_on)", {"served_on": "2025-08-04"}, True),
        ("value > due()", {"served_on": "2025-08-04"}, True),
        ("value > broken()", {"served_on": "2025-08-04"}, False),
        ("false", {}, True),
    ],
)  # fmt: skip
def test_a_check_must_be_true(check: str, given: dict[str, Any], passes: bool) -> None:
    """It sees the value, the form's dates as dates, the case's values, today and functions.
    Null and a failure are not true; an empty field is not checked."""

    def broken() -> None:
        raise ZeroDivisionError

    functions = {"due": lambda: date(2025, 8, 1), "broken": broken}
    case = FormScope({"accepted_on": "2025-08-01"}, TODAY, lambda _: [], functions)
    if passes:
        assert dated(check).validate(given, case)
    else:
        assert refused(dated(check), given, case) == {"served_on": ["日期不对"]}


def test_a_check_on_an_unreadable_value_does_not_repeat_its_fault() -> None:
    given = {"on": "soon", "served_on": "2025-08-04"}
    assert set(refused(dated("value >= on"), given)) == {"on"}


def test_a_row_is_checked_whatever_is_wrong_with_another() -> None:
    properties = {"check": "value > low", "checkMessage": "too low"}
    columns = [component("number", "low"), component("number", "high", properties=properties)]
    rows = [{"low": 5, "high": 1}, {"low": "?", "high": 1}]
    assert set(refused(form(claims(components=columns)), {"claims": rows})) == {
        *("claims.0.high", "claims.1.low"),
    }


def test_an_unticked_box_and_zero_are_checked() -> None:
    properties = {"check": "value = true", "checkMessage": "请确认"}
    assert refused(form(component("checkbox", properties=properties)), {}) == {"title": ["请确认"]}
    properties = {"check": "value > 0", "checkMessage": "要大于零"}
    checked = form(component("number", properties=properties))
    assert refused(checked, {"title": 0}) == {"title": ["要大于零"]}


def test_options_come_from_the_organisations_and_codes() -> None:
    checked = form(
        component("select", "unit", properties={"options": "organisations:unit"}),
        component("checklist", "units", properties={"options": "organisations:*"}),
        component("radio", "channel", properties={"options": "codes:channel"}),
    )
    good = {"unit": "rsj", "units": ["xfj"], "channel": "visit"}
    assert checked.validate(good, scope()) == good
    wrong = {"unit": "xfj", "units": ["xfj", "rsj"], "channel": "fax"}
    assert set(refused(checked, wrong)) == set(wrong)
