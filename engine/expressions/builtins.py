"""All built-in functions by name. `today()` and `now()` are none: time is given from outside."""

from __future__ import annotations

from engine.expressions import (
    context_functions,
    list_functions,
    number_functions,
    pattern_functions,
    range_functions,
    text_functions,
    time_functions,
)
from engine.expressions.registry import BUILTINS

__all__ = [
    "BUILTINS",
    "context_functions",
    "list_functions",
    "number_functions",
    "pattern_functions",
    "range_functions",
    "text_functions",
    "time_functions",
]
