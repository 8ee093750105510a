"""The library of procedures as it is shipped: nothing wrong, nothing unused, everything told."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from engine.checks import check_packages
from engine.checks.layout import check_layout, is_available
from engine.definitions import SHARED, Package, Process, Shared
from engine.errors import Problem
from tests.support import PROCESSES, packages
from web.letters import render_letter

FOLDERS = sorted(key for key in packages() if key != SHARED)
DIAGRAMS = sorted(PROCESSES.glob("*/*.bpmn"))
LETTERS = [
    (key, name)
    for key, package in packages().items()
    for name in package.files
    if name.startswith("letters/")
]
MOST = 25
"""Elements of a diagram that can be read (processes/README.md, 八)."""
NO_NODES = {"laneSet", "sequenceFlow", "property", "textAnnotation", "association"}


def shared() -> Shared:
    return Shared(packages()[SHARED])


def processes() -> dict[str, Process]:
    return {k: p for package in packages().values() for k, p in package.processes.items()}


def named(package: Package, prop: str) -> set[str]:
    """What the elements of a package name under a property."""
    return {
        name
        for process in package.processes.values()
        for element in process.elements.values()
        for name in re.split(r"[,，;；\s]+", element.get(prop))
        if name
    }


def test_the_gate_finds_nothing() -> None:
    assert check_packages(packages(), shared()) == []


@cache
def layout() -> dict[Path, list[Problem]]:
    return check_layout(DIAGRAMS, "zh")


@pytest.mark.skipif(not is_available(), reason="the layout's check needs node and npm ci")
@pytest.mark.parametrize("diagram", DIAGRAMS, ids=lambda path: path.stem)
def test_a_diagram_reads_well(diagram: Path) -> None:
    assert layout()[diagram] == []


@pytest.mark.parametrize("process", sorted(processes()))
def test_a_diagram_is_small_and_its_ids_say_where_they_belong(process: str) -> None:
    elements = [e for e in processes()[process].elements.values() if e.type not in NO_NODES]
    assert len(elements) <= MOST
    prefix = process.replace("-", "_") + "_"
    assert [e.id for e in elements if not e.id.startswith(prefix)] == []


@pytest.mark.parametrize("diagram", DIAGRAMS, ids=lambda path: path.stem)
def test_a_diagram_bears_its_process_s_name(diagram: Path) -> None:
    assert list(packages()[diagram.parent.name].processes.keys() & {diagram.stem}) == [diagram.stem]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_says_who_does_what_and_shows_it(folder: str) -> None:
    """Each has its README and its scenarios, in Chinese."""
    for name in ("README.md", "scenarios.md"):
        text = (PROCESSES / folder / name).read_text("utf-8")
        assert re.match(r"# [\u4e00-\u9fff]", text), name
        assert len(text) > 300, name


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_scenario_says_its_basis(folder: str) -> None:
    text = (PROCESSES / folder / "scenarios.md").read_text("utf-8")
    parts = re.split(r"^## 场景", text, flags=re.M)[1:]
    assert parts
    assert [
        part.splitlines()[0] for part in parts if not re.search(r"^依据[:：]\S*", part, re.M)
    ] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_forms_tables_and_letters_are_used_where_they_lie(folder: str) -> None:
    package = packages()[folder]
    assert package.forms.keys() == named(package, "form")
    letters = {n[8:-5] for n in package.files if n.startswith("letters/")}
    assert letters <= named(package, "document")
    texts = " ".join(text for name, text in package.files.items() if name.endswith(".bpmn"))
    called = set(re.findall(r"calledDecisionId>\s*(\w+)", texts))
    assert package.decisions.keys() == called


def test_what_diagrams_name_is_in_the_catalogues() -> None:
    catalogues = {
        "clock": set(shared().catalogue.rules),
        "startClock": set(shared().catalogue.rules),
        "stopClock": set(shared().catalogue.rules),
        "cancelClock": set(shared().catalogue.rules),
        "document": set(shared().documents),
        "status": {row["value"] for row in shared().codes["status"]},
        "role": set(shared().roles),
        "organisation": set(shared().organisation_keys),
    }
    for prop, known in catalogues.items():
        found = set().union(*(named(package, prop) for package in packages().values()))
        assert found, prop
        assert found <= known, prop


def test_every_procedure_is_reached_from_one_that_somebody_starts() -> None:
    """What nobody calls would never run."""
    texts = {p: t for package in packages().values() for p, t in package.diagrams.items()}
    reached = {"petition", "direct"}
    assert reached == {key for key, one in processes().items() if one.start.get("form")}
    todo = list(reached)
    while todo:
        for called in re.findall(r'calledElement="([\w-]+)"', texts[todo.pop()]):
            if called not in reached:
                reached.add(called)
                todo.append(called)
    assert reached == texts.keys()


@pytest.mark.parametrize(("package", "letter"), LETTERS)
def test_a_letter_compiles_in_the_sandbox_and_stands_empty_values(
    package: str, letter: str
) -> None:
    """A page of its own that says which document it is."""
    text = render_letter(packages()[package].files[letter], {"organisations": {}, "clocks": {}})
    assert "<title>" in text
    assert shared().documents[letter[8:-5]]["zh"].split("（")[0] in text


def test_everybody_who_acts_has_a_name_in_both_languages() -> None:
    for table in (shared().roles, shared().organisation_keys, shared().documents):
        for key, row in table.items():
            assert row["zh"], key
            assert row["en"], key
