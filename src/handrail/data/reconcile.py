"""Reconcile: recompute a metric over everybody's rows and compare it with the totals that are known."""

from __future__ import annotations

from typing import Any

import sqlglot.expressions as exp

from handrail.data import measured_store, whole
from handrail.data.compare_totals import Key, compare
from handrail.data.compile_metric import compile_metric
from handrail.data.events import MetricMissed, MetricReconciled, WorkFailed
from handrail.data.extension import TiesTo
from handrail.data.measured import Reconciliation
from handrail.data.metrics import definition
from handrail.data.models import MetricRequest
from handrail.data.ossie import Definition
from handrail.kernel import Context, NotReady, Resource, access


def reconcile(ctx: Context, name: str) -> Reconciliation:
    """Recompute a metric, as its file defines it now, for every period that has a control total.

    The sum is the house's own: over all rows and without masks, whoever asks; what comes out are the periods
    that the totals name. The result is kept with the version it is about, and decides where the metric
    stands: a miss takes its badge away. The first steward whose reconciliation ties proposes the metric.

    Refuses anybody but stewards, a metric that names no control totals, datasets that are not certified, and
    totals that cannot be compared: none, without period or value, or given twice.
    """
    one = definition(ctx, name)
    access.require(ctx, "reconcile", Resource("Metric", name))
    return recomputed(ctx, one)


def recomputed(ctx: Context, one: Definition) -> Reconciliation:
    """What `reconcile` does, for callers that have asked their rule."""
    name, to = one.metric.name, one.settings.ties_to
    ctx.events.if_refused(lambda refusal: WorkFailed("reconcile", name, refusal.code))
    if to is None:
        raise NotReady(
            f"The metric {name} names no control totals, so there is nothing it could be compared with.",
            next_step=f'Name their dataset in {one.file}: "ties_to" in the metric\'s extension.',
            subject=f"metric:{name}",
        )
    wanted = MetricRequest(name, by=tuple(to.by), grain=to.grain, currency=to.currency)
    question = compile_metric(one, wanted)
    ours = whole.ask(ctx, question.sql, question.params)
    totals = whole.ask(ctx, _totals_sql(to), {})
    values = _values(ours.table.to_pylist())
    rows = compare(to, values, totals.table.to_pylist(), ctx.clock.now().date())
    made = measured_store.add_reconciliation(
        ctx, name, one.digest, to.dataset, rows, {**ours.data, **totals.data}
    )
    ctx.audit.note(
        "metric.reconciled",
        f"metric:{name}",
        digest=one.digest,
        dataset=to.dataset,
        periods=len(rows),
        worst=made.worst,
        within=made.within,
    )
    ctx.events.publish(MetricReconciled(name, one.digest, made.within))
    if not made.within:
        ctx.events.publish(MetricMissed(name, one.digest, made.worst))
    return made


def _totals_sql(to: TiesTo) -> str:
    columns = {"period": to.period, "total": to.value}
    columns |= {"tolerance": to.tolerance} if isinstance(to.tolerance, str) else {}
    columns |= {f"by_{n}": column for n, column in enumerate(to.by.values())}
    chosen = [exp.alias_(exp.column(name, quoted=True), alias) for alias, name in columns.items()]
    source: exp.Expr = exp.column(to.source, quoted=True) if to.source else exp.Literal.string("")
    select = exp.select(*chosen, exp.alias_(source, "source"))
    return select.from_(exp.to_identifier(to.dataset, quoted=True)).sql(dialect="duckdb")


def _values(rows: list[dict[str, Any]]) -> dict[Key, Any]:
    """The metric's rows by period and dimensions; they come in that order, the value last."""
    found = {}
    for row in rows:
        period, *dimensions, value = row.values()
        if period is not None:
            found[(period.isoformat()[:10], *map(str, dimensions))] = value
    return found
