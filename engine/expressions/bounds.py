"""What an expression may cost: every bound, and the account that one evaluation draws on.

A definition is written by an analyst and evaluated inside a case's transaction, so no text,
however unlucky, may hold a worker or fill its memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import ExpressionFailed

MAX_TEXT = 8_000
"""Characters of an expression's text."""
MAX_FEEL = 100_000
"""Characters of all texts of one file: compiling as many takes some seconds."""
MAX_DEPTH = 100
"""Levels of nesting of an expression (parentheses, operators, paths)."""
MAX_STEPS = 200_000
"""Steps of one evaluation: about one per operator evaluated or list element touched."""
MAX_CALL_DEPTH = 40
"""Functions defined in FEEL that may be inside one another at evaluation."""
MAX_LIST = 10_000
"""Elements of a list that an evaluation makes."""
MAX_STRING = 100_000
"""Characters of a string that an evaluation makes."""
MAX_VALUE_DEPTH = 60
"""Levels of nesting of a value that goes in or out."""
DIGITS = 34
"""Significant digits of a number (IEEE 754 decimal128, as DMN 1.4 asks in 10.3.2.3.1)."""
MAX_EXPONENT = 6_144
"""Largest power of ten of a number (decimal128)."""
MAX_PATTERN = 500
"""Characters of a regular expression."""
MAX_STATES = 2_000
"""States of a regular expression's machine; `a{1000}` takes a thousand."""
CACHE_SIZE = 2_048
"""Compiled texts kept, the least recently used leave first."""


class Run:
    """One evaluation: what it reads, the functions it may call, the work it may still do."""

    __slots__ = ("calls", "converted", "functions", "input", "scope", "steps")

    def __init__(
        self,
        scope: Mapping[str, Any],
        functions: Mapping[str, Callable[..., Any]] | None = None,
        value: Any = None,
    ) -> None:
        self.scope = scope
        self.functions = functions
        self.input = value
        self.converted: dict[str, Any] = {}
        self.steps = MAX_STEPS
        self.calls = 0

    def spend(self, steps: int) -> None:
        """Raises ExpressionFailed when the evaluation has used up MAX_STEPS."""
        self.steps -= steps
        if self.steps < 0:
            raise ExpressionFailed(
                f"The expression takes more than {MAX_STEPS} steps. "
                "Use shorter lists or fewer nested loops."
            )


def check_list(size: int) -> None:
    """Raises ExpressionFailed when a list would have more than MAX_LIST elements."""
    if size > MAX_LIST:
        raise ExpressionFailed(
            f"The expression makes a list of more than {MAX_LIST} elements, which are too many. "
            "Narrow the range or filter the list first."
        )


def check_string(size: int) -> None:
    """Raises ExpressionFailed when a string would have more than MAX_STRING characters."""
    if size > MAX_STRING:
        raise ExpressionFailed(
            f"The expression makes a string of more than {MAX_STRING} characters, which are too "
            "many. Join less text."
        )


def number_too_large() -> ExpressionFailed:
    return ExpressionFailed(
        f"A number in the expression exceeds ten to the power of {MAX_EXPONENT}. "
        "Use a smaller exponent or factor."
    )
