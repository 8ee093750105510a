"""A plan: what one command writes, made in memory, written in one transaction.

On PostgreSQL a plan becomes one statement (one round trip, one commit); on SQLite plain
statements under BEGIN IMMEDIATE. Either writes everything or, when the case's revision or the
guard of the work item no longer holds, nothing. The chain's head is computed from the stored one.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import BigInteger, Boolean, Engine, Integer, LargeBinary
from sqlalchemy.exc import OperationalError

from engine import store
from engine.commands import Command

PUT, PATCH, REMOVE = "put", "patch", "remove"
GENESIS = b"\0" * 32
"""The hash before the first event of a chain."""


@dataclass(frozen=True)
class ItemGuard:
    """The command holds only while this work item is as it must be.

    `assignee`: who must hold it (None: nobody). `member`: who must hold its role in its
    organisation (None: nobody need). `change`: the row's new values, or None to remove it.
    """

    instance: int
    number: int
    assignee: str | None
    member: str | None
    change: Mapping[str, Any] | None


@dataclass
class Plan:
    """Rows by table and key, coalesced: one change a row, as one SQL statement demands."""

    case_id: int
    rev: int | None
    """The revision that must be stored for the plan to hold; None when no instance was stepped."""
    event: dict[str, Any] = field(default_factory=dict)
    guard: ItemGuard | None = None
    new_case: bool = False
    rows: dict[tuple[str, tuple[Any, ...]], tuple[str, dict[str, Any]]] = field(
        default_factory=dict
    )
    case_changes: dict[str, Any] = field(default_factory=dict)

    def put(self, table: str, key: tuple[Any, ...], values: Mapping[str, Any]) -> None:
        replaced = self.rows.get((table, key), ("", {}))[0] == REMOVE
        self.rows[table, key] = (PATCH if replaced else PUT, dict(values))

    def patch(self, table: str, key: tuple[Any, ...], values: Mapping[str, Any]) -> None:
        kind, old = self.rows.get((table, key), (PATCH, {}))
        self.rows[table, key] = (kind, {**old, **values})

    def remove(self, table: str, key: tuple[Any, ...]) -> None:
        if self.rows.pop((table, key), ("", {}))[0] != PUT:
            self.rows[table, key] = (REMOVE, {})

    def keep_key(self, actor: str, command: Command) -> None:
        """Remember the idempotency key of the command, when it has one."""
        if command.key is not None:
            self.put("idempotency", (actor, command.key), {"command": command.digest()})

    def patch_case(self, values: Mapping[str, Any]) -> None:
        self.case_changes.update(values)


def link(prev: bytes, body: bytes) -> bytes:
    """The next head of a chain."""
    return hashlib.sha256(prev + body).digest()


_UNIQUE = ("SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE")


class Repeated(Exception):
    """A row of the plan is there already: the command's idempotency key was used before."""


_SETTINGS = (
    # Statements are planned once; every row is found by its key, however small its table is now.
    "SET plan_cache_mode = force_generic_plan",
    "SET enable_seqscan = off",
)


class Writer:
    """Writes plans; each thread keeps its own connection, since checking one out costs as much
    as a small write."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._form = _write_sqlite if engine.dialect.name == "sqlite" else _write_postgres
        self._own = threading.local()

    def write(self, plan: Plan) -> int | None:
        """Write a plan; the chain's new length, or None when revision or guard no longer hold.

        Raises Repeated, or StoreUnusable when the database does not answer.
        """
        try:
            return self._form(self._connection(), plan)
        except psycopg.errors.UniqueViolation as error:
            raise Repeated from error
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorname in _UNIQUE:
                raise Repeated from error
            raise
        except psycopg.errors.DeadlockDetected:
            return None
        except (sqlite3.OperationalError, psycopg.OperationalError) as error:
            self.close()
            raise store.unavailable(error) from error

    def _connection(self) -> Any:
        held = getattr(self._own, "held", None)
        if held is None:
            try:
                held = self._own.held = self._engine.connect()
            except OperationalError as error:
                raise store.unavailable(error) from error
            self._own.raw = held.connection.driver_connection
            if self._engine.dialect.name == "postgresql":
                for setting in _SETTINGS:
                    self._own.raw.execute(setting)
        return self._own.raw

    def close(self) -> None:
        """Let go of this thread's connection."""
        held = getattr(self._own, "held", None)
        if held is not None:
            self._own.held = None
            held.invalidate()
            held.close()


# Both forms work from the same groups: all rows of one kind of change to one table with the same
# columns go into one statement.

_TABLES = store.metadata.tables.values()
_COLUMNS = {table.name: {c.name: c for c in table.columns} for table in _TABLES}
_KEYS = {table.name: tuple(c.name for c in table.primary_key.columns) for table in _TABLES}


@dataclass(frozen=True)
class _Group:
    kind: str
    table: str
    columns: tuple[str, ...]
    count: int


def _groups(plan: Plan) -> list[tuple[_Group, list[list[Any]]]]:
    gathered: dict[tuple[str, str, tuple[str, ...]], list[list[Any]]] = {}
    for (table, key), (kind, values) in plan.rows.items():
        columns = tuple(sorted(values))
        row = [*key, *(values[c] for c in columns)]
        gathered.setdefault((kind, table, columns), []).append(row)
    order = {REMOVE: 0, PATCH: 1, PUT: 2}
    return [
        (_Group(kind, table, columns, len(rows)), rows)
        for (kind, table, columns), rows in sorted(
            gathered.items(), key=lambda g: (order[g[0][0]], g[0][1:])
        )
    ]


_EVENT = ("at", "actor", "type", "instance_no", "element", "payload", "payload_hash", "salt")


# SQLite ------------------------------------------------------------------------------------------


def _write_sqlite(connection: sqlite3.Connection, plan: Plan) -> int | None:
    cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    try:
        seq = _sqlite_statements(cursor, plan)
        cursor.execute("COMMIT" if seq is not None else "ROLLBACK")
        return seq
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            cursor.execute("ROLLBACK")
        raise
    finally:
        cursor.close()


def _sqlite_statements(cursor: sqlite3.Cursor, plan: Plan) -> int | None:
    if plan.guard and not _sqlite_guard(cursor, plan.case_id, plan.guard):
        return None
    event, body = plan.event, plan.event["body"]
    if plan.new_case:
        seq, prev = 1, GENESIS
        columns = {"id": plan.case_id, "rev": 0, "seq": 1, "prev": prev, "head": link(prev, body)}
        columns |= plan.case_changes
        marks = ",".join("?" * len(columns))
        cursor.execute(
            f"INSERT INTO case_file({','.join(columns)}) VALUES({marks})", [*columns.values()]
        )
    else:
        row = cursor.execute(
            "SELECT rev, seq, head FROM case_file WHERE id=?", [plan.case_id]
        ).fetchone()
        if row is None or (plan.rev is not None and row[0] != plan.rev):
            return None
        seq, prev = row[1] + 1, row[2]
        changes = {"rev": row[0] + (plan.rev is not None), "seq": seq, "prev": prev}
        changes |= {"head": link(prev, body), **plan.case_changes}
        sets = ",".join(f"{c}=?" for c in changes)
        cursor.execute(f"UPDATE case_file SET {sets} WHERE id=?", [*changes.values(), plan.case_id])
    cursor.execute(
        f"INSERT INTO history_event(case_id,seq,prev_hash,hash,{','.join(_EVENT)}) "
        f"VALUES(?,?,?,?,{','.join('?' * len(_EVENT))})",
        [plan.case_id, seq, prev, link(prev, body), *(event[c] for c in _EVENT)],
    )
    for group, rows in _groups(plan):
        cursor.executemany(_sqlite_sql(group), [_arranged(group, plan.case_id, r) for r in rows])
    return seq


def _arranged(group: _Group, case_id: int, row: list[Any]) -> list[Any]:
    """Key values stand last in an UPDATE, first elsewhere."""
    key = [case_id, *row[: len(row) - len(group.columns)]]
    if _KEYS[group.table][0] != "case_id":
        key = key[1:]
    values = row[len(row) - len(group.columns) :]
    return [*values, *key] if group.kind == PATCH else [*key, *values]


@lru_cache(maxsize=512)
def _sqlite_sql(group: _Group) -> str:
    keys = _KEYS[group.table]
    where = " AND ".join(f"{k}=?" for k in keys)
    if group.kind == REMOVE:
        return f"DELETE FROM {group.table} WHERE {where}"
    if group.kind == PATCH:
        return f"UPDATE {group.table} SET {','.join(f'{c}=?' for c in group.columns)} WHERE {where}"
    columns = [*keys, *group.columns]
    marks = ",".join("?" * len(columns))
    return f"INSERT INTO {group.table}({','.join(columns)}) VALUES({marks}){_on_conflict(group)}"


_REPLACED = frozenset({"organisation", "person", "membership"})
"""Registers of the bureau, written by id again and again."""


def _on_conflict(group: _Group) -> str:
    """A register's row is changed where it is there; columns that are not given stay."""
    if group.table not in _REPLACED:
        return ""
    sets = ",".join(f"{c}=excluded.{c}" for c in group.columns)
    action = f"UPDATE SET {sets}" if sets else "NOTHING"
    return f" ON CONFLICT({','.join(_KEYS[group.table])}) DO {action}"


def _sqlite_guard(cursor: sqlite3.Cursor, case_id: int, guard: ItemGuard) -> bool:
    sql = _guard_sql(_guard_shape(guard), "?", "")
    cursor.execute(sql, _guard_values(case_id, guard))
    return cursor.rowcount == 1


_GuardShape = tuple[bool, bool, tuple[str, ...] | None]


def _guard_shape(guard: ItemGuard) -> _GuardShape:
    changed = None if guard.change is None else tuple(guard.change)
    return guard.assignee is not None, guard.member is not None, changed


def _guard_values(case_id: int, guard: ItemGuard) -> list[Any]:
    values = [*(guard.change or {}).values(), case_id, guard.instance, guard.number]
    return [*values, *(who for who in (guard.assignee, guard.member) if who is not None)]


@lru_cache(maxsize=64)
def _guard_sql(shape: _GuardShape, mark: str, source: str) -> str:
    """The change of the guarded item, which finds no row when the guard no longer holds."""
    held, by_right, changed = shape
    typed = mark == "%s"
    number, whole, words = ("%s::int", "%s::bigint", "%s::text") if typed else ("?", "?", "?")
    w, alias = ("w.", " AS w") if source else ("work_item.", "")
    if changed is None:
        verb = f"DELETE FROM work_item{alias}" + (f" USING {source}" if source else "")
    else:
        sets = ",".join(f"{c}={words}" for c in changed)
        verb = f"UPDATE work_item{alias} SET {sets}" + (f" FROM {source}" if source else "")
    # coalesce keeps PostgreSQL on the primary key instead of a partial index.
    holder = f"{w}assignee={words}" if held else f"coalesce({w}assignee,'')=''"
    right = (
        f" AND EXISTS(SELECT 1 FROM membership m WHERE m.person={words} "
        f"AND m.organisation={w}organisation AND m.role={w}role)"
    )
    return (
        f"{verb} WHERE {w}case_id={whole} AND {w}instance_no={number} AND {w}number={number} "
        f"AND {holder}{right if by_right else ''}"
    )


# PostgreSQL --------------------------------------------------------------------------------------


def _write_postgres(connection: Any, plan: Plan) -> int | None:
    groups = _groups(plan)
    shape = (
        plan.new_case,
        plan.rev is not None,
        plan.guard and _guard_shape(plan.guard),
        tuple(sorted(plan.case_changes)),
        tuple(group for group, _ in groups),
    )
    sql = _postgres_sql(shape)
    row = connection.execute(sql, list(_postgres_values(plan, groups)), prepare=True).fetchone()
    return None if row is None else int(row[0])


@lru_cache(maxsize=2_000)
def _postgres_sql(shape: Any) -> str:
    """One statement for all plans of a shape, so that the server plans it once a connection."""
    new_case, stepped, guard, case_columns, groups = shape
    parts = [*_compose_case(new_case, stepped, guard, case_columns)]
    casts = ",".join(_mark("history_event", c) for c in _EVENT)
    parts.append(
        f"e AS (INSERT INTO history_event(case_id,seq,prev_hash,hash,{','.join(_EVENT)}) "
        f"SELECT g.id,g.seq,g.prev,g.head,{casts} FROM g)"
    )
    for number, group in enumerate(groups):
        parts.append(f"t{number} AS ({_compose_group(group)})")
    return f"WITH {', '.join(parts)} SELECT seq FROM g"


def _compose_case(
    new_case: bool, stepped: bool, guard: Any, columns: tuple[str, ...]
) -> Iterable[str]:
    if new_case:
        marks = "".join(f",{_mark('case_file', c)}" for c in columns)
        names = "".join(f",{c}" for c in columns)
        yield (
            f"g AS (INSERT INTO case_file(id,rev,seq,prev,head{names}) "
            f"VALUES(%s::bigint,0,1,%s::bytea,sha256(%s::bytea||%s::bytea){marks}) "
            "RETURNING id,seq,prev,head)"
        )
        return
    rev = " AND rev=%s::int" if stepped else ""
    yield f"l AS MATERIALIZED (SELECT id FROM case_file WHERE id=%s::bigint{rev} FOR UPDATE)"
    source = "l"
    if guard is not None:
        sql = _guard_sql(guard, "%s", "l")
        yield f"i AS ({sql} AND w.case_id=l.id RETURNING w.case_id AS id)"
        source = "i"
    sets = "".join(f",{c}={_mark('case_file', c)}" for c in columns)
    yield (
        f"g AS (UPDATE case_file c SET rev=c.rev+{int(stepped)},seq=c.seq+1,prev=c.head,"
        f"head=sha256(c.head||%s::bytea){sets} FROM {source} s WHERE c.id=s.id "
        "RETURNING c.id,c.seq,c.prev,c.head)"
    )


def _compose_group(group: _Group) -> str:
    keys = [k for k in _KEYS[group.table] if k != "case_id"]
    columns = [*keys, *group.columns]
    row = f"({','.join(_mark(group.table, c) for c in columns)})"
    rows = ",".join([row] * group.count)
    owned = "case_id" in _COLUMNS[group.table]
    values = f"(VALUES {rows}) AS v({','.join(columns)})" if columns else ""
    match = " AND ".join([*(["t.case_id=g.id"] if owned else []), *(f"t.{k}=v.{k}" for k in keys)])
    source = f"g, {values}" if values else "g"
    if group.kind == REMOVE:
        return f"DELETE FROM {group.table} t USING {source} WHERE {match}"
    if group.kind == PATCH:
        sets = ",".join(f"{c}=v.{c}" for c in group.columns)
        return f"UPDATE {group.table} t SET {sets} FROM {source} WHERE {match}"
    names = ",".join([*(["case_id"] if owned else []), *columns])
    picked = ",".join([*(["g.id"] if owned else []), *(f"v.{c}" for c in columns)])
    return f"INSERT INTO {group.table}({names}) SELECT {picked} FROM {source}{_on_conflict(group)}"


def _mark(table: str, column: str) -> str:
    kind = _COLUMNS[table][column].type
    if isinstance(kind, Integer) and not isinstance(kind, BigInteger):
        return "%s::int"
    if isinstance(kind, BigInteger):
        return "%s::bigint"
    if isinstance(kind, Boolean):
        return "%s::boolean"
    return "%s::bytea" if isinstance(kind, LargeBinary) else "%s::text"


def _postgres_values(plan: Plan, groups: list[tuple[_Group, list[list[Any]]]]) -> Iterable[Any]:
    """The values in the order of their marks."""
    event, guard = plan.event, plan.guard
    if plan.new_case:
        yield from (plan.case_id, GENESIS, GENESIS, event["body"])
    else:
        yield plan.case_id
        if plan.rev is not None:
            yield plan.rev
        if guard is not None:
            yield from _guard_values(plan.case_id, guard)
        yield event["body"]
    for column in sorted(plan.case_changes):
        yield plan.case_changes[column]
    for column in _EVENT:
        yield event[column]
    for _, rows in groups:
        for row in rows:
            yield from row
