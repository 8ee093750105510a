"""Reading a form: what the engine would not obey is refused at deployment."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import InvalidDefinition
from engine.forms import Field, Form, Note
from tests.small_forms import claims, component, form, source


def problems(definition: str) -> list[tuple[str, str | None]]:
    with pytest.raises(InvalidDefinition) as caught:
        Form.parse(definition)
    assert all(problem.remedy for problem in caught.value.problems)
    return [(problem.rule, problem.element) for problem in caught.value.problems]


def test_a_form_is_read_in_its_order() -> None:
    """Fields carry what the page and the engine need; notes stand between them."""
    read = form(
        {"type": "text", "id": "note", "text": "先核对身份"},
        component(description="写事由", properties={"routing": "true", "personal": "true"}),
        component("select", "unit", properties={"options": "organisations:unit",
                                                "organisation": "unit"}),
        claims(properties={"prefill": "wishes"}),
    )  # fmt: skip
    note, title, unit, rows = read.components
    assert note == Note("note", "先核对身份")
    assert isinstance(title, Field)
    assert (title.label, title.description, title.max_length) == ("标题", "写事由", 20)
    assert (title.routing, title.personal, title.required) == (True, True, False)
    assert isinstance(unit, Field)
    assert (unit.source, unit.organisation) == ("organisations:unit", "unit")
    assert isinstance(rows, Field)
    assert [column.key for column in rows.columns] == ["request", "amount"]
    assert rows.prefill == "wishes"
    assert read.fields == (title, unit, rows)
    assert read.sources == {"organisations:unit"}


@pytest.mark.parametrize(
    ("wrong", "rule", "element"),
    [
        ({"type": "button", "key": "go", "label": "x"}, "form-component", "go"),
        ({"type": ["textfield"], "key": "go"}, "form-component", "go"),
        ("textfield", "form-component", "component 1"),
        (component(key="标题"), "form-key", "标题"),
        (component(key="value"), "form-key", "value"),
        (component(key="in"), "form-key", "in"),
        (component(key=7), "form-key", "7"),
        (component(label=""), "form-label", "title"),
        ({"type": "textfield", "key": "title", "label": "x"}, "form-length", "title"),
        ({"type": "textarea", "key": "title", "label": "x"}, "form-length", "title"),
        (component(validate={"maxLength": 10**6}), "form-limit", "title"),
        (component(validate={"minLength": -1}), "form-limit", "title"),
        (component(validate={"required": "yes"}), "form-attribute", "title"),
        (component(validate={"most": 1}), "form-attribute", "title"),
        (component(conditional=7), "form-attribute", "title"),
        (component(validate={"pattern": "(["}), "form-pattern", "title"),
        (component(validate={"pattern": "a" * 300}), "form-pattern", "title"),
        (component(validate={"pattern": "([a-z]{0,9}){40}!", "maxLength": 500}),
         "form-pattern", "title"),
        (component(validate={"minLength": 21}), "form-limit", "title"),
        (component("number", validate={"min": 2, "max": 1.5}), "form-limit", "title"),
        (component(validate={"validationType": "email"}), "form-pattern", "title"),
        (component(readonly=True), "form-attribute", "title"),
        (component(properties={"colour": "red"}), "form-attribute", "title"),
        (component(properties={"routing": "yes"}), "form-property", "title"),
        (component(properties={"routing": True}), "form-attribute", "title"),
        (component(properties={"organisation": "unit"}), "form-attribute", "title"),
        (component(properties={"check": "a >", "checkMessage": "x"}), "form-expression", "title"),
        (component(properties={"check": "value > 1"}), "form-expression", "title"),
        (component(conditional={"hide": "a = 1"}), "form-expression", "title"),
        (component(conditional={"hide": "=a ="}), "form-expression", "title"),
        (component(conditional={"show": "=a"}), "form-attribute", "title"),
        (component("number", validate={"min": "one"}), "form-limit", "title"),
        (component("number", decimalDigits=9), "form-limit", "title"),
        (component("datetime", subtype="time"), "form-attribute", "title"),
        ({"type": "datetime", "key": "title", "label": "x"}, "form-attribute", "title"),
        (component("select", values=[]), "form-options", "title"),
        (component("radio", values=[{"value": "a"}]), "form-options", "title"),
        (component("radio", values=[{"value": "a", "label": "x"}] * 2), "form-options", "title"),
        (component("select", properties={"options": "people:all"}), "form-options", "title"),
        (component("select", properties={"organisation": "unit"}), "form-options", "title"),
        (component("select", values=[{"value": "a", "label": "x"}],
                   properties={"options": "codes:channel"}), "form-options", "title"),
        (claims(components=[]), "form-component", "claims"),
        (claims(components=[{"type": "text", "text": "x"}]), "form-component", "claims"),
        (claims(components=[claims()]), "form-component", "claims.claims"),
        (claims(components=[component(properties={"routing": "true"})]),
         "form-attribute", "claims.title"),
        (claims(allowAddRemove=False), "form-attribute", "claims"),
        (claims(properties={"routing": "true"}), "form-attribute", "claims"),
    ],
)  # fmt: skip
def test_what_the_engine_would_not_obey_is_refused(wrong: Any, rule: str, element: str) -> None:
    """Every problem names the component's key and what to do."""
    assert (rule, element) in problems(source(wrong))


def test_the_components_are_counted_with_the_columns() -> None:
    columns = [component(key=f"c{n}") for n in range(150)]
    assert len(form(claims(components=columns), *columns[:49]).fields) == 50
    assert problems(source(claims(components=columns), *columns[:50])) == [
        ("form-component", "register")
    ]


def test_a_key_is_used_once() -> None:
    assert problems(source(component(), component("number"))) == [("form-key", "title")]
    twice = claims(components=[component(), component()])
    assert problems(source(twice)) == [("form-key", "claims.title")]
    form(component(), claims(components=[component()]))  # a column may repeat an outer key


def test_all_problems_are_told_at_once() -> None:
    wrong = source(component(key="1"), component("box", "b"), id="", type="group")
    assert len(problems(wrong)) == 4


@pytest.mark.parametrize(
    "definition",
    ["", "[]", "{", "[" * 100_000, "null", '{"a":' * 10_000, " " * 600_000],
    ids=["empty", "list", "broken", "deep list", "null", "deep object", "long"],
)
def test_what_is_no_json_object_is_refused(definition: str) -> None:
    assert [rule for rule, _ in problems(definition)] == ["form-json"]
