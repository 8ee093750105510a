"""The page about FEEL tells the truth: each of its examples gives what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import engine.expressions
from engine.expressions import BUILTIN_NAMES, compile_expression, compile_unary_tests, from_feel

PAGE = Path(engine.expressions.__file__).with_name("README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def examples(language: str) -> list[tuple[str, str]]:
    lines = [line for block in blocks(language) for line in block.splitlines()]
    pairs = [line.rpartition(" → ") for line in lines]
    return [(left, right) for left, _, right in pairs]


SCOPE: dict[str, Any] = compile_expression(blocks("scope")[0]).evaluate({})


@pytest.mark.parametrize(("text", "expected"), examples("feel"))
def test_expression_example(text: str, expected: str) -> None:
    given = compile_expression(text).evaluate(SCOPE)
    wanted = compile_expression(expected).evaluate({})
    assert given == wanted
    assert from_feel(given) == from_feel(wanted)


@pytest.mark.parametrize(("example", "expected"), examples("unary"))
def test_unary_example(example: str, expected: str) -> None:
    value, _, tests = example.partition(" : ")
    given = compile_expression(value).evaluate({})
    assert compile_unary_tests(tests).matches(given, SCOPE) is (expected == "true")


def test_every_builtin_function_has_an_example() -> None:
    shown: set[str] = set()
    for text, _ in examples("feel"):
        shown |= compile_expression(text).calls
    assert shown >= BUILTIN_NAMES
