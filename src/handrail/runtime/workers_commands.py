"""`handrail workers`: the hosts that do runs."""

from collections.abc import Sequence

import click
from rich.console import RenderableType

from handrail import kit
from handrail.kernel import Context
from handrail.runtime.workers import Doing, Workers, workers


def _listed(found: Workers) -> RenderableType:
    rows = [
        (h.name, h.kind, h.state, _beside(f"{len(h.runs)} of {h.capacity}", h.runs),
         _beside(f"{h.taken} of {h.places}", h.apps) if h.places else "none",
         h.clock, h.finding, f"{h.since:%Y-%m-%d %H:%M}", f"{h.seen:%H:%M:%S}")
        for h in found.hosts
    ]  # fmt: skip
    columns = ("host", "kind", "state", "runs", "web apps", "clock", "sandbox", "since (UTC)", "heard of")
    return kit.cli.table(columns, rows, none="No server or worker is there.")


def _beside(count: str, doing: Sequence[Doing]) -> str:
    return f"{count}: {', '.join(one.app for one in doing)}" if doing else count


@click.command("workers")
@kit.cli.verb(human=_listed, far="GET /workers")
def workers_command(ctx: Context) -> Workers:
    """Which hosts do runs, what each does, and whether it can."""
    return workers(ctx)


commands: list[click.Command] = [workers_command]
