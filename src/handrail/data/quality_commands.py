"""The command line about how data is: its rules, trying and changing them, and what one was told."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from handrail import kit
from handrail.data.browse import Found, Wanted, browse
from handrail.data.catalog import contract
from handrail.data.change_rules import add_rule, remove_rule, try_rule
from handrail.data.in_force import InForce, Purpose, policies, purposes_in_use
from handrail.data.models import Contract, Dataset
from handrail.data.notices import dismiss, notices
from handrail.data.notices_store import Notice
from handrail.data.promises import Result
from handrail.data.rules import KINDS, write_rule
from handrail.kernel import Context

Tried = tuple[Result, ...]


@click.group("rules")
def rules_group() -> None:
    """The quality rules of a dataset: list, try, add and remove them."""


@rules_group.command("list")
@click.argument("dataset")
@kit.cli.verb(
    human=lambda found: _listed(found), far=lambda remote, dataset: _written(_stated_there(remote, dataset))
)
def list_command(ctx: Context, dataset: str) -> list[dict[str, str]]:
    """Number and show the rules that the contract writes down."""
    return _written(contract(ctx, dataset))


@rules_group.command("add")
@click.argument("dataset")
@click.argument("rule", type=click.Choice(list(KINDS)))
@click.option("--column", default="", help="The column; for unique several, with commas.")
@click.option("--value", default="", help='Accepted values "A, B", a range "0..100", a pattern, or a query.')
@click.option("--allowed", default="", help='Exceptions: "5" or "1 %"; of rows and sql "100..300" or "= 0".')
@click.option("--hint", is_flag=True, help="It does not stand in the way of a certification.")
@click.option("--schedule", default="", metavar="CRON", help="When to check, in UTC.")
@click.option("--name", default="", help="What the rule says, for a query.")
@click.option("--try", "trying", is_flag=True, help="Only say what would come of it on the data now.")
@kit.cli.verb(human=lambda made: _made(made), far=lambda *a, **of: _add_there(*a, **of))
def add_command(ctx: Context, dataset: str, trying: bool, **said: Any) -> Dataset | Tried:
    """Add a rule and propose the contract with it; another steward certifies."""
    return try_rule(ctx, dataset, said) if trying else add_rule(ctx, dataset, said)


@rules_group.command("remove")
@click.argument("dataset")
@click.argument("number", type=int)
@kit.cli.verb(human=lambda made: _made(made), far="DELETE /datasets/{dataset}/rules/{number}")
def remove_command(ctx: Context, dataset: str, number: int) -> Dataset:
    """Remove the rule of that number and propose the contract without it."""
    return remove_rule(ctx, dataset, number)


@click.command("notices")
@click.option("--dismiss", "away", metavar="ID", help="Put this notice away.")
@kit.cli.verb(human=lambda found: _told(found), far=lambda *a, **which: _notices_there(*a, **which))
def notices_command(ctx: Context, away: str | None) -> tuple[Notice, ...]:
    """What you have to know of data that you answer for, or that your apps use."""
    if away:
        dismiss(ctx, away)
    return notices(ctx)


@click.command("policies")
@kit.cli.verb(human=lambda found: _ruled(found), far="GET /policies")
def policies_command(ctx: Context) -> InForce:
    """The access rules in force with their reasons, and the version that every decision names."""
    return policies(ctx)


@click.command("purposes")
@kit.cli.verb(human=lambda found: _meant(found), far="GET /purposes")
def purposes_command(ctx: Context) -> tuple[Purpose, ...]:
    """What data may be used for, and which datasets and apps use it for that."""
    return purposes_in_use(ctx)


@click.command("catalog")
@click.argument("words", nargs=-1)
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--state", default="", help="draft, proposed, certified, expiring, expired, edited, revoked.")
@click.option("--domain", default="")
@click.option("--classification", default="", help="personal, sensitive, none.")
@click.option("--subject", default="", help="Whom a row is about: customer, employee, …")
@click.option("--owner", default="")
@click.option("--source", default="")
@kit.cli.verb(
    human=lambda found: _shelf(found),
    far=lambda remote, words, **of: remote.follow("GET /catalog", {"q": " ".join(words), **of}, Found),
)
def catalog_command(ctx: Context, words: tuple[str, ...], page: int, **facets: str) -> Found:
    """Find datasets by words and facets, a page at a time."""
    return browse(ctx, Wanted(q=" ".join(words), **facets), page)


commands: list[click.Command] = [
    catalog_command,
    rules_group,
    notices_command,
    purposes_command,
    policies_command,
]


def _written(stated: Contract) -> list[dict[str, str]]:
    return [write_rule(rule) for rule in stated.quality]


def _stated_there(remote: kit.Remote, dataset: str) -> Contract:
    found: Dataset = remote.read("GET /datasets/{dataset}", {"dataset": dataset}, Dataset)
    return found.contract


def _add_there(remote: kit.Remote, dataset: str, trying: bool, **said: Any) -> Dataset | Tried:
    route, kind = ("/try", Tried) if trying else ("", Dataset)
    made: Dataset | Tried = remote.follow(
        f"POST /datasets/{{dataset}}/rules{route}", {"dataset": dataset, **said}, kind
    )
    return made


def _notices_there(remote: kit.Remote, away: str | None) -> tuple[Notice, ...]:
    if away:
        remote.fetch("POST", f"/notices/{quote(away, safe='')}/dismiss")
    found: tuple[Notice, ...] = remote.follow("GET /notices", {}, tuple[Notice, ...])
    return found


def _listed(found: list[dict[str, str]]) -> Any:
    keys = ("rule", "column", "value", "allowed", "hint", "schedule", "name")
    rows = [[n, *(one[key] for key in keys)] for n, one in enumerate(found, 1)]
    return kit.cli.table(["", *keys], rows, none="There is no rule yet.")


def _made(made: Dataset | Tried) -> Any:
    if isinstance(made, tuple):
        return kit.cli.table(
            ["promise", "outcome", "what was counted"], [[o.promise, o.outcome, o.said] for o in made]
        )
    missing = "".join(f"\n  {text}" for text in made.missing)
    return f"{made.name} is {made.state}.{f' It lacks:{missing}' if missing else ''}"


def _ruled(found: InForce) -> Any:
    rows = [[one.id, one.effect, ", ".join(one.actions), one.because, one.origin] for one in found.rules]
    return kit.cli.table(["rule", "effect", "actions", "because", "from"], rows, f"Version {found.version}")


def _meant(found: tuple[Purpose, ...]) -> Any:
    rows = [[one.name, one.meaning, one.datasets_in_all, ", ".join(one.apps)] for one in found]
    return kit.cli.table(["purpose", "meaning", "datasets", "apps"], rows)


def _shelf(found: Found) -> Any:
    rows = [
        [one.name, one.state, one.contract.domain or "", one.contract.owner or "–", one.rows, one.source]
        for one in found.datasets
    ]
    title = f"{found.fitting:,} of {found.total:,} datasets, page {found.page} of {found.pages}"
    return kit.cli.table(["dataset", "state", "domain", "owner", "rows", "source"], rows, title, "None fits.")


def _told(found: tuple[Notice, ...]) -> Any:
    rows = [[f"{one.at:%Y-%m-%d %H:%M}", one.dataset, one.text, one.next_step, one.id] for one in found]
    return kit.cli.table(["when", "dataset", "what", "what to do", "id"], rows, none="Nothing needs you.")
