"""Reading DMN: what would not be evaluated is refused, and so are hostile files."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decisions import Decisions
from engine.errors import InvalidDefinition
from tests.small_decisions import DMN_13, DMN_14, decision, definitions, literal, only, table


def problems(xml: bytes) -> list[tuple[str, str | None]]:
    with pytest.raises(InvalidDefinition) as caught:
        Decisions.parse(xml)
    assert all(problem.remedy for problem in caught.value.problems)
    return [(problem.rule, problem.element) for problem in caught.value.problems]


# What is refused at deployment


@pytest.mark.parametrize(
    ("inside", "rule", "element"),
    [
        ("", "dmn-decision", "d"),
        ('<businessKnowledgeModel id="b"/>', "dmn-unsupported", "b"),
        ('<decisionService id="s"/>', "dmn-unsupported", "s"),
        ('<itemDefinition id="t" name="t"/>', "dmn-unsupported", "t"),
        ('<import id="i" namespace="x"/>', "dmn-unsupported", "i"),
        (decision("<context/>"), "dmn-unsupported", "route"),
        (decision("<invocation id='v'/>"), "dmn-unsupported", "v"),
        (decision("<knowledgeRequirement/>" + literal("1")), "dmn-unsupported", "route"),
        (decision(""), "dmn-logic", "route"),
        (decision(literal("1") + literal("2")), "dmn-logic", "route"),
        (decision(literal("")), "dmn-expression", "route"),
        (decision(literal("1 +")), "dmn-expression", "route"),
        (decision(literal("1", "long")), "dmn-type", "route"),
        (decision(table(["1 | 2"], 'hitPolicy="BEST"')), "dmn-hit-policy", "route"),
        (decision(table(["1 | 2"], 'aggregation="SUM"')), "dmn-hit-policy", "route"),
        (decision(table(["1 | 2"], 'hitPolicy="COLLECT" aggregation="MEAN"')),
         "dmn-hit-policy", "route"),
        (decision(table(["1 | 2 | 3"], 'hitPolicy="COLLECT" aggregation="SUM"',
                        outputs=("a", "b"))), "dmn-hit-policy", "route"),
        (decision(table(["1 | 2"], 'hitPolicy="PRIORITY"')), "dmn-hit-policy", "route"),
        (decision(table(["1 | 2"], 'hitPolicy="OUTPUT ORDER"')), "dmn-hit-policy", "route"),
        (decision(table([])), "dmn-table", "route"),
        (decision(table(["1"], outputs=())), "dmn-table", "route"),
        (decision(table(["1 | 2 | 3"])), "dmn-rule", "r1"),
        (decision(table(["[1.. | 2"])), "dmn-expression", "r1"),
        (decision(table(["1 | "])), "dmn-expression", "r1"),
        (decision(table(["1 | import os"])), "dmn-expression", "r1"),
        (decision(table(["1 | 2"], inputs=("",))), "dmn-expression", "r_i0"),
        (decision(table(["1 | 2"], inputs=("n:integer",))), "dmn-type", "r_i0"),
        (decision(table(["1 | 2"], outputs=("way:Way",))), "dmn-type", "r_o0"),
        (decision(table(["1 | 2 | 3"], outputs=("a", "a"))), "dmn-output", "route"),
        (decision(table(["1 | 2 | 3"], outputs=("a", "b:::1"))), "dmn-output", "route"),
        (decision(table(["1 | 2"])) * 2, "dmn-id", "route"),
        (decision("<decisionTable><input id='i'/><output id='o'/><rule id='r'><inputEntry/>"
                  "<outputEntry><text>1</text></outputEntry></rule></decisionTable>"),
         "dmn-input", "i"),
        (decision("<decisionTable><output id='o'/><rule><outputEntry><text>1</text>"
                  "</outputEntry></rule></decisionTable>"), "dmn-id", "route"),
        (decision("<literalExpression expressionLanguage='python'><text>1</text>"
                  "</literalExpression>"), "dmn-expression", "route"),
    ],
)  # fmt: skip
def test_what_would_not_be_evaluated_is_refused(inside: str, rule: str, element: str) -> None:
    """By the id of the element or of the nearest one around it."""
    assert (rule, element) in problems(definitions(inside))


def test_the_expression_language_is_feel() -> None:
    inside = decision(literal("1"))
    feel = 'expressionLanguage="https://www.omg.org/spec/DMN/20211108/FEEL/"'
    assert only(inside, more=feel).evaluate({}).outputs == {"route": 1}
    more = 'expressionLanguage="http://www.w3.org/1999/XPath"'
    assert problems(definitions(inside, more=more)) == [("dmn-expression", "route")]


def test_versions() -> None:
    inside = decision(literal("1"))
    for namespace in (DMN_13, DMN_14):
        assert only(inside, namespace=namespace).evaluate({}).outputs == {"route": 1}
    for namespace in ("http://www.omg.org/spec/DMN/20151101/dmn.xsd", "urn:other"):
        assert problems(definitions(inside, namespace=namespace)) == [("dmn-version", "d")]
    assert problems(b"<html/>") == [("dmn-version", None)]


def test_what_is_only_drawn_is_passed_over() -> None:
    drawn = (
        '<description>x</description><knowledgeSource id="k"/>'
        '<textAnnotation id="t"><text>x</text></textAnnotation><!-- x -->'
        '<di:DMNDI xmlns:di="https://www.omg.org/spec/DMN/20191111/DMNDI/"/>'
    )
    asked = "<description>x</description><question>x</question>"
    assert only(drawn, decision(asked + literal("1"))).evaluate({}).outputs == {"route": 1}


# Hostile files

BOMB = (
    b'<!DOCTYPE definitions [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))
    + b"]>"
).replace(b"&a0;", b"&a;")
BODY = definitions(decision(literal("1")))


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param(BOMB + definitions(decision(literal("&a11;"))), id="entity bomb"),
        pytest.param(
            b'<!DOCTYPE definitions [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
            + definitions(decision("<literalExpression><text>&x;</text></literalExpression>")),
            id="external entity",
        ),
        pytest.param(b'<!DOCTYPE definitions SYSTEM "http://127.0.0.1/x.dtd">' + BODY, id="dtd"),
        pytest.param(b"<!DOCTYPE definitions>" + BODY, id="doctype"),
        pytest.param(
            ("<!DOCTYPE definitions>" + BODY.decode()).encode("utf-16"), id="doctype in utf-16"
        ),
        pytest.param(b"", id="empty"),
        pytest.param(b"<definitions", id="broken"),
        pytest.param(b"<a>" * 100_000, id="deep"),
        pytest.param(b"<a>" + b" " * 3_000_000 + b"</a>", id="large"),
        pytest.param(BODY.replace(b"1<", b"&undeclared;<"), id="undeclared entity"),
    ],
)
def test_hostile_xml_is_refused(xml: bytes) -> None:
    assert problems(xml) == [("xml", None)]


def test_nothing_outside_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("77")
    xml = (
        f'<!DOCTYPE d [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'.encode()
        + definitions(decision("<literalExpression><text>&x;</text></literalExpression>"))
    )  # fmt: skip
    with pytest.raises(InvalidDefinition) as caught:
        Decisions.parse(xml)
    assert "77" not in str(caught.value)


# Requirements


def test_decisions_in_a_circle_are_refused() -> None:
    one = decision(literal("1"), "one", ("two",))
    two = decision(literal("2"), "two", ("one",))
    assert problems(definitions(one, two)) == [("dmn-circle", "one")]


def test_a_requirement_leads_somewhere() -> None:
    assert problems(definitions(decision(literal("1"), requires=("none",)))) == [
        ("dmn-requirement", "route")
    ]
    given = (
        '<inputData id="n"/><decision id="route"><informationRequirement>'
        '<requiredInput href="#n"/></informationRequirement>' + literal("n") + "</decision>"
    )
    assert only(given).evaluate({"n": 1}).outputs == {"route": 1}


def test_decisions_that_ask_each_other_are_few() -> None:
    many = [decision(literal("1"), "d0")]
    many += [decision(literal("1"), f"d{n}", (f"d{n - 1}",)) for n in range(1, 101)]
    read = Decisions.parse(definitions(*many[:100]))
    assert read["d99"].evaluate({}).outputs == {"d99": 1}
    assert problems(definitions(*many)) == [("dmn-decision", "d")]


def test_the_feel_of_a_file_is_bounded_and_a_repeated_text_counts_once() -> None:
    long = [f'> {n} + string length("{"x" * 500}") | "a"' for n in range(300)]
    assert problems(definitions(decision(table(long)))) == [("dmn-size", "r191")]
    alike = definitions(decision(table([long[0]] * 300)))
    assert len(Decisions.parse(alike)) == 1


# Whatever is thrown at it


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: definitions(escape(t))))
@settings(max_examples=60, deadline=None)
def test_parse_raises_nothing_but_invalid_definition(xml: bytes) -> None:
    with pytest.raises(InvalidDefinition):
        Decisions.parse(xml)
