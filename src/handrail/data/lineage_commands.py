"""The command line for lineage."""

from __future__ import annotations

from typing import Any

import click

from handrail import kit
from handrail.data.drawn import told
from handrail.data.lineage import lineage
from handrail.data.lineage_models import Lineage
from handrail.kernel import Context

_FEW = 4  # names of columns that a line of the table takes


@click.command("lineage")
@click.argument("name")
@click.option("--column", help="Follow one column of a dataset.")
@click.option("--columns", "every", is_flag=True, help="A line for each column.")
@kit.cli.verb(human=lambda result: result, far=lambda *a, **of: _there(*a, **of))
def lineage_command(ctx: Context, name: str, column: str | None, every: bool) -> Any:
    """What a dataset, metric or app comes from and leads to. NAME may say which: metric:revenue."""
    found = lineage(ctx, name, column)
    return _shown(found, every)


commands: list[click.Command] = [lineage_command]


def _there(remote: kit.Remote, name: str, column: str | None, every: bool) -> Any:
    of = {"name": name, "column": column}
    return _shown(remote.follow("GET /lineage/{name}", of, Lineage), every)


def _shown(found: Lineage, every: bool) -> Any:
    return found if kit.cli.wants_json() else _table(found, every)


def _table(found: Lineage, every: bool) -> Any:
    rows: list[list[object]] = []
    for row in told(found):
        shown = [[one] for one in row.columns] if every and row.columns else [list(row.columns)]
        for columns in shown:
            left = len(columns) - _FEW
            said = ", ".join(columns[:_FEW]) + (f" and {left} more" if left > 0 else "")
            rows.append([row.origin.id, said, row.how, row.target.id, ", ".join(row.where)])
    return kit.cli.table(
        ["from", "columns", "how", "to", "where"], rows, none="Nothing leads to it or from it."
    )
