"""FEEL's operators, names and tests give what DMN 1.4 says, null where it says null."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from engine.errors import ExpressionFailed, InvalidExpression
from engine.expressions import compile_expression, compile_unary_tests, from_feel

SCOPE: dict[str, Any] = {
    "category": "complaint",
    "route31": 6,
    "办理单位": "市住建局",
    "claim": {"amount": 1200.5, "opened_on": "2024-03-01", "people": [{"age": 3}, {"age": 70}]},
    "x": 5,
}


def value(text: str, **scope: Any) -> Any:
    return from_feel(compile_expression(text).evaluate(SCOPE | scope))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-2 ** 2", 4),
        ("2 ** 3 ** 2", 64),
        ("10 / 4", 2.5),
        ("0.1 + 0.2 = 0.3", True),
        ("1 / 0", None),
        ('1 + "a"', None),
        ('"案" + "结"', "案结"),
        ('"\\u6848\\n\\"\\\\\\d"', '案\n"\\\\d'.replace("\\\\d", "\\\\d")),
        ('category = "complaint" and route31 = 6', True),
        ('category != "complaint" or route31 > 6', False),
        ('办理单位 = "市住建局"', True),
        ("unknown = null", True),
        ("unknown", None),
        ("unknown.deeper", None),
        ("claim.amount * 2", 2401),
        ("claim.people.age", [3, 70]),
        ("claim.people[age > 18].age", [70]),
        ("[1, 2, 3][item >= x - 3]", [2, 3]),
        ("[1, 2, 3][1]", 1),
        ("[1, 2, 3][-1]", 3),
        ("[1, 2, 3][4]", None),
        ("5[1]", 5),
        ("null[true]", []),
        ("x between 1 and 5", True),
        ("x between unknown and 4", False),
        ("x between unknown and 6", None),
        ("x in [1..5)", False),
        ("x in ]1..5]", True),
        ("x in [1..5[", False),
        ("x in (1, 5)", True),
        ("x in (< 3, > 9)", False),
        ("x in > 3", True),
        ("x in [[1..3], 5]", True),
        ("true and unknown", None),
        ("false and unknown", False),
        ("true or unknown", True),
        ("false or unknown", None),
        ('true and "yes"', None),
        ('if x > 3 then "late" else "early"', "late"),
        ('if unknown then "late" else "early"', "early"),
        ("for i in 1..3 return i * i", [1, 4, 9]),
        ("for i in 3..1 return i", [3, 2, 1]),
        ("for i in [1, 2], j in [i, 10] return i * j", [1, 10, 4, 20]),
        ("for i in 1..4 return if i = 1 then 1 else i * partial[-1]", [1, 2, 6, 24]),
        ("for i in unknown return i", None),
        ("some i in [1, 2] satisfies i > 1", True),
        ("every i in [1, 2] satisfies i > 1", False),
        ("every i in [] satisfies i > 1", True),
        ("{a: 1, b: a + 1}.b", 2),
        ("(function(a, b) a - b)(b: 1, a: 3)", 2),
        ("{half: function(n) n / 2, six: half(12)}.six", 6),
        ("[1, 2] = [1, 2]", True),
        ('{a: 1} = {a: "1"}', False),
        ('1 = "1"', None),
        ("x instance of number", True),
        ("[x] instance of list<string>", False),
        ('@"P1D" instance of days and time duration', True),
        ("[1..3].end included", True),
        ("1 // one\n + /* two */ 2", 3),
    ],
)
def test_value(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('date("2024-01-31") + duration("P1M")', "2024-02-29"),
        ('@"2024-05-01" - @"2024-03-01"', "P61D"),
        ('(@"2024-05-01" - @"2024-03-01").days > 60', True),
        ("date(claim.opened_on).weekday", 5),
        ('@"2024-05-01T23:30:00+08:00" + @"PT1H"', "2024-05-02T00:30:00+08:00"),
        ('@"2024-05-01T08:00:00+08:00" = @"2024-05-01T00:00:00Z"', True),
        ('@"2024-05-01T08:00:00" < @"2024-05-01T00:00:00Z"', None),
        ('@"23:30:00" + @"PT1H"', "00:30:00"),
        ('@"P1Y2M" * 2', "P2Y4M"),
        ('-@"PT36H"', "-P1DT12H"),
        ('@"P3D" / @"P1D"', 3),
        ('years and months duration(@"2023-12-31", @"2024-03-30").months', 2),
        ('day of week(@"2024-05-01")', "Wednesday"),
        ('week of year(date: @"2024-12-30")', 1),
        ('date("2024-02-30")', None),
        ('@"9999-12-31" + @"P1D"', None),
    ],
)
def test_dates(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("5,7", 7, 6),
        ("[5..9]", 5, 10),
        ("(5..9)", 6, 5),
        ("not(7)", 8, 7),
        ("not([5..9], 12)", 11, 12),
        ("< 3", 2.5, 3),
        ("? > 3 and ? < x", 4, 5),
        ('"complaint", "appeal"', "appeal", "advice"),
        ('not("complaint", "appeal")', "advice", "appeal"),
        ("-3", -3, 3),
        ("true", True, False),
        ("true", True, None),
        ("x > 3", True, None),
        ("? > 3 and x > 3", 4, None),
        ("null", None, 0),
        ('contains(?, "住建")', "市住建局", "公安局"),
        ("[1, 2, [5..9]]", 7, 3),
        ('> @"2024-01-01"', date(2024, 1, 2), "2024-01-02"),
    ],
)
def test_unary_tests(text: str, matching: Any, other: Any) -> None:
    tests = compile_unary_tests(text)
    assert tests.matches(matching, SCOPE) is True
    assert tests.matches(other, SCOPE) is False


@pytest.mark.parametrize("text", ["-", "", "  "])
def test_a_dash_or_nothing_matches_anything(text: str) -> None:
    for anything in (None, 0, "a", [1]):
        assert compile_unary_tests(text).matches(anything, {})


def test_names_and_calls_are_known_before_evaluation() -> None:
    expression = compile_expression(
        'due("handle") < opened and count(claims[amount > limit]) > for_all '
        "and some p in people satisfies p.age > age"
    )
    assert expression.names == {"opened", "claims", "for_all", "people", "age"}
    assert expression.filter_names == {"amount", "limit"}
    assert expression.calls == {"due", "count"}
    assert compile_unary_tests("< limit, f(?)").names == {"limit"}


def test_engine_functions_are_called_but_never_replace_a_builtin() -> None:
    functions = {"due": lambda clock, days=0: f"{clock}+{days}", "contains": lambda *_: None}
    expression = compile_expression('due("handle", 3) = "handle+3" and contains("ab", "a")')
    assert expression.evaluate({}, functions) is True
    named = compile_expression('due(days: 2, clock: "handle")')
    assert named.evaluate({}, functions) == "handle+2"


def test_today_is_no_builtin() -> None:
    assert compile_expression("today()").evaluate({}) is None
    tomorrow = compile_expression('today() + @"P1D"')
    assert tomorrow.evaluate({}, {"today": lambda: date(2024, 2, 28)}) == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a == b", "Write one `=`"),
        ("a && b", "Write `and`"),
        ("a = 'x'", "double quotes"),
        ("= a", "without the `=` in front"),
        ("not a", "`not(...)` with parentheses"),
        ('substring("a")', "Write `substring(string: string, start position: number"),
        ("count(liste: [1])", "Write `count(list: list)`"),
        ("（a）", "half-width parentheses"),
        ("a = “x”", "straight double quotes"),
        ("(1 + 2", "ends too early (line 1, column 7)"),
        ("1 +\n 2 b", "line 2, column 4"),
        ("", "is empty"),
        ('@"2024-13-01"', "is no date"),
        ("? > 1", "only in a decision table's cell"),
        ("{a: 1, a: 2}", "stands twice"),
        ("x instance of integer", "is no FEEL type"),
        ("f(1, b: 2)", "Name all of them or none"),
        ("1e9999", "ten to the power"),
    ],
)
def test_a_refusal_says_where_and_what_to_do(text: str, sentence: str) -> None:
    with pytest.raises(InvalidExpression) as refused:
        compile_expression(text)
    assert sentence in refused.value.message


def test_a_failing_engine_function_is_named() -> None:
    with pytest.raises(ExpressionFailed, match=r"The function due\(...\) failed"):
        compile_expression("due(1, 2, 3)").evaluate({}, {"due": lambda clock: clock})


@pytest.mark.parametrize(
    ("feel", "json"),
    [
        (Decimal("2.50"), 2.5),
        (Decimal("3.0"), 3),
        (Decimal("1e40"), "1" + "0" * 40),
        (10**20, "1" + "0" * 20),
        (2**63 - 1, 2**63 - 1),
        ([Decimal(1), {"a": None}], [1, {"a": None}]),
    ],
)
def test_from_feel(feel: Any, json: Any) -> None:
    assert from_feel(feel) == json
    assert type(from_feel(feel)) is type(json)
