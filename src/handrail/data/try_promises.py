"""Try promises: what would come of them on the data as it is, before anybody proposes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handrail.data.catalog import found
from handrail.data.changes import Changes
from handrail.data.check_quality import results
from handrail.data.models import Contract
from handrail.data.promises import Result
from handrail.data.propose import changed, queries
from handrail.data.store import all_extracts
from handrail.data.tell_counts import told
from handrail.kernel import Context, Resource, access


def try_promises(
    ctx: Context, name: str, changes: Changes | Mapping[str, Any]
) -> tuple[Contract, tuple[Result, ...]]:
    """Hold what the contract would promise after these changes against the data; nothing is kept of it.

    Answers with the contract as it would be, and with counts, never values, told as `tell_counts.sight`
    says. The trail has the SQL. Refuses as `propose` does.
    """
    access.require(ctx, "propose", Resource("Dataset", name))
    wanted = changed(ctx, found(ctx, name).contract, changes)
    made = results(ctx, wanted, all_extracts(ctx))
    broken = sum(one.outcome == "broken" for one in made)
    facts: dict[str, Any] = {"promises": len(made), "broken": broken}
    if sql := queries(wanted):
        facts["sql"] = sql
    ctx.audit.note("quality.tried", f"dataset:{name}", **facts)
    return wanted, told(ctx, name, made)
