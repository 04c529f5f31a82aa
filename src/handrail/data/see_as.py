"""See as somebody: which rule lets them in or not, which rows and columns they get; counts, never rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp

from handrail.data import filters, masks, spoken
from handrail.data.catalog import declared_purposes, found
from handrail.data.govern import SCHEMA
from handrail.data.models import Contract, Dataset
from handrail.data.no_row import VIEWER, why_no_row
from handrail.data.parse import nearest
from handrail.data.places import there
from handrail.data.renditions import rendition
from handrail.data.tell_counts import sight
from handrail.kernel import Caller, Context, Decision, Invalid, Person, Resource, access, identity
from handrail.kernel.ports import EngineLimits


@dataclass(frozen=True)
class Preview:
    """What a person would see of a dataset in production, for a purpose, outside any app."""

    dataset: str
    person: str
    purpose: str
    allowed: bool
    because: str
    rule: str
    policy_version: str
    next_step: str
    rows: int  # in the dataset
    remaining: int | None  # of these, what the row filter leaves; None where the caller is not told exactly
    left: str  # the same in words, rounded where it is None
    filter: str  # in words, with the person's own attributes
    masked: tuple[tuple[str, str], ...]  # column, and what is seen instead


def preview(ctx: Context, name: str, person: str, purpose: str | None = None) -> Preview:
    """Show a steward how the contract, as it is now, treats a person; the look is on the trail.

    Without `purpose` the contract's first. Rows are counted and not shown, and the count told as
    `tell_counts.sight` says. Refuses anybody but stewards, unknown people and purposes.
    """
    access.require(ctx, "see-as", Resource("Dataset", name))
    now, somebody = found(ctx, name), identity.found(ctx, person)
    contract, declared = now.contract, declared_purposes(ctx)
    wanted = purpose or next(iter(contract.purposes), "")
    if purpose and purpose not in declared:
        raise Invalid(f"There is no purpose {purpose}.", next_step=nearest(purpose, declared))
    decision = _decision(ctx, now, somebody, wanted)
    ctx.audit.note("dataset.previewed", f"dataset:{name}", person=person, purpose=wanted, rule=decision.rule)
    hidden = [column for column in contract.columns if masks.masked(column, somebody.groups)]
    rows, remaining = now.rows or 0, _remaining(ctx, contract, somebody)
    known = not contract.row_filters or why_no_row(contract, somebody) or sight(ctx, name) == "exact"
    return Preview(
        dataset=name,
        person=person,
        purpose=wanted,
        allowed=decision.allowed,
        because=decision.because,
        rule=decision.rule,
        policy_version=decision.policy_version,
        next_step=decision.next_step,
        rows=rows,
        remaining=remaining if known else None,
        left=f"{remaining:,}" if known else spoken.roughly(remaining, ctx.settings.data.least),
        filter=_said(contract, somebody),
        masked=tuple((one.name, spoken.mask(one.mask)) for one in hidden),
    )


def _decision(ctx: Context, now: Dataset, person: Person, purpose: str) -> Decision:
    """What `query` would decide for the person, asked of the same rules."""
    contract = now.contract
    return ctx.instance.policies.decide(
        Caller(person, ctx.caller.via),
        "query",
        Resource("Dataset", now.name),
        {
            "environment": "production",
            "state": now.state,
            "certified": now.certified,
            "twin": rendition(ctx, now.name) is not None,
            "owner": contract.owner or "its steward",
            "readers": contract.readers,
            "purpose": purpose,
            "purposes": contract.purposes,
            "app": "",
            "declared": True,
            "undeclared": (),
        },
    )


def _remaining(ctx: Context, contract: Contract, person: Person) -> int:
    """How many rows the person's row filter leaves, counted in the locked engine."""
    condition = filters.rows_for(contract, person, "_row", "viewer_")
    source = exp.table_(contract.name, db=SCHEMA, alias="_row", quoted=True)
    counting = exp.select("count(*)").from_(source).where(condition.tree)
    limits = ctx.settings.data
    rows = ctx.ports.engine.run(
        counting.sql(dialect="duckdb", comments=False),
        condition.values,
        SCHEMA,
        {contract.name: there(ctx, contract)},
        EngineLimits(limits.seconds, limits.memory_mb, limits.threads),
    )
    return sum(batch.column(0)[0].as_py() for batch in rows.batches() if batch.num_rows)


def _said(contract: Contract, person: Person) -> str:
    if not contract.row_filters:
        return "all rows: the contract has no row filter"
    chosen = filters.chosen(contract.row_filters, person.groups)
    if chosen is None:
        return "no row: no row filter is for any of the person's groups"
    for named in VIEWER.findall(chosen.sql):
        if named not in person.attributes:
            return f"no row: “{chosen.sql}” needs the attribute {named}, which the person does not have"

    def own(match: re.Match[str]) -> str:
        value = person.attributes[match[1]]
        return f"“{value}”" if isinstance(value, str) else f"({', '.join(f'“{one}”' for one in value)})"

    whom = f", the filter for {', '.join(chosen.groups)}" if chosen.groups else ""
    return f"rows where {VIEWER.sub(own, chosen.sql)}{whom}"
