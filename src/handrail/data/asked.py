"""What is asked, for what and by which app, settled before anything is decided about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from handrail.data.catalog import declared_purposes
from handrail.data.compile_metric import compile_metric, rates
from handrail.data.groupings import groupings
from handrail.data.metrics import definition
from handrail.data.models import Request
from handrail.data.parse import nearest
from handrail.data.stands import stands
from handrail.kernel import Context, Environment, Invalid, Manifest, NotAllowed, access

Groupings = Callable[[], tuple[tuple[str, ...], dict[str, Any]]]


@dataclass(frozen=True)
class Asked:
    """A request with everything settled that decides about it."""

    sql: str
    params: Mapping[str, Any]
    purpose: str
    environment: Environment
    metric: str | None
    app: str = ""
    manifest: Manifest | None = None
    certified: bool | None = None  # of a metric: whether it carries the badge
    ties_to: str | None = None
    currency: str | None = None  # that amounts are converted into, at these rates
    rates: str | None = None
    # Of a metric: the groupings whom its answer shows, and their parameters, made when somebody is counted.
    groupings: Groupings | None = field(default=None, repr=False, compare=False)


def settled(ctx: Context, request: Request) -> Asked:
    """Settle a request; refuses one without a declared purpose, and a metric its app does not declare."""
    run = ctx.caller.run
    app, environment, manifest, purpose = request.app or "", request.environment, None, request.purpose
    if run:
        app, environment, manifest = run.app, run.environment, run.manifest
    elif app:
        _, manifest = ctx.ports.apps.declared(ctx, app, environment)
    if manifest:
        purpose = manifest.purpose
    purpose = _bound(ctx, purpose)
    declared = declared_purposes(ctx)
    if not purpose or purpose not in declared:
        said = f"There is no purpose {purpose}." if purpose else "A query needs a purpose."
        raise Invalid(said, next_step=nearest(purpose or "", declared), subject="query")
    if (request.sql is None) == (request.metric is None):
        raise Invalid("Ask with SQL or for a metric, one of the two.", next_step="Leave one of them out.")
    if request.metric is None:
        return Asked(request.sql or "", request.params, purpose, environment, None, app, manifest)
    metric = request.metric.name
    if manifest and metric not in manifest.metrics:
        raise NotAllowed(
            f"{app} does not declare the metric {metric}.",
            next_step=f'Add it to [metrics] in handrail.toml: use = ["{metric}"].',
            subject=f"metric:{metric}",
            rule="query-needs-declared-metric",
        )
    one = definition(ctx, metric)
    question, to = compile_metric(one, request.metric), one.settings.ties_to
    badge = stands(ctx, one).certified, to.dataset if to else None
    into = request.metric.currency
    money = (into, rates(one)) if into else ()
    beside = partial(groupings, one, request.metric, question.params)
    about = (environment, metric, app, manifest, *badge, *money)
    return replace(Asked(question.sql, question.params, purpose, *about), groupings=beside)


def _bound(ctx: Context, purpose: str | None) -> str | None:
    """The purpose of a question by a token that is bound to some: the only one, or the one that was said."""
    to = ctx.caller.purposes
    if purpose is None and to is not None and len(to) == 1:
        return next(iter(to))
    access.require_purpose(ctx, purpose, "query")
    return purpose
