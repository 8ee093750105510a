"""A value as FEEL writes it: the text that `string(...)` gives."""

from __future__ import annotations

from typing import Any

from engine.expressions.bounds import Run, check_string
from engine.expressions.temporal import temporal_text
from engine.expressions.values import Function, Range, is_number, number_text


def text_of(value: Any, run: Run) -> str:
    """The text of any value but null; a string stands for itself."""
    return value if type(value) is str else _literal(value, run)


def _literal(value: Any, run: Run) -> str:
    run.spend(1)
    if value is None:
        return "null"
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is str:
        return _paid('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"', run)
    if is_number(value):
        return _paid(number_text(value), run)
    if type(value) is Function:
        return f"function {value.name}".rstrip()
    return _compound(value, run)


def _paid(text: str, run: Run) -> str:
    """A list's texts are made before they are joined: thousands of long ones fill the memory."""
    run.spend(len(text) // 16)
    return text


def _compound(value: Any, run: Run) -> str:
    if type(value) is list:
        return "[" + _joined([_literal(element, run) for element in value]) + "]"
    if type(value) is dict:
        entries = [f"{key}: {_literal(entry, run)}" for key, entry in value.items()]
        return "{" + _joined(entries) + "}"
    if type(value) is Range:
        return _range(value, run)
    return temporal_text(value)


def _joined(parts: list[str]) -> str:
    check_string(sum(map(len, parts)) + 2 * len(parts))
    return ", ".join(parts)


def _range(value: Range, run: Run) -> str:
    if value.start is None and value.end is not None:
        return f"{'<=' if value.end_included else '<'} {_literal(value.end, run)}"
    if value.end is None and value.start is not None:
        return f"{'>=' if value.start_included else '>'} {_literal(value.start, run)}"
    opening, closing = "[" if value.start_included else "(", "]" if value.end_included else ")"
    return f"{opening}{_literal(value.start, run)}..{_literal(value.end, run)}{closing}"
