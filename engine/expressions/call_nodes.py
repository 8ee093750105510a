"""Compiles functions and their calls."""

from __future__ import annotations

from typing import Any

from engine.expressions.bounds import Run
from engine.expressions.compiler import Compiler, handles, words
from engine.expressions.frames import Code, Frame, apply_engine, lookup
from engine.expressions.literal_nodes import literal_of
from engine.expressions.parser import Node
from engine.expressions.regex import compile_pattern
from engine.expressions.registry import BUILTINS, apply, fits, usage
from engine.expressions.type_nodes import type_test
from engine.expressions.values import Function

PATTERN_FUNCTIONS = {"matches": 2, "replace": 3, "split": 2}
"""The functions whose second argument is a pattern, and where their flags stand."""


@handles("function")
def _function(compiler: Compiler, node: Node) -> Code:
    *formal, body = node.children
    names = [str(parameter.children[0]) for parameter in formal]
    tests = [
        type_test(compiler, parameter.children[1]) if parameter.children[1:] else None
        for parameter in formal
    ]
    with compiler.binding(*names):
        code, weight = compiler.weighed(body)

    def build(frame: Frame) -> Function:
        def invoke(run: Run, positional: list[Any], named: dict[str, Any] | None) -> Any:
            values = _arguments(names, positional, named)
            if values is None:
                return None
            for name, test in zip(names, tests, strict=True):
                if test is not None and values[name] is not None and not test(values[name], run):
                    return None
            run.spend(weight)
            return code(Frame(values, frame, run))

        return Function("", invoke)

    return build


def _arguments(
    names: list[str], positional: list[Any], named: dict[str, Any] | None
) -> dict[str, Any] | None:
    if named is not None:
        return named if named.keys() == set(names) else None
    return dict(zip(names, positional, strict=True)) if len(names) == len(positional) else None


@handles("call")
def _call(compiler: Compiler, node: Node) -> Code:
    target, *given = node.children
    positional, named = _given(compiler, given)
    name = words(target.children) if target.data == "name" else None
    if name is None:
        return _called(compiler.compile(target), positional, named)
    if compiler.is_bound(name):
        return _called(lambda frame: lookup(frame, name), positional, named)
    compiler.calls.add(name)
    function = BUILTINS.get(name)
    if function is not None:
        _check_arguments(compiler, name, node)
        invoke = function.invoke
        return lambda frame: invoke(frame.run, *_evaluated(frame, positional, named))
    return lambda frame: apply_engine(frame.run, name, *_evaluated(frame, positional, named))


def _called(function: Code, positional: list[Code], named: dict[str, Code] | None) -> Code:
    return lambda frame: apply(frame.run, function(frame), *_evaluated(frame, positional, named))


def _evaluated(
    frame: Frame, positional: list[Code], named: dict[str, Code] | None
) -> tuple[list[Any], dict[str, Any] | None]:
    values = [code(frame) for code in positional]
    return values, named and {name: code(frame) for name, code in named.items()}


def _given(compiler: Compiler, given: list[Node]) -> tuple[list[Code], dict[str, Code] | None]:
    named = [argument for argument in given if argument.data == "named"]
    if not named:
        return [compiler.compile(argument) for argument in given], None
    if len(named) < len(given):
        raise compiler.refuse(
            named[0].children[0].children[0],
            "arguments with and without names are mixed. Name all of them or none.",
        )
    return [], {
        words(argument.children[0].children): compiler.compile(argument.children[1])
        for argument in given
    }


def _check_arguments(compiler: Compiler, name: str, node: Node) -> None:
    """Raises InvalidExpression for a call that can only give null: a slip of the author."""
    target, *given = node.children
    names = frozenset(words(a.children[0].children) for a in given if a.data == "named")
    if not fits(name, len(given), names):
        raise compiler.refuse(
            target.children[0], f"`{name}` has no such arguments. Write {usage(name)}."
        )
    if name in PATTERN_FUNCTIONS and not names:
        _check_pattern(compiler, name, given)


def _check_pattern(compiler: Compiler, name: str, given: list[Node]) -> None:
    """A pattern and flags written as literals are read now."""
    pattern = literal_of(given[1])
    at = PATTERN_FUNCTIONS[name]
    flags = literal_of(given[at]) if len(given) > at else ""
    if pattern is None or flags is None:
        return
    try:
        compile_pattern(pattern, flags)
    except ValueError as wrong:
        raise compiler.refuse(
            given[1].children[0], f"the regular expression cannot be used: {wrong}."
        ) from None
