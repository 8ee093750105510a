"""Compiles what binds names or calls functions: lists, contexts, loops, filters, functions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from engine.expressions.bounds import Run, check_list
from engine.expressions.compiler import Compiler, handles, words
from engine.expressions.frames import Code, Frame
from engine.expressions.literal_nodes import string_value
from engine.expressions.operators import decided
from engine.expressions.parser import Node
from engine.expressions.values import Range, is_number

# Filters of these rules never give a number: they select, they do not index.
_SELECTING = frozenset(
    ("compare", "and_", "or_", "between", "in_", "some", "every", "instance_of", "true", "false")
)


@handles("list")
def _list(compiler: Compiler, node: Node) -> Code:
    parts = [compiler.compile(child) for child in node.children if hasattr(child, "data")]
    return lambda frame: [part(frame) for part in parts]


@handles("context")
def _context(compiler: Compiler, node: Node) -> Code:
    entries: list[tuple[str, Code]] = []
    known: list[str] = []
    for entry in node.children:
        key = _key(compiler, entry.children[0])
        if key in known:
            raise compiler.refuse(
                entry.children[0].children[0], f"the key `{key}` stands twice. Rename one of them."
            )
        with compiler.binding(*known):
            entries.append((key, compiler.compile(entry.children[1])))
        known.append(key)

    def build(frame: Frame) -> dict[str, Any]:
        values: dict[str, Any] = {}
        inner = Frame(values, frame, frame.run)
        for key, code in entries:
            values[key] = code(inner)
        return values

    return build


def _key(compiler: Compiler, node: Node) -> str:
    first = node.children[0]
    return string_value(compiler, first) if first.type == "STRING" else words(node.children)


@handles("for_")
def _for(compiler: Compiler, node: Node) -> Code:
    *loops, body = node.children
    passes, bound = _passes(compiler, loops)
    with compiler.binding("partial", *bound):
        code, weight = compiler.weighed(body)

    partial = _mentions(body, "partial")

    def iterate(frame: Frame) -> list[Any] | None:
        results: list[Any] = []
        for inner in passes(frame):
            if inner is None:
                return None
            frame.run.spend(weight)
            check_list(len(results) + 1)
            if partial:
                frame.run.spend(len(results))
                inner = Frame({"partial": results.copy()}, inner, frame.run)
            results.append(code(inner))
        return results

    return iterate


@handles("some")
def _some(compiler: Compiler, node: Node) -> Code:
    return _quantified(compiler, node, decisive=True)


@handles("every")
def _every(compiler: Compiler, node: Node) -> Code:
    return _quantified(compiler, node, decisive=False)


def _mentions(node: Node, name: str) -> bool:
    return any(
        subtree.data == "name" and words(subtree.children) == name
        for subtree in node.iter_subtrees()
    )


def _quantified(compiler: Compiler, node: Node, decisive: bool) -> Code:
    *loops, body = node.children
    passes, bound = _passes(compiler, loops)
    with compiler.binding(*bound):
        code, weight = compiler.weighed(body)

    def answers(frame: Frame) -> Iterator[Any]:
        for inner in passes(frame):
            frame.run.spend(weight)
            yield None if inner is None else code(inner)

    return lambda frame: decided(answers(frame), decisive)


def _passes(compiler: Compiler, loops: list[Node]) -> tuple[Any, list[str]]:
    """The frames of all combinations, the last iterator fastest; None for a null domain."""
    bound: list[str] = []
    domains: list[tuple[str, list[tuple[Code, int]]]] = []
    for loop in loops:
        with compiler.binding(*bound):
            codes = [compiler.weighed(child) for child in loop.children[1:]]
        domains.append((str(loop.children[0]), codes))
        bound.append(str(loop.children[0]))

    def passes(frame: Frame, level: int = 0) -> Iterator[Frame | None]:
        if level == len(domains):
            yield frame
            return
        name, codes = domains[level]
        frame.run.spend(sum(weight for _, weight in codes))
        elements = _domain([code(frame) for code, _ in codes], frame.run)
        if elements is None:
            yield None
            return
        for element in elements:
            frame.run.spend(1)
            yield from passes(Frame({name: element}, frame, frame.run), level + 1)

    return passes, bound


def _domain(bounds: list[Any], run: Run) -> list[Any] | None:
    if len(bounds) == 2:
        return _sequence(bounds[0], bounds[1], run)
    domain = bounds[0]
    if type(domain) is Range:
        return _range_elements(domain, run)
    return domain if type(domain) is list or domain is None else [domain]


def _range_elements(domain: Range, run: Run) -> list[Any] | None:
    elements = _sequence(domain.start, domain.end, run)
    if elements is None:
        return None
    first = 0 if domain.start_included else 1
    return elements[first : None if domain.end_included else -1]


def _sequence(start: Any, end: Any, run: Run) -> list[Any] | None:
    """Whole numbers or dates from start to end, upwards or downwards."""
    if type(start) is int and type(end) is int:
        check_list(abs(end - start) + 1)
        run.spend(abs(end - start))
        step = 1 if start <= end else -1
        return list(range(start, end + step, step))
    if type(start) is date and type(end) is date:
        days = (end - start).days
        check_list(abs(days) + 1)
        run.spend(abs(days))
        step = 1 if days >= 0 else -1
        return [start + timedelta(days=shift) for shift in range(0, days + step, step)]
    return None


@handles("filter")
def _filter(compiler: Compiler, node: Node) -> Code:
    source = compiler.compile(node.children[0])
    with compiler.filtering():
        condition, weight = compiler.weighed(node.children[1])
    may_index = node.children[1].data not in _SELECTING and not _mentions(node.children[1], "item")

    def select(frame: Frame) -> Any:
        value = source(frame)
        if type(value) is Range:
            value = _range_elements(value, frame.run)
        elements = value if type(value) is list else [] if value is None else [value]
        if may_index:
            index = condition(frame)
            if is_number(index):
                return _element(elements, index)
        frame.run.spend(weight * len(elements))
        return [element for element in elements if condition(_look(frame, element)) is True]

    return select


def _look(frame: Frame, element: Any) -> Frame:
    values = {"item": element, **element} if type(element) is dict else {"item": element}
    return Frame(values, frame, frame.run)


def _element(elements: list[Any], index: int | Decimal) -> Any:
    """Counted from 1, or from the end with a negative index; null beyond."""
    if type(index) is not int or index == 0 or abs(index) > len(elements):
        return None
    return elements[index - 1 if index > 0 else index]
