"""Every read. Nothing here writes; what a person may not see is left out here, not in the pages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.sql import ColumnElement

from engine import store
from engine.commands import ItemId
from engine.errors import NotAllowed, NotFound
from engine.history import read_payload
from engine.lookups import Lookups
from engine.store import instant

PAGE = 50
"""Rows of one page of a list."""
COUNT_CAP = 1_000
"""Counts stop here: «1000+» tells a clerk all there is to know."""

EVERYWHERE = ("auditor", "administrator")
"""Roles that may look at every case that is not closed to their organisation."""
IN_THEIR_AREA = ("office_head", "joint_officer")
"""Roles that may look at the cases of the area which their organisation serves."""


_NO_ROLE = "The case belongs to organisations in which you hold no role."


@dataclass(frozen=True)
class Person:
    id: str
    zh: str
    en: str
    roles: tuple[tuple[str, str], ...]
    """(role, organisation id) pairs."""

    @property
    def organisations(self) -> frozenset[str]:
        return frozenset(organisation for _, organisation in self.roles)

    def has(self, *roles: str) -> bool:
        return any(role in roles for role, _ in self.roles)


@dataclass(frozen=True)
class InboxItem:
    """One row of an inbox. `due` is a local date (ISO text) or None."""

    id: str
    case_id: int
    case_no: str
    name: str
    title: str
    petitioner: str
    role: str
    organisation: str
    assignee: str | None
    due: str | None
    clock: str | None
    created_at: str
    procedure: str
    element: str


@dataclass(frozen=True)
class Page:
    """A page of a list and the key of the next one."""

    items: Sequence[Any]
    next: str | None


@dataclass(frozen=True)
class CaseView:
    """A case as stored: its row, document, clocks, documents, instances and what is open."""

    row: Mapping[str, Any]
    doc: Mapping[str, Any]
    clocks: Sequence[Mapping[str, Any]]
    documents: Sequence[Mapping[str, Any]]
    instances: Sequence[Mapping[str, Any]]
    items: Sequence[InboxItem]
    waits: Sequence[Mapping[str, Any]]
    timers: Sequence[Mapping[str, Any]]
    incidents: Sequence[Mapping[str, Any]]


class Queries(Lookups):
    """Reads of one bureau."""

    # persons

    def person(self, person: str) -> Person:
        """Raises NotFound."""
        t = store.person
        row = self._first(select(t.c.id, t.c.zh, t.c.en).where(t.c.id == person))
        if row is None:
            raise NotFound(f"There is no person «{person}».")
        return Person(row.id, row.zh, row.en, self._roles(person))

    def _roles(self, person: str) -> tuple[tuple[str, str], ...]:
        t = store.membership
        rows = self._all(
            select(t.c.role, t.c.organisation)
            .where(t.c.person == person)
            .order_by(t.c.organisation, t.c.role)
        )
        return tuple((row.role, row.organisation) for row in rows)

    def people(self) -> list[Person]:
        """Everybody, by id."""
        t, m = store.person, store.membership
        roles: dict[str, list[tuple[str, str]]] = {}
        for row in self._all(select(m).order_by(m.c.organisation, m.c.role)):
            roles.setdefault(row.person, []).append((row.role, row.organisation))
        rows = self._all(select(t.c.id, t.c.zh, t.c.en).order_by(t.c.id))
        return [Person(r.id, r.zh, r.en, tuple(roles.get(r.id, ()))) for r in rows]

    def person_names(self, people: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Chinese and English names by id; ids that are nobody's are left out."""
        t = store.person
        rows = self._all(select(t.c.id, t.c.zh, t.c.en).where(t.c.id.in_(sorted(set(people)))))
        return {row.id: (row.zh, row.en) for row in rows}

    def session_person(self, token_hash: str, kind: str, now: datetime) -> Person | None:
        """Whose session this is, or None when it ended."""
        t = store.session
        row = self._first(
            select(t.c.person).where(
                t.c.token_hash == token_hash, t.c.kind == kind, t.c.expires_at > instant(now)
            )
        )
        return self.person(row.person) if row else None

    # the inbox

    def inbox(
        self,
        person: Person,
        tab: str = "queue",
        role: str | None = None,
        text: str = "",
        after: str | None = None,
        limit: int = PAGE,
    ) -> Page:
        """Open work items: `mine`, or `queue` (unclaimed, of the roles held), soonest due first.

        Keyset paging: `after` is the `next` of the page before. `text` filters by case number,
        title or petitioner.
        """
        w, f = store.work_item, store.case_file
        due = func.coalesce(w.c.due, "9999")
        statement = (
            select(*w.c, f.c.case_no, f.c.title, f.c.petitioner, f.c.procedure)
            .join(f, f.c.id == w.c.case_id)
            .where(self._belongs(person, tab, role), self._open_to(person))
            .order_by(due, w.c.case_id, w.c.instance_no, w.c.number)
            .limit(limit + 1)
        )
        if text:
            statement = statement.where(_contains(text))
        if after:
            key = _read_key(after)
            statement = statement.where(
                _after((due, w.c.case_id, w.c.instance_no, w.c.number), key)
            )
        rows = self._all(statement)
        items = [_inbox_item(row) for row in rows[:limit]]
        more = rows[limit - 1] if len(rows) > limit else None
        last = (
            f"{more.due or '9999'}_{more.case_id}_{more.instance_no}_{more.number}"
            if more
            else None
        )
        return Page(items, last)

    def _belongs(self, person: Person, tab: str, role: str | None) -> ColumnElement[bool]:
        w = store.work_item
        if tab == "mine":
            return w.c.assignee == person.id
        queues = [
            and_(w.c.organisation == o, w.c.role == r)
            for r, o in person.roles
            if role is None or role == r
        ]
        return and_(w.c.assignee.is_(None), or_(*queues)) if queues else w.c.case_id < 0

    def _open_to(self, person: Person) -> ColumnElement[bool]:
        """An accusation is closed to the accused organisation (art. 30, third paragraph)."""
        accused = store.case_file.c.org_accused
        return or_(accused.is_(None), accused.not_in(sorted(person.organisations)))

    def inbox_counts(self, person: Person) -> dict[str, int]:
        """How many items are `mine` and in the `queue`, counted up to COUNT_CAP."""
        w, f = store.work_item, store.case_file
        counts = {}
        with self.connection() as connection:
            for tab in ("mine", "queue"):
                capped = (
                    select(w.c.case_id)
                    .join(f, f.c.id == w.c.case_id)
                    .where(self._belongs(person, tab, None), self._open_to(person))
                    .limit(COUNT_CAP)
                    .subquery()
                )
                counts[tab] = int(
                    connection.execute(select(func.count()).select_from(capped)).scalar_one()
                )
        return counts

    def item(self, item: ItemId, person: Person) -> InboxItem:
        """An open work item that the person may see. Raises NotFound or NotAllowed."""
        w, f = store.work_item, store.case_file
        row = self._first(
            select(*w.c, f.c.case_no, f.c.title, f.c.petitioner, f.c.procedure, f.c.org_accused)
            .join(f, f.c.id == w.c.case_id)
            .where(
                w.c.case_id == item.case_id,
                w.c.instance_no == item.instance,
                w.c.number == item.number,
            )
        )
        if row is None:
            raise NotFound(f"The task {item} is finished or was withdrawn; see your inbox.")
        mine = row.assignee == person.id or (row.role, row.organisation) in person.roles
        if not mine or row.org_accused in person.organisations:
            raise NotAllowed("The task is for a role that you do not hold.")
        return _inbox_item(row)

    # cases

    def case(self, case_id: int, person: Person) -> CaseView:
        """A case with all that is shown of it. Raises NotFound or NotAllowed."""
        f = store.case_file
        row = self._first(
            select(*(c for c in f.c if c.name not in ("prev", "head"))).where(f.c.id == case_id)
        )
        if row is None or case_id <= 0:
            raise NotFound(f"There is no case {case_id}; check the number.")
        self._require_sight(case_id, row, person)
        doc = self._first(select(store.case_doc.c.doc).where(store.case_doc.c.case_id == case_id))
        return CaseView(
            row=dict(row._mapping),
            doc=json.loads(doc.doc) if doc else {},
            clocks=self.clocks_of(case_id),
            documents=self._of_case(store.document, case_id),
            instances=self._of_case(store.instance, case_id),
            items=self.open_items(case_id),
            waits=self.waits_of(case_id),
            timers=self._of_case(store.timer, case_id),
            incidents=self._of_case(store.incident, case_id),
        )

    def open_items(self, case_id: int) -> list[InboxItem]:
        """The open work items of a case."""
        w, f = store.work_item, store.case_file
        rows = self._all(
            select(*w.c, f.c.case_no, f.c.title, f.c.petitioner, f.c.procedure)
            .join(f, f.c.id == w.c.case_id)
            .where(w.c.case_id == case_id)
            .order_by(w.c.instance_no, w.c.number)
        )
        return [_inbox_item(row) for row in rows]

    def waits_of(self, case_id: int) -> list[Mapping[str, Any]]:
        """The messages that a case waits for."""
        return self._of_case(store.message_wait, case_id)

    def clocks_of(self, case_id: int) -> list[Mapping[str, Any]]:
        """All clocks of a case, in the order of their start."""
        return self._of_case(store.clock, case_id)

    def _of_case(self, table: Any, case_id: int) -> list[Mapping[str, Any]]:
        key = [c for c in table.primary_key.columns if c.name != "case_id"]
        statement = select(table).where(table.c.case_id == case_id).order_by(*key)
        return [dict(row._mapping) for row in self._all(statement)]

    def _require_sight(self, case_id: int, row: Row[Any], person: Person) -> None:
        """Who may look: overseers, the case's organisations, whoever has or had a task in it."""
        if row.org_accused in person.organisations:
            # The words for any case of others: who is accused learns nothing from the answer.
            raise NotAllowed(_NO_ROLE)
        seen = self._oversees(person)
        if seen is None or {row.org_office, row.org_receiver, row.org_unit} & seen:
            return
        h, w = store.history_event, store.work_item
        acted = select(h.c.seq).where(h.c.case_id == case_id, h.c.actor == person.id).limit(1)
        queues = [and_(w.c.role == r, w.c.organisation == o) for r, o in person.roles]
        offered = select(w.c.number).where(w.c.case_id == case_id, or_(*queues)).limit(1)
        m = store.message_wait
        expected = select(m.c.number).where(
            m.c.case_id == case_id, m.c.organisation.in_(sorted(person.organisations))
        )
        if not any(self._first(s) is not None for s in (acted, offered, expected.limit(1))):
            raise NotAllowed(_NO_ROLE)

    def _oversees(self, person: Person) -> frozenset[str] | None:
        """The organisations whose cases the person may look at; None where it is all of them.

        The area of a petition office is what lies under the government that it belongs to.
        """
        if person.has(*EVERYWHERE):
            return None
        offices = {place for role, place in person.roles if role in IN_THEIR_AREA}
        if not offices:
            return person.organisations
        tree = self.organisations()
        seen = {tree[place].parent or place for place in offices if place in tree}
        while grown := {o.id for o in tree.values() if o.parent in seen} - seen:
            seen |= grown
        return frozenset(seen) | person.organisations

    def cases(
        self,
        person: Person,
        text: str = "",
        status: str | None = None,
        late_on: str | None = None,
        after: str | None = None,
        limit: int = PAGE,
    ) -> Page:
        """Cases that the person may look at, newest first; `late_on`: a local date, ISO text.

        `due` of a row is the legal date of the running clock that ends first. Late is who must
        act: the time limits of organs in open cases count, those of petitioners do not.
        """
        f, k = store.case_file, store.clock
        runs = and_(k.c.status == "running", k.c.clock.not_in(self._petitioners_clocks()))
        first = select(func.min(k.c.legal_due)).where(
            k.c.case_id == f.c.id, runs, f.c.closed_at.is_(None)
        )
        statement = (
            select(
                *(c for c in f.c if c.name not in ("prev", "head")),
                first.scalar_subquery().label("due"),
            )
            .where(f.c.id > 0, self._open_to(person))
            .order_by(f.c.opened_at.desc(), f.c.id.desc())
            .limit(limit + 1)
        )
        seen = self._oversees(person)
        if seen is not None:
            mine, places = sorted(seen), (f.c.org_office, f.c.org_receiver, f.c.org_unit)
            acted = select(store.history_event.c.case_id).where(
                store.history_event.c.actor == person.id
            )
            statement = statement.where(or_(*(at.in_(mine) for at in places), f.c.id.in_(acted)))
        if text:
            statement = statement.where(_contains(text))
        if status:
            statement = statement.where(f.c.status == status)
        if late_on:
            late = select(k.c.case_id).where(runs, k.c.legal_due < late_on)
            statement = statement.where(f.c.id.in_(late), f.c.closed_at.is_(None))
        if after:
            at, _, number = after.rpartition("_")
            if not number.isdigit():
                raise NotFound("The page's key is unknown; begin with the first page.")
            statement = statement.where(
                or_(f.c.opened_at < at, and_(f.c.opened_at == at, f.c.id < int(number)))
            )
        rows = self._all(statement)
        more = rows[limit - 1] if len(rows) > limit else None
        following = f"{more.opened_at}_{more.id}" if more else None
        return Page([dict(row._mapping) for row in rows[:limit]], following)

    def _petitioners_clocks(self) -> list[str]:
        rules = self._library.shared.catalogue.rules
        return sorted(k for k, r in rules.items() if r[-1].runs_against == "petitioner")

    def history(self, case_id: int, after: int = 0, limit: int = 1_000) -> list[Mapping[str, Any]]:
        """Rows of a case's history in order, payloads parsed."""
        h = store.history_event
        rows = self._all(
            select(h).where(h.c.case_id == case_id, h.c.seq > after).order_by(h.c.seq).limit(limit)
        )
        return [
            {**row._mapping, "payload": read_payload(row.payload) if row.payload else None}
            for row in rows
        ]

    def diagram(self, case_id: int, instance_no: int) -> str:
        """The BPMN XML on which an instance runs or ran. Raises NotFound."""
        i = store.instance
        row = self._first(select(i).where(i.c.case_id == case_id, i.c.no == instance_no))
        if row is None:
            raise NotFound(f"The case has no process instance {instance_no}.")
        return self._library.package(row.package, row.version).diagrams[row.process]

    def incidents(self, limit: int = PAGE) -> list[Mapping[str, Any]]:
        """Open incidents, oldest first."""
        t = store.incident
        rows = self._all(select(t).where(t.c.status == "open").order_by(t.c.at).limit(limit))
        return [dict(row._mapping) for row in rows]


def _inbox_item(row: Row[Any]) -> InboxItem:
    m = row._mapping
    return InboxItem(
        id=f"{m['case_id']}.{m['instance_no']}.{m['number']}",
        **{k: m[k] for k in InboxItem.__dataclass_fields__ if k != "id"},
    )


def _contains(text: str) -> ColumnElement[bool]:
    f = store.case_file
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    pattern = f"%{escaped}%"
    return or_(*(c.like(pattern, escape="\\") for c in (f.c.case_no, f.c.title, f.c.petitioner)))


def _read_key(after: str) -> tuple[str, int, int, int]:
    parts = after.split("_")
    if len(parts) != 4 or not all(p.isdigit() for p in parts[1:]):
        raise NotFound("The page's key is unknown; begin with the first page.")
    return parts[0], int(parts[1]), int(parts[2]), int(parts[3])


def _after(columns: Sequence[Any], key: Sequence[Any]) -> ColumnElement[bool]:
    """Rows behind `key` in the order of `columns`."""
    clauses = []
    for n, (column, value) in enumerate(zip(columns, key, strict=True)):
        same = [c == v for c, v in zip(columns[:n], key[:n], strict=True)]
        clauses.append(and_(*same, column > value))
    return or_(*clauses)
