"""Extraction budgets: how many entities may be seen in a day, counted before their rows leave."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from handrail.data import seen_store
from handrail.data.carried_store import keep_shown
from handrail.data.models import Contract
from handrail.data.seen_store import ALL, Account
from handrail.kernel import Caller, Context, Instance, LimitReached
from handrail.settings import DataSettings

NAMED = 200  # entities of one answer that the trail names, as keyed hashes; of more it says how many
_DIGITS = 16  # 64 bits: two of a million entities share one once in 30 million instances


@dataclass(frozen=True)
class Limit:
    """How many entities of a kind a viewer may see, or (`per_app`) an app may show to all its viewers.

    `owner` is who to ask for more.
    """

    subject: str
    most: int
    owner: str
    per_app: bool = False


@dataclass(frozen=True)
class Limits:
    """What holds for one kind of entity; each None where there is no limit."""

    viewer: Limit | None = None
    app: Limit | None = None

    def by_account(self, person: str, app: str) -> dict[Account, Limit]:
        """Whose use is limited when a person sees something through an app ("": outside)."""
        found = {Account(person, ALL): self.viewer, Account(ALL, app): self.app if app else None}
        return {account: limit for account, limit in found.items() if limit}


def limits_of(stated: Contract, settings: DataSettings) -> tuple[str, Limits] | None:
    """The kind of entity that a dataset's rows count as, with its contract's limits or the instance's."""
    most = settings.budget if stated.budget is None else stated.budget
    app_most = settings.app_budget if stated.app_budget is None else stated.app_budget
    if not stated.entity_key or not (most or app_most):
        return None
    subject, owner = stated.subject or stated.name, stated.owner or "its steward"
    viewer = Limit(subject, most, owner) if most else None
    return subject, Limits(viewer, Limit(subject, app_most, owner, per_app=True) if app_most else None)


def smallest(found: Iterable[tuple[str, Limits] | None]) -> dict[str, Limits]:
    """The limits of each kind of entity; the smallest where several datasets speak of one kind."""
    limits: dict[str, Limits] = {}
    for subject, new in filter(None, found):
        old = limits.get(subject, Limits())
        limits[subject] = Limits(_smaller(old.viewer, new.viewer), _smaller(old.app, new.app))
    return limits


def pseudonym(instance: Instance, subject: str, entity: str) -> str:
    """What stands for an entity in our tables and on the trail; only the instance's key can make it."""
    return _mark(instance.secret("entities"), subject, entity)


def _mark(secret: bytes, subject: str, entity: str) -> str:
    name = f"{subject}\0{entity}".encode()
    return hashlib.blake2b(name, digest_size=_DIGITS // 2, key=secret).hexdigest()


def _smaller(one: Limit | None, other: Limit | None) -> Limit | None:
    found = [limit for limit in (one, other) if limit]
    return min(found, key=lambda limit: limit.most) if found else None


def had_before(settings: DataSettings, limit: Limit, got: seen_store.Reserved, app: str) -> str:
    """How much of a limit was used before what now goes beyond it, in words without an end."""
    about, many = "" if got.before <= settings.exact else "up to ", f"{limit.subject}s"
    if limit.per_app:
        had = f"The app {app} has shown {about}{got.before:,} of {limit.most:,} {many} today, "
        return had + "to all its viewers together"
    return f"You have seen {about}{got.before:,} of {limit.most:,} {many} today, in all apps together"


@dataclass
class _Shown:
    """What one answer has shown of a kind: each entity up to a number, and how many at least."""

    known: set[str] = field(default_factory=set)
    more: int = 0  # counted when `known` was full already; one may be among them twice
    parts: int = 0
    day: date | None = None
    today: set[str] = field(default_factory=set)  # of those in `known`, whom that day has counted

    def uncounted(self, marks: set[str], day: date) -> set[str]:
        """Those that the day has yet to count: whoever is shown again after midnight is seen on both days."""
        if self.day != day:
            self.day, self.today = day, set()
        return marks - self.today


@dataclass
class Meter:
    """Counts the entities of one answer against all its budgets; each is durable before it is shown."""

    instance: Instance
    caller: Caller
    app: str
    query: str
    limits: Mapping[str, Limits]
    _shown: dict[str, _Shown] = field(default_factory=dict)

    def take(self, shown: Mapping[str, Iterable[str]], *, clear: bool = True) -> None:
        """Reserve these entities; refuses LimitReached, and counts none of the kind, beyond a limit.

        `clear` is False when they are everybody whom the query may have looked at.
        """
        secret, exact = self.instance.secret("entities"), self.instance.settings.data.exact
        now = self.instance.clock.now()
        for subject, keys in shown.items():
            so_far = self._shown.setdefault(subject, _Shown())
            wanted = so_far.uncounted({_mark(secret, subject, key) for key in keys}, now.date())
            if not wanted:
                continue
            kept: set[str] = set()
            if len(so_far.known) + len(wanted) > NAMED:  # the trail will not name them
                kept = wanted if len(so_far.known) > NAMED else so_far.known | wanted
            batch = seen_store.Showing(subject, self.app, self.query, so_far.parts, wanted, kept)
            limits = self.limits[subject].by_account(self.caller.person.id, self.app)
            most = {account: limit.most for account, limit in limits.items()}
            with self.instance.context(self.caller) as own:  # committed before anything leaves
                got = seen_store.reserve(own, batch, most, exact, now)
                run = self.caller.run
                if (
                    not got.exceeded and run and run.manifest.kind == "job"
                ):  # what it shows may be looked at later
                    keep_shown(own, run.id, subject, self.query, so_far.parts, wanted)
            if got.exceeded:
                raise self._refusal(limits[got.exceeded], got, clear)
            so_far.parts += 1
            if len(so_far.known) < max(exact, NAMED):  # a large answer takes no more memory than this
                so_far.known |= wanted
                so_far.today |= wanted
            else:
                so_far.more += len(wanted)

    def facts(self) -> dict[str, object]:
        """What the trail says about whom this answer showed: their pseudonyms, or how many at most."""
        shown = {subject: one for subject, one in self._shown.items() if one.known}
        if not shown:
            return {}
        named = sum(len(one.known) + one.more for one in shown.values()) <= NAMED
        return {
            "entities": {
                subject: sorted(one.known) if named else len(one.known) + one.more
                for subject, one in shown.items()
            }
        }

    def _refusal(self, limit: Limit, got: seen_store.Reserved, clear: bool) -> LimitReached:
        """It does not say how many are too many: a refusal counts nobody, so it may count nothing out."""
        many, had = f"{limit.subject}s", had_before(self.instance.settings.data, limit, got, self.app)
        if clear:
            said = f"{had}; this would go beyond that."
            step = f"Group so that each row is about several {many}, or select fewer. Counting starts anew "
            step += "at midnight UTC."
        else:
            said = f"{had}; whom this query shows cannot be told, so all would count, which goes beyond that."
            step = "Select rows by plain joins, or group datasets joined by equal columns and sum measures."
        return LimitReached(
            said,
            next_step=f"{step} {limit.owner} sets the limit.",
            subject=f"query:{self.query}",
            entity=limit.subject,
            seen=got.before,
            budget=limit.most,
            **({"app": self.app} if limit.per_app else {}),
        )


def meter(
    ctx: Context, query: str, app: str, contracts: Sequence[Contract]
) -> tuple[Meter, Mapping[str, str]] | None:
    """The meter for a production answer from these datasets, and which of them count (name to kind)."""
    limits = {one.name: limits_of(one, ctx.settings.data) for one in contracts}
    counted = {name: found[0] for name, found in limits.items() if found}
    if not counted:
        return None
    return Meter(ctx.instance, ctx.caller, app, query, smallest(limits.values())), counted
