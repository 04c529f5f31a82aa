"""What a run carries away: the class of the columns that it read, and everybody whom its answers showed.

An app may write whom it was shown into any output: as a picture, under another name, in code. So an output is
as sensitive as everything that its run has read, and shows everybody whom the run was shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from handrail.data import carried_store, seen_store
from handrail.data.budgets import NAMED, had_before, limits_of, smallest
from handrail.data.catalog import contract_of
from handrail.data.models import Classification, Contract
from handrail.kernel import Context, LimitReached, NotReady, Refusal

_HIGHER: tuple[Classification, ...] = ("sensitive", "personal")  # the higher first


@dataclass(frozen=True)
class Carried:
    """What a run has read so far: columns by dataset, the highest class, and the columns that have it."""

    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    classification: Classification | None = None
    because: tuple[str, ...] = ()  # dataset.column


def carried(ctx: Context, run: str) -> Carried:
    """What a run has read, by the classes that its columns had then or have now, whichever is higher.

    Asks no rule: names of columns and their classes only.
    """
    found = carried_store.find_reads(ctx, run)
    contracts = {name: _contract(ctx, name) for name in {one.dataset for one in found}}
    classes: dict[str, set[str]] = {}
    reads: dict[str, tuple[str, ...]] = {}
    for one in found:
        reads[one.dataset] = (*reads.get(one.dataset, ()), *filter(None, (one.column,)))
        contract = contracts[one.dataset]
        column = contract.column(one.column) if contract else None
        for known in filter(None, (one.classification, column.classification if column else None)):
            classes.setdefault(known, set()).add(f"{one.dataset}.{one.column}")
    highest = next((known for known in _HIGHER if known in classes), None)
    return Carried(reads, highest, tuple(sorted(classes[highest])) if highest else ())


def count_again(ctx: Context, run: str, app: str, name: str) -> Mapping[str, object]:
    """Count everybody whom a production run showed as shown to the caller today; gives facts for the trail.

    For whoever looks at a run, or keeps what it handed over, on another day than that on which it asked;
    who was counted today already is counted once. `name` stands for this occasion, and is used once. Refuses
    LimitReached beyond a budget of the caller's or the app's, which counts none of that kind, and NotReady
    where whom the run showed was not counted when it asked, and is now.
    """
    reads = carried_store.find_reads(ctx, run)
    contracts = [contract_of(ctx, one) for one in sorted({read.dataset for read in reads})]
    limits = smallest(limits_of(one, ctx.settings.data) for one in contracts)
    uncounted = {read.dataset for read in reads if not read.counted}
    if late := [one for one in contracts if one.name in uncounted and limits_of(one, ctx.settings.data)]:
        raise NotReady(
            f"When this run read {late[0].name}, nobody counted whom it showed, and today that is counted.",
            next_step="Start a new run.",
            subject=f"dataset:{late[0].name}",
        )
    facts: dict[str, object] = {}
    for subject, marks in sorted(carried_store.find_shown(ctx, run).items()):
        of = limits[subject].by_account(ctx.caller.person.id, app) if subject in limits else {}
        named = len(marks) <= NAMED
        showing = seen_store.Showing(subject, app, name, 0, marks, () if named else marks)
        most = {account: limit.most for account, limit in of.items()}
        got = seen_store.reserve(ctx, showing, most, ctx.settings.data.exact, ctx.clock.now())
        if got.exceeded:
            limit = of[got.exceeded]
            raise LimitReached(
                f"{had_before(ctx.settings.data, limit, got, app)}; whom this run showed goes beyond that.",
                next_step=f"{_STEP} {limit.owner} sets the limit.",
                subject=f"run:{run}",
                entity=subject,
                seen=got.before,
                budget=limit.most,
            )
        facts[subject] = sorted(marks) if named else len(marks)
    return {"entities": facts} if facts else {}


_STEP = (
    "They count on each day on which somebody looks at the run or keeps what it gave: wait for midnight UTC."
)


def _contract(ctx: Context, name: str) -> Contract | None:
    try:
        return contract_of(ctx, name)
    except Refusal:  # it is gone, or broken: what it said when it was read is kept
        return None
