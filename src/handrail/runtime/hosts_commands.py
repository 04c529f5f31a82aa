"""`handrail hosts`: the certificates by which workers borrow from a server."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import RenderableType

from handrail import kit
from handrail.kernel import Context
from handrail.runtime.certificates import MOST_DAYS
from handrail.runtime.certificates_store import Certificate
from handrail.runtime.host_certificates import host_certificates, issue_certificate, revoke_certificate


@click.group()
def hosts() -> None:
    """The certificates by which workers borrow what they need from a server."""


@hosts.command("issue")
@click.argument("name")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=365, show_default=True)
@kit.cli.verb
def hosts_issue(ctx: Context, name: str, directory: Path, days: int) -> str:
    """Write a certificate and its key for the host NAME into DIRECTORY.

    Carry the folder over by a way that nobody else reads, as `hosts` in the worker's directory, and delete it
    here: it is as good as the server itself.
    """
    made = issue_certificate(ctx, name, days)
    made.write(directory)
    return f"Good until {made.until:%Y-%m-%d}, for {name}: {directory}"


def _listed(found: Sequence[Certificate]) -> RenderableType:
    rows = [
        (c.name, c.serial[:12], c.by, f"{c.at:%Y-%m-%d}", f"{c.until:%Y-%m-%d}",
         f"{c.revoked:%Y-%m-%d %H:%M}" if c.revoked else "")
        for c in found
    ]  # fmt: skip
    columns = ("host", "serial", "by", "given", "until", "revoked")
    return kit.cli.table(columns, rows, none="No host was given a certificate.")


@hosts.command("list")
@kit.cli.verb(human=_listed)
def hosts_list(ctx: Context) -> tuple[Certificate, ...]:
    """Every certificate that a host was given."""
    return host_certificates(ctx)


@hosts.command("revoke")
@click.argument("name")
@kit.cli.verb(human=lambda ended: f"{ended} certificate{'s' if ended > 1 else ''} revoked.")
def hosts_revoke(ctx: Context, name: str) -> int:
    """Lend nothing more to the host NAME."""
    return revoke_certificate(ctx, name)


commands: list[click.Command] = [hosts]
