"""Asks certified data as the house itself, over everybody's rows and without masks: for totals alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from handrail.data.certify import certified_place
from handrail.data.govern import SCHEMA, govern
from handrail.data.models import Contract
from handrail.data.query import understood
from handrail.data.stands import as_of
from handrail.kernel import SYSTEM, Context
from handrail.kernel.ports import EngineLimits


@dataclass(frozen=True)
class Whole:
    """The rows, and as of when the data of each dataset was that they come from."""

    table: pa.Table
    data: Mapping[str, str]


def ask(ctx: Context, sql: str, params: Mapping[str, Any]) -> Whole:
    """Run `sql` through the governed path with every row in sight. Refuses datasets that are not certified.

    Asks no rule and leaves nothing on the trail: the verb that calls it does both, and lets nothing of the
    rows out but what it says.
    """
    resolved, contracts = understood(ctx, sql)
    places = {name: certified_place(ctx, name) for name in resolved.reads}
    open_ = {name: _open(contract) for name, contract in contracts.items()}
    secret = ctx.instance.secret("mask")
    statement = govern(resolved, open_, SYSTEM.person, "production", secret, params)
    limits = ctx.settings.data
    rows = ctx.ports.engine.run(
        statement.sql,
        statement.values,
        SCHEMA,
        places,
        EngineLimits(limits.seconds, limits.memory_mb, limits.threads),
    )
    try:
        table = pa.Table.from_batches(rows.batches(), rows.schema)
    finally:
        rows.close()
    return Whole(table, as_of(ctx, resolved.reads))


def _open(contract: Contract) -> Contract:
    columns = tuple(replace(column, mask=None) for column in contract.columns)
    return replace(contract, row_filters=(), columns=columns)
