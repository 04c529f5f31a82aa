"""Who saw: whom an entity was shown to, when, and through which app and query."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from handrail.data import seen_store
from handrail.data.budgets import pseudonym
from handrail.data.catalog import contract_of
from handrail.data.seen import Sighting
from handrail.kernel import Context, NotFound, Resource, access
from handrail.kernel.audit import Entry, between, recent

_MOST = 1000


def who_saw(ctx: Context, about: str, entity: str) -> tuple[Sighting, ...]:
    """Everybody to whom production showed this entity, newest first; `about` is a dataset or kind of entity.

    The first time of each day and app is certain while a viewer's day counts exactly, and so is every
    answer that named its entities on the trail (up to 200). Larger answers left fingerprints of 32 bits:
    each of these sightings says how often an answer of that size has the fingerprint of somebody whom it
    did not show, one in 4,295 for a million entities. Counted are datasets with a budget. The question
    itself goes on the trail. At most the newest 1,000 of each kind. Needs the right to see access.
    """
    subject = _subject(ctx, about.strip())
    access.require(ctx, "see-access", Resource("Subject", subject))
    mark = pseudonym(ctx.instance, subject, entity.strip())
    ctx.audit.note("access.searched", f"subject:{subject}", entity=mark)
    ctx.audit.settle()
    found: dict[tuple[str, str], Sighting] = {}
    days: set[tuple[str, datetime]] = set()
    for first in seen_store.firsts(ctx, subject, mark, _MOST):
        found[first.person, first.query] = Sighting(first.person, first.at, first.app, first.query, True)
        days.add((first.person, datetime.combine(first.day, time.min, UTC)))
    for person, day in days:
        for entry in between(ctx.db, person, "query.answered", day, day + timedelta(days=2)):
            again = _again(entry, subject, mark)
            if again and (again.person, again.query) not in found and again.at.date() == day.date():
                found[again.person, again.query] = again
    for match in seen_store.matches(ctx, subject, mark, _MOST):
        if (match.person, match.query) not in found and (one := _matched(ctx, match, subject, mark)):
            found[match.person, match.query] = one
    return tuple(sorted(found.values(), key=lambda one: (one.at, one.query), reverse=True))


def _matched(ctx: Context, match: seen_store.Match, subject: str, mark: str) -> Sighting | None:
    """What a fingerprint says: certainly where the trail names the answer's entities, else with its rate."""
    for entry in recent(ctx.db, verb="query.answered", subject=f"query:{match.query}", limit=1):
        if not isinstance(entry.facts.get("entities", {}).get(subject, 0), int):
            return _again(entry, subject, mark)
    rate = match.false_positive_rate
    return Sighting(match.person, match.at, match.app, match.query, False, rate)


def _again(entry: Entry, subject: str, mark: str) -> Sighting | None:
    named = entry.facts.get("entities", {}).get(subject, ())
    if isinstance(named, int) or mark not in named:
        return None
    query = entry.subject.removeprefix("query:")
    return Sighting(entry.person, entry.at, str(entry.facts.get("app", "")), query, True)


def _subject(ctx: Context, about: str) -> str:
    try:
        contract = contract_of(ctx, about)
    except NotFound:
        return about
    return contract.subject or contract.name
