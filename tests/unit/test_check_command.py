"""`anjie check`: libraries, parts of them, files from elsewhere; what it prints and returns."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.__main__ import cli
from engine.checks import layout
from engine.checks.layout import is_available
from engine.definitions import MAX_FILE
from tests.small_packages import clean_files
from tests.support import PROCESSES

needs_layout = pytest.mark.skipif(
    not is_available(), reason="the layout's check needs node and npm ci"
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["check", *map(str, arguments)])


def problems(*arguments: object) -> list[dict[str, str]]:
    result = run(*arguments, "--json")
    found: list[dict[str, str]] = json.loads(result.stdout)["problems"]
    assert result.exit_code == int(any(p["severity"] == "error" for p in found))
    return found


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A gateway of a shipped diagram without its default flow, in a file from elsewhere."""
    text = (PROCESSES / "registration" / "triage.bpmn").read_text("utf-8")
    path = tmp_path / "draft.bpmn"
    path.write_text(text.replace('default="triage_f_other"', ""), "utf-8")
    return path


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    for name, text in clean_files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def test_the_shipped_library_is_clean() -> None:
    result = run("--only", "engine")
    assert result.exit_code == 0
    assert "0 个错误，0 个提醒" in result.stdout


def test_a_file_from_elsewhere_stands_in_for_its_namesake(broken: Path) -> None:
    """Its forms and the processes that it calls are the library's."""
    (found,) = problems(broken, "--only", "engine")
    assert (found["rule"], found["element"]) == ("default_missing", "triage_route")
    assert (found["path"], found["severity"]) == (str(broken), "error")


def test_a_finding_is_told_at_its_path_and_element_in_both_languages(broken: Path) -> None:
    zh, en = run(broken, "--only", "engine"), run(broken, "--only", "engine", "--lang", "en")
    assert zh.exit_code == en.exit_code == 1
    assert zh.stdout.startswith(f"error {broken}: triage_route: 网关“审核后去向？”没有默认出线")
    assert "has no default flow" in en.stdout
    assert "1 files checked: 1 errors, 0 warnings." in en.stdout


def test_only_the_groups_and_paths_that_were_asked_for_are_told(broken: Path) -> None:
    assert problems(broken, "--only", "law") == []
    assert problems(PROCESSES / "delivery", "--only", "engine") == []
    both = problems(broken, PROCESSES / "delivery" / "delivery.bpmn", "--only", "engine")
    assert {p["path"] for p in both} == {str(broken)}


def test_a_part_of_a_library_is_checked_in_it(tmp_path: Path) -> None:
    """A diagram's faults are told for its file and folder, not for a neighbour's."""
    library = tmp_path / "processes"
    shutil.copytree(PROCESSES, library)
    diagram = library / "registration" / "triage.bpmn"
    text = diagram.read_text("utf-8")
    diagram.write_text(text.replace("《信访工作条例》第十九条第一款", ""), "utf-8")
    assert {p["rule"] for p in problems(diagram, "--only", "law")} == {"legal_basis"}
    assert {p["path"] for p in problems(library, "--only", "law")} == {str(diagram)}
    assert problems(library / "delivery", "--only", "law") == []


def test_a_folder_from_elsewhere_is_a_package_beside_the_library(package: Path) -> None:
    assert problems(package, "--only", "engine") == []
    (package / "small.dmn").unlink()
    assert "decision_unknown" in {p["rule"] for p in problems(package)}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.bpmn", b"<definitions"),
        ("a.bpmn", b"\xff\xfe\x00"),
        ("a.bpmn", b" " * (MAX_FILE + 1)),
        ("a.dmn", b"<x/>"),
        ("a.form", b"[" * 100_000),
        ("a.form", b'{"components": 5}'),
        ("letters.html", b"{% if %}"),
    ],
)
def test_hostile_files_end_in_findings_and_never_in_a_traceback(
    tmp_path: Path, name: str, data: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    result = run(path, "--only", "engine")
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output


def test_what_is_no_definition_is_not_said_to_be_without_faults(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("x", "utf-8")
    assert [p["rule"] for p in problems(notes)] == ["file_kind"]
    assert [p["rule"] for p in problems(PROCESSES / "README.md")] == ["file_kind"]
    assert [p["rule"] for p in problems("/dev/null")] == ["file_kind"]


def test_a_folder_without_definitions_is_not_said_to_be_without_faults(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x", "utf-8")
    assert [p["rule"] for p in problems(tmp_path)] == ["nothing"]


@needs_layout
def test_the_layout_is_a_group_of_its_own(package: Path) -> None:
    """The small package was never drawn."""
    found = problems(package, "--only", "layout")
    assert {p["group"] for p in found} == {"layout"}
    assert "missingDI" in {p["rule"] for p in found}


def test_without_node_the_layout_is_said_to_be_unchecked(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout.shutil, "which", lambda _: None)
    result = run(package)
    assert result.exit_code == 0
    assert "没有检查版面" in result.stdout
    assert json.loads(run(package, "--json").stdout)["layout_checked"] is False
