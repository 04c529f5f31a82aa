"""The command line for disclosure: what budgets are used up, and what an app really read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from handrail import kit
from handrail.data.columns_read import columns_read
from handrail.data.seen import BudgetUse, ColumnRead, Used
from handrail.data.use_of_budgets import everybodys_budgets, my_budgets
from handrail.kernel import Context


@click.command("budgets")
@click.option("--everybody", is_flag=True, help="Every viewer and every app; for stewards and compliance.")
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="With --everybody: of this day (UTC), not today."
)
@kit.cli.verb(human=lambda found: _used(found), far=lambda *a, **whose: _there(*a, **whose))
def budgets_command(ctx: Context, everybody: bool, day: datetime | None) -> Any:
    """How many entities you have seen today, of how many you may."""
    _goes_with(day, everybody)
    return everybodys_budgets(ctx, day.date() if day else None) if everybody else my_budgets(ctx)


@click.command("reads")
@click.argument("app")
@kit.cli.verb(human=lambda found: _read(found), far="GET /reads/{app}")
def reads_command(ctx: Context, app: str) -> tuple[ColumnRead, ...]:
    """Which columns APP really read, by version and environment; for reviewers, stewards and compliance."""
    return columns_read(ctx, app)


commands: list[click.Command] = [budgets_command, reads_command]


def _read(found: tuple[ColumnRead, ...]) -> Any:
    rows = [
        [
            one.version[:10],
            one.environment,
            one.dataset,
            one.column or "(rows)",
            one.times,
            f"{one.last:%Y-%m-%d}",
        ]
        for one in found
    ]
    return kit.cli.table(["version", "where", "dataset", "column", "times", "last"], rows)


def _goes_with(day: datetime | None, everybody: bool) -> None:
    if day and not everybody:
        raise click.UsageError("--day goes with --everybody.")


def _there(remote: kit.Remote, everybody: bool, day: datetime | None) -> Any:
    _goes_with(day, everybody)
    if everybody:
        of = {"day": day and day.date()}
        return remote.follow("GET /budgets/everybody", of, tuple[Used, ...])
    return remote.follow("GET /budgets", {}, tuple[BudgetUse, ...])


def _used(found: tuple[BudgetUse | Used, ...]) -> Any:
    rows = []
    for one in found:
        of = "no limit" if one.budget is None else f"{one.budget:,}"
        seen = f"{one.seen:,}" if one.exact else f"up to {one.seen:,}"
        whose = [one.who, one.name] if isinstance(one, Used) else []
        rows.append([*whose, one.subject, seen, of])
    titles = ["of this kind", "seen", "of"]
    if found and isinstance(found[0], Used):
        titles = ["", "who", *titles]
    return kit.cli.table(titles, rows, none="Nothing was shown of which a budget counts the people.")
