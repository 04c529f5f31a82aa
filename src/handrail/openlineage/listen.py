"""Put into words what happens in the rooms below, and leave it in the outbox with the change itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from handrail import data, runtime, twins
from handrail.kernel import Context, storage
from handrail.openlineage import describe, store
from handrail.openlineage.models import EventType, Told

# Work of Handrail's own: its kind, and what it is for.
_WORK = {
    "import": ("IMPORT", "Copies {} into certified datasets."),
    "check": ("QUALITY_CHECK", "Holds {} against what its contract promises."),
    "reconcile": ("RECONCILIATION", "Holds {} against its control totals."),
    "twin": ("TWIN", "Makes the synthetic twin of {}."),
}
_ENDS: Mapping[str, EventType] = {"succeeded": "COMPLETE", "failed": "FAIL", "stopped": "ABORT"}


def run_started(ctx: Context, event: runtime.RunStarted) -> None:
    """An app begins to run."""
    if _told(ctx):
        name = f"app.{event.app}.{event.environment}"
        _put(ctx, Told(ctx.clock.now(), "START", event.run, name, _app(ctx, event.app)))


def run_finished(ctx: Context, event: runtime.RunFinished) -> None:
    """An app has run: what it read, in which environment, and how it ended; not for whom nor what it said."""
    if not _told(ctx):
        return
    here = ctx.settings.lineage.namespace
    kind = "dataset" if event.environment == "production" else "twin"
    read = {name: describe.dataset(here, name, data.stated(ctx, name), kind) for name in sorted(event.reads)}
    metrics = [describe.named(here, f"metric.{name}") for name in sorted(event.metrics)]
    used = [(read[name], column, "read") for name in read for column in sorted(event.reads[name])]
    answers = describe.named(here, f"app.{event.app}", {"columnLineage": describe.lineage({}, used)})
    told = Told(
        ctx.clock.now(),
        _ENDS[event.state],
        event.run,
        f"app.{event.app}.{event.environment}",
        _app(ctx, event.app),
        describe.failed(event.ended) if event.state == "failed" else {},
        (*read.values(), *metrics),
        (answers,) if used or metrics else (),
    )
    _put(ctx, told)


def imported(ctx: Context, event: data.SourceImported) -> None:
    """A source was copied, or is read in its place: which tables are which datasets, column by column."""
    if not _told(ctx):
        return
    here = ctx.settings.lineage.namespace
    engines = {name: one.kind for name, one in ctx.settings.engines.items()}
    inputs, outputs = [], []
    for name in event.datasets:
        of = data.stated(ctx, name)
        if of is None:
            continue
        table, made = describe.source_table(here, of, engines), describe.dataset(here, name, of)
        columns = {c.name: [(table, c.name, "copied")] for c in of.contract.columns}
        made["facets"]["columnLineage"] = describe.lineage(columns)
        made["outputFacets"] = describe.rows(of.rows) if of.rows is not None else {}
        inputs.append(table)
        outputs.append(made)
    _whole(ctx, "import", event.source, inputs, outputs)


def checked(ctx: Context, event: data.QualityChecked) -> None:
    """A dataset was held against its contract: every promise, and whether it is kept."""
    of = data.stated(ctx, event.dataset) if _told(ctx) else None
    if of is None or of.check is None:
        return
    made = describe.dataset(ctx.settings.lineage.namespace, event.dataset, of)
    results = [(one.promise, one.outcome == "kept") for one in of.check.results if one.outcome != "unchecked"]
    made["inputFacets"] = describe.assertions(results)
    _whole(ctx, "check", event.dataset, [made], [])


def reconciled(ctx: Context, event: data.MetricReconciled) -> None:
    """A metric was held against its control totals: from which columns it is made, and whether it ties."""
    metric = data.stated_metric(ctx, event.metric) if _told(ctx) else None
    if metric is None:
        return
    here = ctx.settings.lineage.namespace
    names = sorted({name for name, _, _ in metric.columns})
    read = {name: describe.dataset(here, name, data.stated(ctx, name)) for name in names}
    if metric.ties_to:
        totals = describe.dataset(here, metric.ties_to, data.stated(ctx, metric.ties_to))
        totals["inputFacets"] = describe.assertions([(f"{metric.name} ties to it", event.within)])
        read[metric.ties_to] = totals
    used = {use: list(_used(read, metric, use)) for use in ("measured", "filtered", "cut")}
    facets = describe.metric_schema(metric.name, metric.sentence, event.digest)
    fields = {metric.name: used["measured"]}
    facets["columnLineage"] = describe.lineage(fields, [*used["filtered"], *used["cut"]])
    made = describe.named(here, f"metric.{metric.name}", facets)
    _whole(ctx, "reconcile", metric.name, list(read.values()), [made])


def twinned(ctx: Context, event: twins.TwinPublished) -> None:
    """A twin answers in the sandbox: made from a dataset, column by column, and without any of its rows."""
    of = data.stated(ctx, event.dataset) if _told(ctx) else None
    if of is None:
        return
    here = ctx.settings.lineage.namespace
    source, made = (describe.dataset(here, event.dataset, of, kind) for kind in ("dataset", "twin"))
    columns = {c.name: [(source, c.name, "twinned")] for c in of.contract.columns}
    made["facets"]["columnLineage"] = describe.lineage(columns)
    _whole(ctx, "twin", event.dataset, [source], [made])


def twin_failed(ctx: Context, event: twins.TwinFailed) -> None:
    """A twin was not made, or its build was called off: of which dataset, and by the kind of end alone."""
    if _told(ctx):
        end: EventType = "ABORT" if event.stopped else "FAIL"
        _whole(ctx, "twin", event.dataset, [], [], event.because, end)


def failed(ctx: Context, event: data.WorkFailed) -> None:
    """An import, a check or a reconciliation was refused: of what, and by the kind of refusal alone."""
    if _told(ctx):
        _whole(ctx, event.work, event.of, [], [], event.because)


subscriptions = (
    (runtime.RunStarted, run_started),
    (runtime.RunFinished, run_finished),
    (data.SourceImported, imported),
    (data.QualityChecked, checked),
    (data.MetricReconciled, reconciled),
    (data.WorkFailed, failed),
    (twins.TwinPublished, twinned),
    (twins.TwinFailed, twin_failed),
)


def _told(ctx: Context) -> bool:
    """Whether anybody is told at all."""
    return bool(ctx.settings.lineage.file or ctx.settings.lineage.url)


def _app(ctx: Context, app: str) -> dict[str, Any]:
    return describe.job("APP", owners=ctx.ports.apps.owners(ctx, app))


def _used(
    read: Mapping[str, Mapping[str, Any]], metric: data.StatedMetric, wanted: str
) -> Iterator[tuple[Mapping[str, Any], str, str]]:
    for name, use, columns in metric.columns:
        for column in columns if use == wanted else ():
            if column:
                yield read[name], column, use


def _whole(
    ctx: Context,
    work: str,
    of: str,
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
    failed: str = "",
    end: EventType = "FAIL",
) -> None:
    """A job of Handrail's own, which is told when it is done: that it began, and what came of it.

    `failed` says in a word why nothing came of it, and `end` which end that is.
    """
    kind, says = _WORK[work]
    name, facets = f"{work}.{of}", describe.job(kind, says.format(of))
    run, now = storage.new_id("job"), ctx.clock.now()
    _put(ctx, Told(now, "START", run, name, facets))
    if failed:
        _put(ctx, Told(now, end, run, name, facets, describe.failed(failed) if end == "FAIL" else {}))
    else:
        _put(ctx, Told(now, "COMPLETE", run, name, facets, {}, tuple(inputs), tuple(outputs)))


def _put(ctx: Context, told: Told) -> None:
    made = describe.event(told, ctx.settings.lineage.namespace)
    store.put(ctx, json.dumps(made, ensure_ascii=False, separators=(",", ":")))
