"""Which columns somebody sees only masked, for rooms that draw pictures of data instead of its rows."""

from __future__ import annotations

from collections.abc import Mapping

from handrail.data import masks
from handrail.data.catalog import contract_of
from handrail.data.rule_sight import trusted
from handrail.kernel import Context


def masked_columns(ctx: Context, name: str, of: frozenset[str] | None = None) -> Mapping[str, bool]:
    """Each column, and whether it is masked for the caller or members `of` other groups: now or as certified.

    Asks no rule: the contract says it to whoever may see the dataset. Refuses as `contract_of` does.
    """
    now, groups = contract_of(ctx, name), ctx.caller.person.groups if of is None else of
    every = (now, trusted(ctx, name) or now)
    hidden = {column.name for each in every for column in each.columns if masks.masked(column, groups)}
    return {column.name: column.name in hidden for column in now.columns}
