"""What the apps room shows on pages of other rooms: on home, what is next; on a dataset, who reads it."""

from collections.abc import Mapping
from typing import Any

from handrail import connectors, data, kit
from handrail.apps import find
from handrail.apps.explain_run import explained, may_ask
from handrail.apps.models import App
from handrail.apps.promote import gates
from handrail.kernel import Context
from handrail.runtime import Run

SHOWN = 6
Filled = tuple[str, Mapping[str, Any]] | None


@kit.panel("home", "Your apps", order=10, roles=("maker",))
def yours(ctx: Context, _: object) -> Filled:
    """The maker's apps, each with what stands next between it and production."""
    me = ctx.caller.person.id
    mine = [app for app in find.apps(ctx) if me in (app.owner, *app.coowners)][:SHOWN]
    return "apps/panel_yours.html", {"rows": [(app, _next(ctx, app)) for app in mine], "empty": not mine}


@kit.panel("home", "Open an app", order=30)
def to_open(ctx: Context, _: object) -> Filled:
    """Apps in production that the caller may open."""
    me = ctx.caller.person
    usable = [
        app
        for app in find.apps(ctx)
        if app.promoted
        and (me.id in (app.owner, *app.coowners, *app.people) or me.groups & frozenset(app.groups))
    ]
    return ("apps/panel_open.html", {"apps": usable}) if usable or not me.roles else None


@kit.panel("dataset", "Apps that read this", order=40)
def readers(ctx: Context, dataset: data.Dataset) -> Filled:
    """Apps whose version in production, or else the newest, declares this dataset."""
    rows = [
        (app, version, version.manifest.datasets[dataset.name])
        for app, version in find.declaring(ctx, [dataset.name])
        if dataset.name in version.manifest.datasets
    ]
    return "apps/panel_readers.html", {"rows": rows}


@kit.panel("metric", "Apps that use it", order=40)
def users(ctx: Context, metric: data.Metric) -> Filled:
    """Apps whose version in production, or else the newest, declares this metric."""
    found = find.declaring(ctx, [metric.name])
    rows = [(app, version) for app, version in found if metric.name in version.manifest.metrics]
    return "apps/panel_users.html", {"rows": rows}


@kit.panel("connector", "Apps that declare it", order=40)
def callers(ctx: Context, connector: connectors.Connector) -> Filled:
    """Apps whose version in production, or else the newest, declares calls of this connector."""
    found = find.declaring(ctx, (), None)
    rows = [(app, version) for app, version in found if connector.name in version.manifest.connectors]
    return "apps/panel_users.html", {"rows": rows}


@kit.panel("run", "What it failed on", slot="top", order=10)
def failed_on(ctx: Context, run: Run) -> Filled:
    """Which awkward rows a failed sandbox run failed on, or the button to ask."""
    return ("apps/panel_cause.html", cause_values(ctx, run)) if may_ask(ctx, run) else None


def cause_values(ctx: Context, run: Run) -> Mapping[str, Any]:
    """What the part of the page needs that says what a run failed on."""
    return {"run": run, "found": explained(ctx, run.id)}


def _next(ctx: Context, app: App) -> str:
    if app.promoted == app.versions:
        return ""
    return next((gate.because for gate in gates(ctx, app.name) if not gate.open), "Ready for production.")
