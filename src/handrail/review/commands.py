"""The review on the command line: check a folder before anybody sees it, approve, refuse."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from handrail import kit
from handrail.kernel import Caller, Context, identity
from handrail.review.check import check, ordered
from handrail.review.decide import approve, refuse, withdraw
from handrail.review.examine import known_data, numbered
from handrail.review.folder import read_folder
from handrail.review.formats import as_json, as_sarif, as_text
from handrail.review.lint import lint
from handrail.review.models import KnownData, Verdict
from handrail.review.queue_line import QueueLine, queue_line
from handrail.review.request import queue

NO_CATALOG = "Names of datasets, columns and metrics were not compared with a catalog: give --home and --as."
NO_LAYER = "Imports are compared with the approved packages when the app is pushed."
NO_RUN = "What the app really reads is seen when it runs in the sandbox."
_version = click.option(
    "--version",
    "n",
    type=click.IntRange(1, 1 << 53),
    metavar="N",
    help="Which version; the newest without it.",
)


@click.command("review")
@click.argument("directory", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True
)
@click.option("--json", "as_one_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--home",
    envvar="HANDRAIL_HOME",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Compare with this instance's catalog.",
)
@click.option("--as", "person", envvar="HANDRAIL_PERSON", metavar="PERSON", help="Who you are there.")
def review_command(
    directory: Path, form: str, as_one_json: bool, home: Path | None, person: str | None
) -> None:
    """Check the app in DIRECTORY as a push would; exit 1 when something blocks it. Needs no instance."""
    form = "json" if as_one_json else form
    with kit.cli.refusals(form != "text"):
        files, manifest = read_folder(directory)
        known, unchecked = _known(home, person)
        findings = ordered((*check(files, manifest, None, known), *lint(files)))
    if form == "text":
        click.echo(as_text(findings, unchecked))
    else:
        shape = as_sarif if form == "sarif" else as_json
        click.echo(json.dumps(shape(findings, unchecked), ensure_ascii=False))
    sys.exit(any(one.severity == "blocks" for one in findings))


def _known(home: Path | None, person: str | None) -> tuple[KnownData, list[str]]:
    if home is None or person is None:
        return KnownData(), [NO_CATALOG, NO_LAYER, NO_RUN]
    opener: kit.cli.Opener = click.get_current_context().find_root().obj
    instance = opener.open(home)
    try:
        with instance.context(instance.system()) as ctx:
            caller = Caller(identity.found(ctx, person), "cli")
        with instance.context(caller) as ctx:
            return known_data(ctx), [NO_LAYER, NO_RUN]
    finally:
        instance.close()


@click.command("reviews")
@kit.cli.verb(human=lambda waiting: _queue(waiting), far="GET /reviews")
def reviews_command(ctx: Context) -> tuple[QueueLine, ...]:
    """What waits for a reviewer's decision."""
    return tuple(map(queue_line, queue(ctx)))


def _queue(waiting: tuple[QueueLine, ...]) -> object:
    rows = [
        (one.app, one.n, one.tier, one.requested_by, f"{one.since:%Y-%m-%d %H:%M}", one.verdict.because)
        for one in waiting
    ]
    columns = ["App", "Version", "Tier", "Asked by", "Since", "State"]
    return kit.cli.table(columns, rows, none="Nothing waits for a review.")


def _said(verdict: Verdict) -> str:
    return f"{verdict.state}: {verdict.because} {verdict.next_step}".strip()


@click.command("approve")
@click.argument("app")
@_version
@click.option("--reason", default="", help="Anything the maker should know.")
@kit.cli.verb(human=_said, far="POST /reviews/{app}/approve")
def approve_command(ctx: Context, app: str, n: int | None, reason: str) -> Verdict:
    """Say yes to one version of APP, as a reviewer who has no hand in it."""
    return approve(ctx, app, numbered(ctx, app, n).commit, reason)


@click.command("refuse")
@click.argument("app")
@click.option("--reason", required=True, help="A sentence that the maker can act on.")
@_version
@kit.cli.verb(human=_said, far="POST /reviews/{app}/refuse")
def refuse_command(ctx: Context, app: str, reason: str, n: int | None) -> Verdict:
    """Say no to one version of APP."""
    return refuse(ctx, app, numbered(ctx, app, n).commit, reason)


@click.command("withdraw")
@click.argument("app")
@_version
@kit.cli.verb(human=_said, far="POST /reviews/{app}/withdraw")
def withdraw_command(ctx: Context, app: str, n: int | None) -> Verdict:
    """Take back your verdict on one version of APP."""
    return withdraw(ctx, app, numbered(ctx, app, n).commit)


commands: list[click.Command] = [
    review_command,
    reviews_command,
    approve_command,
    refuse_command,
    withdraw_command,
]
