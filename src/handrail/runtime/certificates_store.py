"""The certificates that hosts were given: the only SQL on them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from handrail.kernel import Context, storage
from handrail.kernel.storage import Instant

INVITED = timedelta(hours=1)  # for which an invitation is good; a certificate is for longer

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
    """What a host of this name was given, or `invited` to get; good until then, unless it was `revoked`
    before.
    """

    serial: str
    name: str
    by: str
    at: datetime
    until: datetime
    revoked: datetime | None = None

    @property
    def invited(self) -> bool:
        """Whether it has not got one yet."""
        return self.until - self.at <= INVITED


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


def redeem(ctx: Context, serial: str, until: datetime) -> str | None:
    """Make of an invitation that is good still a certificate that is good until then; gives the name of its
    host, and None when there is no such invitation any more.
    """
    at, good_until = (sa.type_coerce(certificates.c[name], sa.BigInteger) for name in ("at", "until"))
    good = sa.and_(
        certificates.c.serial == serial,
        certificates.c.revoked.is_(None),
        certificates.c.until > ctx.clock.now(),
        good_until - at <= INVITED // timedelta(microseconds=1),
    )
    given = sa.update(certificates).where(good).values(until=until).returning(certificates.c.name)
    name: str | None = ctx.db.scalar(given)
    return name


def is_revoked(ctx: Context, serial: str) -> bool:
    """Whether a certificate was given and revoked; one of another authority is judged by that alone."""
    revoked = sa.and_(certificates.c.serial == serial, certificates.c.revoked.is_not(None))
    return ctx.db.scalar(sa.select(certificates.c.serial).where(revoked)) is not None
