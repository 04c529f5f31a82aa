"""The only SQL about packages: what requirements came to, and what makers asked IT for."""

from typing import Any

import sqlalchemy as sa

from handrail.kernel import Context
from handrail.kernel.storage import Instant, insert_of, metadata
from handrail.runtime.models import PackageLock, PackageRequest

locks = sa.Table(
    "package_locks",
    metadata,
    sa.Column("asked", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, index=True),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("modules", sa.JSON, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)
requests = sa.Table(
    "package_requests",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("versions", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("open", sa.Text, nullable=True, unique=True),  # the name while it waits: one request a package
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("decided_at", Instant, nullable=True),
    sa.Column("reason", sa.Text, nullable=False),
)


def add_lock(ctx: Context, lock: PackageLock) -> None:
    """Keep what requirements came to; the first answer stays when two asked at once."""
    values = {column.name: getattr(lock, column.name) for column in locks.c}
    insert = _insert(ctx)(locks).values(**{**values, "modules": list(lock.modules)})
    ctx.db.execute(insert.on_conflict_do_nothing())


def find_lock(ctx: Context, *, asked: str | None = None, digest: str | None = None) -> PackageLock | None:
    """The lock that these requirements came to, or that has this digest; None when there is none."""
    where = locks.c.asked == asked if asked is not None else locks.c.digest == digest
    row = ctx.db.execute(sa.select(locks).where(where).order_by(locks.c.at).limit(1)).first()
    if row is None:
        return None
    values = dict(row._mapping)
    return PackageLock(**{**values, "modules": tuple(values["modules"])})


def add_request(ctx: Context, request: PackageRequest) -> bool:
    """Keep a request that waits; False when one for this package waits already."""
    values = {column.name: getattr(request, column.name) for column in requests.c if column.name != "open"}
    insert = _insert(ctx)(requests).values(**values, open=request.name)
    return bool(ctx.db.execute(insert.on_conflict_do_nothing()).rowcount)


def find_waiting(ctx: Context, name: str) -> PackageRequest | None:
    """The request for a package that waits, or None."""
    row = ctx.db.execute(sa.select(requests).where(requests.c.open == name)).first()
    return _request(row) if row else None


def find_requests(ctx: Context, by: str | None, limit: int) -> tuple[PackageRequest, ...]:
    """Requests of one person (None: of all), those that wait first, then the newest."""
    query = sa.select(requests).order_by(requests.c.open.is_(None), requests.c.id.desc()).limit(limit)
    if by is not None:
        query = query.where(requests.c.by == by)
    return tuple(map(_request, ctx.db.execute(query)))


def decide(ctx: Context, request: PackageRequest) -> bool:
    """Write down what was decided; False when somebody was first."""
    decided = ctx.db.execute(
        sa.update(requests)
        .where(requests.c.id == request.id, requests.c.state == "waiting")
        .values(
            state=request.state, open=None, decided_by=request.decided_by, decided_at=request.decided_at,
            reason=request.reason, versions=request.versions,
        )
    )  # fmt: skip
    return decided.rowcount == 1


def _request(row: Any) -> PackageRequest:
    return PackageRequest(**{key: value for key, value in row._mapping.items() if key != "open"})


def _insert(ctx: Context) -> Any:
    return insert_of(ctx.db.dialect.name)
