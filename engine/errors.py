"""Everything the engine refuses, each with the sentence that the user reads.

The class docstring is the default message. Only `web/errors.py` knows HTTP statuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class EngineError(Exception):
    """The engine could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)

    @property
    def message(self) -> str:
        return str(self)


class NotFound(EngineError):
    """There is no such thing here; check its number."""


class NotAllowed(EngineError):
    """The person does not hold the role that this act needs."""


class Conflict(EngineError):
    """Somebody else was faster: the task is claimed, finished or gone. Load the page again."""


class NoCorrelation(Conflict):
    """No case waits for this message with this correlation key."""


class InvalidInput(EngineError):
    """The input does not fit the form."""

    def __init__(self, fields: Mapping[str, Sequence[str]], message: str | None = None) -> None:
        """`fields` maps a field's key (dotted for groups: `claims.0.request`) to its messages."""
        super().__init__(message)
        self.fields: dict[str, list[str]] = {key: list(texts) for key, texts in fields.items()}


class InvalidExpression(EngineError):
    """The text is no FEEL expression that this engine evaluates."""


class ExpressionFailed(EngineError):
    """The expression could not be evaluated on this case's values."""


@dataclass(frozen=True)
class Problem:
    """One finding of the gate: which rule, where, what is wrong, what to do instead.

    `severity`: error | warning. `group`: engine | law | layout. `package` and `file` (its name
    inside the package) are empty where the finding was made on a text alone.
    """

    rule: str
    element: str | None
    message: str
    remedy: str
    severity: str = "error"
    group: str = "engine"
    package: str = ""
    file: str = ""


class InvalidDefinition(EngineError):
    """The definition cannot be deployed."""

    def __init__(self, problems: Sequence[Problem], message: str | None = None) -> None:
        self.problems = list(problems)
        first = self.problems[0] if self.problems else None
        super().__init__(message or (f"{first.message} {first.remedy}" if first else None))


class StartFailed(EngineError):
    """The procedure could not be started; no case was opened."""


class ModelFailure(EngineError):
    """The diagram could not go on with this case's values; an incident was recorded."""


class DecisionFailed(EngineError):
    """The decision gives no answer for these values; complete its table or correct the values."""


class StoreUnusable(EngineError):
    """The database cannot be used as it is."""
