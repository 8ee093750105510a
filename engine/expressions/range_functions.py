"""Built-in functions that relate points and ranges (DMN 1.4, 10.3.4.10; Allen's intervals).

An end that is not included lies just inside its value, so every relation is one of order
between edges; a point is the range from itself to itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.expressions import temporal
from engine.expressions.operators import compare
from engine.expressions.registry import builtin
from engine.expressions.values import Range, kind, parse_number


@dataclass(frozen=True, slots=True)
class _Edge:
    """`beyond` is -1 or 1 for an end without bound, `inward` where an excluded value lies."""

    value: Any
    inward: int
    beyond: int

    def __lt__(self, other: _Edge) -> bool:
        return self._order(other) < 0

    def __le__(self, other: _Edge) -> bool:
        return self._order(other) <= 0

    def same(self, other: _Edge) -> bool:
        return self._order(other) == 0

    def _order(self, other: _Edge) -> int:
        """Raises ValueError, which makes the function null, for values without order."""
        if self.beyond or other.beyond:
            return self.beyond - other.beyond
        order = compare(self.value, other.value)
        if order is None:
            raise ValueError("no order")
        return order or self.inward - other.inward


def _edges(value: Any) -> tuple[_Edge, _Edge]:
    if type(value) is not Range:
        return _Edge(value, 0, 0), _Edge(value, 0, 0)
    return (
        _edge(value.start, value.start_included, 1),
        _edge(value.end, value.end_included, -1),
    )


def _edge(value: Any, included: bool, inward: int) -> _Edge:
    unbounded = value is None and not included
    return _Edge(value, 0 if included else inward, -inward if unbounded else 0)


Relation = Callable[[_Edge, _Edge, _Edge, _Edge], bool]
_RANGES = ("range1: range, range2: range",)
_POINT_RANGE = "point: any, range: range"
_RANGE_POINT = "range: range, point: any"


def _declare(name: str, relation: Relation, signatures: tuple[str, ...]) -> None:
    """`relation` is told of the starts and ends: of the first, then of the second argument."""

    def related(first: Any, second: Any) -> bool | None:
        if first is None or second is None:
            return None
        return relation(*_edges(first), *_edges(second))

    for signature in signatures:
        builtin(f"{name}({signature})")(related)


def _converse(relation: Relation) -> Relation:
    return lambda s1, e1, s2, e2: relation(s2, e2, s1, e1)


def _before(s1: _Edge, e1: _Edge, s2: _Edge, e2: _Edge) -> bool:
    return e1 < s2


def _meets(s1: _Edge, e1: _Edge, s2: _Edge, e2: _Edge) -> bool:
    return not (e1.beyond or s2.beyond) and e1.same(s2)


def _overlaps(s1: _Edge, e1: _Edge, s2: _Edge, e2: _Edge) -> bool:
    return s2 <= e1 and s1 <= e2


def _overlaps_before(s1: _Edge, e1: _Edge, s2: _Edge, e2: _Edge) -> bool:
    return s1 < s2 and s2 <= e1 and e1 <= e2


def _finishes(s1: _Edge, e1: _Edge, s2: _Edge, e2: _Edge) -> bool:
    return e1.same(e2) and s2 <= s1


def _includes(s1: _Edge, e1: _Edge, s2: _Edge, e2: _Edge) -> bool:
    return s1 <= s2 and e2 <= e1


def _starts(s1: _Edge, e1: _Edge, s2: _Edge, e2: _Edge) -> bool:
    return s1.same(s2) and e1 <= e2


def _coincides(s1: _Edge, e1: _Edge, s2: _Edge, e2: _Edge) -> bool:
    return s1.same(s2) and e1.same(e2)


_ANY_TWO = (*_RANGES, _POINT_RANGE, _RANGE_POINT, "point1: any, point2: any")
_declare("before", _before, _ANY_TWO)
_declare("after", _converse(_before), _ANY_TWO)
_declare("meets", _meets, _RANGES)
_declare("met by", _converse(_meets), _RANGES)
_declare("overlaps", _overlaps, _RANGES)
_declare("overlaps before", _overlaps_before, _RANGES)
_declare("overlaps after", _converse(_overlaps_before), _RANGES)
_declare("finishes", _finishes, (*_RANGES, _POINT_RANGE))
_declare("finished by", _converse(_finishes), (*_RANGES, _RANGE_POINT))
_declare("includes", _includes, (*_RANGES, _RANGE_POINT))
_declare("during", _converse(_includes), (*_RANGES, _POINT_RANGE))
_declare("starts", _starts, (*_RANGES, _POINT_RANGE))
_declare("started by", _converse(_starts), (*_RANGES, _RANGE_POINT))
_declare("coincides", _coincides, (*_RANGES, "point1: any, point2: any"))


_RANGE = re.compile(r"\s*([\[\](])(.*?)\.\.(.*)([\[\])])\s*", re.DOTALL)
_NUMBER = re.compile(r"-?(\d+(\.\d+)?|\.\d+)", re.ASCII)
_QUOTED = re.compile(
    r'(?:@\s*|(date and time|date|time|duration)\s*\(\s*)?"([^"\\]*)"\s*(\))?', re.ASCII
)
_MAKERS: dict[str, Callable[[str], Any]] = {
    "date": temporal.parse_date,
    "time": temporal.parse_time,
    "date and time": temporal.parse_date_time,
    "duration": temporal.parse_duration,
}


@builtin("range(from: string)")
def range_of(text: str) -> Range | None:
    """The range of a text whose ends are literals, such as `[18..21)`."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    start, end = _end(found[2].strip()), _end(found[3].strip())
    if kind(start) != kind(end):
        return None
    order = compare(start, end)
    if order is None or order > 0:
        return None
    return Range(start, end, found[1] == "[", found[4] == "]")


def _end(text: str) -> Any:
    if _NUMBER.fullmatch(text):
        return parse_number(text)
    found = _QUOTED.fullmatch(text)
    if found is None or (found[1] is None) != (found[3] is None):
        return None
    if found[1] is not None:
        return _MAKERS[found[1]](found[2])
    return temporal.parse_temporal(found[2]) if text.startswith("@") else found[2]
