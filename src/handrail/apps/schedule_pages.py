"""Forms of schedules, and what pages show of them: the section of an app, and what needs an owner."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Form, Request, Response

from handrail import kit
from handrail.apps import find
from handrail.apps import schedules_store as store
from handrail.apps.models import App
from handrail.apps.schedule import pause, plan_of, resume, run_now
from handrail.apps.subscribe import subscribe, unsubscribe
from handrail.kernel import Context

router = kit.pages()
Text = Annotated[str, Form()]
Filled = tuple[str, Mapping[str, Any]] | None


def local(moment: datetime, timezone: str) -> str:
    """A moment as the clocks of a timezone show it: "Mon 30 Nov, 06:00"."""
    there = moment.astimezone(ZoneInfo(timezone))
    return f"{there:%a} {there.day} {there:%b, %H:%M}"


def values(ctx: Context, name: str) -> Mapping[str, Any]:
    """What the section of a page needs that shows the schedule of an app."""
    return {"plan": plan_of(ctx, name), "local": local}


@router.post("/apps/{name}/schedule/pause")
def pause_form(ctx: kit.Ctx, request: Request, name: str, reason: Text = "") -> Response:
    """Pause it."""
    pause(ctx, name, reason)
    return kit.back(request, f"/apps/{name}#app-schedule", toast="The schedule is paused.")


@router.post("/apps/{name}/schedule/resume")
def resume_form(ctx: kit.Ctx, request: Request, name: str) -> Response:
    """Resume it as the caller."""
    resume(ctx, name)
    return kit.back(request, f"/apps/{name}#app-schedule", toast="It runs by its schedule, as you.")


@router.post("/apps/{name}/schedule/now")
def now_form(ctx: kit.Ctx, request: Request, name: str) -> Response:
    """Run it now."""
    run_now(ctx, name)
    return kit.back(request, f"/apps/{name}#app-schedule", toast="It begins within seconds.")


@router.post("/apps/{name}/subscribe")
def subscribe_form(ctx: kit.Ctx, request: Request, name: str, group: Text = "") -> Response:
    """Subscribe the caller, or a group."""
    subscribe(ctx, name, group)
    to = f"/apps/{name}#app-schedule" if group else f"/open/{name}"
    return kit.back(request, to, toast="Subscribed.")


@router.post("/apps/{name}/unsubscribe")
def unsubscribe_form(ctx: kit.Ctx, request: Request, name: str, group: Text = "") -> Response:
    """End the subscription of the caller, or of a group."""
    unsubscribe(ctx, name, group)
    to = f"/apps/{name}#app-schedule" if group else f"/open/{name}"
    return kit.back(request, to, toast="Not subscribed any more.")


@kit.panel("app", "Its schedule needs you", slot="top", order=5)
def needs_you(ctx: Context, app: App) -> Filled:
    """On the page of an app: its schedule paused by itself, or its last moment failed."""
    rows = _needing(ctx, [app])
    return ("apps/panel_schedules.html", {"rows": rows, "one": True, "local": local}) if rows else None


@kit.panel("home", "Schedules that need you", order=5)
def need_you(ctx: Context, _: object) -> Filled:
    """On the first page: the same of all apps that the caller answers for."""
    rows = _needing(ctx, find.apps(ctx))
    return ("apps/panel_schedules.html", {"rows": rows, "one": False, "local": local}) if rows else None


def _needing(ctx: Context, apps: Any) -> list[Any]:
    """The plans of those apps that the caller answers for, and that paused by themselves or failed last."""
    me = ctx.caller.person.id
    mine = [app.name for app in apps if me in (app.owner, *app.coowners)]
    if not mine:
        return []
    scheduled = {one.app for one in store.scheduled(ctx)}
    last = store.newest_over(ctx, scheduled.intersection(mine))
    said = store.standings(ctx)
    plans = []
    for name in sorted(scheduled.intersection(mine)):
        plan = plan_of(ctx, name)
        by_hand = name in said and said[name].paused_at and said[name].paused_by
        failed = name in last and last[name].state == "failed"
        if plan and ((plan.state == "paused" and not by_hand) or failed):
            plans.append((plan, last.get(name) if failed else None))
    return plans
