"""For how long runs may keep what they read: as long as the contracts of its datasets let a row be kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path

from handrail.data import carried_store, odcs
from handrail.data.catalog import contract_of
from handrail.kernel import Context, Refusal, definitions


def retentions(ctx: Context) -> Mapping[str, timedelta]:
    """How long a row may be kept, of every dataset whose contract says so. Asks no rule.

    A contract may count from a date in the row. What a run left counts from its end, as whatever is known of
    its rows by then is that they were still there.
    """
    found = {}
    for file in definitions.names(ctx, "contracts/"):
        if file.endswith(odcs.SUFFIX):
            name = Path(file).name.removesuffix(odcs.SUFFIX)
            try:
                stated = contract_of(ctx, name)
            except Refusal:  # a broken contract certifies nothing, so nothing more is read by it
                continue
            if stated.retention:
                found[name] = stated.retention.age
    return found


def read_by(ctx: Context, runs: Collection[str]) -> Mapping[str, frozenset[str]]:
    """The datasets that each of these runs has read, where it read any. Asks no rule."""
    return carried_store.datasets_of(ctx, runs)


def forget_carried(ctx: Context, runs: Collection[str]) -> None:
    """Forget what these runs have read, and whom they showed: nothing is left that could show it again."""
    carried_store.forget(ctx, runs)
