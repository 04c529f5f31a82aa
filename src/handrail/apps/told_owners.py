"""Tell those who answer for an app what became of its schedule: an event, and mail where that is set up."""

from __future__ import annotations

from handrail.apps import mail_store
from handrail.apps import store as apps
from handrail.apps.events import MomentFailed, SchedulePaused
from handrail.apps.scheduling import Moment
from handrail.kernel import Context


def of_failure(ctx: Context, moment: Moment, because: str) -> None:
    """After the last try of a moment failed. `because` holds nothing that the app wrote."""
    ctx.events.publish(MomentFailed(moment.app, moment.at, moment.person, because))
    for person in _owners(ctx, moment.app):
        mail_store.put(ctx, "failed", moment.app, moment.at, person)


def of_pause(ctx: Context, app: str, because: str) -> None:
    """After a schedule was paused because it can run as nobody."""
    ctx.events.publish(SchedulePaused(app, because))
    for person in _owners(ctx, app):
        mail_store.put(ctx, "paused", app, ctx.clock.now(), person)


def _owners(ctx: Context, app: str) -> tuple[str, ...]:
    found = apps.find_app(ctx, app)
    return (found.owner, *found.coowners) if found else ()
