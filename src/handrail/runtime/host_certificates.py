"""Give hosts the certificates by which they borrow, and take them back."""

import re

from handrail.kernel import Context, Invalid, NotFound, access
from handrail.runtime import certificates, certificates_store
from handrail.runtime.certificates import MOST_DAYS, Issued
from handrail.runtime.certificates_store import Certificate
from handrail.runtime.workers import WORKERS

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


def issue_certificate(ctx: Context, name: str, days: int = 365) -> Issued:
    """A certificate with its key for the host of this name; the key is kept nowhere. For admins.

    Whoever has it can read all the data of the instance and sign its trail, as the server can. Refuses
    Invalid a name that is none of a host.
    """
    access.require(ctx, "manage-hosts", WORKERS)
    must_be_a_name(name)
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(
            f"A certificate cannot be good for {days} days.",
            next_step=f"Give 1 to {MOST_DAYS:,} days.",
            subject="hosts",
        )
    made = certificates.issue(ctx.instance, name, days)
    by = ctx.caller.person.id
    certificates_store.add(ctx, Certificate(made.serial, name, by, ctx.clock.now(), made.until))
    ctx.audit.note("host.issued", f"host:{name}", serial=made.serial, until=made.until.isoformat())
    return made


def must_be_a_name(name: str) -> None:
    """Refuse Invalid what no host can be called."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"“{name[:60]}” is no name of a host.",
            next_step="Give one of small letters, digits, dots and dashes.",
            subject="hosts",
        )


def host_certificates(ctx: Context) -> tuple[Certificate, ...]:
    """Every certificate that was given, by name; for admins."""
    access.require(ctx, "manage-hosts", WORKERS)
    return certificates_store.all_certificates(ctx)


def revoke_certificate(ctx: Context, name: str) -> int:
    """Lend nothing more to the host of this name; gives how many certificates that ends. For admins.

    What it has borrowed it has; and it may know the database's password. Refuses NotFound where none is good.
    """
    access.require(ctx, "manage-hosts", WORKERS)
    ended = certificates_store.revoke(ctx, name)
    if not ended:
        raise NotFound(
            f"No certificate of a host “{name[:60]}” is good.",
            next_step="See `handrail hosts list`.",
            subject="hosts",
        )
    ctx.audit.note("host.revoked", f"host:{name}", certificates=ended)
    return ended
