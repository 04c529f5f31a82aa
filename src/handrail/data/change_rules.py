"""Add and remove quality rules of a contract, one by one; each proposes it, and another steward certifies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handrail.data.catalog import contract
from handrail.data.models import Dataset
from handrail.data.promise_changes import rule_of
from handrail.data.promises import Result
from handrail.data.propose import propose
from handrail.data.rules import read_rule
from handrail.data.try_promises import try_promises
from handrail.kernel import Context


def add_rule(ctx: Context, dataset: str, said: Mapping[str, Any]) -> Dataset:
    """Propose the contract with one more rule, as `read_rule` takes it; refuses as `propose` does."""
    rules = (*contract(ctx, dataset).quality, read_rule(said))
    return propose(ctx, dataset, {"quality": rules})


def try_rule(ctx: Context, dataset: str, said: Mapping[str, Any]) -> tuple[Result, ...]:
    """What would come of the dataset's promises and this rule on the data now; changes nothing."""
    rules = (*contract(ctx, dataset).quality, read_rule(said))
    return try_promises(ctx, dataset, {"quality": rules})[1]


def remove_rule(ctx: Context, dataset: str, number: int) -> Dataset:
    """Propose the contract without the rule of that number."""
    stated = contract(ctx, dataset)
    gone = rule_of(stated, number)
    return propose(ctx, dataset, {"quality": tuple(rule for rule in stated.quality if rule != gone)})
