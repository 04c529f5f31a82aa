"""Migrations: a database brought up by them is exactly what the code declares, and nobody's data is lost."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import handrail.server
from handrail.kernel import Conflict, migrate, storage
from tests.postgres import Server, postgres

__all__ = ["postgres"]


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
