"""The command line: the rooms' commands under one name, and those of the kernel."""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import click
from rich.console import RenderableType
from rich.text import Text

from handrail import kit
from handrail.faces.audit_commands import audit
from handrail.kernel import SYSTEM, Context, Invalid, Person, identity
from handrail.kernel.people import ROLES


class Composition(kit.cli.Opener, Protocol):
    """What the composition root offers to the command line."""

    def create(self, home: Path) -> None:
        """Make the directory of a new instance."""

    def serve(self, home: Path, host: str | None, port: int | None) -> None:
        """Serve an instance until told to stop."""


def build(composition: Composition, commands: Iterable[click.Command]) -> click.Group:
    """The `handrail` command with the rooms' commands in it."""
    root = click.Group("handrail", help="Business users build with AI; what they build survives.")
    root.context_settings = {
        "obj": composition,
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
    }
    for command in (init, serve, audit, people, *commands):
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
                identity.first_admin(ctx, Person(admin, name, email, frozenset({"admin"})), password)
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


@click.group()
def people() -> None:
    """Accounts: list and add people, give out sign-in links and tokens."""


@people.command("list")
@kit.cli.verb(
    human=lambda found: kit.cli.table(
        ("id", "name", "roles", "groups", "attributes", "active"),
        [
            (
                p.id,
                p.name,
                ", ".join(sorted(p.roles)),
                ", ".join(sorted(p.groups)),
                ", ".join(f"{key}={_value(value)}" for key, value in sorted(p.attributes.items())),
                "yes" if p.active else "no",
            )
            for p in found
        ],
    )
)
def people_list(ctx: Context) -> Any:
    """Everybody with an account."""
    return identity.people(ctx)


@people.command("add")
@click.argument("person_id", metavar="ID")
@click.option("--name", required=True)
@click.option("--email", required=True)
@click.option(
    "--role",
    "roles",
    multiple=True,
    help=f"{', '.join(ROLES)}; again for another. Without one: a viewer.",
)
@click.option("--group", "groups", multiple=True, help="May be given several times.")
@click.option("--attribute", "attributes", multiple=True, metavar="KEY=VALUE", help="Such as region=EMEA.")
@kit.cli.verb(human=lambda person: f"{person.name} has an account: {person.id}.")
def people_add(
    ctx: Context,
    person_id: str,
    name: str,
    email: str,
    roles: tuple[str, ...],
    groups: tuple[str, ...],
    attributes: tuple[str, ...],
) -> Any:
    """Add somebody."""
    for attribute in attributes:
        if "=" not in attribute:
            raise Invalid(
                f"{attribute!r} is no attribute.",
                next_step="Write KEY=VALUE, such as --attribute region=EMEA.",
            )
    pairs = dict(attribute.partition("=")[::2] for attribute in attributes)
    return identity.add_person(
        ctx, Person(person_id, name, email, frozenset(roles), frozenset(groups), pairs)
    )


@people.command("deactivate")
@click.argument("person_id", metavar="ID")
@kit.cli.verb(
    human=lambda person: f"The account of {person.name} is closed; sessions and tokens ended with it."
)
def people_deactivate(ctx: Context, person_id: str) -> Any:
    """Close an account: nothing runs or answers as that person any more."""
    return identity.change_person(ctx, replace(identity.found(ctx, person_id), active=False))


@people.command("password")
@click.argument("person_id", metavar="ID")
@click.password_option(help="Asked for when not given.")
@kit.cli.verb(human=lambda _: "The password is set; sessions that were open have ended.")
def people_password(ctx: Context, person_id: str, password: str) -> None:
    """Set somebody's password, or your own."""
    identity.set_password(ctx, person_id, password)


@people.command("link")
@click.argument("person_id", metavar="ID")
@kit.cli.verb(human=lambda made: made["address"])
def people_link(ctx: Context, person_id: str) -> Any:
    """Make a one-time sign-in link for somebody."""
    server = ctx.settings.server
    base = server.public_url or f"http://{server.host}:{server.port}"
    return {"address": f"{base}/sign-in/link?token={identity.issue_link(ctx, person_id)}"}


@people.command("token")
@click.option("--name", required=True, help="What it is for.")
@click.option("--scope", "scopes", multiple=True, help="An action it may do; none given: all of yours.")
@click.option("--days", type=int, help="How long it lasts.")
@kit.cli.verb(human=lambda made: made["secret"])
def people_token(ctx: Context, name: str, scopes: tuple[str, ...], days: int | None) -> Any:
    """Make a personal API token for yourself; its secret is shown this once."""
    token, secret = identity.issue_token(ctx, name, scopes or None, days)
    return {"token": token, "secret": secret}


def _value(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else "|".join(value)
