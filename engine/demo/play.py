"""Playing one matter: every working morning the people look at what is open and do their part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from engine import commands as c
from engine.casefile import Case
from engine.clocks import SHANGHAI
from engine.demo.script import Days, Matter, Script, Words
from engine.errors import EngineError, InvalidInput, StoreUnusable
from engine.execute import Bureau
from engine.forms import FormScope
from engine.worker import advance

MORNING, AFTERNOON = time(9), time(16, 30)
BETWEEN_ACTS = timedelta(minutes=25)


@dataclass(frozen=True)
class Cast:
    """Who holds which role where: the first of the people who do."""

    holders: Mapping[tuple[str, str], str]
    names: Mapping[str, str]

    @classmethod
    def of(cls, people: Sequence[Mapping[str, Any]]) -> Cast:
        held = [
            ((role["role"], role["organisation"]), person["id"])
            for person in reversed(people)
            for role in person["roles"]
        ]
        return cls(dict(held), {person["id"]: person["zh"] for person in people})


@dataclass(frozen=True)
class Opening:
    """Something that can be done: an open work item, or a message that the case waits for."""

    element: str
    role: str
    organisation: str
    instance: int
    number: int
    message: str | None = None
    correlation_key: str = ""


def play(
    bureau: Bureau, cast: Cast, script: Script, matter: Matter, days: Sequence[date], now: datetime
) -> int:
    """Play a matter from its first day to `now`; its case's id. Raises InvalidInput."""
    first = len(days) - matter.ago
    if first < 0:
        raise _failure(matter, f"came in {matter.ago} working days ago, of {len(days)}", ())
    performance = _Performance(bureau, cast, script, matter, now)
    for nth_day, day in enumerate(days[first:]):
        if not performance.morning(nth_day, day):
            break
    performance.rest(days[-1], now)
    return performance.case_id


@dataclass
class _Performance:
    """`seen`: the day of the matter on which an opening was first seen; `done`: how often an
    element was done."""

    bureau: Bureau
    cast: Cast
    script: Script
    matter: Matter
    moment: datetime
    case_id: int = 0
    open: list[Opening] = field(default_factory=list)
    seen: dict[tuple[int, int], int] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)

    def morning(self, nth_day: int, day: date) -> bool:
        """Do what is due on this working day of the matter; whether the case is still open."""
        self.moment = datetime.combine(day, MORNING, SHANGHAI)
        if self.case_id == 0:
            self._start()
            self._look(nth_day)
        while True:
            if advance(self.bureau, self.case_id, self.moment):
                self._look(nth_day)
            due = next(self._due(nth_day), None)
            if due is None:
                return bool(self.open)
            self._do(*due)
            self._look(nth_day)
            self.moment += BETWEEN_ACTS

    def rest(self, last: date, now: datetime) -> None:
        """Claim what is to be claimed, let the time until `now` pass, check where it stands."""
        self.moment = datetime.combine(last, AFTERNOON, SHANGHAI)
        if self.open and advance(self.bureau, self.case_id, self.moment):
            self._look(0)
        for opening in self.open:
            if opening.element in self.matter.claimed and self._rests(opening):
                self._claim(opening)
        advance(self.bureau, self.case_id, now)
        self._look(0)
        if not self.matter.stop and self.open:
            raise self._fail("should now be closed")
        if self.matter.stop and not any(map(self._rests, self.open)):
            raise self._fail(f"should now rest at {', '.join(sorted(self.matter.stop))}")

    def _rests(self, opening: Opening) -> bool:
        """`element`, or `element#2` for the second time that it is open."""
        nth = self.done[opening.element] + 1
        return not self.matter.stop.isdisjoint({opening.element, f"{opening.element}#{nth}"})

    def _start(self) -> None:
        library = self.bureau.library
        procedure, place = self.matter.procedure, self.matter.place
        package = library.package(*library.owner(procedure))
        start = package.processes[procedure].start
        form = package.forms[start.get("form")]
        act = self.script.act(self.matter, start.id, place, 0)
        if act is None:
            raise self._fail(f"has no act for {start.id}")
        scope = FormScope({}, self.moment.date(), self.bureau.world.options)
        values = form.sample(scope, self._words({}).fill(act.values))
        actor = self._holder(start.role, place)
        command = c.StartCase(procedure, values, place)
        self.case_id = self.bureau.execute(command, actor, self.moment).case_id

    def _look(self, nth_day: int) -> None:
        items = [
            Opening(i.element, i.role, i.organisation, id.instance, id.number)
            for i in self.bureau.queries.open_items(self.case_id)
            for id in [c.ItemId.parse(i.id)]
        ]
        waits = [
            Opening(
                w["element"],
                w["role"],
                w["organisation"],
                w["instance_no"],
                w["number"],
                w["message"],
                w["correlation_key"],
            )
            for w in self.bureau.queries.waits_of(self.case_id)
        ]
        self.open = items + waits
        for opening in self.open:
            self.seen.setdefault((opening.instance, opening.number), nth_day)

    def _due(self, nth_day: int) -> Iterator[tuple[Opening, Mapping[str, Any]]]:
        """What the script lets happen on this day, in the order of the list."""
        for opening in self.open:
            if self._rests(opening):
                continue
            nth = self.done[opening.element]
            act = self.script.act(self.matter, opening.element, opening.organisation, nth)
            if act and nth_day - self.seen[opening.instance, opening.number] >= act.after:
                yield opening, act.values

    def _do(self, opening: Opening, values: Mapping[str, Any]) -> None:
        actor = self._holder(opening.role, opening.organisation)
        try:
            case = self.bureau.look(self.case_id, actor, self.moment)
            running = case.instances[opening.instance]
            form = case.form(running, running.element(opening.element))
            filled = self._words(self._of_case(case, actor)).fill(values)
            if form is not None:
                filled = form.sample(case.form_scope(running), filled)
            self._act(opening, actor, filled)
        except InvalidInput as error:
            faults = "; ".join(f"{k}: {' '.join(v)}" for k, v in error.fields.items())
            raise self._fail(f"{opening.element}: {error.message} {faults}") from error
        except StoreUnusable:
            raise
        except (EngineError, KeyError) as error:
            raise self._fail(f"{opening.element}: {error}") from error
        self.done[opening.element] += 1

    def _act(self, opening: Opening, actor: str, values: Mapping[str, Any]) -> None:
        if opening.message is not None:
            key = opening.correlation_key
            self.bureau.execute(
                c.CorrelateMessage(opening.message, key, values), actor, self.moment
            )
            return
        self._claim(opening)
        self.moment += BETWEEN_ACTS
        item = c.ItemId(self.case_id, opening.instance, opening.number)
        self.bureau.execute(c.CompleteTask(item, values), actor, self.moment)

    def _claim(self, opening: Opening) -> None:
        actor = self._holder(opening.role, opening.organisation)
        item = c.ItemId(self.case_id, opening.instance, opening.number)
        self.bureau.execute(c.ClaimTask(item), actor, self.moment)

    def _words(self, known: Mapping[str, Any]) -> Words:
        days = Days(self.moment.date(), self.bureau.library.shared.calendar)
        words = Words({**self.matter.words, **known}, self.script.words, days)
        if all("result" in claim for claim in self.matter.words["claims"]):
            words.update(words.opinions())
        return words

    def _of_case(self, case: Case, actor: str) -> dict[str, Any]:
        """The organisations in charge, their people, and when each clock is due."""
        known = {"case_no": case.case_no, "actor": self.cast.names[actor]}
        known |= {f"{key}_due": clock["legal_due"] for key, clock in case.clocks.items()}
        for key in ("office", "unit", "review_org", "recheck_org"):
            if key in case.organisations or "unit" in case.organisations:
                organisation = case.organisation(key, None)
                known[key] = self.bureau.world.organisations[organisation].zh
                if key == "unit" and ("clerk", organisation) in self.cast.holders:
                    known["clerk"] = self.cast.names[self.cast.holders["clerk", organisation]]
        return known

    def _holder(self, role: str, organisation: str) -> str:
        person = self.cast.holders.get((role, organisation))
        if person is None:
            raise self._fail(f"nobody holds {role} at {organisation}")
        return person

    def _fail(self, what: str) -> InvalidInput:
        return _failure(self.matter, what, self.open)


def _failure(matter: Matter, what: str, openings: Iterable[Opening]) -> InvalidInput:
    found = ", ".join(f"{o.element}@{o.organisation}" for o in openings) or "nothing"
    text = f"The demo's matter {matter.id} {what}; open: {found}. Correct processes/_demo/."
    return InvalidInput({matter.id: [text]}, text)
