"""Rows whose entities are counted while they leave: the hidden columns are read, and stay here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from handrail.data.asked import Groupings
from handrail.data.budgets import Meter, meter
from handrail.data.plans import Plan, named
from handrail.data.resolve import Resolved
from handrail.data.reveal import Aside, Carrier, Revealed, everybody
from handrail.kernel import Context, Environment, Invalid
from handrail.kernel.ports import Rows


class Counted:
    """`Rows` without their carriers; each batch is counted, durably, before it is handed out."""

    def __init__(self, rows: Rows, carriers: Sequence[Carrier], hidden: str, meter: Meter) -> None:
        self._rows, self._carriers, self._meter = rows, carriers, meter
        names = rows.schema.names
        self._shown = [place for place, name in enumerate(names) if not name.startswith(hidden)]
        self.schema = pa.schema([rows.schema.field(place) for place in self._shown])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, a batch at a time; refuses LimitReached before a batch that shows too many entities."""
        for batch in self._rows.batches():
            self._meter.take(shown(batch, self._carriers))
            columns = [batch.column(place) for place in self._shown]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def close(self) -> None:
        """Stop, whether or not all rows were taken."""
        self._rows.close()


def shown(batch: pa.RecordBatch, carriers: Iterable[Carrier]) -> dict[str, set[str]]:
    """The entities that a batch carries, by kind."""
    found: dict[str, set[str]] = {}
    for carrier in carriers:
        column = batch.column(carrier.column)
        while pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            column = pc.list_flatten(column)
        keys = pc.unique(pc.drop_null(column)).to_pylist()
        found.setdefault(carrier.subject, set()).update(keys)
    return found


@dataclass(frozen=True)
class Counting:
    """One question as it is counted: what to ask instead of it, and how its rows leave."""

    question: Resolved
    app: str = ""
    meter: Meter | None = None
    revealed: Revealed | None = None
    subjects: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)  # parameters of what is counted beside it

    def beside(self, start: Callable[[Resolved], Rows]) -> None:
        """Count what the query itself cannot carry; refuses LimitReached beyond the budget."""
        if self.meter is None or self.revealed is None:
            return
        if not self._counted(self.revealed.asides, start, self.revealed.clear):
            everyone = everybody(self.question.tree, self.subjects)
            if not self._counted(everyone, start, clear=False):
                raise RuntimeError("a dataset cannot be counted")

    def rows(self, rows: Rows) -> Rows:
        """The rows without what they carry, each batch counted before it is handed out."""
        if self.meter is None or self.revealed is None or not self.revealed.carriers:
            return rows
        return Counted(rows, self.revealed.carriers, self.revealed.hidden, self.meter)

    def facts(self) -> dict[str, object]:
        """What the trail says about whom the answer showed, and through which app."""
        if self.meter is None or not (facts := self.meter.facts()):
            return {}
        return {**({"app": self.app} if self.app else {}), **facts}

    def _counted(self, asides: Iterable[Aside], start: Callable[[Resolved], Rows], clear: bool) -> bool:
        """False when one does not stand alone, because it is about the row around it."""
        assert self.meter is not None
        for aside in asides:
            parameters = frozenset(node.name for node in aside.tree.find_all(exp.Placeholder))
            try:
                rows = start(replace(self.question, tree=aside.tree, parameters=parameters))
                for batch in rows.batches():
                    self.meter.take(shown(batch, aside.carriers), clear=clear)
            except Invalid:
                return False
        return True


def counting(
    ctx: Context,
    query: str,
    app: str,
    environment: Environment,
    plan: Plan,
    groupings: Groupings | None = None,
) -> Counting:
    """How a resolved question is counted; in the sandbox, and where no dataset has a budget, not at all.

    A metric's answer shows whom its `groupings` show, where these can be told.
    """
    resolved = plan.resolved
    read = [plan.contracts[name] for name in resolved.reads]
    counts = meter(ctx, query, app, read) if environment == "production" else None
    if counts is None:
        return Counting(resolved)
    made, subjects = counts
    least = ctx.settings.data.least
    parts, given = groupings() if groupings else ((), {})
    shown_by = [Plan.of(named(sql), plan.contracts).revealed(subjects, least) for sql in parts]
    if shown_by and all(each.clear for each in shown_by):
        beside = [aside for each in shown_by for aside in each.asides]
        beside += [Aside(each.tree, each.carriers) for each in shown_by if each.carriers]
        found = Revealed(resolved.tree, asides=tuple(beside))
        return Counting(resolved, app, made, found, subjects, given)
    found = plan.revealed(subjects, least)
    return Counting(replace(resolved, tree=found.tree), app, made, found, subjects)
