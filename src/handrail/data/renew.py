"""Renew: ask, with one click, that an unchanged contract be certified for another year."""

from __future__ import annotations

from datetime import date

from handrail.data import store
from handrail.data.catalog import dataset, found
from handrail.data.models import Dataset
from handrail.kernel import Context, NotReady, Resource, access

_STATES = ("certified", "expiring", "expired")


def renew(ctx: Context, name: str) -> Dataset:
    """Propose the contract as it is for a year more than it has, or from today when that is over.

    What is certified stays so meanwhile; the last day comes into the file when another steward certifies.
    Refuses anybody but stewards, what was never certified or changed since, and a renewal that waits already.
    """
    access.require(ctx, "propose", Resource("Dataset", name))
    now = found(ctx, name)
    if now.state not in _STATES:
        raise NotReady(
            f"{name} is {now.state}, so there is nothing to renew.",
            next_step="Propose the contract as it is now; another steward certifies it.",
            subject=f"dataset:{name}",
        )
    if now.renewal:
        raise NotReady(
            f"{now.renewal.by} has already asked to renew {name} until {now.renewal.until}.",
            next_step=f"Another steward certifies it: handrail certify {name}.",
            subject=f"dataset:{name}",
        )
    until = _year_after(max(now.contract.expires or date.min, ctx.clock.now().date()))
    store.add_proposal(ctx, name, now.hash, until)
    ctx.audit.note("dataset.proposed", f"dataset:{name}", digest=now.hash, until=until.isoformat())
    return dataset(ctx, name)


def _year_after(day: date) -> date:
    """The same day of the next year; after a leap day its last of February."""
    return day.replace(year=day.year + 1, day=28 if (day.month, day.day) == (2, 29) else day.day)
