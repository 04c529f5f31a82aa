"""The command line for stewards: import, propose, certify and revoke."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Group
from rich.text import Text

from handrail import kit
from handrail.data.certify import certify, revoke
from handrail.data.certify_metric import certify_metric
from handrail.data.check_quality import check_quality, quality_history
from handrail.data.compare_totals import missed
from handrail.data.doubts import doubts
from handrail.data.import_source import import_source
from handrail.data.measured import Difference, Reconciliation
from handrail.data.models import Dataset, ImportReport, Metric
from handrail.data.promises import QualityCheck
from handrail.data.propose import propose
from handrail.data.propose_options import changes_said
from handrail.data.reconcile import reconcile
from handrail.data.renew import renew
from handrail.data.see_as import Preview, preview
from handrail.data.touched import Comparison, contract_changes
from handrail.kernel import Context


@click.command("import")
@click.argument("source")
@click.option("--name", help="What to call the source; otherwise the name of its file or database.")
@click.option("--encoding", help="How CSV files are written, when it is not UTF-8 (latin-1, utf-16, …).")
@kit.cli.verb(human=lambda report: _imported(report), far=lambda *a, **said: _import_there(*a, **said))
def import_command(ctx: Context, source: str, name: str | None, encoding: str | None) -> ImportReport:
    """Bring data in: a SQLite or DuckDB file, a CSV or Parquet file or folder, or a postgresql:// address.

    Every table is copied once and gets a draft contract. From engine:NAME, a server of the settings, nothing
    is copied: the contracts point at the tables, and questions are answered there.
    """
    with kit.cli.progress() as report:
        return import_source(ctx, source, name, report, encoding)


@click.command("propose")
@click.argument("dataset")
@click.option("--owner", help="Who answers for the dataset.")
@click.option("--deputy", help="Who answers when the owner cannot.")
@click.option("--description", help="What the dataset is.")
@click.option("--purpose", "purposes", multiple=True, help="A purpose it may be used for; repeatable.")
@click.option("--reader", "readers", multiple=True, metavar="GROUP", help="Who may read it; repeatable.")
@click.option(
    "--row-filter", "filters", multiple=True, metavar="SQL", help='Such as "region = viewer.region".'
)
@click.option(
    "--row-filter-for",
    "group_filters",
    multiple=True,
    nargs=2,
    metavar="GROUP SQL",
    help="One group's filter.",
)
@click.option(
    "--mask",
    "masks",
    multiple=True,
    metavar="COLUMN=KIND[:GROUP,…]",
    help="null, hash, partial, bucket(WIDTH), truncate(month|year), aggregate(LEAST,COLUMN,…), none.",
)
@click.option(
    "--classify", "classes", multiple=True, metavar="COLUMN=CLASS", help="personal, sensitive, none."
)
@click.option("--entity-key", help="The column that says whom a row is about.")
@click.option("--subject", help="What such a person is called: customer, employee, …")
@click.option("--budget", metavar="NUMBER", help="How many of them one viewer may see in a day; 0: no limit.")
@click.option("--app-budget", metavar="NUMBER", help="The same for one app and all its viewers together.")
@click.option("--domain", help="The part of the business it belongs to.")
@click.option("--freshness", metavar="AGE", help='How old it may be: "2 days", "2 days by ordered".')
@click.option("--retention", metavar="AGE", help='How long a row is kept: "7 years by ordered".')
@click.option("--reference-table", "looks_up", multiple=True, help="A dataset that its queries may look up.")
@click.option("--required", multiple=True, metavar="COLUMN=yes|no", help="Whether it always has a value.")
@click.option("--unique", multiple=True, metavar="COLUMN=yes|no", help="Whether it is never repeated.")
@click.option("--points-at", multiple=True, metavar="COLUMN=DATASET.COLUMN", help="What it refers to.")
@click.option(
    "--points-together",
    multiple=True,
    metavar="COLUMN,COLUMN=DATASET.COLUMN,COLUMN",
    help="What several refer to together: all such links, or none.",
)
@click.option("--expires", metavar="DATE", help="The last day of the certification (2027-06-30).")
@kit.cli.verb(human=lambda made: _stands(made), far=lambda *a, **said: _propose_there(*a, **said))
def propose_command(ctx: Context, dataset: str, **said: Any) -> Dataset:
    """Complete a contract and ask for its certification. What is not named stays as it is."""
    made = propose(ctx, dataset, changes_said(**said))
    for text in doubts(ctx, made.contract):
        click.echo(f"Before anybody certifies it: {text}", err=True)
    return made


@click.command("certify")
@click.argument("dataset")
@kit.cli.verb(human=lambda made: _stands(made), far="POST /datasets/{dataset}/certify")
def certify_command(ctx: Context, dataset: str) -> Dataset:
    """Certify a contract that another steward proposed."""
    return certify(ctx, dataset)


@click.command("see-as")
@click.argument("dataset")
@click.argument("person")
@click.option("--purpose", help="What they would ask for; otherwise the contract's first purpose.")
@kit.cli.verb(human=lambda found: _seen(found), far="GET /datasets/{dataset}/see-as/{person}")
def see_as_command(ctx: Context, dataset: str, person: str, purpose: str | None) -> Preview:
    """What a person would see of a dataset: the rule, the rows by number, and the masks."""
    return preview(ctx, dataset, person, purpose)


@click.command("renew")
@click.argument("dataset")
@kit.cli.verb(human=lambda made: _stands(made), far="POST /datasets/{dataset}/renew")
def renew_command(ctx: Context, dataset: str) -> Dataset:
    """Ask that an unchanged contract be certified for another year."""
    return renew(ctx, dataset)


@click.command("revoke")
@click.argument("dataset")
@click.option("--reason", required=True, help="Why, so that the owner can act on it.")
@kit.cli.verb(human=lambda made: _stands(made), far="POST /datasets/{dataset}/revoke")
def revoke_command(ctx: Context, dataset: str, reason: str) -> Dataset:
    """End a certification now."""
    return revoke(ctx, dataset, reason)


@click.command("reconcile")
@click.argument("metric")
@kit.cli.verb(human=lambda made: _reconciled(made), far="POST /metrics/{metric}/reconcile")
def reconcile_command(ctx: Context, metric: str) -> Reconciliation:
    """Recompute a metric over everybody's rows and compare it with its control totals."""
    return reconcile(ctx, metric)


@click.command("certify-metric")
@click.argument("metric")
@kit.cli.verb(
    human=lambda made: f"{made.name} is {made.state}; it ties to {made.ties_to}.",
    far="POST /metrics/{metric}/certify",
)
def certify_metric_command(ctx: Context, metric: str) -> Metric:
    """Certify a metric that another steward reconciled, and that ties."""
    return certify_metric(ctx, metric)


@click.command("quality")
@click.argument("dataset")
@click.option("--history", is_flag=True, help="List the checks so far, and check nothing.")
@kit.cli.verb(human=lambda found: _checked(found), far=lambda *a, **said: _quality_there(*a, **said))
def quality_command(ctx: Context, dataset: str, history: bool) -> QualityCheck | tuple[QualityCheck, ...]:
    """Hold a dataset against everything that its contract promises."""
    return quality_history(ctx, dataset) if history else check_quality(ctx, dataset)


@click.command("changes")
@click.argument("dataset")
@kit.cli.verb(human=lambda found: _changed(found), far="GET /datasets/{dataset}/changes")
def changes_command(ctx: Context, dataset: str) -> Comparison:
    """What changed in a contract since it was certified, and whose metrics and apps that can break."""
    return contract_changes(ctx, dataset)


commands: list[click.Command] = [
    import_command,
    propose_command,
    certify_command,
    renew_command,
    see_as_command,
    revoke_command,
    quality_command,
    changes_command,
    reconcile_command,
    certify_metric_command,
]


def _propose_there(remote: kit.Remote, dataset: str, **said: Any) -> Dataset:
    values = {"dataset": dataset, **changes_said(**said)}
    made: Dataset = remote.follow("POST /datasets/{dataset}/propose", values, Dataset)
    return made


def _quality_there(
    remote: kit.Remote, dataset: str, history: bool
) -> QualityCheck | tuple[QualityCheck, ...]:
    kind = tuple[QualityCheck, ...] if history else QualityCheck
    method = "GET" if history else "POST"
    found: QualityCheck | tuple[QualityCheck, ...] = remote.follow(
        f"{method} /datasets/{{dataset}}/quality", {"dataset": dataset}, kind
    )
    return found


def _import_there(remote: kit.Remote, source: str, **said: Any) -> ImportReport:
    """Import what that server can reach; a file of this machine is uploaded on its page for imports."""
    report: ImportReport = remote.follow("POST /import", {"location": source, **said}, ImportReport)
    return report


def _imported(report: ImportReport) -> Any:
    rows = []
    for what, names in (
        ("drafted", report.drafted),
        ("refreshed", report.refreshed),
        ("changed", report.changed),
    ):
        rows += [[name, what, report.rows[name]] for name in names]
    table = kit.cli.table(["dataset", "contract", "rows"], rows, f"Imported {report.source}")
    notes = "".join(f"\n{note.dataset or report.source}: {note.text}" for note in report.notes)
    return Group(table, Text(notes.lstrip("\n"))) if notes else table


def _changed(found: Comparison) -> Any:
    rows = [["breaking" if one.breaking else "compatible", one.text] for one in found.changes]
    title = f"{found.dataset} against {found.since}"
    table = kit.cli.table(["class", "change"], rows, title, "Nothing has changed.")
    who = ", ".join((*found.touched.metrics, *found.touched.apps))
    return Group(table, Text(f"What can break is read by: {who}.")) if who else table


def _seen(found: Preview) -> str:
    may = "may" if found.allowed else "may not"
    why = f"{found.rule}: {found.because}" if found.because else found.rule
    lines = [
        f"{found.person} {may} read {found.dataset} for {found.purpose or 'nothing'} ({why}).",
        f"Rows: {found.left} of {found.rows:,}; {found.filter}.",
        *(f"{column}: {said}." for column, said in found.masked),
    ]
    return "\n".join(lines)


def _checked(found: QualityCheck | tuple[QualityCheck, ...]) -> Any:
    if isinstance(found, tuple):
        rows = [[f"{one.at:%Y-%m-%d %H:%M}", one.cause, one.outcome, len(one.broken)] for one in found]
        return kit.cli.table(["when", "why", "outcome", "broken promises"], rows)
    promises = [[one.promise, one.outcome, one.said] for one in found.results]
    title = f"{found.dataset}, {found.rows:,} rows as of {found.as_of:%Y-%m-%d %H:%M}"
    return kit.cli.table(["promise", "outcome", "what was counted"], promises, title)


def _stands(made: Dataset) -> str:
    until = f" until {made.certified_until}" if made.certified_until else ""
    missing = "".join(f"\n  {text}" for text in made.missing)
    waits = f" It waits to be renewed until {made.renewal.until}." if made.renewal else ""
    return f"{made.name} is {made.state}{until}.{waits}{f' It lacks:{missing}' if missing else ''}"


def _off(row: Difference) -> str:
    if row.total is None:
        return "late" if row.late else "no total"
    return f"{row.difference:.3%}"


def _reconciled(made: Reconciliation) -> Any:
    heads = ["period from", "control total", "metric", "off by", "source"]
    rows = [
        [" ".join([r.period, *r.by.values()]), r.total or "–", r.ours or "–", _off(r), r.source]
        for r in made.rows
    ]
    ties = f"It ties to {made.dataset}: off by {made.worst:.3%} at worst."
    said = Text(ties if made.within else f"{missed(made)}.")
    return Group(kit.cli.table(heads, rows, made.metric), said)
