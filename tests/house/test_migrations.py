"""Migrations: a database brought up by them is exactly what the code declares, and nobody's data is lost."""

from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import handrail.server
from handrail.kernel import Conflict, migrate, storage
from tests.postgres import Server, postgres

__all__ = ["postgres"]


OLDER = sorted(
    file.name[:4]
    for file in (resources.files("handrail.kernel") / "migrations" / "versions").iterdir()
    if file.name[:4].isdigit()
)[:-1]
# From these `make test` upgrades to the newest in one go; from every other one, `make test-release`.
FEW = (OLDER[0], OLDER[len(OLDER) // 2], OLDER[-1])
FROM = [one if one in FEW else pytest.param(one, marks=pytest.mark.release) for one in OLDER]
# What is made anew from other tables and files, and the tallies of a day that 0010 gave another shape.
ANEW = {"catalog", "catalog_words", "catalog_folder", "seen_days"}
# A value that fits whatever a column of this type may hold.
ANY: dict[type, object] = {
    str: "1", int: 1, bool: True, float: 1.0, bytes: b"1", Decimal: 1, object: {"1": 1},  # JSON
    datetime: datetime(2026, 1, 1, tzinfo=UTC), date: date(2026, 1, 1),
}  # fmt: skip


def furnish(connection: sa.Connection) -> dict[str, int]:
    """Put a row into every table, with what it points at; gives how many rows each has."""
    there = sa.MetaData()
    there.reflect(connection)
    for table in there.sorted_tables:
        if not connection.scalar(sa.select(sa.func.count()).select_from(table)):
            row = {column.name: ANY[column.type.python_type] for column in table.columns}
            connection.execute(sa.insert(table).values(row))
    return rows(connection)


def rows(connection: sa.Connection) -> dict[str, int]:
    names = sa.inspect(connection).get_table_names()
    return {
        name: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0 for name in names
    }


def changed(before: dict[str, int], after: dict[str, int]) -> dict[str, tuple[int, int | None]]:
    """The tables that have another number of rows afterwards."""
    every = {name: (number, after.get(name)) for name, number in before.items() if name not in ANEW}
    return {name: numbers for name, numbers in every.items() if numbers[0] != numbers[1]}


def lost(engine: sa.Engine, revision: str) -> dict[str, tuple[int, int | None]]:
    """The tables of an old database with rows everywhere that have another number of them afterwards."""
    with engine.begin() as connection:
        command.upgrade(migrate.config(connection), revision)
        before = furnish(connection)
    migrate.upgrade(engine)
    with engine.connect() as connection:
        return changed(before, rows(connection))


def lost_on_the_way(engine: sa.Engine) -> dict[str, dict[str, tuple[int, int | None]]]:
    """The same at each revision, of a database that was upgraded to every one, with rows in each new table."""
    before: dict[str, int] = {}
    found = {}
    for revision in OLDER:
        with engine.connect() as connection, migrate._whole_tables(connection), connection.begin():
            command.upgrade(migrate.config(connection), revision)
            found[revision] = changed(before, rows(connection))
            before = furnish(connection)
    migrate.upgrade(engine)
    with engine.connect() as connection:
        found["the newest"] = changed(before, rows(connection))
    return {revision: tables for revision, tables in found.items() if tables}


def differences(engine: sa.Engine) -> list[object]:
    migrate.declare(handrail.server.ROOMS)
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), storage.metadata))


def test_the_migrations_make_the_tables_that_the_code_declares_on_sqlite(tmp_path: Path) -> None:
    engine = storage.open_engine(storage.sqlite_url(tmp_path / "state.db"))
    migrate.upgrade(engine)
    assert differences(engine) == []


def test_and_on_postgresql(postgres: Server) -> None:
    engine = storage.open_engine(postgres.database("migrated"))
    migrate.upgrade(engine)
    assert differences(engine) == []
    engine.dispose()


def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    engine = storage.open_engine(storage.sqlite_url(tmp_path / "state.db"))
    migrate.upgrade(engine)
    migrate.upgrade(engine)
    assert differences(engine) == []


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    engine = storage.open_engine(storage.sqlite_url(tmp_path / "state.db"))
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match="newer Handrail"):
        migrate.upgrade(engine)


def test_a_database_that_saw_every_version_keeps_what_was_put_in_at_each(tmp_path: Path) -> None:
    engine = storage.open_engine(storage.sqlite_url(tmp_path / "state.db"))
    assert lost_on_the_way(engine) == {}
    assert differences(engine) == []
    with engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []


def test_and_so_does_one_on_postgresql(postgres: Server) -> None:
    engine = storage.open_engine(postgres.database("from_each"))
    assert lost_on_the_way(engine) == {}
    engine.dispose()


@pytest.mark.parametrize("revision", FROM)
def test_an_old_database_keeps_every_row(tmp_path: Path, revision: str) -> None:
    engine = storage.open_engine(storage.sqlite_url(tmp_path / "state.db"))
    assert lost(engine, revision) == {}
    assert differences(engine) == []
    with engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []
        assert connection.scalar(sa.text("PRAGMA foreign_keys")) == 1


@pytest.mark.parametrize("revision", FROM)
def test_an_old_database_keeps_every_row_on_postgresql(postgres: Server, revision: str) -> None:
    engine = storage.open_engine(postgres.database(f"from_{revision}"))
    assert lost(engine, revision) == {}
    engine.dispose()
