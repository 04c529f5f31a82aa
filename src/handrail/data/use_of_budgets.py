"""How much of the budgets is used: one's own, and, for those who look after data, everybody's."""

from __future__ import annotations

from datetime import date

from handrail.data import seen_store
from handrail.data.budgets import Limits, limits_of, smallest
from handrail.data.catalog import contract, datasets
from handrail.data.seen import BudgetUse, Used
from handrail.data.seen_store import ALL
from handrail.kernel import Context, Resource, access


def my_budgets(ctx: Context, dataset: str | None = None) -> tuple[BudgetUse, ...]:
    """What the caller has seen today of each kind of entity that has a budget, or that a dataset counts.

    Where several datasets count the same kind, the smallest budget is told.
    """
    found = seen_store.uses(ctx, ctx.clock.now().date(), ctx.caller.person.id)
    seen = {use.subject: use.entities for use in found if use.account.app == ALL}
    apps: dict[str, dict[str, int]] = {}
    for use in found:
        if use.account.app != ALL:
            apps.setdefault(use.subject, {})[use.account.app] = use.entities
    exact = ctx.settings.data.exact
    return tuple(
        BudgetUse(
            subject,
            seen.get(subject, 0),
            limits.viewer.most if limits.viewer else None,
            apps.get(subject, {}),
            seen.get(subject, 0) <= exact,
            limits.viewer.owner if limits.viewer else "",
        )
        for subject, limits in sorted(_limits(ctx, dataset).items())
    )


def everybodys_budgets(ctx: Context, day: date | None = None) -> tuple[Used, ...]:
    """What every viewer and every app has used on a day (today), the most used first. Needs `see-budgets`."""
    access.require(ctx, "see-budgets", Resource("Catalog", "budgets"))
    limits, exact = _limits(ctx), ctx.settings.data.exact
    found = seen_store.uses(ctx, day or ctx.clock.now().date())
    apps: dict[tuple[str, str], dict[str, int]] = {}
    for use in found:
        if ALL not in use.account:
            apps.setdefault((use.account.person, use.subject), {})[use.account.app] = use.entities
    used = []
    for use in found:
        of, (person, app) = limits.get(use.subject, Limits()), use.account
        limit = of.app if person == ALL else of.viewer
        most, counts = limit.most if limit else None, use.entities <= exact
        if person == ALL:
            used.append(Used("app", app, use.subject, use.entities, most, counts))
        elif app == ALL:
            mine = apps.get((person, use.subject), {})
            used.append(Used("person", person, use.subject, use.entities, most, counts, mine))
    return tuple(sorted(used, key=lambda one: (-one.share, -one.seen, one.who, one.name, one.subject)))


def _limits(ctx: Context, dataset: str | None = None) -> dict[str, Limits]:
    contracts = [contract(ctx, dataset)] if dataset else [one.contract for one in datasets(ctx)]
    return smallest(limits_of(one, ctx.settings.data) for one in contracts)
