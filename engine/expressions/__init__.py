"""FEEL (OMG DMN 1.4): the one expression language of diagrams and decision tables.

`README.md` beside this file documents the language as evaluated here. Python is out of reach of
an expression: it reads the scope given, calls the functions given, and knows no clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from engine.errors import ExpressionFailed, InvalidExpression
from engine.expressions import binding_nodes, call_nodes, literal_nodes, operator_nodes, type_nodes
from engine.expressions.bounds import CACHE_SIZE, MAX_FEEL, Run
from engine.expressions.builtins import BUILTINS
from engine.expressions.compiler import compile_tree
from engine.expressions.frames import Code, Frame
from engine.expressions.parser import check_text
from engine.expressions.values import from_feel, to_feel

__all__ = [
    "BUILTIN_NAMES",
    "MAX_FEEL",
    "Expression",
    "UnaryTests",
    "binding_nodes",
    "call_nodes",
    "compile_expression",
    "compile_unary_tests",
    "from_feel",
    "literal_nodes",
    "operator_nodes",
    "to_feel",
    "type_nodes",
]

BUILTIN_NAMES: frozenset[str] = frozenset(BUILTINS)
"""The functions that every expression may call; a call of any other name needs a given one."""

Functions = Mapping[str, Callable[..., Any]]


class _Compiled:
    """What both sorts share: the text, what it reads and calls, its code."""

    __slots__ = ("_code", "calls", "filter_names", "names", "text")

    def __init__(self, text: str, start: str, *, unary: bool) -> None:
        compiler, code = compile_tree(text, start, unary=unary)
        self.text = text
        self._code: Code = code
        self.names: frozenset[str] = frozenset(compiler.names)
        self.filter_names: frozenset[str] = frozenset(compiler.filter_names - compiler.names)
        self.calls: frozenset[str] = frozenset(compiler.calls)

    def _run(self, run: Run) -> Any:
        try:
            return self._code(Frame({}, None, run))
        except RecursionError:
            raise ExpressionFailed(
                "The expression's values or functions are nested too deeply. "
                "Use flatter values, and `for` instead of recursion."
            ) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"


class Expression(_Compiled):
    """A compiled expression.

    `names` are the names of the scope that it reads; `filter_names` those read inside a filter,
    where they may as well be entries of the elements; `calls` the functions that it calls,
    built-in ones (`BUILTIN_NAMES`) included. Safe to share between threads.
    """

    __slots__ = ()

    def evaluate(self, scope: Mapping[str, Any], functions: Functions | None = None) -> Any:
        """The FEEL value on the scope's values (JSON values, or dates, times, durations).

        `functions` are the engine functions that may be called; they never replace a built-in.
        A name that the scope lacks is null. Raises ExpressionFailed when a bound is exceeded,
        an engine function fails, or the scope holds a value that JSON does not know.
        """
        return self._run(Run(scope, functions))


class UnaryTests(_Compiled):
    """A compiled input entry of a decision table; attributes as in Expression."""

    __slots__ = ()

    def matches(
        self, value: Any, scope: Mapping[str, Any], functions: Functions | None = None
    ) -> bool:
        """Whether the value passes one of the tests. Raises as `Expression.evaluate`."""
        return bool(self._run(Run(scope, functions, to_feel(value))))


@lru_cache(maxsize=CACHE_SIZE)
def compile_expression(text: str) -> Expression:
    """The expression of the text, kept for the next time.

    Raises InvalidExpression, with the position and a remedy, when the text is no FEEL.
    """
    return Expression(text, "expression", unary=False)


@lru_cache(maxsize=CACHE_SIZE)
def compile_unary_tests(text: str) -> UnaryTests:
    """The unary tests of the text (DMN 1.4, 10.3.1.2, rule 17); an empty text is `-`.

    Raises InvalidExpression, with the position and a remedy, when the text is none.
    """
    if isinstance(text, str) and not text.strip():
        return UnaryTests("-", "unary_tests", unary=True)
    check_text(text)
    if not re.match(r"\s*not\s*\(", text):
        return UnaryTests(text, "unary_tests", unary=True)
    try:
        return UnaryTests(text, "negated_tests", unary=True)
    except InvalidExpression:
        return UnaryTests(text, "unary_tests", unary=True)
