"""Commands about other systems: `handrail connectors`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import RenderableType

from handrail import kit
from handrail.connectors.approve import approval, approve_write, refuse_write
from handrail.connectors.find import approvals, connector, connectors, uses
from handrail.connectors.models import Approval, Connector, Standing, Use
from handrail.connectors.record import Recording, record
from handrail.connectors.save import save_connector
from handrail.kernel import Context, Invalid

_NAME = click.argument("name")


@click.group("connectors")
def group() -> None:
    """Other systems that apps may call."""


def _listed(found: Sequence[Standing]) -> RenderableType:
    rows = [
        (
            one.connector.name,
            one.connector.address,
            one.connector.owner,
            len(one.connector.calls),
            " ".join(one.lacks) or "ready",
        )
        for one in found
    ]
    return kit.cli.table(
        ("connector", "address", "owner", "calls", "state"), rows, none="There is no connector yet."
    )


@group.command("list")
@kit.cli.verb(human=_listed, far="GET /connectors")
def list_command(ctx: Context) -> tuple[Standing, ...]:
    """Every connector, with what it lacks."""
    return connectors(ctx)


def _shown(one: Standing) -> str:
    of = one.connector
    lines = [f"{of.name}: {of.says}", f"{of.address}, answered for by {of.owner} and {of.deputy}", ""]
    lines += [f"  {call.pattern}{'   (writes)' if call.writes else ''}" for call in of.calls]
    lines += [
        "",
        f"For {', '.join(of.purposes) or 'no purpose'}; readers: {', '.join(of.readers) or 'none'}.",
    ]
    return "\n".join([*lines, *one.lacks])


@group.command("show")
@_NAME
@kit.cli.verb(human=_shown, far="GET /connectors/{name}")
def show_command(ctx: Context, name: str) -> Standing:
    """One connector: its calls, who answers for it, and what it lacks."""
    return connector(ctx, name)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"{file} is no text in UTF-8.", next_step="Save it as one.") from None


@group.command("define")
@_NAME
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@kit.cli.verb(
    human=lambda made: f"{made.name} is defined, with {len(made.calls)} calls.",
    far=lambda remote, name, file: remote.read(
        "PUT /connectors/{name}", {"name": name, "content": _text(file)}
    ),
)
def define_command(ctx: Context, name: str, file: Path) -> Connector:
    """Keep FILE as the definition of the connector NAME; a mistake is answered with its line."""
    return save_connector(ctx, name, _text(file).encode())


def _called(found: Sequence[Use]) -> RenderableType:
    rows = [
        (
            one.app,
            one.commit[:8],
            one.environment,
            one.call,
            one.times,
            f"{one.last_at:%Y-%m-%d %H:%M}",
            one.last_status or "",
        )
        for one in found
    ]
    columns = ("app", "version", "environment", "call", "times", "last (UTC)", "status")
    return kit.cli.table(columns, rows, none="No app has called it.")


@group.command("calls")
@_NAME
@kit.cli.verb(human=_called, far="GET /connectors/{name}/calls")
def calls_command(ctx: Context, name: str) -> tuple[Use, ...]:
    """What apps called by a connector, by version and environment."""
    return uses(ctx, name)


def _params(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise Invalid(f"{one[:80]!r} is no parameter.", next_step="Write --param name=value.")
        found[name] = value
    return found


def _recorded(made: Recording) -> str:
    shown = json.dumps(made.body, ensure_ascii=False, indent=2)
    said = (
        "Kept: the sandbox answers this."
        if made.kept
        else "Not kept. Say --keep once nothing in it must be hidden."
    )
    return f"{made.call} {made.status}\n{shown}\n{said}"


def _record_far(remote: kit.Remote, name: str, path: str, params: Sequence[str], keep: bool) -> Recording:
    body = {"path": path, "params": _params(params), "keep": keep}
    found: Mapping[str, object] = remote.post(f"/connectors/{name}/record", body)
    return Recording(**found)  # type: ignore[arg-type]


@group.command("record")
@_NAME
@click.argument("path")
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the call; again for more."
)
@click.option("--keep", is_flag=True, help="Keep the answer for the sandbox; without, it is only shown.")
@kit.cli.verb(human=_recorded, far=_record_far)
def record_command(ctx: Context, name: str, path: str, params: Sequence[str], keep: bool) -> Recording:
    """Make a reading call of NAME for the sandbox, and show the answer without what its definition hides."""
    return record(ctx, name, path, _params(params), keep)


def _waiting(found: Sequence[Approval]) -> RenderableType:
    rows = [(one.id, one.app, one.commit[:8], one.call, one.by, one.state, one.reason) for one in found]
    columns = ("write", "app", "version", "call", "asked by", "state", "because")
    return kit.cli.table(columns, rows, none="No app has asked to write there.")


@group.command("approvals")
@_NAME
@kit.cli.verb(human=_waiting, far="GET /connectors/{name}/approvals")
def approvals_command(ctx: Context, name: str) -> tuple[Approval, ...]:
    """The first writes by a connector that wait for a yes, and those that were answered."""
    return approvals(ctx, name)


@group.command("preview")
@_NAME
@click.argument("write")
@kit.cli.verb(human=lambda one: one.preview, far="GET /connectors/{name}/approvals/{write}")
def preview_command(ctx: Context, name: str, write: str) -> Approval:
    """What a first write would send."""
    return approval(ctx, name, write)


@group.command("approve")
@_NAME
@click.argument("write")
@click.option("--reason", default="", help="Why, if it needs saying.")
@kit.cli.verb(
    human=lambda one: f"{one.app} may write by {one.call}.",
    far="POST /connectors/{name}/approvals/{write}/approve",
)
def approve_command(ctx: Context, name: str, write: str, reason: str) -> Approval:
    """Let a version write by this call from now on."""
    return approve_write(ctx, name, write, reason)


@group.command("refuse")
@_NAME
@click.argument("write")
@click.option("--reason", required=True, help="What the maker can do about it.")
@kit.cli.verb(
    human=lambda one: f"Refused; {one.by} sees why.", far="POST /connectors/{name}/approvals/{write}/refuse"
)
def refuse_command(ctx: Context, name: str, write: str, reason: str) -> Approval:
    """Say no to a first write."""
    return refuse_write(ctx, name, write, reason)


commands: list[click.Command] = [group]
