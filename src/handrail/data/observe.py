"""Remember what a run reads: the columns, the metric they were read for, and in the sandbox the question."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from handrail.data import carried_store, reads_store, store
from handrail.data.models import Contract
from handrail.kernel import Context, RunRef


def observe(
    ctx: Context,
    run: RunRef,
    reads: Mapping[str, Sequence[str]],
    metric: str | None,
    sql: str,
    contracts: Mapping[str, Contract],
    counted: Collection[str],
) -> None:
    """Count what a run's question reads, in the transaction that puts its decision on the trail.

    Everything kept is a name from a contract or a model. The text of a question is the app's own, and could
    carry what its viewer sees; it is kept in the sandbox alone, where no row is real. By `contracts` the
    run's outputs inherit the classes of what it reads; `counted` are the datasets of which it is counted whom
    a row shows.
    """
    store.observe(ctx, run.app, run.commit, run.environment, reads)
    if metric:
        reads_store.observe_metric(ctx, run.app, run.commit, run.environment, metric, reads)
    elif run.environment == "sandbox":
        reads_store.keep_question(ctx, run.app, run.commit, sql)
    carried_store.keep_reads(
        ctx,
        run.id,
        [
            carried_store.Read(name, column, _class(contracts.get(name), column), name in counted)
            for name, columns in reads.items()
            for column in ("", *columns)
        ],
    )


def _class(contract: Contract | None, name: str) -> str:
    column = contract.column(name) if contract else None
    return (column.classification or "") if column else ""
