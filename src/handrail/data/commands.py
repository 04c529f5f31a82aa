"""The command line for data: questions and metrics. What stewards do is in `steward_commands`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any, Literal, get_args

import click
import orjson

from handrail import kit
from handrail.data import formats
from handrail.data.answer import Answer
from handrail.data.by_address import values
from handrail.data.compile_metric import GRAINS
from handrail.data.fetch_answer import fetch_answer
from handrail.data.metrics import metric, metrics
from handrail.data.models import Metric, MetricRequest, Request
from handrail.data.query import query
from handrail.kernel import Context, Environment

_SHOWN = 200  # rows of a table in a terminal
_Form = Literal["table", "json", "csv", "arrow"]

_about = (
    click.option("--purpose", help="What the answer is for: one of the organisation's purposes."),
    click.option("--app", help="Ask within the declaration of this app."),
    click.option(
        "--env",
        "environment",
        type=click.Choice(["production", "sandbox"]),
        default="production",
        show_default=True,
    ),
    click.option("--format", "form", type=click.Choice(get_args(_Form)), default="table", show_default=True),
)


def _asking(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_about):
        function = option(function)
    return function


@click.command("query")
@click.argument("sql")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A value for $NAME.")
@_asking
@kit.cli.verb(human=lambda result: result, far=lambda *a, **asked: _query_there(*a, **asked))
def query_command(
    ctx: Context,
    sql: str,
    params: tuple[str, ...],
    purpose: str | None,
    app: str | None,
    environment: Environment,
    form: _Form,
) -> Any:
    """Ask in SQL, and get what you may see."""
    request = Request(sql, None, values(params), purpose, environment, app)
    return _answer(query(ctx, request), form)


@click.command("metric")
@click.argument("name")
@click.option("--by", multiple=True, metavar="DIMENSION", help="Cut the metric by this dimension.")
@click.option("--where", multiple=True, metavar="DIMENSION=VALUE", help="Count only where this holds.")
@click.option("--grain", type=click.Choice(GRAINS), help="Steps of time.")
@click.option("--start", help="From this day on (2026-01-31).")
@click.option("--end", help="Before this day.")
@click.option("--order", multiple=True, metavar="NAME", help="Order by this; -NAME from the largest down.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many rows.")
@click.option("--currency", help="Convert amounts into this currency, at the rates that the model names.")
@_asking
@kit.cli.verb(human=lambda result: result, far=lambda *a, **asked: _metric_there(*a, **asked))
def metric_command(
    ctx: Context,
    name: str,
    by: tuple[str, ...],
    where: tuple[str, ...],
    grain: str | None,
    start: str | None,
    end: str | None,
    order: tuple[str, ...],
    limit: int | None,
    currency: str | None,
    purpose: str | None,
    app: str | None,
    environment: Environment,
    form: _Form,
) -> Any:
    """Ask for a metric, by dimensions and in steps of time."""
    wanted = MetricRequest(name, by, values(where), grain, start, end, order, limit, currency)
    request = Request(None, wanted, {}, purpose, environment, app)
    return _answer(query(ctx, request), form)


@click.command("metrics")
@click.argument("name", required=False)
@kit.cli.verb(
    human=lambda found: _explained(found) if isinstance(found, Metric) else _listed(found),
    far=lambda *a, **which: _metrics_there(*a, **which),
)
def metrics_command(ctx: Context, name: str | None) -> Metric | tuple[Metric, ...]:
    """Every metric, or one explained: its sentence, SQL, owner, version, since when, and what it ties to."""
    return metric(ctx, name) if name else metrics(ctx)


commands: list[click.Command] = [query_command, metric_command, metrics_command]


def _query_there(remote: kit.Remote, params: tuple[str, ...], form: _Form, **about: Any) -> Any:
    return _answer(fetch_answer(remote, {**about, "params": values(params)}), form)


def _metric_there(
    remote: kit.Remote,
    form: _Form,
    where: tuple[str, ...],
    purpose: str | None,
    app: str | None,
    environment: Environment,
    **wanted: Any,
) -> Any:
    metric = {**wanted, "where": values(where)}
    about = {"purpose": purpose, "app": app, "environment": environment}
    return _answer(fetch_answer(remote, {"metric": metric, **about}), form)


def _metrics_there(remote: kit.Remote, name: str | None) -> Metric | tuple[Metric, ...]:
    route, kind = ("GET /metrics/{name}", Metric) if name else ("GET /metrics", tuple[Metric, ...])
    found: Metric | tuple[Metric, ...] = remote.follow(route, {"name": name}, kind)
    return found


def _answer(answer: Answer, form: _Form) -> Any:
    """Write the answer to stdout in this format; a table and the document of --json are returned."""
    with answer:
        if kit.cli.wants_json():
            return orjson.loads(b"".join(formats.encoded(answer, "json")))
        if form != "table":
            _write(formats.encoded(answer, form))
            return None
        found = list(islice((row for b in answer.batches() for row in formats.rows(b)), _SHOWN + 1))
    title = "" if len(found) <= _SHOWN else f"The first {_SHOWN} rows; --format csv gives all of them"
    title = " ".join(filter(None, (title, *answer.no_row)))
    if answer.certified is not None:
        badge = f"certified, ties to {answer.ties_to}" if answer.certified else "not certified"
        title = f"{title} ({badge})".strip()
    return kit.cli.table(answer.schema.names, [list(row.values()) for row in found[:_SHOWN]], title)


def _explained(one: Metric) -> Any:
    """A metric in words and in SQL."""
    ties = f"{one.ties_to}, off by {one.off_by:.3%} at worst" if one.off_by is not None else one.ties_to
    said = {
        "what it is": one.sentence,
        "state": one.state,
        "owner": one.owner,
        "cut by": ", ".join(one.dimensions),
        "over time by": one.time,
        "currency": f"{one.currency}, converted at {one.rates}" if one.rates else one.currency,
        "ties to": ties,
        "version": one.version,
        "since": one.since.isoformat(timespec="minutes") if one.since else None,
        "file": one.file,
        "SQL": one.sql,
    }
    return kit.cli.table([one.name, ""], [[key, value] for key, value in said.items() if value])


def _write(pieces: Iterator[bytes]) -> None:
    """To stdout; how much it is by now is said on stderr, unless that is the same terminal."""
    out = sys.stdout.buffer
    with nullcontext() if sys.stdout.isatty() else kit.cli.progress() as report:
        sent = 0
        for piece in pieces:
            out.write(piece)
            sent += len(piece)
            if report:
                report(f"{sent / 1e6:,.1f} MB", 0, 0)
    out.flush()


def _listed(found: tuple[Metric, ...]) -> Any:
    rows = [[m.name, m.state, m.description, m.owner, ", ".join(m.dimensions)] for m in found]
    return kit.cli.table(
        ["metric", "state", "what it means", "owner", "cut by"], rows, none="There is no metric yet."
    )
