"""Certify a metric: a second steward's yes to exactly one version, which ties to its control totals."""

from __future__ import annotations

import sqlalchemy as sa

from handrail.data import measured_store
from handrail.data.compare_totals import missed
from handrail.data.events import MetricCertified
from handrail.data.measured import Standing
from handrail.data.metrics import definition, metric
from handrail.data.models import Metric
from handrail.data.ossie import Definition
from handrail.data.stands import stands
from handrail.kernel import Conflict, Context, NotReady, Resource, access


def certify_metric(ctx: Context, name: str) -> Metric:
    """Certify a metric that another steward reconciled: its numbers carry the badge from now on.

    The certification names the version (the digest of its file) and the reconciliation it relies on.
    Refuses anybody but a second steward, a version that misses its control totals (with the numbers), and
    one without a reconciliation on the data as it is now.
    """
    one = definition(ctx, name)
    now = stands(ctx, one)
    access.require(ctx, "certify-metric", Resource("Metric", name, {"proposed_by": now.proposed_by or ""}))
    on = now.reconciliation
    if now.state != "proposed" or on is None:
        raise _refusal(one, now)
    try:
        made = measured_store.add_certification(ctx, on, now.proposed_by or on.by)
    except sa.exc.IntegrityError:
        raise Conflict(f"{name} was certified a moment ago.", next_step="Look at it again.") from None
    ctx.audit.note(
        "metric.certified",
        f"metric:{name}",
        digest=made.digest,
        reconciliation=made.reconciliation,
        proposed_by=made.proposed_by,
    )
    ctx.events.publish(MetricCertified(name, made.digest))
    return metric(ctx, name)


def _refusal(one: Definition, now: Standing) -> NotReady:
    name = one.metric.name
    again = f"A steward reconciles it first: handrail reconcile {name}"
    if now.state == "missed" and now.reconciliation:
        said = missed(now.reconciliation)
        again = f"Correct the metric in {one.file}, or the data at its source, and reconcile it again."
    elif now.certified:
        said, again = f"{name} is certified already", "Change its definition first, if it should change."
    elif now.state == "due":
        said = f"{name} is certified, but the data is newer than its last reconciliation"
        again = f"Reconcile it again, and its badge is back: handrail reconcile {name}"
    elif one.settings.ties_to is None:
        said = f"{name} names no control totals, so nothing shows that it is right"
        again = f'Name their dataset in {one.file}: "ties_to" in the metric\'s extension.'
    else:
        said = (
            f"{name} was not reconciled as it is now (a reconciliation counts for one version and its data)"
        )
    return NotReady(f"{said}.", next_step=again, subject=f"metric:{name}")
