"""The one-way order of imports, and that each contract is seen to fail on a planted violation."""

from __future__ import annotations

import ast
import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PLANTED = {
    "A file of engine/ imports only from below": ("engine/errors.py", "import engine.execute"),
    "A file of web/ imports only from below": ("web/words.py", "import web.app"),
    "web/ enters engine/ by its doors": ("web/words.py", "import engine.handlers"),
    "No Flask in engine/": ("engine/queries.py", "import flask"),
    "SpiffWorkflow is imported by its adapter alone": (
        "engine/handlers.py",
        "import SpiffWorkflow.task",
    ),
    "SQL lives where rows are read and written": ("engine/handlers.py", "import sqlalchemy"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command as main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
    )


def test_the_contracts_are_kept() -> None:
    outcome = lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize("contract", ["doors", "spiffworkflow", "sqlalchemy"])
def test_a_contract_forgets_no_file(contract: str) -> None:
    """A new file is under the contract, or is named here as one that may."""
    may = {
        "doors": {"commands", "errors", "execute", "pages", "queries", "replay"},
        "spiffworkflow": {"spiff"},
        "sqlalchemy": {
            *("administration", "bench", "execute", "lookups", "plan"),
            *("queries", "replay", "store", "worker"),
        },
    }
    read = configparser.ConfigParser()
    read.read(ROOT / ".importlinter")
    listed = "forbidden_modules" if contract == "doors" else "source_modules"
    under = read[f"importlinter:contract:{contract}"][listed].split()
    there = {
        p.stem
        for p in (ROOT / "engine").iterdir()
        if p.suffix == ".py" or (p / "__init__.py").exists()
    }
    assert there - {"__init__", "migrations"} - may[contract] == {
        name.removeprefix("engine.") for name in under if name.startswith("engine.")
    }


@pytest.mark.slow
@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_violation_breaks_its_contract(contract: str, tmp_path: Path) -> None:
    file, line = PLANTED[contract]
    assert contract in broken(tmp_path, file, line)


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["engine", "web"])
def test_a_file_in_no_layer_breaks_the_order(folder: str, tmp_path: Path) -> None:
    contract = f"A file of {folder}/ imports only from below"
    assert broken(tmp_path, f"{folder}/extra.py", "") == {contract}


def broken(folder: Path, file: str, line: str) -> set[str]:
    """The contracts that break when the line is added to the file."""
    for name in ("engine", "web"):
        shutil.copytree(
            ROOT / name,
            folder / name,
            ignore=shutil.ignore_patterns("node_modules", "__pycache__", "dist"),
        )
    shutil.copy(ROOT / ".importlinter", folder)
    with (folder / file).open("a", encoding="utf-8") as path:
        path.write(f"\n{line}\n")
    outcome = lint(folder)
    assert outcome.returncode == 1
    told = " ".join(outcome.stdout.split())
    return {contract for contract in PLANTED if f"{contract} BROKEN" in told}


def calls(path: Path, names: set[str]) -> set[str]:
    """Which of these method names a file calls."""
    tree = ast.parse(path.read_text("utf-8"))
    return {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in names
    }


def files(folder: str) -> list[Path]:
    return sorted(p for p in (ROOT / folder).rglob("*.py") if "migrations" not in p.parts)


def test_only_the_write_path_commits() -> None:
    """House rule 1. The worker leases rows; everything else goes through a plan."""
    writers = {"execute.py", "administration.py", "worker.py"}
    for path in [*files("engine"), *files("web")]:
        if path.name not in writers and "bench" not in path.parts:
            assert not calls(path, {"commit", "begin_nested"}), path
    for path in files("web"):
        assert not calls(path, {"begin"}), path


def test_nothing_below_execute_reads_the_machine_s_clock() -> None:
    """House rule 9: time is an argument. `now` and `today` of datetime are called at the edges."""
    edges = {"__main__.py", "worker.py", "app.py"}
    for path in [*files("engine"), *files("web")]:
        if path.name in edges or "bench" in path.parts:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today"):
                assert not (isinstance(node.value, ast.Name) and node.value.id in CLOCKS), path
            if isinstance(node, ast.Import):
                assert "time" not in {alias.name for alias in node.names}, path


CLOCKS = {"datetime", "date", "dt"}


def test_long_files_are_split() -> None:
    """A file hides one thing; more lines hide more."""
    for path in [*files("engine"), *files("web")]:
        assert len(path.read_text("utf-8").splitlines()) <= 450, path
