"""The check of paths, and how its outcome is told; the file's path goes with each finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.checks import check_packages, errors_among
from engine.checks.layout import check_layout, is_available
from engine.checks.paths import Selection, select
from engine.errors import EngineError, InvalidDefinition, Problem
from engine.messages import Lang


@dataclass
class Checked:
    """`found`: path and finding, each once. `files`: how many were asked for."""

    lang: Lang
    found: dict[tuple[str, Problem], None] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)
    layout: bool | None = None
    """Whether the layout was checked; None where nobody asked."""

    @property
    def errors(self) -> int:
        return len(errors_among([problem for _, problem in self.found]))

    def as_json(self) -> dict[str, Any]:
        return {
            "files": len(self.files),
            "errors": self.errors,
            "warnings": len(self.found) - self.errors,
            "layout_checked": self.layout,
            "problems": [{"path": path, **asdict(problem)} for path, problem in self.found],
        }

    def lines(self) -> Iterator[str]:
        for path, problem in self.found:
            where = f"{path}: {problem.element}" if problem.element else path
            yield f"{problem.severity} {where}: {problem.message} {problem.remedy} [{problem.rule}]"
        told = self.errors, len(self.found) - self.errors
        if self.lang == "zh":
            yield f"检查了 {len(self.files)} 个文件：{told[0]} 个错误，{told[1]} 个提醒。"
        else:
            yield f"{len(self.files)} files checked: {told[0]} errors, {told[1]} warnings."
        if self.layout is False:
            zh = "没有检查版面：需要 node 和 web/frontend 的依赖（npm ci）。"
            en = "The layout was not checked: it needs node and web/frontend's packages (npm ci)."
            yield zh if self.lang == "zh" else en


def run_check(paths: Sequence[Path], default: Path, only: str | None, lang: Lang) -> Checked:
    """Check files and folders; `default` is the library for files from elsewhere. Never raises."""
    checked = Checked(lang)
    for path in paths:
        try:
            selection = select(path, default)
            if not selection.files:
                zh, en = "这里没有可以检查的文件。", "There is nothing here to check."
                _tell(checked, path, "nothing", zh if lang == "zh" else en)
            _check(selection, checked, only)
        except InvalidDefinition as error:
            for problem in error.problems:
                checked.found[str(path), problem] = None
        except EngineError as error:
            _tell(checked, path, "unreadable", error.message)
        # Whatever a hostile file does to a parser is told as a finding, not as a traceback.
        except Exception as error:
            _tell(checked, path, "internal", f"{type(error).__name__}: {error}"[:300])
    return checked


def _tell(checked: Checked, path: Path, rule: str, message: str) -> None:
    zh = checked.lang == "zh"
    remedy = "这个文件检查不了，请重新导出。" if zh else "It cannot be checked; export it again."
    checked.found[str(path), Problem(rule, None, message, remedy)] = None


def _check(selection: Selection, checked: Checked, only: str | None) -> None:
    checked.files |= set(selection.files.values())
    if only != "layout":
        problems = check_packages(selection.packages, selection.shared, checked.lang)
        for problem in problems:
            if selection.asks_for(problem) and only in (None, problem.group):
                checked.found[selection.path(problem), problem] = None
    if only in (None, "layout"):
        diagrams = [file for file in selection.files.values() if file.suffix == ".bpmn"]
        checked.layout = is_available()
        if checked.layout:
            for file, found in check_layout(diagrams, checked.lang).items():
                for problem in found:
                    checked.found[str(file), problem] = None
