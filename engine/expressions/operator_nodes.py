"""Compiles operators, conditions and tests."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from engine.expressions import operators
from engine.expressions.bounds import Run
from engine.expressions.compiler import Compiler, handles
from engine.expressions.frames import Code, Frame
from engine.expressions.literal_nodes import literal_of
from engine.expressions.operators import belongs, compare, decided, equal, is_ordered
from engine.expressions.parser import Node
from engine.expressions.values import Range, kind

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operators.add,
    "-": operators.subtract,
    "*": operators.multiply,
    "/": operators.divide,
    "**": operators.power,
}
_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
Relation = Callable[[Any, Any, Run], bool | None]


@handles("arithmetic")
def _arithmetic(compiler: Compiler, node: Node) -> Code:
    left, right = compiler.compile(node.children[0]), compiler.compile(node.children[2])
    operation = _ARITHMETIC[str(node.children[1])]
    if operation is operators.add:
        return _addition(left, right)
    return lambda frame: operation(left(frame), right(frame))


def _addition(left: Code, right: Code) -> Code:
    """Joined strings are paid for: a loop could fill the memory with them."""

    def plus(frame: Frame) -> Any:
        result = operators.add(left(frame), right(frame))
        if type(result) is str:
            frame.run.spend(len(result) // 16)
        return result

    return plus


@handles("negate")
def _negate(compiler: Compiler, node: Node) -> Code:
    value = compiler.compile(node.children[1])
    return lambda frame: operators.negate(value(frame))


@handles("and_")
def _and(compiler: Compiler, node: Node) -> Code:
    return _connective(compiler, node, decisive=False)


@handles("or_")
def _or(compiler: Compiler, node: Node) -> Code:
    return _connective(compiler, node, decisive=True)


def _connective(compiler: Compiler, node: Node, decisive: bool) -> Code:
    parts = [compiler.compile(child) for child in node.children]
    return lambda frame: decided((part(frame) for part in parts), decisive)


def relation(sign: str) -> Relation:
    """What `=`, `!=`, `<` and so on say of two values."""
    if sign == "=":
        return equal
    if sign == "!=":
        return _different
    order = _ORDER[sign]

    def ordered(left: Any, right: Any, run: Run) -> bool | None:
        if type(left) is int and type(right) is int:
            return bool(order(left, right))
        found = compare(left, right)
        return None if found is None else bool(order(found, 0))

    return ordered


def _different(left: Any, right: Any, run: Run) -> bool | None:
    same = equal(left, right, run)
    return None if same is None else not same


@handles("compare")
def _compare(compiler: Compiler, node: Node) -> Code:
    left, right = compiler.compile(node.children[0]), compiler.compile(node.children[2])
    sign = str(node.children[1])
    text = literal_of(node.children[2])
    if sign == "=" and text is not None:
        return _equals_text(left, text)
    holds = relation(sign)
    return lambda frame: holds(left(frame), right(frame), frame.run)


def _equals_text(left: Code, text: str) -> Code:
    """The commonest condition: a value against a code."""

    def same(frame: Frame) -> bool | None:
        value = left(frame)
        return value == text if type(value) is str else equal(value, text, frame.run)

    return same


@handles("between")
def _between(compiler: Compiler, node: Node) -> Code:
    value, low, high = (compiler.compile(child) for child in node.children)

    def inside(frame: Frame) -> bool | None:
        found = value(frame)
        above, below = compare(found, low(frame)), compare(found, high(frame))
        if (above is not None and above < 0) or (below is not None and below > 0):
            return False
        return None if above is None or below is None else True

    return inside


@handles("in_")
def _in(compiler: Compiler, node: Node) -> Code:
    value = compiler.compile(node.children[0])
    tests = [membership(compiler, child) for child in node.children[1:]]

    def within(frame: Frame) -> bool | None:
        found = value(frame)
        results = [test(frame, found) for test in tests]
        return True if True in results else results[0] if len(results) == 1 else False

    return within


Membership = Callable[[Frame, Any], bool | None]


def membership(compiler: Compiler, node: Node) -> Membership:
    """Whether a value passes a test: `< 5`, or an expression that equals or includes it."""
    if node.data == "comparison_test":
        holds, bound = relation(str(node.children[0])), compiler.compile(node.children[1])
        return lambda frame, value: holds(value, bound(frame), frame.run)
    target = compiler.compile(node)
    return lambda frame, value: belongs(value, target(frame), frame.run)


@handles("open_range")
def _open_range(compiler: Compiler, node: Node) -> Code:
    test = node.children[0]
    sign, bound = str(test.children[0]), compiler.compile(test.children[1])
    if sign == "!=":
        raise compiler.refuse(test.children[0], "`(!= ...)` is no range. Write `not(...)`.")
    low, high, included = sign in (">", ">=", "="), sign in ("<", "<=", "="), "=" in sign

    def interval(frame: Frame) -> Range | None:
        value = bound(frame)
        if value is None or not is_ordered(value):
            return None
        return Range(
            value if low else None, value if high else None, low and included, high and included
        )

    return interval


@handles("range")
def _range(compiler: Compiler, node: Node) -> Code:
    start, end = compiler.compile(node.children[1]), compiler.compile(node.children[2])
    opened, closed = str(node.children[0]) == "[", str(node.children[3]) == "]"

    def interval(frame: Frame) -> Range | None:
        """An end that is null counts as included: nothing compares with it, nothing is inside."""
        low, high = start(frame), end(frame)
        if not (is_ordered(low) and is_ordered(high)):
            return None
        if low is not None and high is not None and kind(low) != kind(high):
            return None
        return Range(low, high, opened or low is None, closed or high is None)

    return interval


@handles("if_")
def _if(compiler: Compiler, node: Node) -> Code:
    condition, then, otherwise = (compiler.compile(child) for child in node.children)
    return lambda frame: then(frame) if condition(frame) is True else otherwise(frame)


@handles("unary_tests")
def _unary_tests(compiler: Compiler, node: Node) -> Code:
    if getattr(node.children[0], "type", None) == "MINUS":
        return lambda frame: True
    tests = [_test(compiler, child) for child in node.children]
    return lambda frame: any(test(frame) for test in tests)


@handles("negated_tests")
def _negated_tests(compiler: Compiler, node: Node) -> Code:
    tests = [_test(compiler, child) for child in node.children]
    return lambda frame: not any(test(frame) for test in tests)


def _test(compiler: Compiler, node: Node) -> Callable[[Frame], bool]:
    """Anything else than a comparison matches as value, list or range; with `?` by being true."""
    if node.data == "comparison_test":
        holds = membership(compiler, node)
        return lambda frame: holds(frame, frame.run.input) is True
    target = compiler.compile(node)
    if any(subtree.data == "input" for subtree in node.iter_subtrees()):
        return lambda frame: target(frame) is True
    return lambda frame: belongs(frame.run.input, target(frame), frame.run) is True
