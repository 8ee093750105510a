"""Built-in functions of contexts (DMN 1.4, 10.3.4.11)."""

from __future__ import annotations

from typing import Any

from engine.expressions.bounds import Run
from engine.expressions.registry import builtin

Context = dict[str, Any]


@builtin("get value(m: context, key: string)")
def get_value(context: Context, key: str) -> Any:
    return context.get(key)


@builtin("get value(context: context, keys: list)")
def get_value_at(context: Context, keys: list[Any]) -> Any:
    """The value at the end of the path of keys."""
    if not keys:
        return None
    value: Any = context
    for key in keys:
        value = value.get(key) if type(value) is dict and type(key) is str else None
    return value


@builtin("get entries(m: context)")
def get_entries(context: Context) -> list[Context]:
    return [{"key": key, "value": value} for key, value in context.items()]


@builtin("context(entries: list)")
def context_of(entries: list[Any]) -> Context | None:
    context: Context = {}
    for entry in entries:
        if type(entry) is not dict or "value" not in entry:
            return None
        key = entry.get("key")
        if type(key) is not str or key in context:
            return None
        context[key] = entry["value"]
    return context


@builtin("context put(context: context, key: string, value: any)")
def context_put(context: Context, key: str, value: Any) -> Context:
    return {**context, key: value}


@builtin("context put(context: context, keys: list, value: any)", with_run=True)
def context_put_at(run: Run, context: Context, keys: list[Any], value: Any) -> Context | None:
    """The context with the value at the end of the path of keys."""
    if not keys or not all(type(key) is str for key in keys):
        return None
    result = {**_entered(run, context, keys[:-1]), keys[-1]: value}
    for depth in range(len(keys) - 2, -1, -1):
        result = {**_entered(run, context, keys[:depth]), keys[depth]: result}
    return result


def _entered(run: Run, context: Context, keys: list[str]) -> Context:
    value: Any = context
    for key in keys:
        value = value.get(key) if type(value) is dict else None
    inner: Context = value if type(value) is dict else {}
    run.spend(len(keys) + len(inner))
    return inner


@builtin("context merge(contexts: list)", with_run=True)
def context_merge(run: Run, contexts: list[Any]) -> Context | None:
    """Of entries with the same key the last one stays."""
    merged: Context = {}
    for context in contexts:
        if type(context) is not dict:
            return None
        run.spend(len(context))
        merged.update(context)
    return merged
