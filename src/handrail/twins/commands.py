"""`handrail twin build` and `handrail twin report`."""

from __future__ import annotations

from typing import Any

import click

from handrail import kit
from handrail.kernel import Caller, Context, Instance, NotFound
from handrail.twins.build import carry_out, plan, publish
from handrail.twins.models import TableReport, TwinReport
from handrail.twins.report import related, report


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


@twin.command("build")
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET…")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same bytes."
)
@click.option(
    "--related", "with_related", is_flag=True, help="Also certified datasets tied to these by keys."
)
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
@kit.cli.verb(human=_told)
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
