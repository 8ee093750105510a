"""The layout group: the front end's `tidy.mjs --check`, where there is a node to run it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.errors import Problem
from engine.messages import Lang

_TIDY = Path(__file__).resolve().parents[2] / "web" / "frontend" / "layout" / "tidy.mjs"
_FINDING = re.compile(r"  (hard|soft) (\w+): (.+)")
_SECONDS = 60
_REMEDY: Mapping[Lang, str] = {
    "zh": "运行 node web/frontend/layout/tidy.mjs 重新排版，或者拆成两个图。",
    "en": "Run node web/frontend/layout/tidy.mjs, or split the diagram.",
}


def is_available() -> bool:
    """Whether there is a node, the script, and the packages that it needs."""
    modules = _TIDY.parents[1] / "node_modules"
    return bool(shutil.which("node")) and _TIDY.is_file() and modules.is_dir()


def check_layout(files: Sequence[Path], lang: Lang) -> dict[Path, list[Problem]]:
    """The findings of each diagram, in tidy's words: hard ones are errors, soft ones warnings."""
    node = shutil.which("node")
    if not files or node is None:
        return {}
    command = [node, str(_TIDY), "--check", *map(str, files)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return {file: [_problem("layout", "error", f"{_SECONDS} s", lang)] for file in files}
    told = _told_by_file(run.stdout, files)
    return {file: _findings(told.get(file), lang) for file in files}


def _told_by_file(text: str, files: Sequence[Path]) -> dict[Path, list[str]]:
    by_name = {str(file): file for file in files}
    told: dict[Path, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        name, _, rest = line.partition(".bpmn: ")
        if f"{name}.bpmn" in by_name:
            lines = told[by_name[f"{name}.bpmn"]] = [rest]
        else:
            lines.append(line)
    return told


def _findings(lines: list[str] | None, lang: Lang) -> list[Problem]:
    """None: tidy ended before it told anything of this file."""
    first = lines[0] if lines else "tidy.mjs failed"
    found = []
    for line in (lines or [])[1:]:
        match = _FINDING.fullmatch(line)
        if match:
            severity = "error" if match[1] == "hard" else "warning"
            found.append(_problem(match[2], severity, match[3], lang))
    if not found and first != "reads well":
        found.append(_problem("layout", "error", first, lang))
    return found


def _problem(rule: str, severity: str, message: str, lang: Lang) -> Problem:
    return Problem(rule, None, message, _REMEDY[lang], severity, "layout")
