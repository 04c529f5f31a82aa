"""The command line for lineage events."""

from __future__ import annotations

import click

from handrail import kit
from handrail.kernel import Context
from handrail.openlineage.deliveries import deliveries, retry
from handrail.openlineage.models import Deliveries


@click.group("openlineage")
def group() -> None:
    """Lineage events on their way to others."""


@group.command("status")
@kit.cli.verb(human=lambda found: _said(found), far="GET /openlineage")
def status_command(ctx: Context) -> Deliveries:
    """Where lineage events go, and how many wait or were refused."""
    return deliveries(ctx)


@group.command("retry")
@kit.cli.verb(human=lambda count: f"{count} events wait again.", far="POST /openlineage/retry")
def retry_command(ctx: Context) -> int:
    """Let events that the receiver refused for good be tried once more."""
    return retry(ctx)


commands: list[click.Command] = [group]


def _said(found: Deliveries) -> str:
    if not found.to:
        return "Nobody is told: [lineage] in handrail.toml names neither a file nor a url."
    waiting = f", the first since {found.since:%Y-%m-%d %H:%M:%S} UTC" if found.since else ""
    aside = f"; {found.aside} set aside, the last because {found.because}" if found.aside else ""
    return f"Events go to {found.to}. {found.waiting} wait{waiting}{aside}."
