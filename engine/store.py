"""Tables, opening a database, and nothing of what the rows mean.

Every table of a case has the case's number first in its key, so that a sharded PostgreSQL can
distribute by case. Instants are UTC in text columns of fixed form, dates are local dates as ISO
text: both sort as they are and read the same on SQLite and PostgreSQL.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command as alembic
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from engine.errors import StoreUnusable

BUREAU = 0
"""The case number of the bureau itself: deployments, people and organisations form its chain."""

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"}
)
Id = BigInteger().with_variant(Integer, "sqlite")
Instant = String(32)
Day = String(10)


def _case(*columns: Any, key: tuple[str, ...] = ()) -> list[Any]:
    """Columns of a table that belongs to a case."""
    first = Column("case_id", Id, primary_key=True, autoincrement=False)
    for column in columns:
        if isinstance(column, Column) and column.name in key:
            column.primary_key, column.nullable = True, False
    return [first, *columns]


def _table(name: str, *columns: Any, key: tuple[str, ...] = ()) -> Table:
    return Table(name, metadata, *_case(*columns, key=key))


case_file = Table(
    "case_file",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("rev", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("prev", LargeBinary(32), nullable=False),
    Column("head", LargeBinary(32), nullable=False),
    Column("case_no", String(32), nullable=False, unique=True),
    Column("query_code", String(16)),
    Column("procedure", String(64), nullable=False),
    Column("title", Text, nullable=False, server_default=""),
    Column("petitioner", Text, nullable=False, server_default=""),
    Column("channel", String(16)),
    Column("category", String(16)),
    Column("status", String(32), nullable=False, server_default="received"),
    Column("stage", String(64), nullable=False, server_default=""),
    Column("received_on", Day),
    Column("org_office", String(64)),
    Column("org_receiver", String(64)),
    Column("org_unit", String(64)),
    Column("org_accused", String(64)),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Index("ix_case_file_open", "org_office", "opened_at"),
    Index("ix_case_file_receiver", "org_receiver", "opened_at"),
    Index("ix_case_file_unit", "org_unit", "opened_at"),
    Index("ix_case_file_opened", "opened_at", "id"),
)
case_state = _table(
    "case_state",
    Column("state", LargeBinary, nullable=False),
)
case_doc = _table("case_doc", Column("doc", Text, nullable=False))
instance = _table(
    "instance",
    Column("no", Integer),
    Column("process", String(64), nullable=False),
    Column("package", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("parent", Integer),
    Column("parent_element", String(128)),
    Column("status", String(16), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    key=("no",),
)
history_event = _table(
    "history_event",
    Column("seq", Integer),
    Column("at", Instant, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("type", String(32), nullable=False),
    Column("instance_no", Integer),
    Column("element", String(128)),
    Column("payload", Text),
    Column("payload_hash", LargeBinary(32), nullable=False),
    Column("salt", LargeBinary(16)),
    Column("prev_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    key=("seq",),
)
work_item = _table(
    "work_item",
    Column("instance_no", Integer),
    Column("number", Integer),
    Column("element", String(128), nullable=False),
    Column("name", Text, nullable=False),
    Column("organisation", String(64), nullable=False),
    Column("role", String(64), nullable=False),
    Column("assignee", String(64)),
    Column("due", Day),
    Column("clock", String(64)),
    Column("created_at", Instant, nullable=False),
    key=("instance_no", "number"),
)
Index(
    "ix_work_item_queue",
    work_item.c.organisation,
    work_item.c.role,
    work_item.c.due,
    work_item.c.case_id,
    postgresql_where=work_item.c.assignee.is_(None),
    sqlite_where=work_item.c.assignee.is_(None),
)
Index(
    "ix_work_item_mine",
    work_item.c.assignee,
    work_item.c.due,
    work_item.c.case_id,
    postgresql_where=work_item.c.assignee.is_not(None),
    sqlite_where=work_item.c.assignee.is_not(None),
)
timer = _table(
    "timer",
    Column("instance_no", Integer),
    Column("number", Integer),
    Column("element", String(128), nullable=False),
    Column("due", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Index("ix_timer_due", "due"),
    key=("instance_no", "number"),
)
message_wait = _table(
    "message_wait",
    Column("instance_no", Integer),
    Column("number", Integer),
    Column("element", String(128), nullable=False),
    Column("message", String(128), nullable=False),
    Column("correlation_key", String(128), nullable=False),
    Column("organisation", String(64), nullable=False),
    Column("role", String(64), nullable=False),
    Index("ix_message_wait_message", "message", "correlation_key"),
    key=("instance_no", "number"),
)
clock = _table(
    "clock",
    Column("no", Integer),
    Column("clock", String(64), nullable=False),
    Column("start", Day, nullable=False),
    Column("nominal", Day, nullable=False),
    Column("legal_due", Day, nullable=False),
    Column("internal_target", Day, nullable=False),
    Column("extended_days", Integer, nullable=False, server_default="0"),
    Column("excluded_days", Integer, nullable=False, server_default="0"),
    Column("calendar", String(64), nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    Column("ended_on", Day),
    Index("ix_clock_provisional", "provisional", "status"),
    Index("ix_clock_due", "status", "legal_due"),
    key=("no",),
)
document = _table(
    "document",
    Column("no", Integer),
    Column("kind", String(8), nullable=False),
    Column("element", String(128), nullable=False),
    Column("organisation", String(64), nullable=False),
    Column("issued_on", Day, nullable=False),
    Column("served_on", Day),
    Column("serve_mode", String(16)),
    key=("no",),
)
incident = _table(
    "incident",
    Column("no", Integer),
    Column("at", Instant, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("command", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("element", String(128)),
    Column("attempts", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Index("ix_incident_status", "status", "at"),
    key=("no",),
)
outbox = _table(
    "outbox",
    Column("no", Integer),
    Column("key", String(128), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("due", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("sent_at", Instant),
    key=("no",),
)
Index(
    "ix_outbox_unsent",
    outbox.c.due,
    postgresql_where=outbox.c.sent_at.is_(None),
    sqlite_where=outbox.c.sent_at.is_(None),
)
idempotency = _table(
    "idempotency",
    Column("actor", String(64)),
    Column("key", String(128)),
    Column("command", LargeBinary(32), nullable=False),
    Index("uq_idempotency_actor_key", "actor", "key", unique=True),
    key=("actor", "key"),
)

definition = Table(
    "definition",
    metadata,
    Column("package", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False),
    Column("files", Text, nullable=False),
    Column("deployed_at", Instant, nullable=False),
    Column("deployed_by", String(64), nullable=False),
)
organisation = Table(
    "organisation",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("zh", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("parent", String(64)),
)
person = Table(
    "person",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("zh", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("password_hash", Text),
)
membership = Table(
    "membership",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("organisation", String(64), primary_key=True),
    Column("role", String(64), primary_key=True),
    Index("ix_membership_role", "role", "organisation"),
)
session = Table(
    "session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("expires_at", Instant, nullable=False),
)
log_in_failure = Table(
    "log_in_failure",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("at", Instant, primary_key=True),
)
counter = Table(
    "counter",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Id, nullable=False),
)


def instant(at: datetime) -> str:
    """A UTC instant as stored: `2026-01-05T01:00:00.000000Z`. `at` must be aware."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def read_instant(stored: str) -> datetime:
    return datetime.strptime(stored, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def open_database(url: str, pool_size: int = 8) -> Engine:
    """An engine in autocommit: a write is one statement or opens its own transaction.

    Raises StoreUnusable when the address cannot be read.
    """
    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
    except (ArgumentError, ValueError):  # its port may be no number
        kind = ""
    if kind == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreUnusable(
            "DATABASE_URL names no file, so nothing would be kept; expected sqlite:///FILE."
        )
    if kind not in ("postgresql", "sqlite"):
        # The address itself is not told: a password may stand in it.
        raise StoreUnusable(
            "DATABASE_URL is no address of a database that Anjie can use; expected "
            "sqlite:///FILE or postgresql://USER@HOST/NAME."
        )
    if kind == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            connect_args={
                "prepare_threshold": 0,
                # Compiling a statement just in time takes longer than these statements run.
                "options": "-c jit=off",
            },
        )
    engine = create_engine(parsed.set(drivername="sqlite", query={}), isolation_level="AUTOCOMMIT")
    event.listen(engine, "connect", _sqlite_pragmas)
    return engine


def _sqlite_pragmas(connection: Any, record: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}").close()


def unavailable(error: BaseException) -> StoreUnusable:
    """The error to raise when the database did not answer."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return StoreUnusable(
        f"The database did not answer ({reason}). Nothing was written; try again, and tell the "
        "administrator if it stays so."
    )


def _alembic(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine) -> None:
    """Create or migrate the tables. Raises StoreUnusable for a newer or broken database."""
    check(engine, allow_older=True)
    try:
        alembic.upgrade(_alembic(engine), "head")
    except DBAPIError as error:
        name = engine.url.render_as_string(hide_password=True)
        raise StoreUnusable(
            f"The tables cannot be made in {name} ({str(error.orig).splitlines()[0]}). Make room "
            "or give the right to write, or choose a database that holds nothing else."
        ) from None


def downgrade(engine: Engine, revision: str) -> None:
    alembic.downgrade(_alembic(engine), revision)


def check(engine: Engine, allow_older: bool = False, to_write: bool = False) -> None:
    """Raises StoreUnusable, saying what to do, unless this program can use the database."""
    known = [s.revision for s in ScriptDirectory.from_config(_alembic(engine)).walk_revisions()]
    name = engine.url.render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
            if engine.dialect.name == "sqlite":
                connection.execute(text("SELECT count(*) FROM sqlite_master")).all()
                if to_write and found:
                    connection.execute(text("BEGIN IMMEDIATE"))
                    # Only a write finds out: SQLite lets a read-only file begin a transaction.
                    connection.execute(text("UPDATE alembic_version SET version_num=version_num"))
                    connection.execute(text("ROLLBACK"))
    except DBAPIError as error:
        raise StoreUnusable(
            f"The database {name} cannot be used ({str(error.orig).splitlines()[0]}). See that "
            "it is there and this user may write it, restore it from a backup, or set "
            "DATABASE_URL to another one."
        ) from None
    if found is not None and found not in known:
        raise StoreUnusable(
            f"The database {name} has schema {found}, newer than this program. Install the newer "
            "version of the program, or restore an older backup."
        )
    if not allow_older and found != known[0]:
        raise StoreUnusable(
            f"The database {name} has schema {found or 'none'}, expected {known[0]}. "
            "Run `anjie init`."
        )
