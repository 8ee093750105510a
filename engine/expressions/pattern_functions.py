"""Built-in functions that take a regular expression: matches, replace, split."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.expressions.bounds import Run, check_list, check_string
from engine.expressions.regex import Pattern, Spans, compile_pattern
from engine.expressions.registry import builtin

_REFERENCE = re.compile(r"\$(\d)|\\([\\$])|[$\\]")


@builtin("matches(input: string, pattern: string, flags?: any)", with_run=True)
def matches(run: Run, text: str, pattern: str, flags: object = None) -> bool | None:
    """Whether the pattern is found anywhere; `^...$` asks for the whole text."""
    return _pattern(pattern, flags).search(text, 0, run) is not None


@builtin("replace(input: string, pattern: string, replacement: string, flags?: any)", with_run=True)
def replace(
    run: Run, text: str, pattern: str, replacement: str, flags: object = None
) -> str | None:
    """Every match replaced; `$1` is the first group, `\\$` a dollar sign."""
    machine = _pattern(pattern, flags)
    literal = isinstance(flags, str) and "q" in flags
    parts: list[str] = []
    size = end = 0
    for spans in _matches(machine, text, run):
        filled = replacement if literal else _filled(replacement, text, spans)
        parts += [text[end : spans[0]], filled]
        end = spans[1]
        size += len(parts[-1]) + len(parts[-2])
        check_string(size)
    return "".join([*parts, text[end:]])


@builtin("split(string: string, delimiter: string)", with_run=True)
def split(run: Run, text: str, delimiter: str) -> list[str]:
    parts: list[str] = []
    end = 0
    for spans in _matches(_pattern(delimiter, None), text, run):
        parts.append(text[end : spans[0]])
        check_list(len(parts) + 1)
        end = spans[1]
    return [*parts, text[end:]]


def _pattern(pattern: str, flags: object) -> Pattern:
    if flags is not None and not isinstance(flags, str):
        raise ValueError(flags)
    return compile_pattern(pattern, flags or "")


def _matches(machine: Pattern, text: str, run: Run) -> Iterator[Spans]:
    """All matches from left to right; raises ValueError for one of no characters (XPath)."""
    at = 0
    while (spans := machine.search(text, at, run)) is not None:
        if spans[0] == spans[1]:
            raise ValueError("the pattern matches no characters")
        yield spans
        at = spans[1]


def _filled(replacement: str, text: str, spans: Spans) -> str:
    def part(reference: re.Match[str]) -> str:
        if reference[2]:
            return reference[2]
        if not reference[1]:
            raise ValueError("a bare `$` or `\\` in the replacement")
        at = 2 * int(reference[1])
        return text[spans[at] : spans[at + 1]] if at < len(spans) and spans[at] >= 0 else ""

    return _REFERENCE.sub(part, replacement)
