"""Which columns an app really read: by version and environment, how often, and when last."""

from __future__ import annotations

from handrail.data import reads_store
from handrail.data.seen import ColumnRead
from handrail.kernel import Context, NotFound, Resource, access


def columns_read(ctx: Context, app: str) -> tuple[ColumnRead, ...]:
    """Every column that runs of an app have read, the newest version first; a column "" stands for rows only.

    What is not here was not read, whatever the app declares. For reviewers, stewards and compliance. Refuses
    NotFound an app that has read nothing.
    """
    access.require(ctx, "see-reads", Resource("Reading", app))
    found = reads_store.each(ctx, app)
    if not found:
        raise NotFound(
            f"No run of an app {app[:80]!r} has read any data.",
            next_step="See the apps with `handrail apps`.",
        )
    return found
