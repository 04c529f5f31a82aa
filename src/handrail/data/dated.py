"""When something is noted: now, or just after what was noted before it, should the clock have been set back.

Of proposals, certifications, checks, reconciliations and twins the newest counts. What was noted while a
clock ran ahead would hide all that is noted once it is right, until the day it was dated comes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from handrail.kernel import Context

_NEXT = timedelta(microseconds=1)  # what our databases tell apart


def dated(ctx: Context, *before: tuple[sa.Column[datetime], sa.ColumnElement[bool]]) -> datetime:
    """The moment of what is noted now: after each moment of the rows that meet a condition."""
    queries = (sa.select(sa.func.max(moment)).where(these) for moment, these in before)
    newest = [at for query in queries if (at := ctx.db.execute(query).scalar()) is not None]
    return max([ctx.clock.now(), *(at + _NEXT for at in newest)])
