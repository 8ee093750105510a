"""Reading attributes of form-js's JSON, noting what is wrong and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.errors import InvalidExpression, Problem
from engine.expressions import compile_expression


@dataclass
class Place:
    """Where the reader is: what is wrong is noted here, under the component's dotted key."""

    problems: list[Problem]
    element: str
    is_column: bool = False

    def refuse(self, rule: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(f"form-{rule}", self.element, message, remedy))

    def refuse_unknown(self, what: str, found: Mapping[str, Any], known: Iterable[str]) -> None:
        for name in sorted(set(found) - set(known)):
            self.refuse(
                "attribute",
                f"The {what} {name!r} is none that a form of this engine obeys.",
                f"Take it out; known here: {', '.join(sorted(known)) or 'none'}.",
            )

    def mapping(self, owner: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        found = owner.get(name, {})
        if isinstance(found, Mapping):
            return found
        self.refuse("attribute", f"{name!r} is {found!r}, no object.", "Write {} with its entries.")
        return {}

    def words(self, owner: Mapping[str, Any], name: str) -> str:
        found = owner.get(name, "")
        if isinstance(found, str):
            return found.strip()
        self.refuse("attribute", f"{name!r} is {found!r}, no text.", "Write a text.")
        return ""

    def flag(self, owner: Mapping[str, Any], name: str) -> bool:
        found = owner.get(name, False)
        if isinstance(found, bool):
            return found
        self.refuse("attribute", f"{name!r} is {found!r}.", "Write true or false.")
        return False

    def count(self, owner: Mapping[str, Any], name: str, most: int) -> int | None:
        found = owner.get(name)
        if found is None:
            return None
        if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= most:
            return found
        self.refuse("limit", f"{name!r} is {found!r}.", f"Write a whole number from 0 to {most}.")
        return None

    def number(self, owner: Mapping[str, Any], name: str) -> Decimal | None:
        found = owner.get(name)
        if found is None:
            return None
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            number = Decimal(repr(found))
            if number.is_finite():
                return number
        self.refuse("limit", f"{name!r} is {found!r}.", "Write a number such as 12 or 3.5.")
        return None

    def expression(self, text: str) -> str | None:
        if not text:
            return None
        try:
            compile_expression(text)
        except InvalidExpression as error:
            self.refuse("expression", f"{text!r}: {error.message}", "Write a FEEL expression.")
        return text
