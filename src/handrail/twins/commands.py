"""`handrail twin …`: build, report, history, and what is done with builds."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, get_args

import click

from handrail import kit
from handrail.kernel import Caller, Context, Instance, NotFound, NotReady
from handrail.twins.freeze import freeze, thaw
from handrail.twins.history import history
from handrail.twins.life import Build, Chapter, Refreshed
from handrail.twins.models import TableReport, TwinReport, Variant
from handrail.twins.refresh import refreshed, set_rule
from handrail.twins.report import as_told, related, report
from handrail.twins.roll_back import roll_back
from handrail.twins.stand_alone import stand_alone
from handrail.twins.start import cancel, start
from handrail.twins.supervise import build_here
from handrail.twins.without_pandas import without_pandas

_LOOK = 1.0  # seconds between two looks at a build from afar


@click.group("twin")
def twin() -> None:
    """Synthetic twins of certified datasets."""


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _told(made: TwinReport) -> Any:
    columns = ("Twin", "Rows", "Columns", "Pairs", "Links", "Copies", "By chance", "Awkward")
    return kit.cli.table(columns, [_line(table) for table in made.tables], _title(made))


def _title(made: TwinReport) -> str:
    instead = [
        f"Invented instead of drawn, or it gave rows away: {table}.{column}"
        for table, column in made.withheld
    ]
    real = [f"{table.dataset}: {table.privacy.real}" for table in made.tables if table.privacy.real]
    first = f"Synthetic, seed {made.seed}, k {made.k}, variant {made.variant}, {made.seconds:.1f} s"
    return "\n".join([first, *real, *instead, *made.left_out])


def _line(table: TableReport) -> tuple[object, ...]:
    return (
        table.dataset,
        table.rows,
        _score(table.shapes),
        _score(table.dependence),
        _score(table.cardinality),
        f"{table.privacy.copies:.2%}",
        f"{table.privacy.chance:.2%}",
        sum(cells for _, cells in table.hostile),
    )


def _or_alone(within: Callable[..., None]) -> Callable[..., None]:
    """Let --from and --out make the twins of any source, without an instance."""

    def run(
        source: str | None,
        out: Path | None,
        variant: Variant | None,
        encoding: str | None,
        verbatim: tuple[str, ...],
        **rest: Any,
    ) -> None:
        if source is None:
            if out or variant or encoding or verbatim:
                raise click.UsageError("--out, --variant, --encoding and --verbatim go with --from.")
            within(**rest)
            return
        if out is None or rest["datasets"] or rest["with_related"]:
            raise click.UsageError("With --from, say where to with --out, and name no dataset.")
        kit.cli.speak(rest["as_json"])
        with kit.cli.refusals(rest["as_json"]), kit.cli.progress() as progress, without_pandas():
            made = stand_alone(source, out, variant or "hostile", rest["seed"], progress, encoding, verbatim)
        kit.cli.show(made, _told, rest["as_json"])

    return update_wrapper(run, within)


@twin.command("build")
@click.argument("datasets", nargs=-1, metavar="DATASET…")
@click.option(
    "--from", "source", metavar="SOURCE", help="Instead of datasets: whatever handrail import takes."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="With --from: write a Parquet file per table there, and what is known about them.",
)
@click.option(
    "--variant",
    type=click.Choice(get_args(Variant)),
    help="With --from: plain, hostile with awkward values (default), or drill, its contract broken too.",
)
@click.option("--encoding", help="With --from: how CSV files are written.")
@click.option(
    "--verbatim",
    multiple=True,
    metavar="TABLE",
    help="With --from: keep the real rows of this reference table, which may name nobody. Repeatable.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same bytes."
)
@click.option(
    "--related", "with_related", is_flag=True, help="Also certified datasets tied to these by keys."
)
@_or_alone
@kit.cli.supervisor(human=_told, far=lambda *a, **of: _built_there(*a, **of))
def build_command(
    instance: Instance, caller: Caller, datasets: tuple[str, ...], seed: int, with_related: bool
) -> TwinReport:
    """Build the twins of certified datasets, together, and let them answer in the sandbox."""
    with instance.context(caller) as ctx:
        if with_related:
            datasets += tuple(more for name in datasets for more in related(ctx, name))
        asked = start(ctx, datasets, seed)
    with kit.cli.progress() as progress:
        made = build_here(instance, asked.id, progress)
    with instance.context(caller) as ctx:
        return as_told(ctx, made)


def _built_there(remote: kit.Remote, with_related: bool, **of: Any) -> TwinReport:
    """Ask for a build and follow it to its end; whoever stops following does not stop it."""
    asked: Build = remote.read("POST /twins", {"related": with_related, **of}, Build)
    with kit.cli.progress() as progress:
        while not asked.over:
            progress(asked.step, asked.done, asked.total)
            time.sleep(_LOOK)
            asked = remote.read("GET /twins/builds/{build}", {"build": asked.id}, Build)
    if asked.state != "done":
        raise NotReady(asked.reason or "The build is gone.", next_step=asked.next_step or "Build it again.")
    made: TwinReport = remote.follow("GET /twins/builds/{build}/report", {"build": asked.id}, TwinReport)
    return made


@twin.command("report")
@click.argument("dataset")
@kit.cli.verb(human=_told, far="GET /twins/{dataset}")
def report_command(ctx: Context, dataset: str) -> TwinReport:
    """Show how alike the twin of a dataset is, and that it copies nobody."""
    found = report(ctx, dataset)
    if found is None:
        raise NotFound(
            f"{dataset} has no twin yet.",
            next_step=f"Ask its steward to build one: handrail twin build {dataset}.",
            subject=f"dataset:{dataset}",
        )
    return found


def _lived(chapters: tuple[Chapter, ...]) -> Any:
    columns = ("Build", "Asked (UTC)", "By", "Why", "What came of it", "Alike", "Now")
    return kit.cli.table(columns, [_chapter(one) for one in chapters], none="No build was asked for yet.")


def _chapter(one: Chapter) -> tuple[object, ...]:
    build = one.build
    now = [word for word, so in (("answers", one.current), ("kept", one.kept and not one.current)) if so]
    frozen = [f"frozen: {one.pin.reason}"] if one.pin else []
    came = build.state if build.reason is None else f"{build.state}: {build.reason}"
    asked = f"{build.asked_at:%Y-%m-%d %H:%M}"
    return build.id, asked, build.asked_by, build.why, came, _score(one.score), ", ".join([*now, *frozen])


@twin.command("history")
@click.argument("dataset")
@kit.cli.verb(human=_lived, far="GET /twins/{dataset}/history")
def history_command(ctx: Context, dataset: str) -> tuple[Chapter, ...]:
    """Show the builds of a dataset's twin: who, why, how alike, and which are kept."""
    return history(ctx, dataset)


def _on_build(
    name: str, *options: Callable[[Any], Any]
) -> Callable[[Callable[..., tuple[Chapter, ...]]], click.Command]:
    """A command that does something with one build of a dataset's twin and shows the history it then has."""

    def command(does: Callable[..., tuple[Chapter, ...]]) -> click.Command:
        made = kit.cli.verb(human=_lived, far=f"POST /twins/{{dataset}}/{name}")(does)
        for option in (*options, click.argument("build"), click.argument("dataset")):
            made = option(made)
        return twin.command(name)(made)

    return command


@_on_build("rollback")
def rollback_command(ctx: Context, dataset: str, build: str) -> tuple[Chapter, ...]:
    """Let an earlier BUILD answer again, with the twins that were built together with it."""
    roll_back(ctx, dataset, build)
    return history(ctx, dataset)


@_on_build("freeze", click.option("--reason", required=True, help="What it is kept for, in a sentence."))
def freeze_command(ctx: Context, dataset: str, build: str, reason: str) -> tuple[Chapter, ...]:
    """Keep BUILD, so that what is compared on it can be compared on it again."""
    freeze(ctx, dataset, build, reason)
    return history(ctx, dataset)


@_on_build("thaw")
def thaw_command(ctx: Context, dataset: str, build: str) -> tuple[Chapter, ...]:
    """Let a frozen BUILD go once enough newer ones are there."""
    thaw(ctx, dataset, build)
    return history(ctx, dataset)


@twin.command("cancel")
@click.argument("build")
@kit.cli.verb(human=lambda made: f"{made.id} is {made.state}.", far="POST /twins/builds/{build}/cancel")
def cancel_command(ctx: Context, build: str) -> Build:
    """End a BUILD that waits or goes on; the twin before it stays."""
    return cancel(ctx, build)


def _when(found: Refreshed) -> str:
    words = {"changed": "when its data or contract has changed", "never": "only when somebody asks"}
    said = words.get(found.rule, f"at {found.rule} (UTC)")
    return f"The twin of {found.dataset} is refreshed {said}{'' if found.own else ', as the settings say'}."


@twin.command("refresh")
@click.argument("dataset")
@click.option("--when", "rule", help='changed, never, a cron line in UTC, or "": as the settings say.')
@kit.cli.verb(human=_when, far=lambda *a, **which: _refreshed_afar(*a, **which))
def refresh_command(ctx: Context, dataset: str, rule: str | None) -> Refreshed:
    """Show or say when the twin of a dataset is refreshed by itself."""
    return refreshed(ctx, dataset) if rule is None else set_rule(ctx, dataset, rule)


def _refreshed_afar(remote: kit.Remote, dataset: str, rule: str | None) -> Any:
    said = {"dataset": dataset, "rule": rule}
    return remote.follow(f"{'GET' if rule is None else 'POST'} /twins/{{dataset}}/refresh", said, Refreshed)


commands: list[click.Command] = [twin]
