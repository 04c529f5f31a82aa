"""`handrail hosts`: the certificates by which workers borrow from a server."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import RenderableType

from handrail import kit
from handrail.kernel import Context, Invalid
from handrail.runtime.certificates import MOST_DAYS
from handrail.runtime.certificates_store import Certificate
from handrail.runtime.host_certificates import host_certificates, issue_certificate, revoke_certificate
from handrail.runtime.invite import Invitation, invite
from handrail.runtime.join import Joined, join


@click.group()
def hosts() -> None:
    """The hosts that are a part of this instance: invite one, join as one, and end what one may."""


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


def _invited(made: Invitation) -> str:
    return (
        f"{made.name} can join within the hour, once. There, with the address of the database in "
        "HANDRAIL_DATABASE:\n\n"
        f"    handrail hosts join {made.source} {made.token} --home DIR\n\n"
        "Whoever has this token can become a part of this instance: send it by a way that nobody else reads."
    )


@hosts.command("invite")
@click.argument("name")
@kit.cli.verb(human=_invited)
def hosts_invite(ctx: Context, name: str) -> Invitation:
    """Show the token by which the host NAME joins, good once and for an hour."""
    return invite(ctx, name)


def _joined(made: Joined) -> str:
    does = (
        "It does runs and has no web apps: for those, apps has to stand under [hosts] in its handrail.toml."
    )
    if made.apps:
        does = f"It does runs and has web apps, for which hosts alone may reach it at {made.apps}."
    return (
        f"{made.name} is a part of the instance until {made.until:%Y-%m-%d}; {made.files} files are here.\n"
        f"Both have version {made.version} and the same database; their clocks are {made.clock_seconds} "
        f"seconds apart.\n{does}\n\n"
        f"    handrail worker --home {made.home}"
    )


@hosts.command("join")
@click.argument("source", metavar="HOST:PORT")
@click.argument("token")
@click.option(
    "--home",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new directory for this host.",
)
@click.option(
    "--database",
    default="HANDRAIL_DATABASE",
    show_default=True,
    metavar="VARIABLE",
    help="The environment variable that holds the database's address.",
)
@click.option(
    "--apps",
    metavar="HOST:PORT",
    help="Where this host answers others for web apps; without it at the port where the server does.",
)
@click.option("--no-apps", is_flag=True, help="Do runs alone, and have no web apps.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")
def hosts_join(
    source: str, token: str, home: Path, database: str, apps: str | None, no_apps: bool, as_json: bool
) -> None:
    """Make this machine a host of the instance that lends at HOST:PORT, by the TOKEN of an invitation.

    Sees first that versions, clocks and databases agree; until then the token is not used up.
    """
    with kit.cli.refusals(as_json):
        if no_apps and apps:
            raise Invalid(
                "--apps and --no-apps say the opposite.", next_step="Leave one of them out.", subject="hosts"
            )
        kit.cli.show(join(home, source, token, database, "" if no_apps else apps), _joined, as_json)


def _listed(found: Sequence[Certificate]) -> RenderableType:
    rows = [
        (c.name, c.serial[:12], c.by, f"{c.at:%Y-%m-%d}", f"{c.until:%Y-%m-%d}",
         f"revoked {c.revoked:%Y-%m-%d %H:%M}" if c.revoked else "invited" if c.invited else "")
        for c in found
    ]  # fmt: skip
    columns = ("host", "serial", "by", "given", "until", "")
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
