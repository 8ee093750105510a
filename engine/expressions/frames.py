"""What compiled code runs on: frames of names, and the calling of functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import EngineError, ExpressionFailed
from engine.expressions.bounds import Run
from engine.expressions.builtins import BUILTINS
from engine.expressions.registry import apply
from engine.expressions.temporal import property_of
from engine.expressions.values import ATOMS, Range, to_feel


class Frame:
    """The names that one construct binds; the outermost frame stands for the scope given."""

    __slots__ = ("parent", "run", "values")

    def __init__(self, values: Mapping[str, Any], parent: Frame | None, run: Run) -> None:
        self.values = values
        self.parent = parent
        self.run = run


Code = Callable[[Frame], Any]


def lookup(frame: Frame, name: str) -> Any:
    """The value of the nearest frame that binds the name, else the scope's."""
    at: Frame | None = frame
    while at is not None:
        if name in at.values:
            return at.values[name]
        at = at.parent
    return read(frame.run, name)


def read(run: Run, name: str) -> Any:
    """The scope's value; a built-in function when the scope has none; else null."""
    value = run.scope.get(name)
    if type(value) not in ATOMS:
        return converted(run, name, value)
    return BUILTINS.get(name) if value is None and name not in run.scope else value


def converted(run: Run, path: str, value: Any) -> Any:
    """The scope's value under the path as FEEL value, made once an evaluation."""
    if path not in run.converted:
        run.converted[path] = to_feel(value)
    return run.converted[path]


def member(value: Any, name: str, run: Run) -> Any:
    """`value.name`: an entry, a documented property, or for a list that of each element."""
    if type(value) is dict:
        return value.get(name)
    if type(value) is list:
        run.spend(len(value))
        return [member(element, name, run) for element in value]
    if type(value) is Range:
        return _range_property(value, name)
    return property_of(value, name)


def _range_property(value: Range, name: str) -> Any:
    if name in ("start", "end"):
        return value.start if name == "start" else value.end
    if name in ("start included", "end included"):
        return value.start_included if name == "start included" else value.end_included
    return None


def apply_engine(run: Run, name: str, positional: list[Any], named: dict[str, Any] | None) -> Any:
    """The result of an engine function; of a function in the scope when there is none."""
    function = (run.functions or {}).get(name)
    if function is None:
        return apply(run, read(run, name), positional, named)
    run.spend(1)
    try:
        return to_feel(function(*positional, **(named or {})))
    except EngineError:
        raise
    except Exception as cause:
        raise ExpressionFailed(
            f"The function {name}(...) failed: {cause}. Check the values given to it."
        ) from cause
