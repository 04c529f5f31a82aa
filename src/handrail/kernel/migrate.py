"""Bringing the database to the shape this version needs, with Alembic."""

from importlib import resources

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory


def config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration for the migrations that ship with the kernel."""
    settings = Config()
    settings.set_main_option("script_location", str(resources.files("handrail.kernel") / "migrations"))
    settings.attributes["connection"] = connection
    return settings


def upgrade(engine: sa.Engine) -> None:
    """Apply the migrations that are missing, all in one transaction; nothing happens when none are."""
    newest = ScriptDirectory.from_config(config()).get_current_head()
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == newest:
            return
    with engine.begin() as connection:
        command.upgrade(config(connection), "head")
