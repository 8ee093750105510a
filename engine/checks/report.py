"""Where the rules write what they find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.checks.texts import RULES
from engine.errors import InvalidDefinition, Problem
from engine.messages import Lang

MAX_PROBLEMS = 1_000
"""More findings help nobody and cost time on a hostile file."""
_SHOWN = 120


@dataclass
class Report:
    """All findings of one check, in one language."""

    lang: Lang
    problems: list[Problem]

    @property
    def full(self) -> bool:
        return len(self.problems) >= MAX_PROBLEMS

    def add(self, problem: Problem) -> None:
        if not self.full:
            self.problems.append(problem)


@dataclass(frozen=True)
class Place:
    """A file of a package. `file` is empty for what concerns the package as a whole."""

    report: Report
    package: str
    file: str = ""

    def refuse(self, rule: str, element: str | None, **values: Any) -> None:
        """Note that a rule of the catalogue is broken at an element."""
        found = RULES[rule]
        shown = {key: _short(value) for key, value in values.items()}
        message, remedy = (text.format(**shown) for text in found.text(self.report.lang))
        self.report.add(
            Problem(
                rule, element, message, remedy, found.severity, found.group, self.package, self.file
            )
        )

    def pass_on(self, error: InvalidDefinition) -> None:
        """Note what a reader of forms, tables or XML found."""
        for problem in error.problems:
            self.report.add(replace(problem, package=self.package, file=self.file))


def _short(value: Any) -> str:
    text = "、".join(map(str, value)) if _is_list(value) else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
