"""Built-in functions of numbers (DMN 1.4, 10.3.4.5) and the conversion to numbers."""

from __future__ import annotations

import decimal
import re
from decimal import Decimal

from engine.expressions.operators import decimal_of
from engine.expressions.registry import builtin
from engine.expressions.values import ARITHMETIC, Number, parse_number, settle

_WIDE = decimal.Context(prec=80, Emin=ARITHMETIC.Emin, Emax=ARITHMETIC.Emax)
_MAX_SCALE = 6_176
_NUMBER = re.compile(r"-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,5})?", re.ASCII)


def _rounded(value: Number, scale: Number, mode: str) -> Number | None:
    """The value with so many decimals; a negative scale rounds left of the point."""
    digits = int(scale)
    if digits != scale or not -_MAX_SCALE < digits < _MAX_SCALE:
        return None
    exact = Decimal(value)
    if digits > -int(exact.as_tuple().exponent):
        return value
    return settle(exact.quantize(Decimal(1).scaleb(-digits, _WIDE), mode, _WIDE))


def _declare(name: str, mode: str, scale: str) -> None:
    @builtin(f"{name}(n: number, {scale}: number)")
    def rounding(value: Number, digits: Number | None = None) -> Number | None:
        return _rounded(value, digits or 0, mode)


_declare("decimal", decimal.ROUND_HALF_EVEN, "scale")
_declare("floor", decimal.ROUND_FLOOR, "scale?")
_declare("ceiling", decimal.ROUND_CEILING, "scale?")
_declare("round up", decimal.ROUND_UP, "scale")
_declare("round down", decimal.ROUND_DOWN, "scale")
_declare("round half up", decimal.ROUND_HALF_UP, "scale")
_declare("round half down", decimal.ROUND_HALF_DOWN, "scale")


@builtin("abs(n: number)")
def absolute(value: Number) -> Number:
    return abs(value) if type(value) is int else Decimal(value).copy_abs()


@builtin("modulo(dividend: number, divisor: number)")
def modulo(dividend: Number, divisor: Number) -> Number | None:
    """dividend - divisor * floor(dividend / divisor): the divisor's sign wins."""
    if divisor == 0:
        return None
    if type(dividend) is int and type(divisor) is int:
        return dividend % divisor
    rest = decimal_of(ARITHMETIC.remainder, dividend, divisor)
    if rest and (rest < 0) != (divisor < 0):
        return decimal_of(ARITHMETIC.add, rest, divisor)
    return rest


@builtin("sqrt(number: number)")
def square_root(value: Number) -> Number | None:
    return decimal_of(ARITHMETIC.sqrt, value)


@builtin("log(number: number)")
def logarithm(value: Number) -> Number | None:
    return decimal_of(ARITHMETIC.ln, value) if value > 0 else None


@builtin("exp(number: number)")
def exponential(value: Number) -> Number | None:
    return decimal_of(ARITHMETIC.exp, value)


@builtin("odd(number: number)")
def odd(value: Number) -> bool | None:
    return value % 2 == 1 if type(value) is int else None


@builtin("even(number: number)")
def even(value: Number) -> bool | None:
    return value % 2 == 0 if type(value) is int else None


@builtin("number(from: string, grouping separator?: any, decimal separator?: any)")
def number(text: str, grouping: object = None, point: object = None) -> Number | None:
    """Of a text such as `1 000,50`; the separators are named, else only the point is one."""
    if grouping not in (None, " ", ",", ".") or point not in (None, ",", "."):
        return None
    if grouping is not None and grouping == point:
        return None
    plain = text.replace(str(grouping), "") if grouping else text
    plain = plain.replace(str(point), ".") if point else plain
    return parse_number(plain) if _NUMBER.fullmatch(plain) else None


@builtin("number(from: number)")
def number_of_number(value: Number) -> Number:
    return value
