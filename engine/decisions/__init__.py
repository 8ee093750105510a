"""Decision tables: DMN 1.3 and 1.4, every cell FEEL, every hit policy as the standard says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.decisions.logic import Decision, Outcome
from engine.decisions.reading import read_decisions
from engine.errors import DecisionFailed, InvalidInput, NotFound
from engine.expressions import from_feel

__all__ = ["Decision", "Decisions", "Outcome", "decide_file"]


class Decisions:
    """The decisions of one DMN file."""

    @staticmethod
    def parse(xml: bytes) -> dict[str, Decision]:
        """By id. Raises InvalidDefinition with every problem found."""
        return read_decisions(xml)


def decide_file(
    path: Path | str,
    inputs: Mapping[str, Any] | Sequence[Any],
    decision: str | None = None,
) -> dict[str, Any] | list[dict[str, Any]]:
    """Evaluate a file's decision on JSON inputs: one object, or a list of them (a batch).

    Gives `{"decision", "inputs", "outputs", "matched"}` as JSON values, or a list of those, in
    which a row that fails is `{"decision", "inputs", "error"}`. Without `decision` the file must
    have one that no other requires. Raises InvalidDefinition, InvalidInput, NotFound and, for a
    single object, DecisionFailed.
    """
    chosen = _choose(Decisions.parse(Path(path).read_bytes()), decision)
    if isinstance(inputs, Mapping):
        return _decide(chosen, inputs)
    return [_decide_row(chosen, number, row) for number, row in enumerate(inputs)]


def _choose(decisions: Mapping[str, Decision], wanted: str | None) -> Decision:
    if wanted is not None:
        if wanted not in decisions:
            known = ", ".join(decisions)
            raise NotFound(f"The file has no decision {wanted!r}. It has: {known}.")
        return decisions[wanted]
    required = {below.id for decision in decisions.values() for below in decision.required}
    top = [decision for key, decision in decisions.items() if key not in required]
    if len(top) > 1:
        names = ", ".join(decision.id for decision in top)
        message = f"The file has several decisions: {names}. Say which one."
        raise InvalidInput({"decision": [message]}, message)
    return top[0]


def _decide_row(decision: Decision, number: int, row: Any) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        message = f"Row {number} is {json.dumps(row)[:80]}. Expected an object of inputs."
        raise InvalidInput({str(number): [message]}, message)
    try:
        return _decide(decision, row)
    except DecisionFailed as error:
        return {"decision": decision.id, "inputs": dict(row), "error": error.message}


def _decide(decision: Decision, inputs: Mapping[str, Any]) -> dict[str, Any]:
    outcome = decision.evaluate(inputs)
    return {
        "decision": decision.id,
        "inputs": from_feel(outcome.inputs),
        "outputs": from_feel(outcome.outputs),
        "matched": outcome.matched,
    }
