"""Extraction budgets: how many entities a viewer may see in a day, counted before their rows leave."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from handrail.data import seen_store
from handrail.data.catalog import contract, datasets
from handrail.data.models import BudgetUse, Contract
from handrail.kernel import Caller, Context, Instance, LimitReached
from handrail.settings import DataSettings

NAMED = 200  # entities of one answer that the trail names, as keyed hashes; of more it says how many
_DIGITS = 16  # 64 bits: two of a million entities share one once in 30 million instances


@dataclass(frozen=True)
class Limit:
    """How many entities of a kind, and who to ask for more."""

    subject: str
    most: int
    owner: str


def limit_of(stated: Contract, settings: DataSettings) -> Limit | None:
    """The budget that a dataset's rows count against, if any: its contract's, else the instance's."""
    most = settings.budget if stated.budget is None else stated.budget
    if not stated.entity_key or not most:
        return None
    return Limit(stated.subject or stated.name, most, stated.owner or "its steward")


def my_budgets(ctx: Context, dataset: str | None = None) -> tuple[BudgetUse, ...]:
    """What the caller has seen today of each kind of entity that has a budget, or that a dataset counts.

    Where several datasets count the same kind, the smallest budget is told.
    """
    contracts = [contract(ctx, dataset)] if dataset else [one.contract for one in datasets(ctx)]
    person, day = ctx.caller.person.id, ctx.clock.now().date()
    limits = smallest(limit_of(one, ctx.settings.data) for one in contracts)
    used, apps = seen_store.used(ctx, person, day), seen_store.used_by_app(ctx, person, day)
    return tuple(
        BudgetUse(subject, used.get(subject, 0), limit.most, apps.get(subject, {}))
        for subject, limit in sorted(limits.items())
    )


def smallest(limits: Iterable[Limit | None]) -> dict[str, Limit]:
    """The limit of each kind of entity; the smallest where several speak of one kind."""
    found: dict[str, Limit] = {}
    for limit in limits:
        if limit and (limit.subject not in found or limit.most < found[limit.subject].most):
            found[limit.subject] = limit
    return found


def pseudonym(instance: Instance, subject: str, entity: str) -> str:
    """What stands for an entity in our tables and on the trail; only the instance's key can make it."""
    return _mark(instance.secret("entities"), subject, entity)


def _mark(secret: bytes, subject: str, entity: str) -> str:
    name = f"{subject}\0{entity}".encode()
    return hashlib.blake2b(name, digest_size=_DIGITS // 2, key=secret).hexdigest()


@dataclass
class Meter:
    """Counts the entities of one answer against its viewer's budgets; each is durable before it is shown."""

    instance: Instance
    caller: Caller
    app: str
    query: str
    limits: Mapping[str, Limit]
    _seen: dict[str, set[str]] = field(default_factory=dict)

    def take(self, shown: Mapping[str, Iterable[str]], *, clear: bool = True) -> None:
        """Reserve these entities; refuses LimitReached, and counts none of the kind, beyond the limit.

        `clear` is False when they are everybody whom the query may have looked at.
        """
        for subject, keys in shown.items():
            known = self._seen.setdefault(subject, set())
            secret = self.instance.secret("entities")
            wanted = {_mark(secret, subject, key) for key in keys} - known
            if not wanted:
                continue
            limit = self.limits[subject]
            with self.instance.context(self.caller) as own:  # committed before anything leaves
                got = seen_store.reserve(
                    own, subject, wanted, app=self.app, query=self.query, most=limit.most
                )
            if not got.granted:
                raise self._refusal(limit, got, clear)
            known |= wanted

    def facts(self) -> dict[str, object]:
        """What the trail says about whom this answer showed: their pseudonyms, or how many they are."""
        if not any(self._seen.values()):
            return {}
        named = sum(map(len, self._seen.values())) <= NAMED
        shown = {
            subject: sorted(seen) if named else len(seen) for subject, seen in self._seen.items() if seen
        }
        return {"entities": shown}

    def _refusal(self, limit: Limit, got: seen_store.Reserved, clear: bool) -> LimitReached:
        many = f"{limit.subject}s"
        had = f"You have seen {got.before:,} of {limit.most:,} {many} today, in all apps together"
        if clear:
            said = f"{had}; this would show {got.fresh:,} more."
            step = f"Group so that each row is about several {many}, or select fewer. Counting starts anew "
            step += "at midnight UTC."
        else:
            said = f"{had}; whom this query shows cannot be told, so {got.fresh:,} more would count."
            step = "Select rows by plain joins, or group datasets joined by equal columns and sum measures."
        return LimitReached(
            said,
            next_step=f"{step} {limit.owner} sets the limit.",
            subject=f"query:{self.query}",
            entity=limit.subject,
            seen=got.before,
            more=got.fresh,
            budget=limit.most,
        )


def meter(
    ctx: Context, query: str, app: str, contracts: Sequence[Contract]
) -> tuple[Meter, Mapping[str, str]] | None:
    """The meter for a production answer from these datasets, and which of them count (name to kind)."""
    limits = {one.name: limit_of(one, ctx.settings.data) for one in contracts}
    counted = {name: limit.subject for name, limit in limits.items() if limit}
    if not counted:
        return None
    made = Meter(ctx.instance, ctx.caller, app, query, smallest(limits.values()))
    return made, counted
