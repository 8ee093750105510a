"""The case in memory: its instances, clocks, organisations and document; dump and load.

The engine's variables are flat routing values; everything about the matter is in `doc`, the one
document of the case, by the keys of the forms.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import orjson

from engine.clocks import SHANGHAI, Due, Rule, compute, end_of_day
from engine.definitions import Element, Library, Package
from engine.errors import ModelFailure
from engine.expressions import compile_expression, from_feel, to_feel
from engine.forms import Form, FormScope
from engine.outside import Moment
from engine.spiff import Instance
from engine.spiff.instance import literal

Event = tuple[str, dict[str, Any]]


_CLOCK = (
    "no",
    "start",
    "extended_days",
    "excluded_days",
    "length",
    "legal_due",
    "internal_target",
    "status",
)
"""What a live case needs of a clock; its row has the rest."""


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no blanks, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@dataclass(slots=True)
class Running:
    """A process instance of the case and where it was called from."""

    no: int
    package: str
    version: int
    parent: int | None
    parent_number: int | None
    item: str | None
    instance: Instance = None  # type: ignore[assignment]  # set once the host exists

    def element(self, element_id: str) -> Element:
        return self.instance.process.elements[element_id]


class CaseHost:
    """What SpiffWorkflow's side asks of the case (spiff.Host)."""

    __slots__ = ("case", "running")

    def __init__(self, case: Case, running: Running) -> None:
        self.case, self.running = case, running

    def evaluate(self, text: str, variables: Mapping[str, Any]) -> Any:
        return self.case.evaluate(text, variables)

    def decide(self, decision: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.case.decide(self.running, decision, variables)

    def completed(self, element_id: str) -> None:
        self.case.on_completed(self.case, self.running, self.running.element(element_id))


PACKED_OVER = 1_024
"""Bytes of state from which on packing it is worth the time."""


def packed(state: bytes) -> bytes:
    """A state as stored: as it is while it is small, else compressed."""
    return zlib.compress(state, 1) if len(state) > PACKED_OVER else state


def unpacked(stored: bytes) -> bytes:
    """JSON begins with a brace, and zlib's output never does (RFC 1950, 2.2)."""
    return stored if stored[:1] == b"{" else zlib.decompress(stored)


class Case:
    """A live case. Mutable; owned by one command at a time (see execute.py)."""

    def __init__(self, case_id: int, case_no: str, library: Library) -> None:
        self.id, self.case_no, self.library = case_id, case_no, library
        self.rev = 0
        self.status = "received"
        self.stage = ""
        self.doc: dict[str, Any] = {}
        self.instances: dict[int, Running] = {}
        self.organisations: dict[str, str] = {}
        self.clocks: dict[str, dict[str, Any]] = {}
        self.documents: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.moment: Moment = None  # type: ignore[assignment]  # set by `begin`
        self.events: list[Event] = []
        self.clocks_changed = False
        self.on_completed: Callable[[Case, Running, Element], None] = _no_effects
        self._functions: dict[str, Callable[..., Any]] = {
            "due": lambda keys: self._instant(keys, "legal_due"),
            "target": lambda keys: self._instant(keys, "internal_target"),
            "warn": self._warn,
            "due_date": lambda keys: self._day(keys, "legal_due"),
            "running": lambda keys: self.running_clock(keys) is not None,
            "organisation": self.known_organisation,
            "today": lambda: self.moment.today,
            "now": lambda: self.moment.now,
        }

    def begin(self, moment: Moment) -> None:
        """Every command begins with an empty list of events."""
        self.moment, self.events, self.clocks_changed = moment, [], False

    def emit(self, kind: str, **data: Any) -> None:
        self.events.append((kind, data))

    def count(self, what: str) -> int:
        """The next number of a kind of row."""
        self.counts[what] = self.counts.get(what, 0) + 1
        return self.counts[what]

    # FEEL

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The engine's functions in FEEL (processes/README.md, 六)."""
        return self._functions

    def evaluate(self, text: str, variables: Mapping[str, Any]) -> Any:
        expression = compile_expression(text)
        scope = {n: to_feel(variables[n]) for n in expression.names if n in variables}
        return expression.evaluate(scope, self._functions)

    def evaluate_on_file(self, text: str, running: Running) -> Any:
        """A property's FEEL may read the variables and, behind them, the case document."""
        return self.evaluate(text, ChainMap(running.instance.variables, self.doc))

    def decide(self, running: Running, key: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        decision = self.package(running).decisions.get(key)
        if decision is None:
            raise ModelFailure(
                f"{running.package} has no decision «{key}». Add the table, or correct the "
                "reference in the diagram."
            )
        scope = {k: to_feel(v) for k, v in variables.items()}
        outcome = decision.evaluate(scope, self._functions)
        outputs = {k: from_feel(v) for k, v in outcome.outputs.items()}
        inputs = {k: from_feel(v) for k, v in outcome.inputs.items()}
        self.emit(
            "decision_made",
            instance=running.no,
            decision=key,
            inputs=inputs,
            outputs=outputs,
            matched=list(outcome.matched),
        )
        return outputs

    def package(self, running: Running) -> Package:
        return self.library.package(running.package, running.version)

    # forms

    def form(self, running: Running, element: Element) -> Form | None:
        """The form of an element in the version on which its instance runs."""
        key = element.get("form")
        if not key:
            return None
        form = self.package(running).forms.get(key)
        if form is None:
            raise ModelFailure(
                f"{element.id} names the form «{key}», which {running.package} lacks."
            )
        return form

    def form_scope(self, running: Running | None) -> FormScope:
        """What checks and options of a form may read at this moment."""
        world = self.moment.outside.world
        assert world is not None
        variables = running.instance.variables if running and running.instance else {}
        return FormScope(
            values={**self.doc, **variables},
            today=self.moment.today,
            options=world.options,
            functions=self.functions,
        )

    # clocks

    def clock(self, keys: str) -> tuple[str, dict[str, Any] | None]:
        """Of the clocks named, the one that is running, else the one that started last."""
        names = names_in(keys)
        started = [(key, self.clocks[key]) for key in names if key in self.clocks]
        first = (names[0] if names else "", None)
        return max(started, key=lambda c: (c[1]["status"] == "running", c[1]["no"]), default=first)

    def running_clock(self, keys: str) -> dict[str, Any] | None:
        _, clock = self.clock(keys)
        return clock if clock and clock["status"] == "running" else None

    def _day(self, keys: str, which: str) -> date | None:
        _, clock = self.clock(keys)
        return date.fromisoformat(clock[which]) if clock else None

    def _instant(self, keys: str, which: str) -> datetime | None:
        """24:00 of the day: from that instant on the limit is over (Civil Code art. 203)."""
        clock = self.running_clock(keys)
        return end_of_day(date.fromisoformat(clock[which])) if clock else None

    def _warn(self, keys: str, days: Any) -> datetime | None:
        """0:00 local time, `days` calendar days before the legal due date; null once that day
        is past: who begins later is not told how much time there was."""
        clock = self.running_clock(keys)
        if clock is None:
            return None
        day = date.fromisoformat(clock["legal_due"]) - timedelta(days=int(days))
        if day < self.moment.today:
            return None
        return datetime.combine(day, time(), SHANGHAI)

    def compute_clock(self, key: str, clock: Mapping[str, Any]) -> Due | None:
        """When a clock with these starting values is due, by the calendar of this moment."""
        given = [clock["start"], clock["extended_days"], clock["excluded_days"], clock["length"]]
        name = ":".join(["clock", key, *(str(g) for g in given)])

        def count(world: Any) -> list[Any]:
            start = date.fromisoformat(clock["start"])
            due = compute(
                world.shared.catalogue.rule(key, start),
                start,
                world.shared.calendar,
                extended_days=clock["extended_days"],
                excluded_days=clock["excluded_days"],
                length=clock["length"],
            )
            assert due is not None
            return [
                due.nominal.isoformat(),
                due.legal_due.isoformat(),
                due.internal_target.isoformat(),
                due.calendar_version,
                due.provisional,
            ]

        nominal, legal, target, version, provisional = self.moment.outside.take(name, count)
        day = date.fromisoformat
        return Due(day(clock["start"]), day(nominal), day(legal), day(target), version, provisional)

    def rule(self, key: str, start: date) -> Rule:
        """Only for checks on live commands; recorded ones were checked."""
        assert self.moment.outside.world is not None
        return self.moment.outside.world.shared.catalogue.rule(key, start)

    def timer_due(self, text: str, running: Running) -> datetime | None:
        """The instant at which a timer with this text fires; None while it cannot be known."""
        fixed = literal(text)
        value = self.evaluate_on_file(f'@"{fixed}"' if fixed else text, running)
        return self._as_instant(value, text)

    def _as_instant(self, value: Any, text: str) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=SHANGHAI)
        if isinstance(value, date):
            return datetime.combine(value, time(), SHANGHAI)
        if isinstance(value, timedelta):
            return self.moment.now + value
        raise ModelFailure(
            f"The timer «{text}» gave {value!r}; expected a date, a date and time or a duration "
            "of days and hours."
        )

    # organisations

    def organisation(self, key: str, item: str | None) -> str:
        """The organisation behind a key such as `unit` or `review_org` (organisations.json)."""
        if key == "item" and item is not None:
            return item
        found = self.known_organisation(key)
        if found is None:
            raise ModelFailure(
                f"The case has no organisation «{key}» yet; a form must set it before this element."
            )
        return found

    def known_organisation(self, key: str) -> str | None:
        """The organisation behind a key, as set or as the tree gives it; None while unknown."""
        if key in self.organisations:
            return self.organisations[key]
        known = ",".join(f"{k}={v}" for k, v in sorted(self.organisations.items()))

        def derive(world: Any, wanted: str = key) -> str | None:
            if wanted in self.organisations:
                return self.organisations[wanted]
            rule = world.shared.organisation_keys.get(wanted, {})
            if "parentOf" in rule:
                below = derive(world, rule["parentOf"])
                above: str | None = world.parent(below) if below else None
                return above
            if "nearest" in rule:
                of = derive(world, rule["of"])
                near: str | None = world.nearest(rule["nearest"], of) if of else None
                return near
            return None

        found: str | None = self.moment.outside.take(f"organisation:{key}:{known}", derive)
        return found

    # the stored form

    def dump(self) -> bytes:
        """The state as canonical JSON; the document is stored apart."""
        return canonical(
            {
                "clocks": {k: [v[field] for field in _CLOCK] for k, v in self.clocks.items()},
                "counts": self.counts,
                "documents": self.documents,
                "instances": [
                    [
                        r.no,
                        r.package,
                        r.version,
                        r.instance.process.id,
                        r.parent,
                        r.parent_number,
                        r.item,
                        r.instance.dump(),
                    ]
                    for r in self.instances.values()
                ],
                "organisations": self.organisations,
                "stage": self.stage,
                "status": self.status,
            }
        )

    def load(self, state: bytes, doc: bytes | str) -> None:
        """Raises NotFound when a version is missing."""
        stored = orjson.loads(unpacked(state))
        self.doc = orjson.loads(doc)
        for name in ("counts", "documents", "organisations", "stage", "status"):
            setattr(self, name, stored[name])
        for key, values in stored["clocks"].items():
            self.clocks[key] = dict(zip(_CLOCK, values, strict=True))
        for no, package, version, process, parent, number, item, tokens in stored["instances"]:
            running = Running(no, package, version, parent, number, item)
            compiled = self.library.package(package, version).processes[process]
            running.instance = Instance.load(compiled, CaseHost(self, running), tokens)
            self.instances[no] = running

    def digest(self, state: bytes) -> str:
        """A short fingerprint of the whole state, compared after every re-executed command."""
        return hashlib.sha256(state + canonical(self.doc)).hexdigest()[:24]


def _no_effects(case: Case, running: Running, element: Element) -> None:
    """Replaced by the handlers before any command runs."""


@lru_cache(maxsize=4096)
def names_in(text: str) -> tuple[str, ...]:
    """A text that names several things: `a, b` as (a, b)."""
    return tuple(name for name in re.split(r"[,，;；\s]+", text) if name)


@lru_cache(maxsize=4096)
def assignments(text: str) -> tuple[tuple[str, str], ...]:
    """`a; b="x"` as ((a, a), (b, "x")): names with the FEEL that gives them."""
    parts, quoted, current = [], False, ""
    for char in text:
        quoted ^= char == '"'
        if char in ";；" and not quoted:
            parts.append(current)
            current = ""
        else:
            current += char
    pairs = []
    for part in filter(str.strip, [*parts, current]):
        name, _, feel = part.partition("=")
        pairs.append((name.strip(), feel.strip() or name.strip()))
    return tuple(pairs)
