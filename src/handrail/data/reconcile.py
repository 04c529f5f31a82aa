"""Reconcile: recompute a metric over everybody's rows and compare it with the totals that are known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlglot.expressions as exp

from handrail.data import measured_store, whole
from handrail.data.compile_metric import compile_metric
from handrail.data.events import MetricMissed, MetricReconciled
from handrail.data.extension import TiesTo
from handrail.data.measured import Difference, Reconciliation
from handrail.data.metrics import definition
from handrail.data.models import MetricRequest
from handrail.kernel import Context, Invalid, NotReady, Resource, access

_Key = tuple[str, ...]  # the first day of a period, and the values of further dimensions


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
    to = one.settings.ties_to
    if to is None:
        raise NotReady(
            f"The metric {name} names no control totals, so there is nothing it could be compared with.",
            next_step=f'Name their dataset in {one.file}: "ties_to" in the metric\'s extension.',
            subject=f"metric:{name}",
        )
    question = compile_metric(one, MetricRequest(name, by=tuple(to.by), grain=to.grain))
    ours = whole.ask(ctx, question.sql, question.params)
    totals = whole.ask(ctx, _totals_sql(to), {})
    rows = compare(to, _values(ours.table.to_pylist()), totals.table.to_pylist())
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


def compare(to: TiesTo, ours: Mapping[_Key, Any], totals: list[dict[str, Any]]) -> tuple[Difference, ...]:
    """Each total beside the metric's value of the same period; a total without one is missed entirely."""
    found: dict[_Key, Difference] = {}
    for row in totals:
        period, total = row["period"], _number(row["total"])
        if period is None or total is None:
            raise _cannot(to, "has a row without period or total")
        dimensions = {name: str(row[f"by_{n}"]) for n, name in enumerate(to.by)}
        key = (_day(to, period), *dimensions.values())
        if key in found:
            raise _cannot(to, f"has two totals for {' '.join(key)}")
        tolerance = _number(row["tolerance"]) if isinstance(to.tolerance, str) else to.tolerance
        if tolerance is None or tolerance < 0:
            raise _cannot(to, f"has no tolerance for {' '.join(key)}")
        value = _number(ours.get(key))
        found[key] = Difference(
            period=key[0],
            by=dimensions,
            total=str(total),
            ours=None if value is None else str(value),
            difference=_apart(value, total),
            tolerance=float(tolerance),
            source=str(row["source"] or ""),
        )
    if not found:
        raise _cannot(to, "has no total yet")
    return tuple(found[key] for key in sorted(found))


def missed(one: Reconciliation) -> str:
    """What a reconciliation missed, in numbers that tell no amount: how far off, when, what is allowed."""
    out = [row for row in one.rows if not row.within]
    worst = max(out, key=lambda row: row.difference)
    place = " ".join([worst.period, *worst.by.values()])
    return (
        f"{one.metric} misses {one.dataset} by {worst.difference:.2%} at worst (the period from {place}), "
        f"where {worst.tolerance:.2%} is allowed; {len(out)} of {len(one.rows)} periods are off"
    )


def _totals_sql(to: TiesTo) -> str:
    columns = {"period": to.period, "total": to.value}
    columns |= {"tolerance": to.tolerance} if isinstance(to.tolerance, str) else {}
    columns |= {f"by_{n}": column for n, column in enumerate(to.by.values())}
    chosen = [exp.alias_(exp.column(name, quoted=True), alias) for alias, name in columns.items()]
    source: exp.Expr = exp.column(to.source, quoted=True) if to.source else exp.Literal.string("")
    select = exp.select(*chosen, exp.alias_(source, "source"))
    return select.from_(exp.to_identifier(to.dataset, quoted=True)).sql(dialect="duckdb")


def _values(rows: list[dict[str, Any]]) -> dict[_Key, Any]:
    """The metric's rows by period and dimensions; they come in that order, the value last."""
    found = {}
    for row in rows:
        period, *dimensions, value = row.values()
        if period is not None:
            found[(period.isoformat()[:10], *map(str, dimensions))] = value
    return found


def _apart(value: Decimal | None, total: Decimal) -> float:
    if value is None:
        return 1.0
    if not total:
        return 0.0 if not value else 1.0
    return float(abs(value - total) / abs(total))


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _day(to: TiesTo, value: Any) -> str:
    try:
        day = value if isinstance(value, dt.date) else dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _cannot(to, f"has periods that are no days ({to.period})") from None
    return day.isoformat()[:10]


def _cannot(to: TiesTo, problem: str) -> Invalid:
    return Invalid(
        f"The control totals cannot be compared: {to.dataset} {problem}.",
        next_step=f"Correct {to.dataset} at its source and import it again, or name other columns of it.",
        subject=f"dataset:{to.dataset}",
    )
