"""The command line for the catalog: every dataset, or one with its contract in words."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Group
from rich.text import Text

from handrail import kit
from handrail.data import spoken
from handrail.data.catalog import dataset, datasets
from handrail.data.models import Dataset
from handrail.kernel import Context


@click.command("datasets")
@click.argument("name", required=False)
@kit.cli.verb(
    human=lambda found: _told(found) if isinstance(found, Dataset) else _listed(found),
    far=lambda *a, **which: _there(*a, **which),
)
def datasets_command(ctx: Context, name: str | None) -> Dataset | tuple[Dataset, ...]:
    """List every dataset with its state, owner and rows; or one, with its contract in words."""
    return dataset(ctx, name) if name else datasets(ctx)


commands: list[click.Command] = [datasets_command]


def _there(remote: kit.Remote, name: str | None) -> Dataset | tuple[Dataset, ...]:
    route, kind = ("GET /datasets/{name}", Dataset) if name else ("GET /datasets", tuple[Dataset, ...])
    found: Dataset | tuple[Dataset, ...] = remote.follow(route, {"name": name}, kind)
    return found


def _listed(found: tuple[Dataset, ...]) -> Any:
    rows = [[one.name, one.state, one.contract.owner or "–", one.rows, one.source] for one in found]
    return kit.cli.table(
        ["dataset", "state", "owner", "rows", "source"], rows, none="There is no dataset yet."
    )


def _told(one: Dataset) -> Any:
    contract = one.contract
    about = f" Each row is about a {contract.subject}." if contract.subject and contract.entity_key else ""
    head = [
        f"{one.name}: {contract.description or 'no description yet'}.{about}".replace("..", "."),
        spoken.state(one),
        f"May be used for {', '.join(contract.purposes) or 'nothing yet'},"
        f" by {', '.join(contract.readers) or 'nobody yet'}.",
        *(f"{whom}: {what}." for whom, what in spoken.rows(contract)),
    ]
    rows = [
        [c.name, c.type, c.classification or "", spoken.mask(c.mask), c.description] for c in contract.columns
    ]
    columns = kit.cli.table(["column", "type", "holds", "readers see", "what it is"], rows)
    return Group(Text("\n".join(head)), columns)
