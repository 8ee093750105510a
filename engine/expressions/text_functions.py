"""Built-in functions of strings and booleans (DMN 1.4, 10.3.4.2 and 10.3.4.3)."""

from __future__ import annotations

from typing import Any

from engine.expressions.bounds import Run
from engine.expressions.registry import builtin
from engine.expressions.texts import text_of
from engine.expressions.values import Number


@builtin("not(negand: any)")
def negation(value: Any) -> bool | None:
    return not value if type(value) is bool else None


@builtin("string(from: any)", with_run=True)
def string(run: Run, value: Any) -> str | None:
    return None if value is None else text_of(value, run)


@builtin("substring(string: string, start position: number, length?: number)")
def substring(text: str, start: Number, length: Number | None = None) -> str | None:
    """Counted from 1, or from the end with a negative start."""
    begin = int(start)
    if begin == 0 or begin > len(text) or -begin > len(text):
        return None if begin == 0 else ""
    begin = begin - 1 if begin > 0 else len(text) + begin
    if length is None:
        return text[begin:]
    return text[begin : begin + int(length)] if length >= 1 else None


@builtin("string length(string: string)")
def string_length(text: str) -> int:
    return len(text)


@builtin("upper case(string: string)")
def upper_case(text: str) -> str:
    return text.upper()


@builtin("lower case(string: string)")
def lower_case(text: str) -> str:
    return text.lower()


@builtin("substring before(string: string, match: string)")
def substring_before(text: str, match: str) -> str:
    return text.partition(match)[0] if match and match in text else ""


@builtin("substring after(string: string, match: string)")
def substring_after(text: str, match: str) -> str:
    return text.partition(match)[2] if match else text


@builtin("contains(string: string, match: string)")
def contains(text: str, match: str) -> bool:
    return match in text


@builtin("starts with(string: string, match: string)")
def starts_with(text: str, match: str) -> bool:
    return text.startswith(match)


@builtin("ends with(string: string, match: string)")
def ends_with(text: str, match: str) -> bool:
    return text.endswith(match)
