"""Metrics: one definition of each number, read from the semantic models in definitions `model/*.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from handrail.data import measured_store, ossie
from handrail.data.catalog import CATALOG, contract_of
from handrail.data.compile_metric import compile_metric, currencies, needs_time, rates, reachable, reads
from handrail.data.explain import sentence
from handrail.data.measured import MetricCertification, Reconciliation
from handrail.data.models import Metric, MetricRequest
from handrail.data.ossie import Definition
from handrail.data.parse import nearest
from handrail.data.stands import stands
from handrail.kernel import Context, NotFound, Refusal, Resource, access, definitions
from handrail.kernel.kept import Kept
from handrail.kernel.strict_yaml import invalid

FOLDER = "model/"
_SHOWN = 100
_told: Kept[tuple[str, str, str], Metric] = Kept(2000)
_since: Kept[tuple[str, str, str], datetime | None] = Kept(2000)


@lru_cache(maxsize=256)  # by content: an edited file is another key
def read_model(content: bytes, file: str) -> tuple[Definition, ...]:
    """The metrics of a file, each of which can be asked for; refuses one that cannot, with file and line."""
    found = ossie.load(content, file)
    for one in found:
        try:
            _plain_sql(one, reachable(one)[2])
        except Refusal as refusal:
            if refusal.message.startswith(f"{file}, line "):
                raise
            raise invalid(file, one.line, f"metric {one.metric.name}: {refusal.message}") from refusal
    return found


def metrics(ctx: Context) -> tuple[Metric, ...]:
    """Every metric, by name, with what it means and its SQL. Files that cannot be read: `broken_models`."""
    access.require(ctx, "see-metrics", CATALOG)
    return tuple(_shown(ctx, definition) for _, definition in sorted(definitions_of(ctx).items()))


def metric(ctx: Context, name: str) -> Metric:
    """One metric; refuses an unknown name, with the nearest known one."""
    access.require(ctx, "see-metrics", CATALOG)
    one = definition(ctx, name)
    return replace(_shown(ctx, one), since=_written(ctx, one))


def broken_models(ctx: Context) -> Mapping[str, str]:
    """The model files that cannot be used, and the metrics that two define, with file, line and reason."""
    access.require(ctx, "see-metrics", CATALOG)
    broken = {file: refusal.message for file, refusal in _read(ctx) if isinstance(refusal, Refusal)}
    twice = {f"{name} in two files": refusal.message for name, refusal in _definitions(ctx)[1].items()}
    return broken | twice


def reconciliations(
    ctx: Context, name: str
) -> tuple[tuple[Reconciliation, ...], tuple[MetricCertification, ...]]:
    """The newest hundred reconciliations of a metric, with each period's figures, and its certifications.

    Refuses whoever may not see totals over everybody's rows.
    """
    definition(ctx, name)
    access.require(ctx, "see-reconciliations", Resource("Metric", name))
    return measured_store.reconciliations_of(ctx, name, _SHOWN), measured_store.certifications_of(ctx, name)


def definition(ctx: Context, name: str) -> Definition:
    """The definition of a metric, for verbs that ask their own rule.

    Refuses a name that two models define, and an unknown one; with a broken file, that is the reason given.
    """
    found, twice = _definitions(ctx)
    if name in found:
        return found[name]
    broken = [result for _, result in _read(ctx) if isinstance(result, Refusal)]
    for refusal in [twice[name]] if name in twice else broken:
        raise refusal
    raise NotFound(f"There is no metric {name}.", next_step=nearest(name, found), subject=f"metric:{name}")


def definitions_of(ctx: Context) -> Mapping[str, Definition]:
    """Every definition by name, for verbs that ask their own rule; without those that two models define."""
    return _definitions(ctx)[0]


def _definitions(ctx: Context) -> tuple[dict[str, Definition], dict[str, Refusal]]:
    """The definitions by name, and why there is none of a name that two models define."""
    found: dict[str, Definition] = {}
    twice: dict[str, Refusal] = {}
    for file, result in _read(ctx):
        for one in result if not isinstance(result, Refusal) else ():
            name = one.metric.name
            if name in found:
                said = f"the metric “{name}” is already in {found[name].file}"
                twice.setdefault(name, invalid(file, one.line, said))
            found.setdefault(name, one)
    return {name: one for name, one in found.items() if name not in twice}, twice


def _read(ctx: Context) -> Iterator[tuple[str, tuple[Definition, ...] | Refusal]]:
    for file in definitions.names(ctx, FOLDER):
        content = definitions.read(ctx, file) if file.endswith((".yaml", ".yml")) else None
        if content is None:
            continue
        try:
            yield file, read_model(content, file)
        except Refusal as refusal:
            yield file, refusal


def _shown(ctx: Context, one: Definition) -> Metric:
    told = _told.made((one.file, one.digest, one.metric.name), lambda: _tell(one))
    now = stands(ctx, one)
    newest = now.reconciliation
    return replace(
        told,
        owner=told.owner or _owner(ctx, told.counts) or "",
        state=now.state,
        certified=now.certified,
        off_by=newest.worst if newest else None,
        reconciled_at=newest.at if newest else None,
        proposed_by=now.proposed_by,
        certified_by=now.certification.by if now.certification and now.certified else None,
    )


def _tell(one: Definition) -> Metric:
    """What its file alone says about a metric."""
    base, dimensions, time = reachable(one)
    to = one.settings.ties_to
    return Metric(
        name=one.metric.name,
        model=one.model.name,
        description=(one.metric.description or one.model.description or "").strip(),
        owner=one.settings.owner or "",
        sql=_plain_sql(one, time),
        dimensions=dimensions,
        time=time,
        reads=reads(one),
        file=one.file,
        version=one.digest,
        counts=base,
        sentence=sentence(one),
        unit=one.settings.unit,
        currency=next(iter(currencies(one)), None),
        rates=rates(one),
        ties_to=to.dataset if to else None,
    )


def _written(ctx: Context, one: Definition) -> datetime | None:
    """Since when its file is as it is: since a commit, or when it was edited beside the history.

    Looked up once for each state of the file.
    """
    stamp = definitions.stamps(ctx, FOLDER.rstrip("/")).get(one.file)

    def look() -> datetime | None:
        edits = definitions.history(ctx, one.file, limit=1)
        if edits and definitions.earlier(ctx, one.file, one.digest) is not None:
            return edits[0].at
        return datetime.fromtimestamp(int(stamp.split(":")[1]) / 1e9, UTC) if stamp else None

    return _since.made((str(ctx.settings.home), one.file, stamp), look) if stamp else look()


def _plain_sql(one: Definition, time: str | None) -> str:
    """The plainest question that can be asked: in steps of time, and by currency, only where it has to be."""
    grain = "month" if time and needs_time(one) else None
    return compile_metric(one, MetricRequest(one.metric.name, by=currencies(one), grain=grain)).sql


def _owner(ctx: Context, dataset: str) -> str | None:
    """A metric without an owner of its own belongs to the owner of the data that it counts."""
    try:
        return contract_of(ctx, dataset).owner
    except Refusal:
        return None
