"""Reads that the engine itself needs: definitions, rights, guards, what a case is loaded from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, func, or_, select
from sqlalchemy.exc import OperationalError

from engine import store
from engine.commands import Command, ItemId, Result
from engine.definitions import Library, Organisation, Package
from engine.errors import Conflict, NotFound
from engine.store import instant


class Lookups:
    """The short reads of one bureau."""

    def __init__(self, database: Engine, library: Library) -> None:
        self._database, self._library = database, library

    def _all(self, statement: Any) -> Sequence[Row[Any]]:
        with self.connection() as connection:
            return connection.execute(statement).all()

    def _first(self, statement: Any) -> Row[Any] | None:
        with self.connection() as connection:
            return connection.execute(statement).first()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Raises StoreUnusable when the database does not answer."""
        try:
            with self._database.connect() as connection:
                yield connection
        except OperationalError as error:
            raise store.unavailable(error) from error

    def check(self) -> None:
        """Raises StoreUnusable, saying what to do, unless this program can use the database."""
        store.check(self._database, to_write=True)

    def definitions(self, known: Mapping[str, int]) -> Iterable[tuple[Package, int]]:
        """Deployed packages newer than the known version of each, oldest first."""
        t = store.definition
        newer = [and_(t.c.package == key, t.c.version <= n) for key, n in known.items()]
        statement = select(t.c.package, t.c.version, t.c.files).order_by(t.c.version)
        if newer:
            statement = statement.where(~or_(*newer))
        return [
            (Package.of(row.package, json.loads(row.files)), row.version)
            for row in self._all(statement)
        ]

    def organisations(self) -> dict[str, Organisation]:
        rows = self._all(select(store.organisation))
        return {row.id: Organisation(row.id, row.zh, row.en, row.kind, row.parent) for row in rows}

    def holds(self, person: str, role: str, organisation: str) -> bool:
        t = store.membership
        return (
            self._first(
                select(t.c.person).where(
                    t.c.person == person, t.c.role == role, t.c.organisation == organisation
                )
            )
            is not None
        )

    def has_role(self, person: str, role: str) -> bool:
        t = store.membership
        return (
            self._first(select(t.c.person).where(t.c.person == person, t.c.role == role))
            is not None
        )

    def roles_of(self, people: Iterable[str]) -> list[tuple[str, str, str]]:
        """(person, organisation, role) of everything that these people hold."""
        t = store.membership
        rows = self._all(select(t).where(t.c.person.in_(sorted(set(people)))).order_by(*t.c))
        return [(row.person, row.organisation, row.role) for row in rows]

    def claims_without_right(self) -> list[tuple[ItemId, str]]:
        """Claimed work items whose holder does not hold the role any more, and the holder."""
        w, m = store.work_item, store.membership
        right = select(m.c.person).where(
            m.c.person == w.c.assignee, m.c.organisation == w.c.organisation, m.c.role == w.c.role
        )
        rows = self._all(select(w).where(w.c.assignee.is_not(None), ~right.exists()))
        return [
            (ItemId(row.case_id, row.instance_no, row.number), str(row.assignee)) for row in rows
        ]

    def item_guard(self, item: ItemId, actor: str) -> Mapping[str, Any] | None:
        """Why a guard may have failed: assignee, role, organisation, membership of the actor."""
        w, m = store.work_item, store.membership
        row = self._first(
            select(w.c.assignee, w.c.role, w.c.organisation, m.c.person)
            .outerjoin(
                m,
                and_(
                    m.c.person == actor,
                    m.c.role == w.c.role,
                    m.c.organisation == w.c.organisation,
                ),
            )
            .where(
                w.c.case_id == item.case_id,
                w.c.instance_no == item.instance,
                w.c.number == item.number,
            )
        )
        return None if row is None else {**row._mapping, "member": row.person is not None}

    def recipients(self, recipient: str) -> list[str]:
        """The ids of the people behind `role@organisation`."""
        role, _, organisation = recipient.partition("@")
        t = store.membership
        rows = self._all(
            select(t.c.person)
            .where(t.c.role == role, t.c.organisation == organisation)
            .order_by(t.c.person)
        )
        return [row.person for row in rows]

    def stored_case(self, case_id: int) -> Mapping[str, Any] | None:
        """What a live case is loaded from; `state` is None when the case is closed."""
        f, s, d = store.case_file, store.case_state, store.case_doc
        row = self._first(
            select(f.c.id, f.c.case_no, f.c.rev, s.c.state, d.c.doc)
            .join(d, d.c.case_id == f.c.id)
            .outerjoin(s, s.c.case_id == f.c.id)
            .where(f.c.id == case_id)
        )
        return dict(row._mapping) if row else None

    def exists(self, case_id: int) -> bool:
        f = store.case_file
        return self._first(select(f.c.id).where(f.c.id == case_id)) is not None

    def case_id(self, case_no: str) -> int:
        """Raises NotFound."""
        f = store.case_file
        row = self._first(select(f.c.id).where(f.c.case_no == case_no, f.c.id > 0))
        if row is None:
            raise NotFound(f"There is no case {case_no}; check the number.")
        return int(row.id)

    def status(self, case_id: int) -> str:
        f = store.case_file
        row = self._first(select(f.c.status).where(f.c.id == case_id))
        return row.status if row else ""

    def message_waits(self, message: str, key: str) -> list[Mapping[str, Any]]:
        t = store.message_wait
        rows = self._all(
            select(t).where(t.c.message == message, t.c.correlation_key == key).limit(3)
        )
        return [dict(row._mapping) for row in rows]

    def incident(self, case_id: int, number: int) -> Mapping[str, Any]:
        """Raises NotFound."""
        t = store.incident
        row = self._first(select(t).where(t.c.case_id == case_id, t.c.no == number))
        if row is None:
            raise NotFound(f"The case {case_id} has no incident {number}.")
        return dict(row._mapping)

    def held_incident(self, case_id: int, actor: str, command: str) -> Mapping[str, Any] | None:
        """The open incident that holds this actor's command already."""
        t = store.incident
        same = [t.c.case_id == case_id, t.c.actor == actor, t.c.command == command]
        row = self._first(select(t).where(*same, t.c.status == "open"))
        return None if row is None else dict(row._mapping)

    def last_number(self) -> int:
        """The number of the case opened last."""
        t = store.counter
        row = self._first(select(t.c.value).where(t.c.name == "case"))
        return int(row.value) if row else 0

    def next_incident(self, case_id: int) -> int:
        t = store.incident
        row = self._first(select(func.max(t.c.no).label("no")).where(t.c.case_id == case_id))
        return (row.no or 0) + 1 if row else 1

    def sent_before(self, actor: str, key: str) -> Result | None:
        """The result of whatever this actor sent with this key: for keys that are made of all
        that was sent, when the command itself can no longer be read because its task is over."""
        row = self._kept_key(actor, key)
        return Result(row.case_id, row.seq, row.case_no) if row else None

    def executed(self, actor: str, command: Command) -> Result | None:
        """The result of a command that this actor already sent with its key.

        Raises Conflict when the key was used for another command.
        """
        row = self._kept_key(actor, command.key)
        if row is not None and row.command != command.digest():
            raise Conflict(
                "The idempotency key was already used for another act; nothing was done. Send "
                "this one with a key of its own."
            )
        return Result(row.case_id, row.seq, row.case_no) if row else None

    def _kept_key(self, actor: str, key: str | None) -> Row[Any] | None:
        t, f = store.idempotency, store.case_file
        return self._first(
            select(t.c.case_id, t.c.command, f.c.seq, f.c.case_no)
            .join(f, f.c.id == t.c.case_id)
            .where(t.c.actor == actor, t.c.key == key)
        )

    def running_calendars(self, version: str, case_id: int | None = None) -> list[int]:
        """Cases (or whether this one) with a running clock counted by another calendar."""
        t = store.clock
        one = [] if case_id is None else [t.c.case_id == case_id]
        rows = self._all(
            select(t.c.case_id)
            .where(t.c.status == "running", t.c.calendar != version, *one)
            .distinct()
            .order_by(t.c.case_id)
        )
        return [row.case_id for row in rows]

    def case_ids(self) -> list[int]:
        f = store.case_file
        return [row.id for row in self._all(select(f.c.id).where(f.c.id > 0).order_by(f.c.id))]

    def password_hash(self, person: str) -> str | None:
        row = self._first(select(store.person.c.password_hash).where(store.person.c.id == person))
        return row.password_hash if row else None

    def failed_log_ins(self, name: str, since: datetime) -> int:
        t = store.log_in_failure
        statement = select(func.count()).where(t.c.name == name, t.c.at >= instant(since))
        with self.connection() as connection:
            return int(connection.execute(statement).scalar_one())
