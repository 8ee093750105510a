"""Compiles literals, names and paths."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from engine.errors import ExpressionFailed
from engine.expressions.compiler import Compiler, handles, words
from engine.expressions.frames import Code, Frame, converted, member
from engine.expressions.parser import Node
from engine.expressions.temporal import parse_temporal
from engine.expressions.values import ATOMS, parse_number

if TYPE_CHECKING:
    from lark import Token

_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{6}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\"}


def constant(value: Any) -> Code:
    return lambda frame: value


def literal_of(node: Node) -> str | None:
    """The text of a string literal, None for any other node."""
    return _unescaped(node.children[0]) if node.data == "string" else None


@handles("null", "true", "false")
def _keyword(compiler: Compiler, node: Node) -> Code:
    return constant({"null": None, "true": True, "false": False}[node.data])


@handles("number")
def _number(compiler: Compiler, node: Node) -> Code:
    try:
        return constant(parse_number(node.children[0]))
    except ExpressionFailed as large:
        raise compiler.refuse(node.children[0], large.message) from None


@handles("string")
def _string(compiler: Compiler, node: Node) -> Code:
    return constant(string_value(compiler, node.children[0]))


def string_value(compiler: Compiler, token: Token) -> str:
    """The text between the quotes; raises InvalidExpression for half a surrogate pair."""
    text = _unescaped(token)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise compiler.refuse(token, "half of a surrogate pair. Write the whole character.")
    return text


def _unescaped(token: str) -> str:
    text = _ESCAPE.sub(_character, token[1:-1])
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _character(escape: re.Match[str]) -> str:
    """An escape that FEEL does not know stays as written, so that `"\\d"` is a pattern."""
    code = escape[1]
    if len(code) == 1:
        return _ESCAPED.get(code, escape[0])
    point = int(code[1:], 16)
    return chr(point) if point <= 0x10FFFF else escape[0]


@handles("at_literal")
def _at_literal(compiler: Compiler, node: Node) -> Code:
    token = node.children[0]
    value = parse_temporal(token[token.index('"') + 1 : -1])
    if value is None:
        raise compiler.refuse(
            token,
            f"{token} is no date, time, date and time or duration. Write one of "
            '@"2024-05-01", @"09:30:00", @"2024-05-01T09:30:00+08:00", @"P15D", @"P1Y2M".',
        )
    return constant(value)


@handles("name")
def _name(compiler: Compiler, node: Node) -> Code:
    return compiler.reference(words(node.children))


@handles("input")
def _input(compiler: Compiler, node: Node) -> Code:
    if not compiler.unary:
        raise compiler.refuse(
            None, "`?` stands for the tested value only in a decision table's cell. Name the value."
        )
    return lambda frame: frame.run.input


@handles("path")
def _path(compiler: Compiler, node: Node) -> Code:
    path = _free_path(compiler, node)
    if path is not None:
        return _scope_path(path)
    value, name = compiler.compile(node.children[0]), words(node.children[1:])
    return lambda frame: member(value(frame), name, frame.run)


def _free_path(compiler: Compiler, node: Node) -> list[str] | None:
    """The names of a path that starts at a name of the scope."""
    names: list[str] = []
    while node.data == "path":
        names.append(words(node.children[1:]))
        node = node.children[0]
    if node.data != "name" or not compiler.is_free(words(node.children)):
        return None
    names.append(words(node.children))
    compiler.names.add(names[-1])
    return names[::-1]


def _scope_path(path: list[str]) -> Code:
    """Walks the scope's dicts as they are and converts only what it arrives at."""
    first, *rest = path
    key = ".".join(path)

    def walk(frame: Frame) -> Any:
        run = frame.run
        value = run.scope.get(first)
        for index, name in enumerate(rest):
            if type(value) is dict:
                value = value.get(name)
                continue
            value = converted(run, ".".join(path[: index + 1]), value)
            value = member(value, name, run)
        return value if type(value) in ATOMS else converted(run, key, value)

    return walk
