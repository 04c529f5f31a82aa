"""`handrail twin build` and `handrail twin report`."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, get_args

import click

from handrail import kit
from handrail.kernel import Caller, Context, Instance, NotFound
from handrail.twins.build import carry_out, plan, publish
from handrail.twins.models import TableReport, TwinReport, Variant
from handrail.twins.report import related, report
from handrail.twins.stand_alone import stand_alone


@click.group("twin")
def twin() -> None:
    """Synthetic twins of certified datasets."""


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _told(made: TwinReport) -> Any:
    columns = ("Twin", "Rows", "Columns", "Pairs", "Links", "Copies", "By chance", "Awkward")
    return kit.cli.table(columns, [_line(table) for table in made.tables], _title(made))


def _title(made: TwinReport) -> str:
    return f"Synthetic, seed {made.seed}, k {made.k}, variant {made.variant}, {made.seconds:.1f} s"


def _line(table: TableReport) -> tuple[object, ...]:
    return (
        table.dataset,
        table.rows,
        _score(table.shapes),
        _score(table.dependence),
        _score(table.cardinality),
        f"{table.privacy.copies:.2%}",
        f"{table.privacy.chance:.2%}",
        sum(cells for _, cells in table.hostile),
    )


def _or_alone(within: Callable[..., None]) -> Callable[..., None]:
    """Let --from and --out make the twins of any source, without an instance."""

    def run(
        source: str | None, out: Path | None, variant: Variant | None, encoding: str | None, **rest: Any
    ) -> None:
        if source is None:
            if out or variant or encoding:
                raise click.UsageError("--out, --variant and --encoding go with --from.")
            within(**rest)
            return
        if out is None or rest["datasets"] or rest["with_related"]:
            raise click.UsageError("With --from, say where to with --out, and name no dataset.")
        kit.cli.speak(rest["as_json"])
        with kit.cli.refusals(rest["as_json"]), kit.cli.progress() as progress:
            made = stand_alone(source, out, variant or "hostile", rest["seed"], progress, encoding)
        kit.cli.show(made, _told, rest["as_json"])

    return update_wrapper(run, within)


@twin.command("build")
@click.argument("datasets", nargs=-1, metavar="DATASET…")
@click.option(
    "--from", "source", metavar="SOURCE", help="Instead of datasets: whatever handrail import takes."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="With --from: write a Parquet file per table there, and what is known about them.",
)
@click.option(
    "--variant",
    type=click.Choice(get_args(Variant)),
    help="With --from: plain, hostile with awkward values (default), or drill, its contract broken too.",
)
@click.option("--encoding", help="With --from: how CSV files are written.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same bytes."
)
@click.option(
    "--related", "with_related", is_flag=True, help="Also certified datasets tied to these by keys."
)
@_or_alone
@kit.cli.supervisor(human=_told)
def build_command(
    instance: Instance, caller: Caller, datasets: tuple[str, ...], seed: int, with_related: bool
) -> TwinReport:
    """Build the twins of certified datasets, together, and let them answer in the sandbox."""
    with instance.context(caller) as ctx:
        if with_related:
            datasets += tuple(more for name in datasets for more in related(ctx, name))
        planned = plan(ctx, datasets, seed)
    with kit.cli.progress() as progress:
        made = carry_out(planned, progress)
    with instance.context(caller) as ctx:
        return publish(ctx, planned, made)


@twin.command("report")
@click.argument("dataset")
@kit.cli.verb(human=_told, far="GET /twins/{dataset}")
def report_command(ctx: Context, dataset: str) -> TwinReport:
    """Show how alike the twin of a dataset is, and that it copies nobody."""
    found = report(ctx, dataset)
    if found is None:
        raise NotFound(
            f"{dataset} has no twin yet.",
            next_step=f"Ask its steward to build one: handrail twin build {dataset}.",
            subject=f"dataset:{dataset}",
        )
    return found


commands: list[click.Command] = [twin]
