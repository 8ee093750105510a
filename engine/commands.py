"""Every act that changes state, as a frozen value. Imperative names; the events that follow are
past tense (engine/history.py)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from engine.errors import NotFound

TIMER = "timer"
"""The actor of due timers."""
SYSTEM = "system"
"""The actor of set-up and of retries by the engine itself."""


@dataclass(frozen=True, order=True)
class ItemId:
    """A work item's address: case, process instance in the case, number in the instance."""

    case_id: int
    instance: int
    number: int

    def __str__(self) -> str:
        return f"{self.case_id}.{self.instance}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises NotFound when the text is no address."""
        parts = text.split(".")
        if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) < 16 for p in parts):
            raise NotFound(f"«{text[:40]}» is no task number; expected one like 12.0.5.")
        return cls(*map(int, parts))


@dataclass(frozen=True, kw_only=True)
class Command:
    """`key`: idempotency key; the same command by the same actor with it is executed once."""

    key: str | None = None

    def digest(self) -> bytes:
        """What tells this command from another one that was sent with the same key."""
        told = [type(self).__name__, {k: v for k, v in vars(self).items() if k != "key"}]
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).digest()


@dataclass(frozen=True)
class StartCase(Command):
    """Start a procedure as a new case. `values`: its start form. `organisation`: the office."""

    procedure: str
    values: Mapping[str, Any]
    organisation: str


@dataclass(frozen=True)
class SeedCase(Command):
    """Start any procedure alone with the variables that a caller would pass (scenarios)."""

    procedure: str
    variables: Mapping[str, Any]
    doc: Mapping[str, Any]
    organisations: Mapping[str, str]


@dataclass(frozen=True)
class ClaimTask(Command):
    item: ItemId


@dataclass(frozen=True)
class ReleaseTask(Command):
    item: ItemId


@dataclass(frozen=True)
class CompleteTask(Command):
    """`values`: the form's fields, as JSON or as parsed from an HTML form."""

    item: ItemId
    values: Mapping[str, Any]


@dataclass(frozen=True)
class CorrelateMessage(Command):
    """Deliver a message to the one case that waits for it with this correlation key."""

    message: str
    correlation_key: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class FireTimer(Command):
    """A waiting timer is due."""

    case_id: int
    instance: int
    number: int


@dataclass(frozen=True)
class RecomputeClocks(Command):
    """Date the running clocks of a case anew by the calendar now in force."""

    case_id: int


@dataclass(frozen=True)
class RetryIncident(Command):
    """Execute the command of an incident again, as its first actor."""

    case_id: int
    number: int


@dataclass(frozen=True)
class Deploy(Command):
    """Make these packages the versions in force: {package key: {file name: text}}."""

    packages: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class DefineBureau(Command):
    """Organisations, people and their roles; adds and replaces by id, removes nobody.

    A person's roles are those given: the others end, and what was claimed by them is released.
    `people` rows may carry `password_hash`; the history keeps it out, and a new password ends
    the sessions and tokens that the old one gave.
    """

    organisations: tuple[Mapping[str, Any], ...]
    people: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class OpenSession(Command):
    """Log in: `token_hash` identifies the session, `kind` is `web` or `api`."""

    person: str
    token_hash: str
    kind: str
    days: int = 1


@dataclass(frozen=True)
class CloseSession(Command):
    token_hash: str


@dataclass(frozen=True)
class EndSessions(Command):
    """End a person's sessions: all of them, or those of one `kind`."""

    person: str
    kind: str | None = None


@dataclass(frozen=True)
class RecordFailedLogIn(Command):
    """A log-in that failed; counts against `name` for the lock-out."""

    name: str


@dataclass(frozen=True)
class Result:
    """What a command did: the case, the chain's new length and the items that it opened."""

    case_id: int
    seq: int
    case_no: str = ""
    opened: tuple[str, ...] = ()
