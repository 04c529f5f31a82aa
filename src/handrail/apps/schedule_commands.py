"""`handrail schedule`, `handrail subscribe` and `handrail unsubscribe`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Group
from rich.text import Text

from handrail import kit
from handrail.apps.anywhere import named
from handrail.apps.schedule import pause, resume, run_now, schedule
from handrail.apps.scheduling import Moment, Plan, Subscription
from handrail.apps.subscribe import subscribe, unsubscribe
from handrail.kernel import Context


def _local(moment: datetime, timezone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(timezone)):%a %d %b %Y, %H:%M} {timezone}"


def _plan(plan: Plan) -> Any:
    """How it stands, what comes next and what came last."""
    lines = [f"{plan.app} runs by “{plan.cron}” ({plan.timezone}), as {plan.owner}."]
    if plan.state == "paused":
        lines.append(f"It is paused: {plan.because} {plan.next_step}")
    lines += [f"Next: {_local(moment, plan.timezone)}" for moment in plan.coming]
    if not plan.moments:
        return "\n".join([*lines, "No moment has come yet."])
    rows = [
        (
            _local(one.at, plan.timezone),
            one.state + (f", asked for by {one.by}" if one.by else ""),
            one.because,
            one.run,
        )
        for one in plan.moments
    ]
    return Group(Text("\n".join(lines)), kit.cli.table(["Moment", "State", "Why", "Run"], rows))


def _asked(moment: Moment) -> str:
    return f"{moment.app} runs now as {moment.person}, once a server has taken it up."


def _said(one: Subscription) -> str:
    whom = "You get" if one.kind == "person" else f"The group {one.name} gets"
    return f"{whom} its scheduled results{'' if one.wants else ' no longer'}."


@click.group("schedule")
def schedule_group() -> None:
    """How an app runs by itself: its moments, pause, resume, run now."""


@schedule_group.command("show")
@click.argument("app", default=".")
@kit.cli.verb(human=_plan, far="GET /apps/{app}/schedule")
def show_command(ctx: Context, app: str) -> Plan:
    """Show when APP runs next, how its last moments ended, and as whom it runs."""
    return schedule(ctx, named(app))


@schedule_group.command("pause")
@click.argument("app")
@click.option("--reason", default="", help="Why, for those who find it so.")
@kit.cli.verb(human=_plan, far="POST /apps/{app}/schedule/pause")
def pause_command(ctx: Context, app: str, reason: str) -> Plan:
    """Let no further moment of APP run until an owner resumes it."""
    return pause(ctx, app, reason)


@schedule_group.command("resume")
@click.argument("app")
@kit.cli.verb(human=_plan, far="POST /apps/{app}/schedule/resume")
def resume_command(ctx: Context, app: str) -> Plan:
    """Let APP run by its schedule from now on, as you."""
    return resume(ctx, app)


@schedule_group.command("now")
@click.argument("app")
@kit.cli.verb(human=_asked, far="POST /apps/{app}/schedule/now")
def now_command(ctx: Context, app: str) -> Moment:
    """Run APP now as its schedule would, for its subscribers too."""
    return run_now(ctx, app)


@click.command("subscribe")
@click.argument("app")
@click.option("--group", default="", help="A group that it is shared with, instead of you; for its owners.")
@kit.cli.verb(human=_said, far="POST /apps/{app}/subscribe")
def subscribe_command(ctx: Context, app: str, group: str) -> Subscription:
    """Get what APP finds by its schedule, each time, with the rows that you may see."""
    return subscribe(ctx, app, group)


@click.command("unsubscribe")
@click.argument("app")
@click.option("--group", default="", help="A group, instead of you; for its owners.")
@kit.cli.verb(human=_said, far="POST /apps/{app}/unsubscribe")
def unsubscribe_command(ctx: Context, app: str, group: str) -> Subscription:
    """Get what APP finds no longer."""
    return unsubscribe(ctx, app, group)


commands: list[click.Command] = [schedule_group, subscribe_command, unsubscribe_command]
