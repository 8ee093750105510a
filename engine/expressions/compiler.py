"""From the syntax tree to Python closures over a frame; no name reaches beyond the frame.

Loops, filters and functions pay their body's size for every pass, so the work of an evaluation
is bounded however they nest; straight code is bounded by its text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from engine.errors import InvalidExpression
from engine.expressions.frames import Code, lookup, read
from engine.expressions.parser import Node, parse, position

if TYPE_CHECKING:
    from lark import Token

Handler = Callable[["Compiler", Node], Code]
HANDLERS: dict[str, Handler] = {}


def handles(*rules: str) -> Callable[[Handler], Handler]:
    """Declares the function that compiles these rules of the grammar."""

    def declare(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(rules, handler))
        return handler

    return declare


class Compiler:
    """Compiles one text and notes what it reads and calls."""

    def __init__(self, text: str, *, unary: bool = False) -> None:
        self.text = text
        self.unary = unary
        self.names: set[str] = set()
        self.filter_names: set[str] = set()
        self.calls: set[str] = set()
        self.weight = 0
        self._bound: list[frozenset[str]] = []
        self._filters = 0

    def compile(self, node: Node) -> Code:
        self.weight += 1
        return HANDLERS[node.data](self, node)

    def weighed(self, node: Node) -> tuple[Code, int]:
        """The code and the number of its operators: what one pass of it costs."""
        before = self.weight
        code = self.compile(node)
        return code, self.weight - before

    @contextmanager
    def binding(self, *names: str) -> Iterator[None]:
        """Within, these names are the frame's own."""
        self._bound.append(frozenset(names))
        yield
        self._bound.pop()

    @contextmanager
    def filtering(self) -> Iterator[None]:
        """Within, any name may be an entry of the element that is looked at."""
        self._filters += 1
        with self.binding("item"):
            yield
        self._filters -= 1

    def is_bound(self, name: str) -> bool:
        return any(name in names for names in self._bound)

    def is_free(self, name: str) -> bool:
        """Whether the name can only be the scope's."""
        return not self._filters and not self.is_bound(name)

    def reference(self, name: str) -> Code:
        """The code that reads a name."""
        if self.is_free(name):
            self.names.add(name)
            return lambda frame: read(frame.run, name)
        if not self.is_bound(name):
            self.filter_names.add(name)
        return lambda frame: lookup(frame, name)

    def refuse(self, token: Token | None, problem: str) -> InvalidExpression:
        """The refusal of what stands at the token."""
        at = position(self.text, token.start_pos or 0) if token is not None else "line 1, column 1"
        return InvalidExpression(f"In the FEEL expression, {at}: {problem}")


def words(tokens: list[Any]) -> str:
    """Names of several words, with single spaces."""
    return " ".join(word for token in tokens for word in str(token).split())


def compile_tree(text: str, start: str, *, unary: bool) -> tuple[Compiler, Code]:
    """Raises InvalidExpression."""
    compiler = Compiler(text, unary=unary)
    try:
        return compiler, compiler.compile(parse(text, start))
    except RecursionError:
        raise InvalidExpression(
            "The FEEL expression is nested too deeply. Split it into several variables."
        ) from None
