"""Decisions: every hit policy, cells and types, required decisions, the command line."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decisions import Decision, Decisions, decide_file
from engine.errors import DecisionFailed, InvalidInput, NotFound
from tests.small_decisions import decision, definitions, literal, only, policy_table, table


def fails(found: Decision, scope: dict[str, Any]) -> str:
    with pytest.raises(DecisionFailed) as caught:
        found.evaluate(scope)
    return caught.value.message


# Hit policies (DMN 1.4, 8.2.10); the rules r1, r2, r3 match from 1, 5 and 9 on.

OVERLAPPING = ('>= 1 | "low"', '>= 5 | "middle"', '>= 9 | "high"')
ORDERED = ('way:string:"high","middle","low"',)


def test_unique_takes_the_only_rule() -> None:
    found = policy_table('hitPolicy="UNIQUE"', *OVERLAPPING).evaluate({"n": 3})
    assert (found.outputs, found.matched, found.inputs) == ({"way": "low"}, ["r1"], {"n": 3})


def test_unique_is_the_default_and_refuses_an_overlap_by_its_rules() -> None:
    """SpiffWorkflow would take the first."""
    for policy in ("", 'hitPolicy="UNIQUE"'):
        message = fails(policy_table(policy, *OVERLAPPING), {"n": 9})
        assert "r1, r2, r3" in message
        assert "route" in message


def test_an_overlap_is_one_even_with_equal_outputs() -> None:
    assert "r1, r2" in fails(policy_table("", '> 1 | "a"', '> 2 | "a"'), {"n": 3})


def test_first_takes_the_first_that_matches() -> None:
    found = policy_table('hitPolicy="FIRST"', *reversed(OVERLAPPING))
    assert found.evaluate({"n": 9}).outputs == {"way": "high"}
    assert found.evaluate({"n": 6}).matched == ["r2"]


def test_any_wants_agreement() -> None:
    found = policy_table('hitPolicy="ANY"', '> 1 | "a"', '> 5 | "a"', '> 9 | "b"')
    assert found.evaluate({"n": 6}).outputs == {"way": "a"}
    assert found.evaluate({"n": 6}).matched == ["r1", "r2"]
    assert "r1, r2, r3" in fails(found, {"n": 10})


def test_any_tells_true_from_one() -> None:
    found = policy_table('hitPolicy="ANY"', "- | true", "- | 1", outputs=("way",))
    assert "different outputs" in fails(found, {})


def test_priority_takes_the_output_listed_first() -> None:
    found = policy_table('hitPolicy="PRIORITY"', *OVERLAPPING, outputs=ORDERED)
    assert (found.evaluate({"n": 10}).outputs, found.evaluate({"n": 10}).matched) == (
        {"way": "high"},
        ["r3"],
    )
    assert found.evaluate({"n": 7}).outputs == {"way": "middle"}


def test_priority_goes_through_the_outputs_in_order() -> None:
    outputs = ('way:string:"a","b"', "days:number", 'who:string:"x","y"')
    rules = ('- | "b" | 1 | "x"', '- | "a" | 2 | "y"', '- | "a" | 3 | "x"')
    found = policy_table('hitPolicy="PRIORITY"', *rules, outputs=outputs).evaluate({})
    assert found.outputs == {"way": "a", "days": 3, "who": "x"}


def test_rule_order_and_output_order_list_all() -> None:
    rules = policy_table('hitPolicy="RULE ORDER"', *OVERLAPPING)
    assert rules.evaluate({"n": 9}).outputs == {"way": ["low", "middle", "high"]}
    outputs = policy_table('hitPolicy="OUTPUT ORDER"', *OVERLAPPING, outputs=ORDERED)
    found = outputs.evaluate({"n": 9})
    assert found.outputs == {"way": ["high", "middle", "low"]}
    assert found.matched == ["r1", "r2", "r3"]


@pytest.mark.parametrize(
    ("aggregation", "wanted"),
    [("", [3, 5, 4]), ("SUM", 12), ("MIN", 3), ("MAX", 5), ("COUNT", 3)],
)
def test_collect(aggregation: str, wanted: Any) -> None:
    policy = 'hitPolicy="COLLECT"' + (f' aggregation="{aggregation}"' if aggregation else "")
    rules = (">= 1 | 3", ">= 2 | 2 + 3", ">= 3 | 4", ">= 4 | 100")
    found = policy_table(policy, *rules, outputs=("days:number",)).evaluate({"n": 3})
    assert (found.outputs, found.matched) == ({"days": wanted}, ["r1", "r2", "r3"])


def test_collect_lists_each_output() -> None:
    found = policy_table(
        'hitPolicy="COLLECT"', '- | "a" | 1', '- | "b" | 2', outputs=("way", "days")
    )
    assert found.evaluate({}).outputs == {"way": ["a", "b"], "days": [1, 2]}


def test_what_cannot_be_summed_fails() -> None:
    policy = 'hitPolicy="COLLECT" aggregation="SUM"'
    assert "sum" in fails(policy_table(policy, '- | "a"'), {})


# No match


@pytest.mark.parametrize(
    "policy", ["UNIQUE", "FIRST", "ANY", "PRIORITY", "COLLECT", "RULE ORDER", "OUTPUT ORDER"]
)
def test_no_match_fails_with_what_was_found(policy: str) -> None:
    """Whatever the hit policy: the engine never goes on without an answer."""
    found = policy_table(f'hitPolicy="{policy}"', *OVERLAPPING, outputs=ORDERED)
    assert "n = 0" in fails(found, {"n": 0})
    assert "n = null" in fails(found, {})


def test_default_outputs_answer_when_no_rule_matches() -> None:
    outputs = ('way:string:"a","b":"b"', "days:number::n + 1")
    found = policy_table("", '> 5 | "a" | 1', outputs=outputs)
    answer = found.evaluate({"n": 5})
    assert (answer.outputs, answer.matched) == ({"way": "b", "days": 6}, [])
    assert found.evaluate({"n": 6}).outputs == {"way": "a", "days": 1}


def test_a_default_is_held_to_the_outputs_type() -> None:
    assert "default" in fails(policy_table("", '> 5 | "a"', outputs=("way:string::7",)), {"n": 1})


def test_the_default_of_a_collecting_table_is_its_whole_result() -> None:
    found = policy_table('hitPolicy="COLLECT"', '> 5 | "a"', outputs=("way:string::[]",))
    assert found.evaluate({"n": 5}).outputs == {"way": []}
    policy = 'hitPolicy="COLLECT" aggregation="COUNT"'
    found = policy_table(policy, '> 5 | "a"', outputs=("way:string::0",))
    assert found.evaluate({"n": 5}).outputs == {"way": 0}


# Cells and types


@pytest.mark.parametrize(
    ("cell", "hits"),
    [
        ("[5..9]", {5, 7, 9}),
        ("(5..9)", {7}),
        ("5,7", {5, 7}),
        ("not(7)", {1, 5, 9}),
        ("-", {1, 5, 7, 9}),
        ("", {1, 5, 7, 9}),
        ("> limit", {9}),
        ("odd(?) and ? < 6", {1, 5}),
    ],
)
def test_input_cells_are_feel(cell: str, hits: set[int]) -> None:
    """What dmn-js writes; SpiffWorkflow evaluates these as Python and misses silently."""
    found = policy_table("", f"{cell} | true", outputs=("way:boolean::false",))
    for n in (1, 5, 7, 9):
        assert found.evaluate({"n": n, "limit": 7}).outputs == {"way": n in hits}


def test_what_is_not_known_is_not_true() -> None:
    """An unknown date of filing must not pass for one within the time limit."""
    found = policy_table("", 'true | "in time"', 'false | "late"', inputs=("filed <= due:boolean",))
    assert found.evaluate({"filed": 1, "due": 2}).outputs == {"way": "in time"}
    assert "filed <= due = null" in fails(found, {"due": 2})


def test_engine_functions_and_expressions_in_every_place() -> None:
    found = policy_table("", "<= limit() | tag(n)", inputs=("n + 1:number",))
    functions = {"limit": lambda: 5, "tag": lambda n: f"第{n}项"}
    answer = found.evaluate({"n": 4}, functions)
    assert (answer.outputs, answer.inputs) == ({"way": "第4项"}, {"n + 1": 5})


def test_a_text_becomes_the_date_that_its_column_declares() -> None:
    """Process variables hold dates as text."""
    found = policy_table(
        "",
        '<= date("2025-08-04") | received_on',
        inputs=("received_on:date",),
        outputs=("on:date",),
    )
    answer = found.evaluate({"received_on": "2025-08-01"})
    assert answer.outputs == {"on": date(2025, 8, 1)}
    assert "received_on is a string, expected a date" in fails(found, {"received_on": "soon"})


@pytest.mark.parametrize(
    ("kind", "value", "other"),
    [
        ("string", "a", 1),
        ("number", 1.5, "1.5"),
        ("boolean", True, 1),
        ("time", "10:00:00", "10"),
        ("dateTime", "2025-08-04T10:00:00", "now"),
        ("dayTimeDuration", "P3D", "3"),
        ("yearMonthDuration", "P3M", "P3D"),
        ("date and time", "2025-08-04T10:00:00", 7),
        ("Any", [1], None),
    ],
)
def test_inputs_are_held_to_their_type(kind: str, value: Any, other: Any) -> None:
    found = policy_table("", "- | true", inputs=(f"n:{kind}",), outputs=("way",))
    assert found.evaluate({"n": value}).outputs == {"way": True}
    if other is not None:
        assert "expected a" in fails(found, {"n": other})


def test_outputs_are_held_to_their_type_and_values() -> None:
    found = policy_table("", "1 | 7", '2 | "c"', '3 | "a"', outputs=('way:string:"a","b"',))
    assert "way of rule r1 is a number, expected a string" in fails(found, {"n": 1})
    message = fails(found, {"n": 2})
    assert 'rule r2 gives "c"' in message
    assert '"a","b"' in message
    assert found.evaluate({"n": 3}).outputs == {"way": "a"}


def test_a_text_without_quotation_marks_is_not_taken_for_null() -> None:
    """The commonest slip in a cell reads a variable that does not exist."""
    found = policy_table("", "1 | transfer", "2 | null")
    assert "quotation marks" in fails(found, {"n": 1})
    assert found.evaluate({"n": 2}).outputs == {"way": None}


def test_input_values_are_checked() -> None:
    found = policy_table("", '- | "x"', inputs=('kind:string:"a","b"',))
    assert found.evaluate({"kind": "a"}).outputs == {"way": "x"}
    assert 'not one of "a","b"' in fails(found, {"kind": "c"})
    assert "not one of" in fails(found, {})


def test_a_function_that_fails_fails_the_decision() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    found = policy_table("", '< broken() | "a"')
    with pytest.raises(DecisionFailed, match="route"):
        found.evaluate({"n": 1}, {"broken": broken})


# Requirements and literal expressions


def test_a_literal_expression_decides() -> None:
    found = only(decision(literal("n * 2", "number"), name="twice"))
    answer = found.evaluate({"n": 4, "m": 1})
    assert (answer.outputs, answer.inputs, answer.matched) == ({"twice": 8}, {"n": 4}, [])
    assert found.output_names == ("twice",)
    assert "null" in fails(found, {})
    assert "expected a number" in fails(only(decision(literal('"x"', "number"))), {})
    assert only(decision(literal("null"))).evaluate({}).outputs == {"route": None}


def test_required_decisions_come_first() -> None:
    """Each once, under its variable's name, with its own outcome kept for the auditor."""
    size = decision(table(['>= 5 | "group"', '< 5 | "few"'], prefix="s"), "size", name="size")
    days = decision(literal('if size = "group" then 3 else 15'), "days", ("size",), "days")
    way = decision(
        table(['"group" | days'], inputs=("size:string",), outputs=("limit:number",)),
        requires=("days", "size"),
    )
    found = Decisions.parse(definitions(way, days, size))
    assert list(found) == ["route", "days", "size"]
    answer = found["route"].evaluate({"n": 6})
    assert answer.outputs == {"limit": 3}
    assert answer.inputs == {"size": "group"}
    assert answer.required["size"].matched == ["s1"]
    assert answer.required["days"].required["size"] is answer.required["size"]
    assert "Decision size" in fails(found["route"], {"n": None})


@pytest.mark.parametrize(
    ("policy", "asked", "wanted"),
    [
        ("", "size.way", "a"),
        ('hitPolicy="COLLECT"', "size[2].days", 2),
    ],
)
def test_several_outputs_are_a_context_to_who_requires_them(
    policy: str, asked: str, wanted: Any
) -> None:
    cells = ['- | "a" | 1'] if not policy else ['- | "a" | 1', '- | "b" | 2']
    size = decision(table(cells, policy, outputs=("way", "days")), "size", name="size")
    route = decision(literal(asked), requires=("size",))
    assert Decisions.parse(definitions(size, route))["route"].evaluate({}).outputs == {
        "route": wanted
    }


# From the command line


def written(tmp_path: Path, *inside: str) -> Path:
    path = tmp_path / "route.dmn"
    path.write_bytes(definitions(*inside))
    return path


def test_a_file_decides_one_object_or_a_batch(tmp_path: Path) -> None:
    """In JSON values; a row that fails does not stop the others."""
    path = written(
        tmp_path,
        decision(table(["< 5 | received_on + duration(\"P1D\")"], inputs=("n:number",),
                       outputs=("on:date",)).replace("received_on", 'date("2025-08-04")')),
    )  # fmt: skip
    answer = {"decision": "route", "inputs": {"n": 1.5}, "outputs": {"on": "2025-08-05"},
              "matched": ["r1"]}  # fmt: skip
    assert decide_file(path, {"n": 1.5}) == answer
    batch = decide_file(str(path), [{"n": 1.5}, {"n": 7}])
    assert batch[0] == answer
    assert set(batch[1]) == {"decision", "inputs", "error"}
    assert "n = 7" in batch[1]["error"]
    assert json.loads(json.dumps(batch)) == batch
    with pytest.raises(DecisionFailed):
        decide_file(path, {"n": 7})
    with pytest.raises(InvalidInput) as caught:
        decide_file(path, [{"n": 1}, 7])
    assert list(caught.value.fields) == ["1"]


def test_the_decision_is_the_one_that_none_requires_or_the_named(tmp_path: Path) -> None:
    below, above = decision(literal("1"), "below"), decision(literal("2"), "above", ("below",))
    path = written(tmp_path, below, above)
    assert decide_file(path, {})["outputs"] == {"above": 2}
    assert decide_file(path, {}, "below")["outputs"] == {"below": 1}
    with pytest.raises(NotFound, match="below, above"):
        decide_file(path, {}, "beside")
    path = written(tmp_path, below, decision(literal("2"), "beside"))
    with pytest.raises(InvalidInput, match="below, beside"):
        decide_file(path, {})


# Whatever is thrown at it

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner,
                                                               max_size=2),
    max_leaves=4,
)  # fmt: skip
THROWN_AT = [
    policy_table(policy, *OVERLAPPING, inputs=inputs, outputs=ORDERED)
    for inputs in (("n:number",), ("n",), ("n:date",))
    for policy in ("", 'hitPolicy="PRIORITY"', 'hitPolicy="COLLECT" aggregation="MAX"')
]


@given(st.dictionaries(st.sampled_from(["n", "m"]), VALUES), st.sampled_from(THROWN_AT))
@settings(max_examples=100, deadline=None)
def test_evaluate_raises_nothing_but_decision_failed(
    values: dict[str, Any], thrown_at: Decision
) -> None:
    try:
        found = thrown_at.evaluate(values)
    except DecisionFailed as failure:
        message = failure.message
    else:
        message = f"matched {found.matched}"
        assert found.matched
    assert message


@given(st.integers(-20, 20))
@settings(max_examples=41, deadline=None)
def test_hit_policies_agree_with_each_other(n: int) -> None:
    """RULE ORDER lists exactly the rules whose first FIRST takes."""
    first = policy_table('hitPolicy="FIRST"', *OVERLAPPING, outputs=("way:string::null",))
    every = policy_table('hitPolicy="RULE ORDER"', *OVERLAPPING, outputs=("way:string::[]",))
    matched = every.evaluate({"n": n}).matched
    assert first.evaluate({"n": n}).matched == matched[:1]
    assert matched == [rule for rule, least in (("r1", 1), ("r2", 5), ("r3", 9)) if n >= least]
