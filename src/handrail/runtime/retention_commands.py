"""The part of `handrail runs` about how long runs are kept, and what is deleted."""

from collections.abc import Sequence

import click
from rich.console import Group, RenderableType
from rich.text import Text

from handrail import kit
from handrail.kernel import Caller, Context, Instance
from handrail.runtime.hold import held, hold, release
from handrail.runtime.kept import Kept, kept
from handrail.runtime.retention_store import Hold
from handrail.runtime.sweep import Going, Plan, plan, sweep, sweep_what_is_due
from handrail.runtime.sweeps_store import Sweep, find


def _planned(found: Plan | Sweep) -> RenderableType:
    if isinstance(found, Sweep):
        if found.ended is None:
            return Text("A server or worker does it within seconds: see the page Retention.")
        counts = (
            f"{found.outputs:,} runs' outputs, {found.inputs:,} runs' files and {found.records:,} records"
        )
        return Text(f"Deleted: {counts}; {found.freed:,} bytes.")
    goes = _listed(found.goes, "Nothing is due.")
    counts = (
        f"{found.outputs:,} runs' outputs, {found.inputs:,} runs' files, {found.records:,} records would go"
    )
    staying = [Text("These stay, although they are older:"), _listed(found.stays, "")] if found.stays else []
    return Group(goes, Text(f"{counts}; {found.staying:,} older parts stay."), *staying)


def _listed(found: Sequence[Going], none: str) -> RenderableType:
    rows = [(one.run, one.app, one.environment, one.part, one.because) for one in found]
    return kit.cli.table(("run", "app", "where", "what", "because"), rows, none=none)


def _swept_far(remote: kit.Remote, dry_run: bool) -> Plan | Sweep:
    if dry_run:
        planned: Plan = remote.read("GET /retention/plan", {}, Plan)
        return planned
    asked: Sweep = remote.follow("POST /retention/sweeps", {}, Sweep)
    return asked


@click.command("sweep")
@click.option("--dry-run", is_flag=True, help="Say what would go and why, and delete nothing.")
@kit.cli.supervisor(human=_planned, far=_swept_far)
def runs_sweep(instance: Instance, caller: Caller, dry_run: bool) -> Plan | Sweep:
    """Delete now what is kept no longer, which a server does each night; for admins."""
    with instance.context(caller) as ctx:
        if dry_run:
            return plan(ctx)
        asked = sweep(ctx)
    while sweep_what_is_due(instance):
        pass
    with instance.context(caller) as ctx:
        return find(ctx, asked.moment) or asked


def _said(found: Kept) -> RenderableType:
    if not found.parts:
        return Text("It goes on; how long it is kept counts from its end.")
    gone = {"outputs": found.outputs_swept, "inputs": found.inputs_swept, "record": None}
    rows = [
        (
            one.part,
            f"deleted {swept:%Y-%m-%d}" if (swept := gone[one.part]) else _until(one.until),
            one.needed or one.because,
        )
        for one in found.parts
    ]
    return kit.cli.table(("what", "until (UTC)", "because"), rows)


def _until(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "for now"


@click.command("kept")
@click.argument("run")
@kit.cli.verb(human=_said, far="GET /runs/{run}/kept")
def runs_kept(ctx: Context, run: str) -> Kept:
    """Until when a run and what it left are kept, and why."""
    return kept(ctx, run)


@click.command("hold")
@click.argument("run")
@click.option("--reason", required=True, help="What it is needed for, in a sentence.")
@kit.cli.verb(human=lambda one: f"{one.run} is kept until somebody lets it go.", far="POST /runs/{run}/hold")
def runs_hold(ctx: Context, run: str, reason: str) -> Hold:
    """Keep a run and all that it left until it is let go; for support and compliance."""
    return hold(ctx, run, reason)


@click.command("release")
@click.argument("run")
@kit.cli.verb(human=lambda _: "It is kept no longer than any other.", far="POST /runs/{run}/release")
def runs_release(ctx: Context, run: str) -> Hold:
    """Keep a run no longer than any other; for support and compliance."""
    return release(ctx, run)


def _holds(found: Sequence[Hold]) -> RenderableType:
    rows = [(one.run, one.reason, one.by, f"{one.at:%Y-%m-%d %H:%M}") for one in found]
    return kit.cli.table(("run", "needed for", "by", "since (UTC)"), rows, none="Nobody keeps a run.")


@click.command("held")
@kit.cli.verb(human=_holds, far="GET /retention/holds")
def runs_held(ctx: Context) -> tuple[Hold, ...]:
    """The runs that somebody keeps, and why."""
    return held(ctx)


KEPT: tuple[click.Command, ...] = (runs_sweep, runs_kept, runs_hold, runs_release, runs_held)
