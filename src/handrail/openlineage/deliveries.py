"""Look at how delivery stands, and let what was set aside be tried again."""

from __future__ import annotations

from handrail.kernel import Context, Resource, access
from handrail.openlineage import store
from handrail.openlineage.models import Deliveries

_OUTBOX = Resource("Outbox", "lineage")


def deliveries(ctx: Context) -> Deliveries:
    """Where lineage events go, and how many wait or were set aside; refuses all but admins."""
    access.require(ctx, "see-deliveries", _OUTBOX)
    told = ctx.settings.lineage
    return Deliveries(told.file or told.url, *store.counts(ctx))


def retry(ctx: Context) -> int:
    """Let the events that were set aside wait again, and give how many; refuses all but admins."""
    access.require(ctx, "retry-deliveries", _OUTBOX)
    count = store.put_back(ctx)
    ctx.audit.note("lineage.retried", "outbox:lineage", events=count)
    return count
