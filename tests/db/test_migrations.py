"""The tables come from migrations alone, up and down, on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect

from engine import store
from engine.errors import StoreUnusable
from engine.execute import Bureau
from tests import support


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without tables."""
    if request.param == "sqlite":
        engine = store.open_database(f"sqlite:///{tmp_path}/empty.db")
        yield engine
        engine.dispose()
        return
    url = support.empty_postgres_url()
    engine = store.open_database(url)
    yield engine
    engine.dispose()
    support.drop(url)


def test_the_migrated_tables_are_those_of_the_program(empty: Engine) -> None:
    store.upgrade(empty)
    store.check(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, store.metadata) == []


def test_down_and_up_again(empty: Engine) -> None:
    store.upgrade(empty)
    store.downgrade(empty, "base")
    assert set(inspect(empty).get_table_names()) <= {"alembic_version"}
    with pytest.raises(StoreUnusable, match="anjie init"):
        store.check(empty)
    store.upgrade(empty)
    store.check(empty)


def test_migrating_twice_changes_nothing(empty: Engine) -> None:
    store.upgrade(empty)
    before = inspect(empty).get_table_names()
    store.upgrade(empty)
    assert inspect(empty).get_table_names() == before


def one_line(refused: pytest.ExceptionInfo[StoreUnusable]) -> str:
    """What the administrator reads: one line that says what to do."""
    message = refused.value.message
    assert "\n" not in message
    return message


def test_a_newer_database_is_left_alone_and_told_in_one_line(empty: Engine) -> None:
    store.upgrade(empty)
    with empty.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num='9999'")
    for use in (store.check, store.upgrade):
        with pytest.raises(StoreUnusable) as refused:
            use(empty)
        assert "Install the newer version" in one_line(refused)


@pytest.mark.parametrize(
    "content",
    [b"no database\n" * 1000, b"SQLite format 3\0" + b"\xff" * 4096],
    ids=["text", "torn"],
)
def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.db"
    path.write_bytes(content)
    engine = store.open_database(f"sqlite:///{path}")
    for use in (store.check, store.upgrade):
        with pytest.raises(StoreUnusable) as refused:
            use(engine)
        assert "cannot be used" in one_line(refused)
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    engine = store.open_database(f"sqlite:///{tmp_path}/nowhere/anjie.db")
    with pytest.raises(StoreUnusable) as refused:
        store.check(engine)
    assert "cannot be used" in one_line(refused)


def test_a_server_that_is_not_there_is_told_in_one_line() -> None:
    engine = store.open_database("postgresql://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(StoreUnusable) as refused:
        store.check(engine)
    assert "secret" not in one_line(refused)


@pytest.mark.parametrize(
    "address",
    ["not an address", "mysql://u:secret@h/n", "postgresql://u:secret@h:port/n", "sqlite://"],
)
def test_an_address_of_no_usable_database_is_told_without_its_password(address: str) -> None:
    with pytest.raises(StoreUnusable, match="expected sqlite:///FILE") as refused:
        store.open_database(address)
    assert "secret" not in one_line(refused)


def test_a_file_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    """By SQLite's own read-only mode, since a file's rights do not bind root."""
    store.upgrade(store.open_database(f"sqlite:///{tmp_path}/anjie.db"))
    address = f"sqlite:///file:{tmp_path}/anjie.db?mode=ro&uri=true"
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    store.check(engine)
    with pytest.raises(StoreUnusable) as refused:
        store.check(engine, to_write=True)
    assert "cannot be used" in one_line(refused)


def test_creating_a_bureau_twice_makes_one(empty: Engine) -> None:
    """A set-up that was interrupted is simply run again."""
    url = empty.url.render_as_string(hide_password=False)
    bureau = Bureau(url)
    for _ in range(2):
        bureau.create(support.OPENED)
    assert [row["type"] for row in bureau.queries.history(store.BUREAU)] == ["OpenBureau"]
    assert bureau.queries.last_number() == 0
    bureau.close()
