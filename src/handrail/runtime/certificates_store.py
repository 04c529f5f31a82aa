"""The certificates that hosts were given: the only SQL on them."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from handrail.kernel import Context, storage
from handrail.kernel.storage import Instant

certificates = sa.Table(
    "host_certificates",
    storage.metadata,
    sa.Column("serial", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, index=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("until", Instant, nullable=False),
    sa.Column("revoked", Instant),
)


@dataclass(frozen=True)
class Certificate:
    """What a host of this name was given; good until then, unless it was `revoked` before."""

    serial: str
    name: str
    by: str
    at: datetime
    until: datetime
    revoked: datetime | None = None


def add(ctx: Context, one: Certificate) -> None:
    """Keep that it was given."""
    ctx.db.execute(sa.insert(certificates).values(**vars(one)))


def all_certificates(ctx: Context) -> tuple[Certificate, ...]:
    """Every one, by name, the newest first."""
    query = sa.select(certificates).order_by(certificates.c.name, certificates.c.at.desc())
    return tuple(Certificate(**row._mapping) for row in ctx.db.execute(query))


def revoke(ctx: Context, name: str) -> int:
    """Let no certificate of this name count any more; gives how many did."""
    good = sa.and_(certificates.c.name == name, certificates.c.revoked.is_(None))
    return ctx.db.execute(sa.update(certificates).where(good).values(revoked=ctx.clock.now())).rowcount


def is_revoked(ctx: Context, serial: str) -> bool:
    """Whether a certificate was given and revoked; one of another authority is judged by that alone."""
    revoked = sa.and_(certificates.c.serial == serial, certificates.c.revoked.is_not(None))
    return ctx.db.scalar(sa.select(certificates.c.serial).where(revoked)) is not None
