"""`handrail workers`: the hosts that do runs."""

import click
from rich.console import RenderableType

from handrail import kit
from handrail.kernel import Context
from handrail.runtime.workers import Workers, workers


def _listed(found: Workers) -> RenderableType:
    rows = [
        (h.name, h.kind, h.state, f"{len(h.runs)} of {h.capacity}", ", ".join(one.app for one in h.runs),
         h.clock, h.finding, f"{h.since:%Y-%m-%d %H:%M}")
        for h in found.hosts
    ]  # fmt: skip
    columns = ("host", "kind", "state", "runs", "apps", "clock", "sandbox", "since (UTC)")
    return kit.cli.table(columns, rows, none="No server or worker is there.")


@click.command("workers")
@kit.cli.verb(human=_listed, far="GET /workers")
def workers_command(ctx: Context) -> Workers:
    """Which hosts do runs, what each does, and whether it can."""
    return workers(ctx)


commands: list[click.Command] = [workers_command]
