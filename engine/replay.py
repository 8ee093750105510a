"""Re-execution and verification: what the history says is executed again and compared.

A case is verified in three ways: its chain, the rows against the fold of its events, and the
re-execution of every command on the recorded definition versions with the recorded outside
values, comparing events and digest at each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, select

from engine import commands as c
from engine import effects, handlers, history, store
from engine.casefile import Case, canonical
from engine.commands import SYSTEM
from engine.definitions import Library
from engine.errors import EngineError
from engine.execute import Bureau
from engine.outside import Moment, Outside
from engine.plan import GENESIS, link
from engine.store import BUREAU, read_instant


@dataclass(frozen=True)
class Fault:
    """The first bad event of a case: what was expected and what was found."""

    seq: int
    message: str


@dataclass(frozen=True)
class Step:
    """One row of the history, executed again. `same` is None where the row steps no instance."""

    seq: int
    at: str
    actor: str
    type: str
    events: list[Any]
    same: bool
    told: str


WHOLE = 1_000_000
"""Rows of a history read at most."""
UNFOLDED = frozenset({"lease_until", "attempt", "sent_at", "password_hash"})
"""Columns of the worker's own, and secrets, which no event tells."""
CASE_TABLES = (
    store.case_doc,
    store.instance,
    store.work_item,
    store.timer,
    store.message_wait,
    store.clock,
    store.document,
    store.incident,
    store.outbox,
)
BUREAU_TABLES = (store.definition, store.organisation, store.person, store.membership)
"""What the bureau's own chain tells: definitions, organisations, people and their roles."""


@dataclass
class Fold:
    """Appliers' rows in memory: what the events of a case add up to."""

    tables: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = field(default_factory=dict)
    case: dict[str, Any] = field(default_factory=dict)
    doc: dict[str, Any] = field(default_factory=dict)

    def put(self, table: str, key: tuple[Any, ...], values: Mapping[str, Any]) -> None:
        self.tables.setdefault(table, {})[key] = dict(values)

    def patch(self, table: str, key: tuple[Any, ...], values: Mapping[str, Any]) -> None:
        self.tables.setdefault(table, {})[key].update(values)

    def remove(self, table: str, key: tuple[Any, ...]) -> None:
        self.tables.get(table, {}).pop(key, None)

    def patch_case(self, values: Mapping[str, Any]) -> None:
        self.case.update(values)

    def patch_doc(self, change: Callable[[dict[str, Any]], None]) -> None:
        change(self.doc)


def fold(rows: list[Mapping[str, Any]]) -> Fold:
    """Apply every event of a history, as `Queries.history` gives it."""
    folded = Fold()
    for row in rows:
        history.apply(folded, [tuple(e) for e in row["payload"]["events"]], row["at"])
    return folded


def verify_case(bureau: Bureau, case_id: int) -> Fault | None:
    """The first fault of a case, or of the bureau itself (case 0), or None."""
    return (
        verify_chain(bureau, case_id)
        or _verify_rows(bureau, case_id)
        or (_verify_numbers(bureau) if case_id == BUREAU else None)
        or next((_fault(s) for s in replay_case(bureau, case_id) if not s.same), None)
        or _verify_state(bureau, case_id)
    )


def _fault(step: Step) -> Fault:
    return Fault(step.seq, f"re-execution departs: {step.told}")


def verify_chain(bureau: Bureau, case_id: int) -> Fault | None:
    """Positions, links and hashes of a case's history against its stored head."""
    h, f = store.history_event, store.case_file
    with bureau.queries.connection() as connection:
        rows = connection.execute(select(h).where(h.c.case_id == case_id).order_by(h.c.seq)).all()
        case = connection.execute(select(f.c.seq, f.c.head).where(f.c.id == case_id)).one()
    prev = GENESIS
    for expected, row in enumerate(rows, 1):
        if row.seq != expected:
            return Fault(expected, f"expected event {expected}, found {row.seq}")
        if row.prev_hash != prev:
            return Fault(row.seq, f"expected prev_hash {prev.hex()}, found {row.prev_hash.hex()}")
        fault = _fault_of_payload(row)
        if fault is not None:
            return fault
        body = history.body(
            case_id, row.at, row.actor, row.type, row.instance_no, row.element, row.payload_hash
        )
        if row.hash != link(prev, body):
            return Fault(row.seq, f"expected hash {link(prev, body).hex()}, found {row.hash.hex()}")
        prev = row.hash
    if (case.seq, case.head) != (len(rows), prev):
        return Fault(len(rows), f"expected {case.seq} events up to {case.head.hex()}")
    return None


def _fault_of_payload(row: Any) -> Fault | None:
    """A payload that went with its salt is no fault of the chain, which has its hash."""
    if row.payload is None and row.salt is None:
        return None
    found = history.payload_hash(row.salt or b"", (row.payload or "").encode())
    if found == row.payload_hash:
        return None
    return Fault(
        row.seq, f"expected a payload of hash {row.payload_hash.hex()}, found {found.hex()}"
    )


def _verify_rows(bureau: Bureau, case_id: int) -> Fault | None:
    last = 0
    try:
        rows = bureau.queries.history(case_id, limit=WHOLE)
        last = len(rows)
        gone = next((row["seq"] for row in rows if row["payload"] is None), None)
        if gone is not None:
            return Fault(gone, "the payload is gone; only the chain can still be verified")
        folded = fold(rows)
    except Exception as error:  # a forged payload may fail in any way
        return Fault(last, f"the events cannot be applied: {error!r}")
    stored = stored_rows(bureau, case_id)
    for table, expected in folded_rows(folded, case_id).items():
        if stored[table] != expected:
            difference = _difference(expected, stored[table])
            return Fault(last, f"{table} is not the fold of the history: {difference}")
    return None


def _verify_numbers(bureau: Bureau) -> Fault | None:
    """Cases are numbered without a gap, so that one which went with all its rows is missed."""
    n, f = store.counter, store.case_file
    statement = (
        select(n.c.value, f.c.id).select_from(n.outerjoin(f, f.c.id > 0)).where(n.c.name == "case")
    )
    with bureau.queries.connection() as connection:
        rows = connection.execute(statement).all()
    last = rows[0].value if rows else 0
    found = sorted(row.id for row in rows if row.id is not None)
    if found == list(range(1, last + 1)):
        return None
    odd = min({*found} ^ {*range(1, last + 1)})
    return Fault(0, f"expected the cases 1 to {last}, found {len(found)}; look at case {odd}")


def _verify_state(bureau: Bureau, case_id: int) -> Fault | None:
    """The state that the next command starts from is the one after the last recorded step."""
    rows = bureau.queries.history(case_id, limit=WHOLE)
    recorded = [row for row in rows if row["payload"]["digest"] is not None]
    closed = any(kind == "case_closed" for row in rows for kind, _ in row["payload"]["events"])
    if closed or not recorded:
        return None
    last = recorded[-1]
    try:
        case = bureau.look(case_id, SYSTEM, read_instant(last["at"]))
        found = case.digest(case.dump())
    except Exception as error:  # a damaged state may fail in any way
        return Fault(last["seq"], f"the stored state cannot be read: {error!r}")
    expected = last["payload"]["digest"]
    if found != expected:
        return Fault(last["seq"], f"expected the stored state {expected}, found {found}")
    return None


def _difference(expected: dict[Any, Any], found: dict[Any, Any]) -> str:
    for key in sorted({*expected, *found}, key=str):
        if expected.get(key) != found.get(key):
            return f"row {key}: expected {expected.get(key)}, found {found.get(key)}"
    return ""


def folded_rows(folded: Fold, case_id: int) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    """A fold by table, as `stored_rows` gives what is stored."""
    tables = {t.name: folded.tables.get(t.name, {}) for t in _tables(case_id)}
    if case_id != BUREAU:
        tables["case_doc"] = {(): {"doc": canonical(folded.doc).decode()}}
        tables["case_file"] = {(): {k: v for k, v in folded.case.items() if v is not None}}
    return {
        name: {key: _compared(values) for key, values in rows.items()}
        for name, rows in tables.items()
    }


def _tables(case_id: int) -> tuple[Table, ...]:
    return BUREAU_TABLES if case_id == BUREAU else CASE_TABLES


def stored_rows(bureau: Bureau, case_id: int) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    """The rows of a case by table and key, without the worker's own columns."""
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    with bureau.queries.connection() as connection:
        for table in _tables(case_id):
            keys = [c.name for c in table.primary_key.columns if c.name != "case_id"]
            mine = [] if case_id == BUREAU else [table.c.case_id == case_id]
            rows = connection.execute(select(table).where(*mine)).all()
            found[table.name] = {
                tuple(row._mapping[k] for k in keys): _compared(
                    {k: v for k, v in row._mapping.items() if k not in (*keys, "case_id")}
                )
                for row in rows
            }
        f = store.case_file
        row = connection.execute(select(f).where(f.c.id == case_id)).one()
    if case_id == BUREAU:
        return found
    chain = ("id", "rev", "seq", "prev", "head")
    told = {k: v for k, v in row._mapping.items() if k not in chain and v is not None}
    found["case_file"] = {(): _compared(told)}
    return found


_UNTOLD = {"title": "", "petitioner": "", "status": "received", "stage": ""}
"""What the tables put into a case's row where no event says anything."""


def _compared(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if k not in UNFOLDED and v != _UNTOLD.get(k, ...)}


def replay_case(bureau: Bureau, case_id: int) -> Iterator[Step]:
    """Execute a case's recorded commands again, one step at a time."""
    bureau.refresh()
    rows = bureau.queries.history(case_id, limit=WHOLE)
    yield from replay_rows(bureau.library, case_id, rows)


def replay_rows(library: Library, case_id: int, rows: list[Mapping[str, Any]]) -> Iterator[Step]:
    """Execute recorded rows on the versions of a library; needs no database."""
    case: Case | None = None
    for row in rows:
        payload = row["payload"]
        told = ", ".join(kind for kind, _ in payload["events"])
        same = True
        if payload["digest"] is not None:
            if case is None:
                case = Case(case_id, payload["events"][0][1]["case_no"], library)
                case.on_completed = effects.apply_effects
            departure = _execute_again(case, row)
            same, told = departure is None, departure or told
        yield Step(row["seq"], row["at"], row["actor"], row["type"], payload["events"], same, told)
        if not same:
            return


def _execute_again(case: Case, row: Mapping[str, Any]) -> str | None:
    """How a recorded row departs when it is executed again, or None."""
    payload = row["payload"]
    moment = Moment(read_instant(row["at"]), row["actor"], Outside(None, payload["used"]))
    try:
        _dispatch(case, payload, moment)
    except Exception as error:  # a forged payload may fail in any way
        return f"expected the recorded events, found {type(error).__name__}: {error}"
    recorded = [e for e in payload["events"] if e[0] != "incident_resolved"]
    for expected, found in zip(recorded, case.events, strict=False):
        if canonical(expected) != canonical(found):
            return f"expected event {expected}, found {list(found)}"
    if len(recorded) != len(case.events):
        return f"expected {len(recorded)} events, found {len(case.events)}"
    digest = case.digest(case.dump())
    if digest != payload["digest"]:
        return f"expected state {payload['digest']}, found {digest}"
    return None


def _dispatch(case: Case, payload: Mapping[str, Any], moment: Moment) -> None:
    recorded = dict(payload["command"])
    kind = recorded.pop("type")
    if kind == "StartCase":
        handlers.start_case(case, c.StartCase(**recorded), moment)
    elif kind == "SeedCase":
        handlers.seed_case(case, c.SeedCase(**recorded), moment)
    elif kind == "CompleteTask":
        item = c.ItemId(**recorded.pop("item"))
        handlers.complete_task(case, c.CompleteTask(item, **recorded), moment)
    elif kind == "FireTimer":
        handlers.fire_timer(case, c.FireTimer(**recorded), moment)
    elif kind == "RecomputeClocks":
        handlers.recompute_clocks(case, c.RecomputeClocks(**recorded), moment)
    elif kind == "CorrelateMessage":
        received = next(data for name, data in payload["events"] if name == "message_received")
        wait = {"instance_no": received["instance"], "number": received["number"]}
        wait["element"] = received["element"]
        handlers.correlate_message(case, c.CorrelateMessage(**recorded), moment, wait)
    else:
        raise EngineError(f"The command {kind} cannot be executed again by this program.")
