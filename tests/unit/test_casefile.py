"""The engine's own functions in FEEL, as a diagram's timers use them (processes/README.md, 六)."""

from __future__ import annotations

from datetime import datetime

import pytest

from engine.casefile import Case
from engine.clocks import SHANGHAI
from engine.definitions import Library
from engine.outside import Moment, Outside


@pytest.mark.parametrize(
    ("today", "days", "expected"),
    [
        ("2025-10-01", 7, "2025-10-02"),
        ("2025-10-02", 7, "2025-10-02"),  # begun on the day itself: told at once, and true
        ("2025-10-03", 7, None),
        ("2025-10-09", 0, "2025-10-09"),
        ("2025-10-10", 0, None),
    ],
)
def test_a_reminder_whose_day_is_past_stays_out(
    today: str, days: int, expected: str | None
) -> None:
    case = Case(1, "XF1", Library())
    case.clocks["handle"] = {"no": 1, "status": "running", "legal_due": "2025-10-09"}
    now = datetime.fromisoformat(f"{today}T09:00").replace(tzinfo=SHANGHAI)
    case.begin(Moment(now, "timer", Outside(None)))
    wanted = expected and datetime.fromisoformat(expected).replace(tzinfo=SHANGHAI)
    assert case.evaluate(f'warn("handle", {days})', {}) == wanted
