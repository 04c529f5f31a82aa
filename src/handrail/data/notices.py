"""Notices: who answers for a dataset, and whose apps use it, are told what happens to it."""

from __future__ import annotations

from datetime import timedelta

from handrail.data import catalog_store, notices_store, reads_store
from handrail.data.catalog import CATALOG, contract_of
from handrail.data.compare_totals import missed
from handrail.data.compile_metric import reachable
from handrail.data.events import (
    CertificationEnded,
    DatasetCertified,
    MetricReconciled,
    QualityBroken,
    QualityMended,
    SchemaChanged,
)
from handrail.data.index import index
from handrail.data.measured_store import newest_of
from handrail.data.metrics import definition
from handrail.data.notices_store import Kind, Notice
from handrail.kernel import Context, NotFound, Refusal, access

_SHOWN = 50
_LATE = timedelta(days=400)  # what expired longer ago than that surprises nobody


def notices(ctx: Context) -> tuple[Notice, ...]:
    """What the caller has to know, newest first: broken or changed data, and certifications that end."""
    access.require(ctx, "see-notices", CATALOG)
    return notices_store.open_for(ctx, ctx.caller.person.id, _SHOWN)


def dismiss(ctx: Context, notice: str) -> None:
    """Put one's own notice away. Refuses what is not there, was put away, or is somebody else's."""
    access.require(ctx, "dismiss-notice", CATALOG)
    if not notices_store.dismiss(ctx, ctx.caller.person.id, notice):
        raise NotFound("You have no such notice.", next_step="See handrail notices.")
    ctx.audit.note("notice.dismissed", f"notice:{notice}")


def tell_of_last_days(ctx: Context) -> None:
    """Tell, once each, of certifications that end soon or have ended. For the server to call."""
    index(ctx)
    today = ctx.clock.now().date()
    for dataset, digest, until in catalog_store.in_state(ctx, today, "expiring", "expired"):
        over = until < today
        if until < today - _LATE:
            continue
        said = f"The certification of {dataset} {'ended on' if over else 'ends on'} {until}."
        if over:
            notices_store.mend(ctx, dataset, "expiring")
        step = "Renew it; another steward certifies it."
        _tell(ctx, "expired" if over else "expiring", dataset, f"{digest} {until}", said, step)


def on_schema_changed(ctx: Context, event: SchemaChanged) -> None:
    """Tell that the data has other columns than its contract states."""
    said = f"The data of {event.dataset} has another shape: {' '.join(event.differences)}"
    step = "Look at what changed; a steward proposes the contract that the data keeps."
    about = " ".join(event.differences) + f" {ctx.clock.now().date()}"
    _tell(ctx, "schema", event.dataset, about, said, step)


def on_quality_broken(ctx: Context, event: QualityBroken) -> None:
    """Tell which promises the data does not keep, when the check before did not find just that."""
    if event.since:
        return
    said = f"The data of {event.dataset} breaks what its contract promises: {'; '.join(event.promises)}."
    step = "Correct the data at its source and import again, or propose a contract that it keeps."
    _tell(ctx, "quality", event.dataset, event.check, said, step)


def on_quality_mended(ctx: Context, event: QualityMended) -> None:
    """End what was told of promises that are kept again."""
    notices_store.mend(ctx, event.dataset, "quality")


def on_certification_ended(ctx: Context, event: CertificationEnded) -> None:
    """Tell that production answers from a dataset no longer, and why."""
    said = f"Production no longer answers from {event.dataset}: {event.because.rstrip('.')}."
    about = f"{event.because} {ctx.clock.now().isoformat()}"
    _tell(ctx, "revoked", event.dataset, about, said, "Ask its owner; apps that read it stop until then.")


def on_certified(ctx: Context, event: DatasetCertified) -> None:
    """End what was told of a certification that was missing or about to end."""
    notices_store.mend(ctx, event.dataset, "expiring", "expired", "revoked", "schema")


def on_metric_reconciled(ctx: Context, event: MetricReconciled) -> None:
    """Tell that a metric misses its control totals, in numbers that tell no amount; or end that it did."""
    one = definition(ctx, event.metric)
    dataset, about = reachable(one)[0], f"{event.metric} "
    newest = newest_of(ctx, event.metric, event.digest)
    if event.within or newest is None:
        notices_store.mend(ctx, dataset, "metric", about=about)
        return
    said = f"{missed(newest)}. The metric carries no badge, here or in any app."
    step = f"Look at /metrics/{event.metric}; correct the definition, or the data at its source."
    _tell(ctx, "metric", dataset, about + newest.id, said, step)


def tell_keepers(ctx: Context, kind: Kind, dataset: str, about: str, text: str, next_step: str) -> None:
    """Tell owner and deputy of a dataset, once `about` a fact. For rooms above, which ask their rules."""
    try:
        contract = contract_of(ctx, dataset)
    except Refusal:  # nobody can be read from a broken file
        return
    keepers = frozenset(person for person in (contract.owner, contract.deputy) if person)
    if told := notices_store.add(ctx, keepers, kind, dataset, about, text, next_step):
        ctx.audit.note("notice.given", f"dataset:{dataset}", kind=kind, people=told)


def mend(ctx: Context, kind: Kind, dataset: str) -> None:
    """End what was told of a dataset and is so no longer. For rooms above."""
    notices_store.mend(ctx, dataset, kind)


def _tell(ctx: Context, kind: Kind, dataset: str, about: str, text: str, next_step: str) -> None:
    told = notices_store.add(ctx, _concerned(ctx, dataset), kind, dataset, about, text, next_step)
    if told:
        ctx.audit.note("notice.given", f"dataset:{dataset}", kind=kind, people=told)


def _concerned(ctx: Context, dataset: str) -> frozenset[str]:
    """Its owner and deputy, and the owners of the apps that have read it."""
    apps = {app for app, _ in reads_store.readers_of(ctx, dataset)}
    owners = frozenset[str]().union(*(ctx.ports.apps.owners(ctx, app) for app in apps))
    try:
        contract = contract_of(ctx, dataset)
    except Refusal:  # nobody can be read from a broken file; the apps' owners are told all the same
        return owners
    return owners | {person for person in (contract.owner, contract.deputy) if person}


subscriptions = (
    (SchemaChanged, on_schema_changed),
    (QualityBroken, on_quality_broken),
    (QualityMended, on_quality_mended),
    (CertificationEnded, on_certification_ended),
    (DatasetCertified, on_certified),
    (MetricReconciled, on_metric_reconciled),
)
