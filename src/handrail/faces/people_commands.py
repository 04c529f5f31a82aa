"""`handrail people`: who has an account, what each may do, and what is left when somebody leaves."""

from collections.abc import Sequence
from typing import Any

import click

from handrail import kit
from handrail.faces.accounts import Changes, Closed, change, close
from handrail.faces.answering import Answering
from handrail.kernel import Context, Invalid, Person, identity
from handrail.kernel.people import ROLES


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
    ),
    far="GET /people",
)
def people_list(ctx: Context) -> tuple[Person, ...]:
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
@kit.cli.verb(
    human=lambda person: f"{person.name} has an account: {person.id}.",
    far=lambda remote, person_id, attributes, **said: remote.follow(
        "POST /people", {"id": person_id, "attributes": _pairs(attributes), **said}, Person
    ),
)
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
    return identity.add_person(
        ctx, Person(person_id, name, email, frozenset(roles), frozenset(groups), _pairs(attributes))
    )


@people.command("change")
@click.argument("person_id", metavar="ID")
@click.option("--name")
@click.option("--email")
@click.option("--role", "roles", multiple=True, help="Instead of all roles until now; again for another.")
@click.option("--no-roles", is_flag=True, help="A viewer from now on.")
@click.option("--group", "groups", multiple=True, help="Instead of all groups until now.")
@click.option("--no-groups", is_flag=True, help="In no group from now on.")
@click.option(
    "--attribute", "attributes", multiple=True, metavar="KEY=VALUE", help="Set one; KEY= alone takes it away."
)
@click.option("--active", is_flag=True, help="Open a closed account again.")
@kit.cli.verb(
    human=lambda person: f"The account of {person.name} is changed.",
    far=lambda remote, person_id, **said: remote.follow(
        "POST /people/{id}/change", {"id": person_id, **_said(**said)}, Person
    ),
)
def people_change(ctx: Context, person_id: str, **said: Any) -> Any:
    """Change somebody's name, address, roles, groups or attributes; what is not named stays."""
    return change(ctx, person_id, Changes(**_said(**said)))


@people.command("deactivate")
@click.argument("person_id", metavar="ID")
@kit.cli.verb(
    human=lambda closed: _closed(closed.person, closed.answers_for),
    far=lambda remote, person_id: remote.follow("POST /people/{id}/deactivate", {"id": person_id}, Closed),
)
def people_deactivate(ctx: Context, person_id: str) -> Any:
    """Close an account: nothing runs or answers as that person any more. Says what needs somebody else."""
    return close(ctx, person_id)


def _said(
    *, roles: tuple[str, ...], no_roles: bool, groups: tuple[str, ...], no_groups: bool,
    attributes: tuple[str, ...], **rest: Any,
) -> dict[str, Any]:  # fmt: skip
    """What the options of `people change` say, in the words of `Changes`."""
    return {
        **rest,
        "roles": list(roles) if roles or no_roles else None,
        "groups": list(groups) if groups or no_groups else None,
        "attributes": _pairs(attributes),
    }


def _closed(person: Person, left: Sequence[Answering]) -> str:
    said = f"The account of {person.name} is closed; sessions and tokens ended with it."
    if not left:
        return said
    listed = "\n".join(f"  {one.kind} {one.name} ({one.as_what})" for one in left)
    cure = "Apps: handrail hand-over APP PERSON. Datasets: a steward names others in the contract."
    return f"{said}\nNobody answers any more in their place for\n{listed}\n{cure}"


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
@kit.cli.verb(human=lambda made: made["secret"], far="POST /tokens")
def people_token(ctx: Context, name: str, scopes: tuple[str, ...], days: int | None) -> dict[str, Any]:
    """Make a personal API token for yourself; its secret is shown this once."""
    token, secret = identity.issue_token(ctx, name, scopes or None, days)
    return {"token": token, "secret": secret}


def _value(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else "|".join(value)


def _pairs(attributes: tuple[str, ...]) -> dict[str, str]:
    for attribute in attributes:
        if "=" not in attribute:
            raise Invalid(
                f"{attribute!r} is no attribute.",
                next_step="Write KEY=VALUE, such as --attribute region=EMEA.",
            )
    return dict(attribute.partition("=")[::2] for attribute in attributes)


commands: list[click.Command] = [people]
