"""Build the twins of certified datasets and let them answer in the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from handrail import data
from handrail.kernel import Conflict, Context, Invalid, NotReady, Resource, access, storage
from handrail.twins import codec, store
from handrail.twins.events import TwinPublished
from handrail.twins.generate import Twin, write
from handrail.twins.make import Made, make, mean_of
from handrail.twins.models import Progress, Table, TwinReport
from handrail.twins.rows import Outside
from handrail.twins.tables import table_of
from handrail.twins.values import from_arrow

LEAST_K = 10


@dataclass(frozen=True)
class Plan:
    """What a build was allowed to read, at one moment."""

    tables: tuple[Table, ...]
    digests: dict[str, str]  # contract by dataset
    outside: Outside
    k: int
    seed: int


def build(
    ctx: Context, datasets: Sequence[str], seed: int = 0, progress: Progress | None = None
) -> TwinReport:
    """Build the twins of these datasets together, so that their keys fit each other, and publish them.

    Refuses who is neither steward nor admin, datasets that are not certified, and, naming the column, twins
    that would show real data. The same seed on the same data gives the same bytes. Takes seconds per million
    rows: where that is too long for one transaction use `plan`, `carry_out` and `publish`.
    """
    planned = plan(ctx, datasets, seed)
    return publish(ctx, planned, carry_out(planned, progress))


def plan(ctx: Context, datasets: Sequence[str], seed: int = 0, *, look: bool = False) -> Plan:
    """Ask whether the build may be done and get what it needs; refuses what `build` refuses first.

    To `look` is not to build: tables that stay at their source are not copied for it.
    """
    names = tuple(dict.fromkeys(datasets))
    if not names:
        raise Invalid("No dataset is named.", next_step="Name at least one certified dataset.")
    if not 0 <= seed < 2**63:
        raise Invalid(f"{seed} is no seed.", next_step="Give a whole number from 0 to 2^63 - 1.")
    for name in names:
        access.require(ctx, "build-twin", Resource("Dataset", name))
    if ctx.settings.twins.k < LEAST_K:
        raise Invalid(
            f"twins.k is {ctx.settings.twins.k}; below {LEAST_K} a sketch could show single people.",
            next_step=f"Set twins.k to {LEAST_K} or more in handrail.toml.",
        )
    contracts = []
    for name in names:
        found = data.dataset(ctx, name)
        if not found.certified:
            raise NotReady(
                f"{name} is {found.state}, and only certified datasets get a twin.",
                next_step=f"Have {name} certified, then build its twin.",
                subject=f"dataset:{name}",
            )
        contracts.append(found.contract)
    tables = tuple(
        table_of(one, Path() if look and one.engine else data.extract_path(ctx, one.name))
        for one in contracts
    )
    digests = {contract.name: contract.digest for contract in contracts}
    return Plan(tables, digests, _outside(ctx, contracts, names), ctx.settings.twins.k, seed)


def carry_out(planned: Plan, progress: Progress | None = None) -> Made:
    """The long part, without a transaction; refuses TwinRefused and Conflict as `make` does."""
    try:
        return make(planned.tables, planned.k, planned.seed, "hostile", planned.outside, progress)
    finally:
        data.forget_copies(table.path for table in planned.tables)


def publish(ctx: Context, planned: Plan, made: Made) -> TwinReport:
    """Write the twins, their sketches and lists of awkward values, and let them answer in the sandbox.

    Refuses Conflict when a contract was changed while the twins were made.
    """
    for name, digest in planned.digests.items():
        access.require(ctx, "build-twin", Resource("Dataset", name))
        if data.contract(ctx, name).digest != digest:
            raise Conflict(
                f"The contract of {name} changed while its twin was made.",
                next_step="Build the twin again.",
                subject=f"dataset:{name}",
            )
    report = TwinReport(
        id=storage.new_id("twin"),
        seed=planned.seed,
        k=planned.k,
        variant="hostile",
        built_at=ctx.clock.now(),
        built_by=ctx.caller.person.id,
        seconds=made.seconds,
        overall=mean_of(made.reports),
        tables=tuple(replace(one, contract_digest=planned.digests[one.dataset]) for one in made.reports),
    )
    files = {name: _write(ctx, report.id, name, twin, made) for name, twin in made.twins.items()}
    for table in report.tables:
        facts = {
            "build": report.id,
            "seed": report.seed,
            "k": report.k,
            "variant": report.variant,
            "rows": table.rows,
            "overall": table.overall,
            "sketch": codec.digest(made.sketch),
        }
        data.set_rendition(ctx, table.dataset, files[table.dataset], facts)
        store.add_report(ctx, report, table.dataset)
        ctx.audit.note("twin.published", f"dataset:{table.dataset}", **facts)
        ctx.events.publish(TwinPublished(table.dataset, report.id))
    return report


def _write(ctx: Context, build_id: str, dataset: str, twin: Twin, made: Made) -> Path:
    folder = ctx.settings.home / "twins" / dataset
    path = folder / f"{build_id}.parquet"
    write(twin, path)
    storage.write_file(folder / f"{build_id}.sketch.json", codec.to_json(made.sketch))
    storage.write_file(folder / f"{build_id}.hostile.json", orjson.dumps(twin.hostile))
    return path


def _outside(ctx: Context, contracts: Sequence[data.Contract], building: Sequence[str]) -> Outside:
    """Keys of twins that exist already, for references that leave this build."""
    wanted = {
        column.references
        for contract in contracts
        for column in contract.columns
        if column.references is not None and column.references[0] not in building
    }
    keys = {}
    for dataset, column in sorted(wanted):
        twin = data.rendition(ctx, dataset)
        if twin is None or not twin.path.is_file() or column not in pq.read_schema(twin.path).names:
            continue
        read: pa.ChunkedArray = pq.read_table(twin.path, columns=[column]).column(column)
        values = from_arrow(read)
        if values is not None:
            keys[dataset, column] = values
    return keys
