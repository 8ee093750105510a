"""Built-in functions of lists and sorting (DMN 1.4, 10.3.4.4 and 10.3.4.9)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key, reduce
from typing import Any

from engine.expressions.bounds import Run, check_list, check_string
from engine.expressions.operators import add, compare, decimal_of, divide, equal, multiply
from engine.expressions.registry import apply, builtin
from engine.expressions.values import ARITHMETIC, Function, Number, is_number, kind

_HASHED = frozenset(("number", "string", "boolean", "Null"))


@builtin("list contains(list: list, element: any)", with_run=True)
def list_contains(run: Run, elements: list[Any], element: Any) -> bool:
    return any(equal(candidate, element, run) is True for candidate in elements)


@builtin("count(list: list)")
def count(elements: list[Any]) -> int:
    return len(elements)


def _extreme(name: str, sign: int) -> None:
    @builtin(f"{name}(list: list)")
    def of_list(elements: list[Any]) -> Any:
        best = elements[0] if elements else None
        for element in elements:
            order = compare(element, best)
            if order is None:
                return None
            best = element if order * sign > 0 else best
        return best

    @builtin(f"{name}(...c: any)")
    def of_values(*elements: Any) -> Any:
        return of_list(list(elements))


_extreme("min", -1)
_extreme("max", 1)


@builtin("sum(list: list)")
def total(elements: list[Any]) -> Number | None:
    return _folded(elements, add)


@builtin("sum(...n: number)")
def total_of_values(*elements: Number) -> Number | None:
    return _folded(list(elements), add)


@builtin("product(list: list)")
def product(elements: list[Any]) -> Number | None:
    return _folded(elements, multiply)


@builtin("product(...n: number)")
def product_of_values(*elements: Number) -> Number | None:
    return _folded(list(elements), multiply)


def _folded(elements: list[Any], operation: Callable[[Any, Any], Any]) -> Number | None:
    if not elements or not all(map(is_number, elements)):
        return None
    result: Number = reduce(operation, elements)
    return result


@builtin("mean(list: list)")
def mean(elements: list[Any]) -> Number | None:
    whole = _folded(elements, add)
    return None if whole is None else decimal_of(ARITHMETIC.divide, whole, len(elements))


@builtin("mean(...n: number)")
def mean_of_values(*elements: Number) -> Number | None:
    return mean(list(elements))


@builtin("median(list: list)")
def median(elements: list[Any]) -> Number | None:
    if not elements or not all(map(is_number, elements)):
        return None
    ordered: list[Number] = sorted(elements)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return mean(ordered[half - 1 : half + 1])


@builtin("median(...n: number)")
def median_of_values(*elements: Number) -> Number | None:
    return median(list(elements))


@builtin("stddev(list: list)")
def standard_deviation(elements: list[Any]) -> Number | None:
    """Of a sample: the divisor is the count less one."""
    centre = mean(elements)
    if centre is None or len(elements) < 2:
        return None
    squares: Number = 0
    for element in elements:
        distance = add(element, multiply(centre, -1))
        squares = add(squares, multiply(distance, distance))
    return decimal_of(ARITHMETIC.sqrt, divide(squares, len(elements) - 1))


@builtin("stddev(...n: number)")
def standard_deviation_of_values(*elements: Number) -> Number | None:
    return standard_deviation(list(elements))


@builtin("mode(list: list)")
def mode(elements: list[Any]) -> list[Number] | None:
    """The most frequent numbers in ascending order."""
    if not all(map(is_number, elements)):
        return None
    frequency: dict[Number, int] = {}
    for element in elements:
        frequency[element] = frequency.get(element, 0) + 1
    most = max(frequency.values(), default=0)
    return sorted(number for number, times in frequency.items() if times == most)


@builtin("mode(...n: number)")
def mode_of_values(*elements: Number) -> list[Number] | None:
    return mode(list(elements))


def _connected(name: str, decisive: bool) -> None:
    @builtin(f"{name}(list: list)")
    def of_list(elements: list[Any]) -> bool | None:
        if decisive in (element for element in elements if type(element) is bool):
            return decisive
        return (not decisive) if all(type(e) is bool for e in elements) else None

    @builtin(f"{name}(...b: any)")
    def of_values(*elements: Any) -> bool | None:
        return of_list(list(elements))


_connected("all", decisive=False)
_connected("any", decisive=True)


@builtin("sublist(list: list, start position: number, length?: number)")
def sublist(elements: list[Any], start: Number, length: Number | None = None) -> list[Any] | None:
    """Counted from 1, or from the end with a negative start."""
    begin = _index(elements, start)
    if begin is None or (length is not None and (type(length) is not int or length < 0)):
        return None
    return elements[begin:] if length is None else elements[begin : begin + int(length)]


def _index(elements: list[Any], position: Number) -> int | None:
    """The offset of a position; None when the list has no such position."""
    if type(position) is not int or position == 0 or abs(position) > len(elements):
        return None
    return position - 1 if position > 0 else len(elements) + position


@builtin("append(list: list, ...item: any)")
def append(elements: list[Any], *items: Any) -> list[Any]:
    return [*elements, *items]


@builtin("concatenate(...list: list)")
def concatenate(*lists: list[Any]) -> list[Any]:
    check_list(sum(map(len, lists)))
    return [element for elements in lists for element in elements]


@builtin("insert before(list: list, position: number, newItem: any)")
def insert_before(elements: list[Any], position: Number, item: Any) -> list[Any] | None:
    at = _index(elements, position)
    return None if at is None else [*elements[:at], item, *elements[at:]]


@builtin("remove(list: list, position: number)")
def remove(elements: list[Any], position: Number) -> list[Any] | None:
    at = _index(elements, position)
    return None if at is None else elements[:at] + elements[at + 1 :]


@builtin("list replace(list: list, position: number, newItem: any)")
def list_replace(elements: list[Any], position: Number, item: Any) -> list[Any] | None:
    at = _index(elements, position)
    return None if at is None else [*elements[:at], item, *elements[at + 1 :]]


@builtin("list replace(list: list, match: function, newItem: any)", with_run=True)
def list_replace_matching(
    run: Run, elements: list[Any], match: Function, item: Any
) -> list[Any] | None:
    answers = [apply(run, match, [element, item], None) for element in elements]
    if not all(type(answer) is bool for answer in answers):
        return None
    return [item if answer else e for e, answer in zip(elements, answers, strict=True)]


@builtin("reverse(list: list)")
def reverse(elements: list[Any]) -> list[Any]:
    return elements[::-1]


@builtin("index of(list: list, match: any)", with_run=True)
def index_of(run: Run, elements: list[Any], match: Any) -> list[int]:
    return [at for at, e in enumerate(elements, 1) if equal(e, match, run) is True]


@builtin("distinct values(list: list)", with_run=True)
def distinct_values(run: Run, elements: list[Any]) -> list[Any]:
    """The first of each set of equal values."""
    found: list[Any] = []
    hashed: set[tuple[str, Any]] = set()
    others: list[Any] = []
    for element in elements:
        if kind(element) in _HASHED:
            key = (kind(element), element)
            if key not in hashed:
                hashed.add(key)
                found.append(element)
            continue
        run.spend(len(others))
        if not any(equal(element, other, run) is True for other in others):
            others.append(element)
            found.append(element)
    return found


@builtin("union(...list: list)", with_run=True)
def union(run: Run, *lists: list[Any]) -> list[Any]:
    return distinct_values(run, concatenate(*lists))


@builtin("flatten(list: list)", with_run=True)
def flatten(run: Run, elements: list[Any]) -> list[Any]:
    flat: list[Any] = []
    waiting = [iter(elements)]
    while waiting:
        run.spend(1)
        for element in waiting[-1]:
            if type(element) is list:
                waiting.append(iter(element))
                break
            flat.append(element)
            check_list(len(flat))
        else:
            waiting.pop()
    return flat


@builtin("string join(list: list, delimiter?: any)")
def string_join(elements: list[Any], delimiter: Any = None) -> str | None:
    """Null elements are left out."""
    if not all(e is None or type(e) is str for e in elements):
        return None
    if delimiter is not None and type(delimiter) is not str:
        return None
    parts: list[str] = [e for e in elements if e is not None]
    check_string(sum(map(len, parts)) + len(delimiter or "") * len(parts))
    return (delimiter or "").join(parts)


@builtin("sort(list: list, precedes: function)", with_run=True)
def sort(run: Run, elements: list[Any], precedes: Function) -> list[Any]:
    """Stable; raises ValueError, and so is null, when the function gives no boolean."""

    def order(left: Any, right: Any) -> int:
        if _precedes(run, precedes, left, right):
            return -1
        return 1 if _precedes(run, precedes, right, left) else 0

    return sorted(elements, key=cmp_to_key(order))


def _precedes(run: Run, precedes: Function, left: Any, right: Any) -> bool:
    answer = apply(run, precedes, [left, right], None)
    if type(answer) is not bool:
        raise ValueError(answer)
    return answer
