"""Bringing the database to the shape this version needs, with Alembic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module, resources
from typing import TYPE_CHECKING

import sqlalchemy as sa

from handrail.kernel.errors import Conflict

if TYPE_CHECKING:
    from alembic.config import Config

_VERSIONS = resources.files("handrail.kernel") / "migrations" / "versions"
_APPLIED = sa.table("alembic_version", sa.column("version_num", sa.Text))


def declare(rooms: Iterable[str]) -> None:
    """Load the files in which the kernel and these rooms declare tables: `storage.metadata` then has all.

    A room's are called store.py or end with _store.py; the kernel's have names of their own.
    """
    for module in ("audit.log", "edits", "git", "identity.store"):
        import_module(f"handrail.kernel.{module}")
    for room in rooms:
        for file in resources.files(room).iterdir():
            if file.name.endswith("store.py"):
                import_module(f"{room}.{file.name.removesuffix('.py')}")


def config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration for the migrations that ship with the kernel."""
    from alembic.config import Config  # noqa: PLC0415 - see `upgrade`

    settings = Config()
    settings.set_main_option("script_location", str(resources.files("handrail.kernel") / "migrations"))
    settings.attributes["connection"] = connection
    return settings


def upgrade(engine: sa.Engine) -> None:
    """Apply the migrations that are missing, all in one transaction; nothing happens when none are.

    Alembic costs 10 MB and a tenth of a second, so it is only loaded for a database that is not as new as
    the newest migration's file. Refuses one that is newer.
    """
    newest = max(file.name for file in _VERSIONS.iterdir() if file.name[:4].isdigit())[:4]
    with engine.connect() as connection:
        known = sa.inspect(connection).has_table(_APPLIED.name)
        applied = connection.scalar(sa.select(_APPLIED.c.version_num)) if known else None
    if applied == newest:
        return
    if applied and applied > newest:
        raise Conflict(
            f"The database is of a newer Handrail: it has migration {applied}, this one ends at {newest}.",
            next_step="Start the newer version again, or restore the backup from before its upgrade.",
        )
    from alembic import command  # noqa: PLC0415

    with engine.connect() as connection, _whole_tables(connection), connection.begin():
        command.upgrade(config(connection), "head")
        if engine.dialect.name == "sqlite" and (
            lost := connection.execute(sa.text("PRAGMA foreign_key_check")).all()
        ):
            raise RuntimeError(f"A migration would leave rows that point at nothing: {lost[:10]}")


@contextmanager
def _whole_tables(connection: sa.Connection) -> Iterator[None]:
    """Let migrations make a table of SQLite anew, which takes the old one away while others point at it.

    As SQLite says ("Making Other Kinds Of Table Schema Changes"): keys are not enforced meanwhile, which can
    only be said outside a transaction, and are looked through before it is committed.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.cursor()
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")
        driver.close()
