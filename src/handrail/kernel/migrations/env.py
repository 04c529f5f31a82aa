"""How Alembic reaches our database: by the connection that `migrate.upgrade` hands it."""

from typing import Any, Literal

from alembic import context

from handrail.kernel.storage import Instant, metadata


def render(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Write our own column type by the name that the template imports."""
    return "Instant()" if kind == "type" and isinstance(item, Instant) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=render,
)
context.run_migrations()
