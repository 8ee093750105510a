"""The library's scenarios: each comes true, and together they pass everything that is drawn."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from engine.decisions.logic import Table
from engine.queries import Queries
from engine.scenarios import Outcome, Scenario, Stage, find_scenarios, read_scenarios
from engine.spiff.instance import _Workflow
from tests import support

CATCHING = ("boundaryEvent", "intermediateCatchEvent")


@dataclass
class Passed:
    """What the scenarios played so far have passed, as ids; a branch is `source -> target`."""

    elements: set[str] = field(default_factory=set)
    branches: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)


@cache
def stage() -> Stage:
    """One a process: deployed once, its scenarios are played one after another."""
    opened = Stage(support.packages())
    atexit.register(opened.close)
    return opened


@cache
def passed() -> Passed:
    return Passed()


@cache
def play(scenario: Scenario) -> Outcome:
    leave = _Workflow.leave

    def seen(workflow: Any, task: Any) -> None:
        specs = task.task_spec.targets if task.chosen is None else task.chosen
        for spec in specs:
            target = spec.name.removesuffix(".BoundaryEventSplit")
            passed().branches.add(f"{task.task_spec.name} -> {target}")
        leave(workflow, task)

    with patch.object(_Workflow, "leave", seen):
        return stage().run(scenario)


def scenarios() -> list[Scenario]:
    return list(find_scenarios(support.PROCESSES, support.packages()))


def _name(scenario: Scenario) -> str:
    return f"{scenario.procedure}: {scenario.name}"


@pytest.mark.parametrize("scenario", scenarios(), ids=_name)
def test_a_scenario_comes_true(scenario: Scenario) -> None:
    assert play(scenario).failures == []


# a scenario that is wrong fails ------------------------------------------------------------------


def first_with(column: str) -> tuple[Scenario, int]:
    """A scenario and its first row that has something in this column."""
    for scenario in scenarios():
        for number, step in enumerate(scenario.steps):
            if getattr(step, column):
                return scenario, number
    raise AssertionError(column)


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        ("stops", "结束"),
        ("stops", "没有这个任务"),
        ("clocks", "handle=2031-01-01"),
        ("clocks", "没有这个时限=2031-01-01"),
        ("task", "没有这个任务"),
        ("values", "没有这一项=1"),
        ("when", "去年"),
        ("role", "审计员"),
    ],
)
def test_a_wrong_expectation_makes_a_scenario_fail(column: str, wrong: str) -> None:
    scenario, number = first_with(column)
    if column == "role":
        number = 1
    steps = list(scenario.steps)
    steps[number] = replace(steps[number], **{column: wrong})
    failures = stage().run(replace(scenario, steps=tuple(steps))).failures
    assert [line for line, _ in failures] == [steps[number].line]


def test_a_timer_that_does_not_fire_makes_a_scenario_fail() -> None:
    scenario = next(s for s in scenarios() if any(step.role == "时钟" for step in s.steps))
    steps = [replace(s, task="没有这个事件") if s.role == "时钟" else s for s in scenario.steps]
    assert stage().run(replace(scenario, steps=tuple(steps))).failures


def test_a_task_that_is_there_twice_makes_a_scenario_fail() -> None:
    """A second token in a task that the scenario names once."""
    scenario, _ = first_with("stops")
    begun = replace(scenario, steps=scenario.steps[:1])
    offered = Queries.open_items
    with patch.object(Queries, "open_items", lambda self, case: offered(self, case) * 2):
        (failure,) = stage().run(begun).failures
    assert "同一个机关有两份" in failure[1]


def test_a_file_is_read_by_its_headings_and_tables(tmp_path: Path) -> None:
    path = tmp_path / "scenarios.md"
    path.write_text(
        "# 转送\n## 场景（transfer）：甲\n依据：第二十二条\n\n"
        "| 日期或第几日 | 岗位 | 任务 |\n|---|---|---|\n| 2025-09-22 | 登记员 | 开始 |\n",
        "utf-8",
    )
    (scenario,) = read_scenarios(path, stage().processes)
    assert (scenario.procedure, scenario.name, scenario.basis) == ("transfer", "甲", "第二十二条")
    assert [(step.line, step.task) for step in scenario.steps] == [(7, "开始")]


# coverage ----------------------------------------------------------------------------------------


@cache
def everything() -> Passed:
    """What all scenarios pass: of the histories, and of the flows taken."""
    for scenario in scenarios():
        play(scenario)
    found = passed()
    queries = stage().bureau.queries
    for case_id in queries.case_ids():
        for row in queries.history(case_id, limit=100_000):
            for kind, data in row["payload"]["events"]:
                if kind in ("task_completed", "timer_fired", "message_received"):
                    found.elements.add(data["element"])
                if kind == "decision_made":
                    found.rules |= {f"{data['decision']}: {rule}" for rule in data["matched"]}
    return found


def of_kind(*kinds: str) -> set[str]:
    return {
        element.id
        for process in stage().processes.values()
        for element in process.elements.values()
        if element.type in kinds
    }


def branches() -> Iterator[str]:
    """Every way out of a gateway that chooses."""
    for process in stage().processes.values():
        for name in of_kind("exclusiveGateway", "inclusiveGateway") & process.elements.keys():
            targets = process.spec.task_specs[name].targets
            for spec in targets if len(targets) > 1 else ():
                yield f"{name} -> {spec.name.removesuffix('.BoundaryEventSplit')}"


def decision_rules() -> Iterator[str]:
    for package in support.packages().values():
        for decision in package.decisions.values():
            if isinstance(decision.logic, Table):
                yield from (f"{decision.id}: {rule.id}" for rule in decision.logic.rules)


def missing(wanted: set[str], found: set[str]) -> list[str]:
    assert wanted
    return sorted(wanted - found)


def test_every_user_task_is_completed_in_a_scenario() -> None:
    assert missing(of_kind("userTask"), everything().elements) == []


def test_every_timer_and_message_event_happens_in_a_scenario() -> None:
    assert missing(of_kind(*CATCHING), everything().elements) == []


def test_every_branch_of_every_gateway_is_taken_in_a_scenario() -> None:
    """House rule 8: no branch without a scenario."""
    assert missing(set(branches()), everything().branches) == []


def test_every_rule_of_every_decision_matches_in_a_scenario() -> None:
    assert missing(set(decision_rules()), everything().rules) == []


def test_every_end_is_reached_in_a_scenario() -> None:
    ends = {branch.partition(" -> ")[2] for branch in everything().branches}
    assert missing(of_kind("endEvent"), ends) == []
