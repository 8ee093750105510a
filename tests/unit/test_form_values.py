"""What goes on from a form's values, submissions, samples; and whatever is thrown at them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidInput
from engine.messages import LANGUAGES, text
from tests.small_forms import claims, component, form, refused, sampled, scope

# What goes on from the values


def test_routing_and_organisations() -> None:
    checked = form(
        component(properties={"routing": "true"}),
        component("checklist", "units", properties={"options": "organisations:*",
                                                    "routing": "true"}),
        component("select", "unit", properties={"options": "organisations:unit",
                                                "organisation": "unit", "routing": "true"}),
        component(key="note"),
        component(key="hidden", properties={"routing": "true"}, conditional={"hide": "=true"}),
    )  # fmt: skip
    cleaned = checked.validate({"units": ["xfj"], "unit": "rsj", "note": "x"}, scope())
    assert checked.routing(cleaned) == {"title": None, "units": ["xfj"], "unit": "rsj"}
    assert checked.organisations(cleaned) == {"unit": "rsj"}
    assert checked.organisations(checked.validate({}, scope())) == {}


def test_initial_values_come_from_the_document() -> None:
    """What lacks the field's shape by now is left out; other keys are nobody's business."""
    checked = form(component(), component("number", "people"), component("checkbox", "seen"))
    doc = {"title": "反映", "people": "many", "seen": True, "secret": "x"}
    assert checked.initial(doc) == {"title": "反映", "seen": True}


def test_a_list_is_prefilled_until_the_document_has_it() -> None:
    opinions = component(
        "dynamiclist",
        "opinions",
        components=[component(key="request"), component(key="opinion")],
        properties={"prefill": "claims"},
    )
    checked = form(opinions)
    doc = {"claims": [{"request": "补偿", "amount": 3}, {"request": None}, "torn"]}
    assert checked.initial(doc) == {"opinions": [{"request": "补偿"}, {}]}
    mine = {"opinions": [{"request": "补偿", "opinion": "支持"}]}
    assert checked.initial({**doc, **mine}) == mine
    assert checked.initial({"claims": "torn"}) == {}


# Submissions


def test_a_submission_is_read() -> None:
    checked = form(
        component(),
        component("checkbox", "seen"),
        component("checkbox", "sure"),
        component("checklist", "kinds"),
        claims(),
    )
    items = [
        *(("title", " x "), ("seen", "false"), ("seen", "on"), ("kinds", "a"), ("kinds", "b")),
        *(("claims-7-request", "second"), ("claims-0-request", "first"), ("claims-0-amount", "3")),
        *(("claims-3-request", " "), ("claims-3-amount", "")),
    ]
    raw = checked.parse_submission(items)
    assert raw == {
        "title": " x ",
        "seen": True,
        "kinds": ["a", "b"],
        "claims": [{"request": "first", "amount": "3"}, {"request": "second"}],
    }
    assert checked.validate(raw, scope()) == {
        "title": "x",
        "seen": True,
        "sure": False,
        "kinds": ["a", "b"],
        "claims": [{"request": "first", "amount": 3}, {"request": "second", "amount": None}],
    }


@pytest.mark.parametrize(
    ("items", "at"),
    [
        ([("other", "")], "other"),
        ([("claims-0-wish", "x"), ("claims-0-request", "x")], "claims.0.wish"),
        ([("claims-x-request", "x")], "claims-x-request"),
        ([("claims-99999-request", "x")], "claims-99999-request"),
        ([("title-0-request", "x")], "title-0-request"),
        ([("title", "a"), ("title", "b")], "title"),
        ([("claims", "x"), ("claims-0-request", "x")], "claims"),
        ([("seen", "perhaps")], "seen"),
        ([(f"claims-{n}-request", "x") for n in range(201)], "claims"),
    ],
)
def test_what_a_page_never_posts_is_refused(items: list[tuple[str, str]], at: str) -> None:
    checked = form(component(), component("checkbox", "seen"), claims())
    assert set(refused(checked, checked.parse_submission(items))) == {at}


# Samples


def test_a_sample_fills_what_is_required_and_visible() -> None:
    checked = sampled()
    found = checked.sample(scope(), {"channel": "letter"})
    assert checked.validate(found, scope()) == found
    assert found["note"] is None
    assert "visited" not in found
    assert len(found["claims"]) == 1
    assert checked.sample(scope(), {"信访形式": "来访"})["visited"] == "样例来访地点"


def test_a_sample_never_makes_up_what_decides_the_way() -> None:
    with pytest.raises(InvalidInput) as caught:
        sampled().sample(scope(channel="letter"), {}, "en")
    assert caught.value.fields == {"channel": ["Choose an option."]}


def test_overrides_name_fields_and_options_in_words() -> None:
    found = sampled().sample(
        scope(),
        {
            "信访形式": "来信",
            "类别": "甲、乙",
            "已核对": "是",
            "人数": "6",
            "诉求[2].请求": "第二项",
            "claims[1].amount": "5",
            "备注": "",
        },
    )
    assert (found["channel"], found["kinds"], found["seen"]) == ("letter", ["a", "b"], True)
    assert (found["people"], found["note"]) == (6, None)
    assert found["claims"] == [
        {"request": "样例请求", "amount": 5},
        {"request": "第二项", "amount": None},
    ]


@pytest.mark.parametrize(
    ("overrides", "at"),
    [
        ({"书信": "x"}, "书信"),
        ({"claims[0].request": "x"}, "claims[0].request"),
        ({"claims[1].wish": "x"}, "claims[1].wish"),
        ({"note[1].request": "x"}, "note[1].request"),
        ({"visited": "x"}, "visited"),
        ({"people": "10"}, "people"),
        ({"kinds": "甲"}, "kinds"),
        ({"claims": [7], "claims[2].request": "x"}, "claims.0"),
    ],
)
def test_a_wrong_override_is_refused_by_name(overrides: dict[str, Any], at: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        sampled().sample(scope(), {"channel": "letter", **overrides})
    assert list(caught.value.fields) == [at]


def test_a_label_shared_by_two_fields_is_ambiguous() -> None:
    with pytest.raises(InvalidInput) as caught:
        form(component(key="a"), component(key="b")).sample(scope(), {"标题": "x"}, "en")
    assert caught.value.fields == {"标题": [text("ambiguous_field", "en")]}


def test_a_sample_that_no_candidate_satisfies_is_asked_for() -> None:
    checked = form(component(validate={"required": True, "pattern": "^云川[0-9]{3}号$"}))
    with pytest.raises(InvalidInput) as caught:
        checked.sample(scope(), {}, "en")
    assert caught.value.fields == {"title": [text("no_sample", "en")]}
    assert checked.sample(scope(), {"title": "云川001号"}) == {"title": "云川001号"}


def test_a_sample_starts_from_what_the_form_shows() -> None:
    """The document's values, but not those that a rule refuses by now."""
    later = {"check": "value >= today()", "checkMessage": "x"}
    checked = form(component(), component("datetime", "on", validate={"required": True},
                                          properties=later))  # fmt: skip
    assert checked.sample(scope(title="反映", on="2020-01-01"), {}) == {
        "title": "反映",
        "on": "2025-08-04",
    }


def test_a_sampled_list_varies_until_its_check_holds() -> None:
    opinions = component(
        "dynamiclist",
        "opinions",
        components=[component("select", "result", validate={"required": True})],
        validate={"required": True},
        properties={
            "check": 'count(value) = 3 and every o in value satisfies o.result = "b"',
            "checkMessage": "x",
        },
    )
    checked = form(opinions)
    overrides = {"opinions[3].result": "b"}
    assert checked.sample(scope(), overrides)["opinions"] == [{"result": "b"}] * 3


# Whatever is thrown at it


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
ROWS = st.lists(st.dictionaries(st.sampled_from(["request", "amount", "x"]), LEAVES), max_size=2)
JSON = LEAVES | ROWS | st.lists(LEAVES, max_size=3)
FUZZED = sampled()
KEYS = [field.key for field in FUZZED.fields]


@given(st.dictionaries(st.sampled_from([*KEYS, "x", ""]), JSON, max_size=5))
@settings(max_examples=100, deadline=None)
def test_validate_raises_nothing_but_invalid_input(raw: dict[str, Any]) -> None:
    for lang in LANGUAGES:
        with suppress(InvalidInput):
            FUZZED.validate(raw, scope(), lang)
    FUZZED.visible(raw, scope())
    FUZZED.initial(raw)


NAMES = st.sampled_from([*KEYS, "claims-0-request", "claims-1-x", "claims-0-amount", "x", ""])


@given(st.lists(st.tuples(NAMES, st.text(max_size=6)), max_size=6))
@settings(max_examples=100, deadline=None)
def test_a_submission_raises_nothing_but_invalid_input(items: list[tuple[str, str]]) -> None:
    with suppress(InvalidInput):
        FUZZED.validate(FUZZED.parse_submission(items), scope())


@given(
    st.dictionaries(st.sampled_from([*KEYS, "claims[1].request", "诉求[2].金额"]), JSON, max_size=4)
)
@settings(max_examples=60, deadline=None)
def test_a_sample_raises_nothing_but_invalid_input(overrides: dict[str, Any]) -> None:
    with suppress(InvalidInput):
        found = FUZZED.sample(scope(), overrides)
        assert FUZZED.validate(found, scope()) == found


PLAIN = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=20)
ROW = st.fixed_dictionaries({
    "request": PLAIN.filter(str.strip),
    "amount": st.integers(0, 10**9) | st.decimals(0, 10**6, places=2).map(float) | st.none(),
})  # fmt: skip
GOOD = st.fixed_dictionaries({
    "title": PLAIN,
    "kind": st.sampled_from(["a", "b", None]),
    "kinds": st.lists(st.sampled_from(["a", "b"]), unique=True),
    "seen": st.booleans(),
    "on": st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(date.isoformat) | st.none(),
    "claims": st.lists(ROW, max_size=3),
})  # fmt: skip
POSTED = form(
    component(),
    component("select", "kind"),
    component("checklist", "kinds"),
    component("checkbox", "seen"),
    component("datetime", "on"),
    claims(),
)


def posted(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """What a browser sends for these values."""
    items: list[tuple[str, str]] = []
    for key, value in values.items():
        if key == "claims":
            for index, row in enumerate(value):
                items += posted(row, f"claims-{index}-")
        elif isinstance(value, list):
            items += [(prefix + key, entry) for entry in value]
        elif value is not False:
            items.append(
                (prefix + key, "on" if value is True else str("" if value is None else value))
            )
    return items


@given(GOOD)
@settings(max_examples=60, deadline=None)
def test_what_is_posted_arrives(values: dict[str, Any]) -> None:
    """Cleaned values, written into a page and posted back, are the same values."""
    cleaned = POSTED.validate(values, scope())
    assert POSTED.validate(POSTED.parse_submission(posted(cleaned)), scope()) == cleaned
