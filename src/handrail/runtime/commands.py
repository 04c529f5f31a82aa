"""Commands of the runtime room: `handrail runs` and `handrail doctor`."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import click
from rich.console import Group, RenderableType
from rich.text import Text

from handrail import kit
from handrail.kernel import Context, NotReady
from handrail.runtime import look
from handrail.runtime.compare import Comparison, OutputChange, compare
from handrail.runtime.diagnosis import Diagnosis
from handrail.runtime.doctor import doctor
from handrail.runtime.download import download, kept_name
from handrail.runtime.health import MOST_DAYS, Health, health
from handrail.runtime.layer_build import Progress
from handrail.runtime.models import Output
from handrail.runtime.retention_commands import KEPT
from handrail.runtime.run_answer import RunAnswer, run_answer
from handrail.runtime.stop import stop
from handrail.runtime.table_forms import FORMS


class _Composition(kit.cli.Opener, Protocol):
    def create(self, home: Path) -> None:
        """Make the directory of a new instance."""


_HOME = click.option(
    "--home",
    envvar="HANDRAIL_HOME",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The instance's directory.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")


@contextmanager
def _progress(as_json: bool) -> Iterator[Progress | None]:
    """The bar of `kit.cli`, which is silent only for commands that it made itself."""
    if as_json:
        yield None
        return
    with kit.cli.progress() as report:
        yield report


@click.group()
def runs() -> None:
    """Runs of apps: list them, read their logs, save what they handed over, stop them."""


def _listed(found: Sequence[RunAnswer]) -> RenderableType:
    rows = [
        (r.id, r.app, r.environment, r.person, r.state, f"{r.queued:%Y-%m-%d %H:%M}", r.reason) for r in found
    ]
    return kit.cli.table(
        ("run", "app", "where", "for", "state", "queued (UTC)", "reason"), rows, none="There is no run."
    )


@runs.command("list")
@click.argument("app", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@kit.cli.verb(human=_listed, far="GET /runs")
def runs_list(ctx: Context, app: str | None, limit: int) -> tuple[RunAnswer, ...]:
    """The newest runs that you may know of."""
    return tuple(map(run_answer, look.runs(ctx, app, limit=limit)))


def _healthy(found: Health) -> RenderableType:
    rows = [
        (day.day.isoformat(), day.runs, day.failed, day.viewers, f"{day.seconds:g}", f"{day.waited:g}")
        for day in found.days
        if day.runs
    ]
    columns = ("day (UTC)", "runs", "failed", "people", "seconds", "waited")
    none = f"It has not run in {found.environment} for {len(found.days)} days."
    return kit.cli.table(columns, rows, none=none)


@runs.command("health")
@click.argument("app")
@click.option("--sandbox", is_flag=True, help="Runs in the sandbox, instead of those in production.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=28, show_default=True)
@kit.cli.verb(
    human=_healthy,
    far=lambda remote, app, sandbox, days: remote.read(
        "GET /apps/{app}/health",
        {"app": app, "environment": "sandbox" if sandbox else "production", "days": days},
        Health,
    ),
)
def runs_health(ctx: Context, app: str, sandbox: bool, days: int) -> Health:
    """How the runs of an app went, day by day; for those who look after it."""
    return health(ctx, app, "sandbox" if sandbox else "production", days)


@runs.command("log")
@click.argument("run")
@kit.cli.verb(far=lambda remote, run: remote.follow("GET /runs/{run}/log", {"run": run})["log"])
def runs_log(ctx: Context, run: str) -> Any:
    """What a run printed."""
    return look.log(ctx, run)


@runs.command("save")
@click.argument("run")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--form", type=click.Choice(FORMS), help="Tables in this form, instead of each in its own.")
@kit.cli.verb(
    human=lambda saved: "\n".join(saved) or "It handed nothing over.",
    far=lambda *a, **which: _save_from_afar(*a, **which),
)
def runs_save(ctx: Context, run: str, directory: Path, form: str | None) -> Any:
    """Save what a run handed over into DIRECTORY; counts, and is on the trail."""
    directory.mkdir(parents=True, exist_ok=True)
    return [
        _saved(directory, one.n, kept.name, kept.content)
        for one in look.outputs(ctx, run)
        for kept in (download(ctx, run, one.n, form or "" if one.kind == "table" else ""),)
    ]


def _save_from_afar(remote: kit.Remote, run: str, directory: Path, form: str | None) -> list[str]:
    directory.mkdir(parents=True, exist_ok=True)
    outputs: tuple[Output, ...] = remote.read("GET /runs/{run}/outputs", {"run": run}, tuple[Output, ...])
    at = f"/runs/{quote(run, safe='')}/outputs"
    saved = []
    for one in outputs:
        chosen = form or "" if one.kind == "table" else ""
        content = remote.fetch("GET", f"{at}/{one.n}" + (f"?form={chosen}" if chosen else ""))
        saved.append(_saved(directory, one.n, kept_name(one, chosen), content))
    return saved


def _saved(directory: Path, n: int, name: str, content: bytes) -> str:
    file = directory / f"{n:02d}-{name}"
    file.write_bytes(content)
    return str(file)


def _compared(found: Comparison) -> RenderableType:
    took = kit.cli.table(
        ("", "before", "now"),
        [
            ("run", found.before.run, found.now.run),
            ("version", found.before.commit[:8], found.now.commit[:8]),
            ("state", found.before.state, found.now.state),
            ("seconds", f"{found.before.seconds or 0:g}", f"{found.now.seconds or 0:g}"),
            ("memory", f"{found.before.peak_memory:,}", f"{found.now.peak_memory:,}"),
        ],
    )
    rows = [(one.name, one.kind, one.state, _said(one)) for one in found.outputs]
    outputs = kit.cli.table(
        ("output", "kind", "", "what changed"), rows, none="Neither handed anything over."
    )
    log = [Text("\n".join(("The log:", *found.log)))] if found.log else []
    return Group(took, outputs, *log)


def _said(one: OutputChange) -> str:
    table = one.table
    if table is None:
        return f"{len(one.text)} lines of a difference" if one.text else ""
    if not table.compared:
        return f"{table.rows_before:,} rows before, {table.rows:,} now"
    counts = {"new": table.rows_new, "gone": table.rows_gone, "changed": table.rows_changed}
    rows = ", ".join(f"{count:,} rows {word}" for word, count in counts.items() if count)
    cells = ", ".join(f"{column}: {count:,} cells" for column, count in table.cells)
    columns = [f"column {name} new" for name in table.columns_new]
    columns += [f"column {name} gone" for name in table.columns_gone]
    return "; ".join(filter(None, (rows, cells, *columns)))


@runs.command("compare")
@click.argument("run")
@click.argument("other", default="")
@kit.cli.verb(
    human=_compared,
    far=lambda remote, run, other: remote.follow(
        "GET /runs/{run}/compare", {"run": run, "other": other or None}, Comparison
    ),
)
def runs_compare(ctx: Context, run: str, other: str) -> Comparison:
    """Say what changed from OTHER, or the run before of the same person, to RUN."""
    return compare(ctx, run, other)


@runs.command("stop")
@click.argument("run")
@kit.cli.verb(
    human=lambda run: f"{run.id} is being stopped." if run.state == "running" else "Stopped.",
    far="POST /runs/{run}/stop",
)
def runs_stop(ctx: Context, run: str) -> RunAnswer:
    """End a run."""
    return run_answer(stop(ctx, run))


def _told(found: Diagnosis) -> RenderableType:
    said = Text(f"{found.held} of {found.probes} attacks from inside a sandbox found nothing.")
    failures = [Text(f"✗ {probe.name}: {probe.found}", style="red") for probe in found.failed]
    walls = [Text(f"{name}: {wall}", style="dim") for name, wall in found.walls.items()]
    untried = [
        Text(f"not tried: {name.strip(': ')}: {why}", style="yellow") for name, why in found.untried.items()
    ]
    return Group(said, *failures, *walls, *untried)


@click.command("doctor")
@_HOME
@_JSON
@click.pass_context
def doctor_command(context: click.Context, home: Path | None, as_json: bool) -> None:
    """Attack a sandbox on this machine from inside; exit status 1 when one attack succeeds.

    The result is kept: as long as nothing is upgraded, runs start by it or are refused. Without --home it
    uses a throwaway instance.
    """
    composition: _Composition = context.find_root().obj
    with kit.cli.refusals(as_json), tempfile.TemporaryDirectory() as folder:
        place = home or Path(folder) / "instance"
        if home is None:
            composition.create(place)
        instance = composition.open(place)
        try:
            with _progress(as_json) as report:
                found = doctor(instance, report)
        finally:
            instance.close()
        kit.cli.show(found, _told, as_json)
        if not found.green:
            raise NotReady(
                f"{len(found.failed)} of {found.probes} attacks got out of a sandbox.",
                next_step="Run no apps on this machine; look at what failed above.",
            )


for _one in KEPT:
    runs.add_command(_one)
commands: list[click.Command] = [runs, doctor_command]
