"""The gate: each rule finds its planted fault, where it is, and is silent on a clean package."""

from __future__ import annotations

import string
import time
from collections.abc import Mapping
from functools import cache

import pytest

from engine import commands as c
from engine.checks import check_packages, errors_among
from engine.checks.texts import RULES
from engine.definitions import Package, Shared
from engine.errors import InvalidDefinition, Problem
from engine.execute import Bureau
from engine.messages import Lang
from tests import support
from tests.small_decisions import decision, definitions, literal
from tests.small_packages import clean_files, form
from tests.unit.planted_faults import DUE, FAULTS, START, Change, flow, grow, prop, small

ELSEWHERE = {"shared", "too_many_ways"}
"""Rules whose faults take more than a changed text."""


@cache
def shared() -> Shared:
    return Shared(support.packages()["_shared"])


def check(files: Mapping[str, str], lang: Lang = "zh") -> list[Problem]:
    package = Package.of("small", dict(files))
    return check_packages({"_shared": shared().package, "small": package}, shared(), lang)


def planted(*changes: Change) -> dict[str, str]:
    files = clean_files()
    for name, old, new in changes:
        assert not old or old in files[name], (name, old)
        files[name] = files[name].replace(old, new) if old else new
    return files


def found(*changes: Change) -> set[tuple[str, str | None]]:
    return {(problem.rule, problem.element) for problem in check(planted(*changes))}


def rules(*changes: Change) -> set[str]:
    return {rule for rule, _ in found(*changes)}


def test_a_clean_package_has_no_findings() -> None:
    assert check(clean_files()) == []


@pytest.mark.parametrize("rule", FAULTS)
def test_a_rule_finds_its_planted_fault_at_its_element(rule: str) -> None:
    element, changes = FAULTS[rule]
    assert (rule, element) in found(*changes)


def test_every_rule_has_a_planted_fault() -> None:
    assert set(FAULTS) | ELSEWHERE == set(RULES)


def test_a_finding_says_where_it_is_and_of_which_group() -> None:
    (problem,) = check(planted(*FAULTS["legal_basis"][1]))
    assert (problem.package, problem.file, problem.group) == ("small", "small.bpmn", "law")
    assert problem.severity == "error"


def test_every_rule_is_told_in_both_languages_with_the_same_blanks() -> None:
    for name, rule in RULES.items():
        blanks = [
            {key for part in parts for _, key, _, _ in string.Formatter().parse(part) if key}
            for parts in (rule.zh, rule.en)
        ]
        assert blanks[0] >= blanks[1] - {"known"}, name
        assert all(part.strip() for part in (*rule.zh, *rule.en)), name
        assert rule.text("zh") != rule.text("en")


@pytest.mark.parametrize("rule", FAULTS)
def test_every_finding_can_be_told_in_english(rule: str) -> None:
    told = [p for p in check(planted(*FAULTS[rule][1]), "en") if p.rule == rule]
    assert told
    assert all("{" not in p.message.replace("{titel}", "") for p in told)


# what SpiffWorkflow takes and runs wrongly -------------------------------------------------------

CYCLE = "<timeCycle xsi:type='tFormalExpression'>R3/P1D</timeCycle>"
DURATION = '<timeDuration xsi:type="tFormalExpression">P3D</timeDuration>'


SEQUENTIAL = Change("inner.bpmn", 'isSequential="false"', 'isSequential="true"')
_MULTI = (
    '<multiInstanceLoopCharacteristics isSequential="false">'
    "<loopDataInputRef>orgs</loopDataInputRef></multiInstanceLoopCharacteristics>"
)


@pytest.mark.parametrize(
    "change",
    [
        small("serviceTask", "manualTask"),
        small("serviceTask", "receiveTask"),
        small("serviceTask", "task"),
        small("serviceTask", "subProcess"),
        small("serviceTask", "transaction"),
        small("parallelGateway", "complexGateway"),
        small(DURATION, CYCLE),
        small('<endEvent id="finish" name="办结"/>',
              '<endEvent id="finish" name="办结"><signalEventDefinition/></endEvent>'),
        small('<endEvent id="finish" name="办结"/>',
              '<endEvent id="finish" name="办结"><errorEventDefinition/></endEvent>'),
        small('<endEvent id="finish" name="办结"/>',
              '<endEvent id="finish" name="办结"><compensateEventDefinition/></endEvent>'),
        small('<timerEventDefinition id="tired_d">' + DURATION + "</timerEventDefinition>",
              '<conditionalEventDefinition id="tired_d"><condition xsi:type="tFormalExpression">'
              "true</condition></conditionalEventDefinition>"),
        grow('<dataObject id="data"/>'),
    ],
)  # fmt: skip
def test_what_the_engine_does_not_run_is_refused(change: Change) -> None:
    assert "unsupported" in rules(change)


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE definitions [<!ENTITY x "y">]><definitions/>',
        '<!DOCTYPE definitions SYSTEM "file:///etc/passwd"><definitions/>',
        "<definitions",
        "",
        "x" * 3_000_000,
        "<definitions>" + "<a>" * 5_000,
    ],
    ids=["entity", "external", "unclosed", "empty", "huge", "deep"],
)
def test_hostile_xml_is_refused_as_a_finding(xml: str) -> None:
    assert "xml" in rules(Change("bad.bpmn", "", xml))
    assert "xml" in rules(Change("bad.dmn", "", xml))


def test_unreadable_files_are_not_blamed_on_their_neighbours() -> None:
    """A broken form or diagram is told once; who uses it is not told that it is missing."""
    assert rules(Change("small_ask.form", "", "{")) == {"form-json"}
    assert rules(Change("small.dmn", "", "<x/>")) == {"dmn-version"}
    assert rules(Change("inner.bpmn", "", "<x")) == {"xml"}


def test_a_multi_instance_that_is_sequential_is_refused() -> None:
    assert ("multi_instance", "inner_ask") in found(SEQUENTIAL)


def test_a_letter_with_a_filter_that_does_not_exist_is_refused() -> None:
    letter = Change("letters/D06.html", "case.case_no", "case.case_no | shell")
    assert rules(letter) == {"letter_template"}


@pytest.mark.parametrize(
    "text",
    ['"a" * 10 ** 11', "2 ** 99999999", '"%0999999999d" | format(1)', '"a" | center(10**10)'],
)
def test_a_letter_is_read_without_computing_it(text: str) -> None:
    started = time.perf_counter()
    letter = f"{{{{ {text} }}}}{{% if {text} %}}{{% endif %}}"
    assert rules(Change("letters/D06.html", "{{ case.case_no }}", letter)) == set()
    assert time.perf_counter() - started < 20


def test_python_in_conditions_is_no_feel() -> None:
    hostile = "__import__('os').system('id')"
    assert ("feel", "flow_which_race_6") in found(small('route = "wait"', hostile))


@pytest.mark.parametrize("text", ['"P3D"', "P0D", "1 + 1", "PT", "2026-13-40", "null"])
def test_a_timer_that_is_no_time_is_refused(text: str) -> None:
    assert rules(small(">P3D<", f">{text}<")) & {"timer_value", "feel"}


@pytest.mark.parametrize("text", ["P3D", "PT36H", "2026-01-01", "2026-01-01T09:00:00", DUE])
def test_a_timer_that_is_a_time_is_taken(text: str) -> None:
    assert rules(small(">P3D<", f">{text}<")) == set()


def test_where_a_clock_is_named_several_may_be_and_each_is_looked_up() -> None:
    assert found(small(DUE, "due(&quot;dispatch, handle&quot;)")) == set()
    assert ("feel_clock", "late") in found(small(DUE, "due(&quot;dispatch, handel&quot;)"))


def test_an_organisation_key_is_set_to_one_that_is_known() -> None:
    assert found(small(START, START + prop("setOrganisation", "unit=office"))) == set()
    for wrong in ("unit=offices", "units=office"):
        change = small(START, START + prop("setOrganisation", wrong))
        assert ("organisation_unknown", "mark") in found(change), wrong


def test_names_are_known_where_they_are_read() -> None:
    """Conditions read variables only; properties and timers the case document, too."""
    assert rules(small('route = "wait"', 'title = "wait"')) == {"feel_name"}
    assert rules(small("date(received_on)", "if title = null then today() else null")) == set()
    assert rules(small('value="found"', 'value="found=missing"')) == {"feel_name"}
    assert rules(Change("small.dmn", "<text>way</text>", "<text>wey</text>")) == {"feel_name"}
    assert rules(Change("small.dmn", '<text>"call"</text>', "<text>call</text>")) == {"feel_name"}
    assert rules(Change("small_ask.form", 'title != \\"x\\"', 'titel != \\"x\\"')) == {"feel_name"}


def test_a_form_key_twice_and_a_decision_twice_are_refused() -> None:
    files = clean_files()
    again = {"again.form": files["small_ask.form"], "again.dmn": files["small.dmn"]}
    assert [p.rule for p in check(files | again)] == ["id_twice", "id_twice"]


def test_two_packages_may_not_share_ids() -> None:
    first, second = (Package.of(key, clean_files()) for key in ("small", "smaller"))
    packages = {"_shared": shared().package, "small": first, "smaller": second}
    assert {p.rule for p in check_packages(packages, shared())} == {"id_twice"}


def test_a_join_may_wait_for_branches_of_one_split_only() -> None:
    """A branch that ends elsewhere, or a choice before the join, leaves it waiting."""
    choice = '<exclusiveGateway id="gate" name="够了？" default="f_on"/>'
    leaving = (
        small('sourceRef="one" targetRef="join"', 'sourceRef="one" targetRef="gate"'),
        grow(choice, flow("f_on", "gate", "join"), flow("f_x", "gate", "finish")),
    )
    assert ("join_stuck", "join") in found(*leaving)


def test_an_end_that_terminates_keeps_nobody_waiting() -> None:
    stop = '<endEvent id="stop" name="终止"><terminateEventDefinition id="stop_d"/></endEvent>'
    choice = '<exclusiveGateway id="gate" name="够了？" default="f_on"/>'
    leaving = (
        small('sourceRef="one" targetRef="join"', 'sourceRef="one" targetRef="gate"'),
        grow(choice, stop, flow("f_on", "gate", "join"), flow("f_x", "gate", "stop")),
    )
    assert "join_stuck" not in rules(*leaving)


def test_an_inclusive_join_is_filled_by_what_can_still_come() -> None:
    inclusive = (
        small('<parallelGateway id="split"/>',
              '<inclusiveGateway id="split" name="哪些？" default="flow_split_one_11"/>'),
        small('<parallelGateway id="join"/>', '<inclusiveGateway id="join"/>'),
    )  # fmt: skip
    assert not rules(*inclusive) & {"join_stuck", "merge_twice"}


def test_a_loop_with_a_call_that_never_rests_is_automatic() -> None:
    """The called process runs from start to end without asking anybody."""
    back = small('sourceRef="call" targetRef="finish"', 'sourceRef="call" targetRef="gate"')
    gate = '<exclusiveGateway id="gate" name="再来？" default="f_on"/>'
    loop = (back, grow(gate, flow("f_on", "gate", "finish"), flow("f_x", "gate", "call")))
    assert "loop_automatic" not in rules(*loop)
    assert "loop_automatic" in rules(*loop, Change("inner.bpmn", "userTask", "serviceTask"),
                                     Change("inner.bpmn", _MULTI, ""))  # fmt: skip


@pytest.mark.parametrize(
    ("timer", "loops"),
    [
        (f"timeDate {DUE}", True),
        ("timeDate 2026-01-01", True),
        ("timeDate date(received_on) + duration(&quot;P3D&quot;)", True),
        ("timeDate today() + duration(&quot;P3D&quot;)", False),
        ("timeDate P3D", False),
        ("timeDuration P3D", False),
    ],
)
def test_a_date_that_is_past_ends_no_loop(timer: str, loops: bool) -> None:
    """A reminder that leads back to its own task would come again and again, each with a task."""
    kind, _, text = timer.partition(" ")
    again = (
        small(f'<timeDate xsi:type="tFormalExpression">{DUE}</timeDate>',
              f'<{kind} xsi:type="tFormalExpression">{text}</{kind}>'),
        small('sourceRef="remind" targetRef="reminded"', 'sourceRef="remind" targetRef="ask"'),
    )  # fmt: skip
    assert ("loop_automatic" in rules(*again)) is loops


# bounds ------------------------------------------------------------------------------------------

TASK_WITH = (
    '<serviceTask id="more_{n}"><extensionElements><spiffworkflow:properties>'
    '<spiffworkflow:property name="clockStart" value="[{n}, {text}]"/>'
    "</spiffworkflow:properties></extensionElements></serviceTask>"
)


def test_a_diagram_with_too_many_ways_is_refused_quickly() -> None:
    """Sixteen branches side by side, each choosing between two joins: 65,536 ways."""
    parts = ['<parallelGateway id="a"/><parallelGateway id="b"/>']
    parts += [flow("f_a", "a", "finish"), flow("f_b", "b", "finish")]
    for n in range(16):
        parts.append(f'<exclusiveGateway id="x{n}" name="哪个？" default="a{n}"/>')
        parts += [flow(f"f{n}", "split", f"x{n}"), flow(f"a{n}", f"x{n}", "a")]
        parts.append(flow(f"b{n}", f"x{n}", "b"))
    started = time.perf_counter()
    assert ("too_many_ways", "small") in found(grow(*parts))
    assert time.perf_counter() - started < 20


def test_decisions_that_share_what_they_require_are_read_once() -> None:
    """Twenty-five pairs, each asking both before it: 2 to the power of 25 ways down."""
    pairs = [decision(literal("1"), f"{side}0") for side in "ab"]
    for n in range(1, 25):
        before = (f"a{n - 1}", f"b{n - 1}")
        pairs += [decision(literal("1"), f"{side}{n}", before) for side in "ab"]
    started = time.perf_counter()
    assert rules(Change("many.dmn", "", definitions(*pairs).decode())) == {"decision_unused"}
    assert time.perf_counter() - started < 20


def test_the_feel_of_a_diagram_is_bounded() -> None:
    tasks = [TASK_WITH.format(n=n, text=", ".join(["1"] * 2_600)) for n in range(20)]
    assert "too_large" in rules(grow(*tasks))


def test_findings_are_bounded() -> None:
    many = {f"f{n}.form": form(f"f{n}", *({"type": "x"} for _ in range(20))) for n in range(200)}
    assert len(check(clean_files() | many)) <= 1_000


def test_a_package_of_very_many_files_is_refused() -> None:
    many = {f"f{n}.form": "{}" for n in range(400)}
    assert "too_large" in {p.rule for p in check(clean_files() | many)}


@pytest.mark.parametrize("name", ["clocks.json", "codes.json", "roles.json", "calendar.json"])
def test_a_broken_catalogue_is_told_and_nothing_else(name: str) -> None:
    files = dict(shared().package.files) | {name: "{"}
    broken = Shared(Package.of("_shared", files))
    problems = check_packages({"_shared": broken.package}, broken)
    assert problems
    assert {p.package for p in problems} == {"_shared"}


# deployment --------------------------------------------------------------------------------------


def deploy(bureau: Bureau, files: Mapping[str, str]) -> c.Result:
    return bureau.execute(c.Deploy({"small": files}), c.SYSTEM, support.OPENED)


@pytest.fixture
def sqlite() -> Bureau:
    return support.open_bureau(support.sqlite_url())


def test_a_package_with_errors_is_not_deployed(sqlite: Bureau) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        deploy(sqlite, planted(*FAULTS["default_missing"][1]))
    assert {p.rule for p in refused.value.problems} == {"default_missing"}
    assert "small" not in sqlite.library.latest


def test_a_package_with_warnings_alone_is_deployed(sqlite: Bureau) -> None:
    files = planted(*FAULTS["letter_unused"][1])
    assert [p.severity for p in check(files)] == ["warning"]
    assert errors_among(check(files)) == []
    deploy(sqlite, files)
    assert sqlite.library.latest["small"] == 1


def test_what_others_call_may_not_be_taken_away(sqlite: Bureau) -> None:
    """A package that was in force is held against the new one beside it."""
    files = dict(support.packages()["delivery"].files)
    files["delivery.bpmn"] = files["delivery.bpmn"].replace('id="delivery"', 'id="deliver"')
    files["delivery.bpmn"] = files["delivery.bpmn"].replace(
        'processRef="delivery"', 'processRef="deliver"'
    )
    with pytest.raises(InvalidDefinition) as refused:
        sqlite.execute(c.Deploy({"delivery": files}), c.SYSTEM, support.OPENED)
    assert "call_unknown" in {p.rule for p in refused.value.problems}


def test_an_old_fault_holds_up_nobody_else(sqlite: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package in force breaks a rule younger than it; another one is still deployed."""
    faulty = planted(*FAULTS["legal_basis"][1])
    monkeypatch.setattr("engine.administration.check_packages", lambda *_: [])
    deploy(sqlite, faulty)
    monkeypatch.undo()
    delivery = dict(support.packages()["delivery"].files) | {"letters/D18.html": "<p>回证</p>"}
    sqlite.execute(c.Deploy({"delivery": delivery}), c.SYSTEM, support.OPENED)
    assert sqlite.library.latest["delivery"] == 2
    with pytest.raises(InvalidDefinition):
        deploy(sqlite, faulty | {"letters/D06.html": "<p>改</p>"})


def test_the_library_is_checked_in_two_seconds_and_then_not_again() -> None:
    """Compiled texts stay cached, so the first check of a process takes the longest."""
    packages = support.packages()
    started = time.perf_counter()
    check_packages(packages, shared(), "en")
    first = time.perf_counter() - started
    started = time.perf_counter()
    check_packages(packages, shared(), "en")
    again = time.perf_counter() - started
    assert first < 6
    assert again < 0.05
