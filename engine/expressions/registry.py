"""How a built-in function is declared, chosen by its arguments and called.

A signature is written as DMN 1.4 writes it: `substring(string: string, length?: number)`; `?`
marks an optional parameter, `...` before the last one any number of them. A function may have
several signatures; the first that takes the arguments is called, and none gives null.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.errors import ExpressionFailed
from engine.expressions.bounds import (
    MAX_CALL_DEPTH,
    Run,
    check_list,
    check_string,
    number_too_large,
)
from engine.expressions.values import Function, kind

_FAMILIES: dict[str, frozenset[str]] = {
    "day": frozenset(("date", "date and time")),
    "duration": frozenset(("days and time duration", "years and months duration")),
    "clock": frozenset(("time", "date and time")),
}
_REFUSED = object()
Implementation = TypeVar("Implementation", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kind: str
    optional: bool
    variadic: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a built-in; `with_run` hands it the evaluation's account first."""

    text: str
    parameters: tuple[Parameter, ...]
    call: Callable[..., Any]
    with_run: bool

    def fits(self, count: int, names: frozenset[str]) -> bool:
        """Whether a call with so many arguments, or with these names, may be meant."""
        required = sum(not parameter.optional for parameter in self.parameters)
        if names:
            known = {parameter.name for parameter in self.parameters}
            return names <= known and len(names) >= required
        many = bool(self.parameters) and self.parameters[-1].variadic
        return required <= count and (many or count <= len(self.parameters))

    def bind(self, positional: list[Any], named: dict[str, Any] | None) -> list[Any] | None:
        """The arguments in order and of the right types, or None when they do not fit."""
        if named is not None:
            return self._bind_named(named)
        last = self.parameters[-1] if self.parameters else None
        if last is None or not last.variadic:
            return self._fit(positional)
        kinds = [parameter.kind for parameter in self.parameters]
        more = len(positional) - len(kinds)
        return _accepted(kinds + [last.kind] * more, positional) if more >= 0 else None

    def _fit(self, values: list[Any]) -> list[Any] | None:
        required = sum(not parameter.optional for parameter in self.parameters)
        if not required <= len(values) <= len(self.parameters):
            return None
        return _accepted([parameter.kind for parameter in self.parameters], values)

    def _bind_named(self, named: dict[str, Any]) -> list[Any] | None:
        names = [parameter.name for parameter in self.parameters]
        if not named.keys() <= set(names):
            return None
        if any(p.name not in named and not p.optional for p in self.parameters):
            return None
        given = [p for p in self.parameters if p.name in named]
        values = _accepted([p.kind for p in given], [named[p.name] for p in given])
        if values is None:
            return None
        by_name = dict(zip((p.name for p in given), values, strict=True))
        return [by_name.get(name) for name in names]


def _accepted(kinds: list[str], values: list[Any]) -> list[Any] | None:
    accepted = [accept(wanted, value) for wanted, value in zip(kinds, values, strict=False)]
    return None if any(value is _REFUSED for value in accepted) else accepted


def accept(wanted: str, value: Any) -> Any:
    """The value as the wanted type, with DMN 1.4's implicit conversions (10.3.2.9.4)."""
    if wanted == "any" or (wanted == "list" and type(value) is list):
        return value
    if wanted == "list":
        return _REFUSED if value is None else [value]
    if type(value) is list and len(value) == 1:
        value = value[0]
    found = kind(value)
    return value if found == wanted or found in _FAMILIES.get(wanted, ()) else _REFUSED


class Overloads:
    """A built-in's signatures in the order in which they are tried."""

    __slots__ = ("signatures",)

    def __init__(self) -> None:
        self.signatures: list[Signature] = []

    def call(self, run: Run, positional: list[Any], named: dict[str, Any] | None = None) -> Any:
        for signature in self.signatures:
            values = signature.bind(positional, named)
            if values is not None:
                return _called(signature, run, values)
        return None


def apply(run: Run, function: Any, positional: list[Any], named: dict[str, Any] | None) -> Any:
    """The function's result; null when the value is no function."""
    if type(function) is not Function:
        return None
    if run.calls >= MAX_CALL_DEPTH:
        raise ExpressionFailed(
            f"Functions of the expression call one another more than {MAX_CALL_DEPTH} deep. "
            "Use `for` or `some` instead of recursion."
        )
    run.calls += 1
    try:
        return function.invoke(run, positional, named)
    finally:
        run.calls -= 1


def fits(name: str, count: int, names: frozenset[str]) -> bool:
    """Whether a built-in can be called with so many arguments, or with these names."""
    return any(signature.fits(count, names) for signature in _OVERLOADS[name].signatures)


def usage(name: str) -> str:
    """The built-in's signatures, for the reader of a refusal."""
    return " or ".join(f"`{signature.text}`" for signature in _OVERLOADS[name].signatures)


def _called(signature: Signature, run: Run, values: list[Any]) -> Any:
    run.spend(1 + sum(_size(value) for value in values))
    try:
        result = signature.call(run, *values) if signature.with_run else signature.call(*values)
    except decimal.Overflow:
        raise number_too_large() from None
    except (ValueError, OverflowError, ArithmeticError):
        return None
    if type(result) is list:
        check_list(len(result))
    elif type(result) is str:
        check_string(len(result))
    run.spend(_size(result))
    return result


def _size(value: Any) -> int:
    if type(value) is list or type(value) is dict:
        return len(value)
    return len(value) // 16 if type(value) is str else 0


BUILTINS: dict[str, Function] = {}
_OVERLOADS: dict[str, Overloads] = {}


def builtin(signature: str, with_run: bool = False) -> Callable[[Implementation], Implementation]:
    """Declares a function as the built-in of that signature."""
    name, _, rest = signature.rstrip(")").partition("(")
    parameters = tuple(_parameter(part) for part in rest.split(", ") if part)

    def declare(call: Implementation) -> Implementation:
        overloads = _OVERLOADS.setdefault(name, Overloads())
        overloads.signatures.append(Signature(signature, parameters, call, with_run))
        BUILTINS[name] = Function(name, overloads.call)
        return call

    return declare


def _parameter(text: str) -> Parameter:
    name, _, wanted = text.partition(": ")
    bare = name.removeprefix("...").removesuffix("?")
    return Parameter(bare, wanted, name.endswith("?"), name.startswith("..."))
