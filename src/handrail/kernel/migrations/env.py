"""How Alembic reaches our database: by the connection that `migrate.upgrade` hands it."""

from alembic import context

from handrail.kernel.storage import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
context.run_migrations()
