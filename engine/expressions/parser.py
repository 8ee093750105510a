"""From the text to its syntax tree, within bounds, with a remedy in every refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, cast

from engine.errors import InvalidExpression
from engine.expressions.bounds import MAX_DEPTH, MAX_TEXT
from engine.expressions.builtins import BUILTINS

if TYPE_CHECKING:
    from lark import Lark
    from lark.exceptions import UnexpectedInput

_PARSING = Lock()
_MISTAKES = (
    ("==", "Write one `=` for equality."),
    ("&&", "Write `and`."),
    ("||", "Write `or`."),
    ("${", "Write the expression alone, without `${...}`."),
    ("#{", "Write the expression alone, without `#{...}`."),
    ("!", "Write `not(...)`, or `!=` for different."),
    ("'", "Put texts into double quotes."),
    ("%", "Write `modulo(a, b)` for a remainder."),
    (";", "Separate values with commas."),
    ("\uff0c", "Write the half-width comma `,`."),
    ("\u3001", "Write the half-width comma `,`."),
    ("\u201c", 'Put texts into straight double quotes `"`.'),
    ("\u201d", 'Put texts into straight double quotes `"`.'),
    ("\uff08", "Write half-width parentheses `(` and `)`."),
    ("\uff09", "Write half-width parentheses `(` and `)`."),
    ("\uff1d", "Write the half-width `=`."),
    ("\uff1e", "Write the half-width `>`."),
    ("\uff1c", "Write the half-width `<`."),
    ("\uff1a", "Write the half-width colon `:`."),
    ("external", "Functions outside FEEL cannot be called; use a built-in function."),
)


class Node(Protocol):
    """A rule of the grammar as found in the text; its children are nodes and tokens."""

    data: str
    children: list[Any]

    def iter_subtrees(self) -> Iterator[Node]: ...


def parse(text: str, start: str = "expression") -> Node:
    """The syntax tree; `start` is expression, unary_tests or negated_tests.

    Raises InvalidExpression with the position when the text is no FEEL or exceeds a bound.
    """
    check_text(text)
    from lark.exceptions import UnexpectedInput

    try:
        # lark completes its lexers at their first use, which two threads must not do at once.
        with _PARSING:
            tree = cast(Node, _grammar().parse(text, start))
    except UnexpectedInput as unexpected:
        raise InvalidExpression(_refusal(text, unexpected)) from None
    _check_depth(tree)
    return tree


def check_text(text: str) -> None:
    """Raises InvalidExpression for an empty, overlong or unwritable text."""
    if not isinstance(text, str):
        raise InvalidExpression(
            f"A FEEL expression is a text, but a {type(text).__name__} was given. Give its text."
        )
    if len(text) > MAX_TEXT:
        raise InvalidExpression(
            f"The FEEL expression has {len(text)} characters; at most {MAX_TEXT} are allowed. "
            "Split it into a decision table or several variables."
        )
    if not text.strip():
        raise InvalidExpression("The FEEL expression is empty. Write one, `true` for instance.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidExpression(
            "The FEEL expression contains half of a surrogate pair. Type the character again."
        )


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    from lark import Lark

    text = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        f"{text}\nBUILTIN.2: /({_spaced_names()})(?!\\w)/\n",
        parser="lalr",
        lexer="contextual",
        start=["expression", "unary_tests", "negated_tests"],
        maybe_placeholders=False,
    )


def _spaced_names() -> str:
    """`date and time` only before its parenthesis: `date` and `time` may be two variables."""
    names = sorted((name for name in BUILTINS if " " in name), key=len, reverse=True)
    patterns = [re.escape(name).replace("\\ ", "\\s+") for name in names]
    return "|".join(
        rf"{pattern}(?=\s*\()" if "and" in name.split() else pattern
        for name, pattern in zip(names, patterns, strict=True)
    )


def _check_depth(tree: Node) -> None:
    """Walks without recursion: the tree may be as deep as the text is long."""
    depths: dict[int, int] = {}
    for node in tree.iter_subtrees():
        below = (depths.get(id(child), 0) for child in node.children)
        depths[id(node)] = 1 + max(below, default=0)
    if depths[id(tree)] > MAX_DEPTH:
        raise InvalidExpression(
            f"The FEEL expression is nested {depths[id(tree)]} levels deep; at most {MAX_DEPTH} "
            "are allowed. Split it into several variables or a decision table."
        )


def position(text: str, at: int) -> str:
    """`line 1, column 5` of the character at the offset."""
    line = text.count("\n", 0, at) + 1
    return f"line {line}, column {at - text.rfind(chr(10), 0, at)}"


def _refusal(text: str, unexpected: UnexpectedInput) -> str:
    at = unexpected.pos_in_stream if unexpected.pos_in_stream is not None else len(text)
    token = getattr(unexpected, "token", None)
    if at >= len(text) or at < 0 or (token is not None and token.type == "$END"):
        return (
            f"The FEEL expression `{_shown(text)}` ends too early ({position(text, len(text))}). "
            "Complete it: a value, an operand or a closing bracket is missing."
        )
    found = str(token) if token else text[at]
    return (
        f"The FEEL expression `{_shown(text)}` cannot go on with `{_shown(found)}` at "
        f"{position(text, at)}. {_remedy(text, at)}"
    )


def _remedy(text: str, at: int) -> str:
    before = text[:at].rstrip()
    for mistake, remedy in _MISTAKES:
        if text.startswith(mistake, at) or text.startswith(mistake, max(at - 1, 0)):
            return remedy
    if before.endswith("not"):
        return "Write `not(...)` with parentheses."
    if not before and text[at] == "=":
        return "Write the expression without the `=` in front."
    if text[at] == '"':
        return "Close the text with a second double quote, or put an operator before it."
    if before and (before[-1].isalnum() or before[-1] == "_") and text[at].isalpha():
        return "Put an operator between the two words; names have no spaces."
    return "Remove it, or put the missing value or operator before it."


def _shown(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
