"""Build the twins of certified datasets and let them answer in the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from handrail import data
from handrail.kernel import SYSTEM, Conflict, Context, Invalid, NotReady, Refusal, Resource, access, storage
from handrail.twins import codec, files, store
from handrail.twins.events import TwinFailed, TwinPublished
from handrail.twins.gates import gates
from handrail.twins.life import Build, Manifest, Source
from handrail.twins.make import Made, make, mean_of
from handrail.twins.models import Progress, Table, TwinReport
from handrail.twins.tables import table_of
from handrail.twins.tiles import share_near
from handrail.twins.values import Outside, Values, from_arrow

LEAST_K = data.LEAST_K


@dataclass(frozen=True)
class Plan:
    """What a build was allowed to read, at one moment."""

    tables: tuple[Table, ...]
    sources: tuple[Source, ...]
    outside: Outside
    lent: tuple[tuple[str, str, str], ...]  # dataset, column and build that `outside` is from
    k: int
    seed: int
    questions: tuple[data.TileQuestion, ...] = ()  # of certified metrics, asked of the real rows and the twin


def build(
    ctx: Context, datasets: Sequence[str], seed: int = 0, progress: Progress | None = None
) -> TwinReport:
    """Build the twins of these datasets together, so that their keys fit each other, and publish them.

    Refuses who is neither steward nor admin, datasets that are not certified, and, naming the column, twins
    that would show real data. The same seed on the same data gives the same bytes. Takes seconds per million
    rows: where that is too long for one transaction, `start` queues it for a server.
    """
    build_id = storage.new_id("twin")
    may_build(ctx, datasets)
    for name in dict.fromkeys(datasets):
        ctx.events.if_refused(partial(_failed, name, build_id))
    planned = plan(ctx, datasets, seed)
    made = carry_out(planned, progress)
    report = publish(ctx, planned, made, build_id)
    names = tuple(table.name for table in planned.tables)
    caller, now = ctx.caller, ctx.clock.now()
    done = Build(report.id, names, seed, "done", "done", 0, 0, None, None, caller.person.id, caller.via, now)
    store.add_build(ctx, done)
    return report


def _failed(dataset: str, build_id: str, refusal: Refusal) -> TwinFailed:
    return TwinFailed(dataset, build_id, refusal.code)


def plan(ctx: Context, datasets: Sequence[str], seed: int = 0, *, look: bool = False) -> Plan:
    """Ask whether the build may be done and get what it needs; refuses what `build` refuses first.

    To `look` is not to build: tables that stay at their source are not copied for it.
    """
    names = tuple(dict.fromkeys(datasets))
    if not names:
        raise Invalid("No dataset is named.", next_step="Name at least one certified dataset.")
    if not 0 <= seed < 2**63:
        raise Invalid(f"{seed} is no seed.", next_step="Give a whole number from 0 to 2^63 - 1.")
    may_build(ctx, names)
    if ctx.settings.twins.k < LEAST_K:
        raise Invalid(
            f"twins.k is {ctx.settings.twins.k}; below {LEAST_K} a sketch could show single people.",
            next_step=f"Set twins.k to {LEAST_K} or more in handrail.toml.",
        )
    contracts, sources = [], []
    for name in names:
        found = data.dataset(ctx, name)
        if not found.certified:
            raise NotReady(
                f"{name} is {found.state}, and only certified datasets get a twin.",
                next_step=f"Have {name} certified, then build its twin.",
                subject=f"dataset:{name}",
            )
        contracts.append(found.contract)
        sources.append(Source(name, found.hash, found.as_of, found.rows or 0))
    tables = tuple(
        table_of(one, Path() if look and one.engine else data.extract_path(ctx, one.name))
        for one in contracts
    )
    lent = _lent(ctx, contracts, names)
    questions = data.tile_questions(ctx, names)
    return Plan(tables, tuple(sources), outside(ctx, lent), lent, ctx.settings.twins.k, seed, questions)


def may_build(ctx: Context, datasets: Sequence[str]) -> None:
    """Refuse whoever may not build these twins; Handrail itself refreshes what a steward published."""
    if ctx.caller != SYSTEM:
        for name in datasets:
            access.require(ctx, "build-twin", Resource("Dataset", name))


def carry_out(planned: Plan, progress: Progress | None = None) -> Made:
    """The long part, without a transaction; refuses TwinRefused and Conflict as `make` does."""
    try:
        return make(
            planned.tables, planned.k, planned.seed, "hostile", planned.outside, progress, planned.questions
        )
    finally:
        data.forget_copies(table.path for table in planned.tables)


def publish(ctx: Context, planned: Plan, made: Made, build_id: str) -> TwinReport:
    """Write the twins, their sketch and manifest, and let them answer in the sandbox; all of them or none.

    Refuses Conflict when a contract was changed while the twins were made.
    """
    may_build(ctx, [one.dataset for one in planned.sources])
    for source in planned.sources:
        if data.contract(ctx, source.dataset).digest != source.contract:
            raise Conflict(
                f"The contract of {source.dataset} changed while its twin was made.",
                next_step="Build the twin again.",
                subject=f"dataset:{source.dataset}",
            )
    digests = {one.dataset: one.contract for one in planned.sources}
    report = TwinReport(
        id=build_id,
        seed=planned.seed,
        k=planned.k,
        variant="hostile",
        built_at=ctx.clock.now(),
        built_by=ctx.caller.person.id,
        seconds=made.seconds,
        overall=mean_of(made.reports),
        agreements=made.agreements,
        tiles_near=share_near(made.agreements),
        tables=tuple(replace(one, contract_digest=digests[one.dataset]) for one in made.reports),
    )
    home = ctx.settings.home
    try:
        with files.all_or_nothing(files.folder(home, build_id)) as draft:
            files.write_tables(draft, made.twins)
            (draft / files.SKETCH).write_bytes(codec.to_json(made.sketch))
            files.put_manifest(draft, _manifest(report, planned, made, draft))
        for table in report.tables:
            _let_answer(ctx, report, table.dataset, codec.digest(made.sketch))
    except BaseException:
        files.discard(home, build_id)
        raise
    return report


def _manifest(report: TwinReport, planned: Plan, made: Made, draft: Path) -> Manifest:
    return Manifest(
        build=report.id,
        sources=planned.sources,
        seed=report.seed,
        k=report.k,
        variant=report.variant,
        sketch=codec.digest(made.sketch),
        outside=planned.lent,
        scores=tuple((one.dataset, one.overall) for one in report.tables),
        gates=tuple((one.dataset, gates(one, report.k)) for one in report.tables),
        files=files.digests(draft),
        real=tuple((one.dataset, one.privacy.real) for one in report.tables if one.privacy.real),
        built_at=report.built_at,
        built_by=report.built_by,
    )


def _let_answer(ctx: Context, report: TwinReport, dataset: str, sketch: str) -> None:
    table = report.table(dataset)
    facts = {
        "build": report.id,
        "seed": report.seed,
        "k": report.k,
        "variant": report.variant,
        "rows": table.rows if table else 0,
        "overall": table.overall if table else None,
        "sketch": sketch,
    }
    data.set_rendition(ctx, dataset, files.parquet(ctx.settings.home, report.id, dataset), facts)
    store.add_report(ctx, report, dataset)
    ctx.audit.note("twin.published", f"dataset:{dataset}", **facts)
    ctx.events.publish(TwinPublished(dataset, report.id))


def _lent(
    ctx: Context, contracts: Sequence[data.Contract], building: Sequence[str]
) -> tuple[tuple[str, str, str], ...]:
    """Twins that exist already, whose keys references that leave this build point at."""
    wanted = {
        column.references
        for contract in contracts
        for column in contract.columns
        if column.references is not None and column.references[0] not in building
    }
    wanted |= {
        (link.dataset, target)
        for contract in contracts
        for link in contract.combined
        if link.dataset not in building
        for target in link.targets
    }
    found = []
    for dataset, column in sorted(wanted):
        twin = data.rendition(ctx, dataset)
        if twin is not None and twin.path.is_file() and column in pq.read_schema(twin.path).names:
            found.append((dataset, column, str(twin.facts["build"])))
    return tuple(found)


def outside(ctx: Context, lent: Sequence[tuple[str, str, str]]) -> Outside:
    """The keys of other twins, from the builds that are named; refuses NotReady where one is gone.

    Several columns of one dataset are read together: what stands in one row stays in one row.
    """
    keys: dict[tuple[str, str], Values] = {}
    wanted: dict[tuple[str, str], list[str]] = {}
    for dataset, column, of in lent:
        wanted.setdefault((dataset, of), []).append(column)
    for (dataset, of), columns in wanted.items():
        twin = data.rendition(ctx, dataset, of)
        if twin is None or not twin.path.is_file():
            raise NotReady(
                f"The twin of {dataset} that this one points at, {of}, is there no longer.",
                next_step="Build this twin again.",
                subject=f"dataset:{dataset}",
            )
        read = pq.read_table(twin.path, columns=columns)
        if len(columns) > 1:
            read = read.group_by(columns, use_threads=False).aggregate([])
        for column in columns:
            values = from_arrow(read.column(column))
            if values is not None:
                keys[dataset, column] = values
    return keys
