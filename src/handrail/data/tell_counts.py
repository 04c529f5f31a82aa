"""Tell what was counted of a dataset's rows: exactly, roughly, or only whether its promises are kept.

One rule for every place that counts rows which its reader may not see: checks and their history, what is
tried, refusals to certify, and the look as somebody else. Why it is so is
docs/decisions/0028-counts-are-told-to-who-answers-for-the-data.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from handrail.data import masks, spoken
from handrail.data.catalog import contract_of
from handrail.data.promises import QualityCheck, Result
from handrail.data.rule_sight import sees_all, trusted
from handrail.kernel import Context, Refusal

Sight = Literal["exact", "rough", "outcome"]
_LOOK_AFTER = frozenset({"steward", "compliance", "admin"})
_WITHHELD = "The numbers are told to its readers, its owner, stewards and compliance."


def sight(ctx: Context, name: str) -> Sight:
    """How much the caller is told of counts over all rows of a dataset.

    Exactly: its owner and deputy, and readers from whom no row and no column is hidden, all by the contract
    that was certified last; so of what never was, nobody. Roughly: its other readers, and stewards,
    compliance and admins. Everybody else: whether promises are kept.
    """
    stated, person = trusted(ctx, name), ctx.caller.person
    if stated is not None and sees_all(ctx, name):
        hidden = any(masks.masked(column, person.groups) for column in stated.columns)
        if person.id in (stated.owner, stated.deputy) or not hidden:
            return "exact"
    if person.roles & _LOOK_AFTER:
        return "rough"
    try:
        now = contract_of(ctx, name)
    except Refusal:
        return "outcome"
    return "rough" if person.groups & set(now.readers) or person.id in (now.owner, now.deputy) else "outcome"


def told(ctx: Context, name: str, results: Sequence[Result]) -> tuple[Result, ...]:
    """What came of promises, as far as the caller is told."""
    return _cut_down(results, sight(ctx, name), ctx.settings.data.least)


def checks_told(ctx: Context, name: str, checks: Sequence[QualityCheck]) -> tuple[Sight, list[QualityCheck]]:
    """Checks of a dataset as far as the caller is told what came of them, and how far that is."""
    how, least = sight(ctx, name), ctx.settings.data.least
    return how, [replace(one, results=_cut_down(one.results, how, least)) for one in checks]


def _cut_down(results: Sequence[Result], how: Sight, least: int) -> tuple[Result, ...]:
    if how == "exact":
        return tuple(results)
    return tuple(_outcome(one) if how == "outcome" else _roughly(one, least) for one in results)


def _outcome(one: Result) -> Result:
    return replace(
        one,
        promise=f"A promise about {one.about}" if one.about else "A promise of the contract",
        count=None,
        said="" if one.outcome == "kept" else _WITHHELD,
    )


def _roughly(one: Result, least: int) -> Result:
    """Without its number, rounded where a promise is broken; how many rows there are, the catalog says."""
    if one.count is None or one.about == spoken.KINDS_OF["rows"]:
        return one
    said = ""
    if one.outcome == "broken" and one.about == spoken.KINDS_OF["age"]:
        said = "It is older."
    elif one.outcome == "broken":
        about = spoken.roughly(one.count, least)
        answer = one.about == spoken.KINDS_OF["sql"]
        said = f"It answered {about}." if answer else f"{about.capitalize()} rows are otherwise."
    return replace(one, count=None, said=said)
