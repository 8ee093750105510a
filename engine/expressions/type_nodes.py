"""Compiles type names: what `instance of` and a function's parameters ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.expressions.bounds import Run
from engine.expressions.compiler import Compiler, handles, words
from engine.expressions.frames import Code
from engine.expressions.parser import Node
from engine.expressions.values import KINDS, Range, kind

TypeTest = Callable[[Any, Run], bool]
_KINDS = frozenset(KINDS.values())


@handles("instance_of")
def _instance_of(compiler: Compiler, node: Node) -> Code:
    value, test = compiler.compile(node.children[0]), type_test(compiler, node.children[2])
    return lambda frame: test(value(frame), frame.run)


def type_test(compiler: Compiler, node: Node) -> TypeTest:
    """Whether a value is of the type; raises InvalidExpression for an unknown type."""
    if node.data == "simple_type":
        return _simple(compiler, node)
    if node.data == "generic_type":
        inner = type_test(compiler, node.children[1])
        return _elements(inner) if str(node.children[0]).startswith("list") else _bounds(inner)
    if node.data == "context_type":
        return _members(compiler, node.children[1:])
    for part in node.children[1:]:
        type_test(compiler, part)
    return lambda value, run: kind(value) == "function"


def _simple(compiler: Compiler, node: Node) -> TypeTest:
    name = words(node.children)
    if name == "Any":
        return lambda value, run: value is not None
    if name not in _KINDS:
        raise compiler.refuse(
            node.children[0],
            f"`{name}` is no FEEL type. Use one of {', '.join(sorted((*_KINDS, 'Any')))}.",
        )
    return lambda value, run: kind(value) == name


def _elements(inner: TypeTest) -> TypeTest:
    def test(value: Any, run: Run) -> bool:
        if type(value) is not list:
            return False
        run.spend(len(value))
        return all(inner(element, run) for element in value)

    return test


def _bounds(inner: TypeTest) -> TypeTest:
    def test(value: Any, run: Run) -> bool:
        return type(value) is Range and all(
            inner(bound, run) for bound in (value.start, value.end) if bound is not None
        )

    return test


def _members(compiler: Compiler, members: list[Node]) -> TypeTest:
    tests = {str(m.children[0]): type_test(compiler, m.children[1]) for m in members}

    def test(value: Any, run: Run) -> bool:
        return type(value) is dict and all(
            name in value and (value[name] is None or inner(value[name], run))
            for name, inner in tests.items()
        )

    return test
