"""The command line: the rooms' commands under one name, and those of the kernel."""

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import click
from rich.console import RenderableType
from rich.text import Text

from handrail import kernel, kit
from handrail.faces.later import Later, listed
from handrail.kernel import SYSTEM, Person

_LATER = (
    Later(
        "audit",
        listed("handrail.faces.audit_commands", "audit"),
        "The trail: list it, prove it, export it.",
    ),
    Later(
        "people",
        listed("handrail.faces.people_commands", "people"),
        "Accounts: list and add people, give out sign-in links and tokens.",
    ),
)


class Composition(kit.cli.Opener, Protocol):
    """What the composition root offers to the command line."""

    def create(self, home: Path) -> None:
        """Make the directory of a new instance."""

    def serve(self, home: Path, host: str | None, port: int | None) -> None:
        """Serve an instance until told to stop."""

    def work(self, home: Path, capacity: int | None) -> None:
        """Do runs of an instance until told to stop."""


def build(composition: Composition, commands: Iterable[click.Command]) -> click.Group:
    """The `handrail` command with the rooms' commands in it."""
    root = click.Group("handrail", help="Business users build with AI; what they build survives.")
    root.context_settings = {
        "obj": composition,
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
    }
    for command in (init, serve, worker, *_LATER, *commands):
        root.add_command(command)
    return root


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--admin", metavar="ID", default="admin", show_default=True, help="The first person's id.")
@click.option("--name", default="Admin", show_default=True, help="The first person's name.")
@click.option("--email", default="admin@localhost", show_default=True, help="The first person's address.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")
@click.pass_context
def init(context: click.Context, directory: Path, admin: str, name: str, email: str, as_json: bool) -> None:
    """Make a new instance in DIRECTORY, with a first admin."""
    composition: Composition = context.find_root().obj
    with kit.cli.refusals(as_json):
        composition.create(directory)
        instance = composition.open(directory)
        password = secrets.token_urlsafe(12)
        try:
            with instance.context(SYSTEM) as ctx:
                kernel.identity.first_admin(ctx, Person(admin, name, email, frozenset({"admin"})), password)
        finally:
            instance.close()
    made = {"home": str(directory), "admin": admin, "email": email, "password": password}
    kit.cli.show(made, _made, as_json)


def _made(made: dict[str, str]) -> RenderableType:
    return Text.from_markup(
        f"The instance is in [bold]{made['home']}[/].\n"
        f"Its admin signs in as [bold]{made['email']}[/] with the password\n\n"
        f"    [bold]{made['password']}[/]\n\n"
        f"which is shown this once. Next:\n\n    export HANDRAIL_HOME={made['home']}\n"
        f"    handrail people add ID --name … --email … --role steward --as {made['admin']}\n"
        "    handrail serve\n\ndocs/operate/first-day.md goes on from there."
    )


@click.command()
@click.option(
    "--home",
    envvar="HANDRAIL_HOME",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The instance's directory.",
)
@click.option("--host", help="Listen here instead of where the settings say.")
@click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port instead; 0: any free one.")
@click.pass_context
def serve(context: click.Context, home: Path, host: str | None, port: int | None) -> None:
    """Serve an instance until Ctrl-C."""
    composition: Composition = context.find_root().obj
    with kit.cli.refusals(as_json=False):
        composition.serve(home, host, port)


@click.command()
@click.option(
    "--home",
    envvar="HANDRAIL_HOME",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The instance's directory, as this host sees it.",
)
@click.option(
    "--capacity",
    type=click.IntRange(1, 1000),
    help="Runs at the same time, instead of runtime.concurrent.",
)
@click.pass_context
def worker(context: click.Context, home: Path, capacity: int | None) -> None:
    """Do runs of an instance on this host until Ctrl-C or SIGTERM, and serve nothing.

    Told to stop, it takes no more runs and waits for those that go on; told twice, it gives them back.
    """
    composition: Composition = context.find_root().obj
    with kit.cli.refusals(as_json=False):
        composition.work(home, capacity)
