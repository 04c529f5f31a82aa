"""What the tests of schedules share: apps in production with a schedule, and a clock whose hands they move."""

import datetime as dt
import threading

from handrail import apps, review, runtime
from handrail.apps import schedules_store, store
from handrail.apps.models import Promotion
from handrail.kernel import SYSTEM, Instance
from handrail.runtime.supervise import take_one
from tests.apps.conftest import BY_REGION, MANIFEST, ORDERS, hello
from tests.data.asking import Hands, actors

SCHEDULE = '\n[schedule]\ncron = "{cron}"\ntimezone = "{timezone}"\n'


class Clock(Hands):
    """Hands that can be put to a moment. They begin at one hour, whatever the hour of the test is.

    From it a next morning is never so far that those who signed in before are signed out by then.
    """

    def __init__(self) -> None:
        now = dt.datetime.now(dt.UTC)
        self.put(now.replace(hour=3, minute=0, second=0, microsecond=0) + dt.timedelta(days=1))

    def put(self, moment: dt.datetime) -> None:
        """Make it that moment now."""
        self.shift = moment - dt.datetime.now(dt.UTC)


def manifest(
    policy: str = "", cron: str = "0 6 * * *", timezone: str = "Europe/Berlin", of: str = MANIFEST
) -> str:
    """A manifest with a schedule, and what else is said in that table."""
    return of + SCHEDULE.format(cron=cron, timezone=timezone) + policy


def put_into_production(
    instance: Instance, by: str = "maker.sales", code: str = "print('hello')\n", **said: str
) -> None:
    """Push a small scheduled app and let production run it, past the gates: its owner can."""
    with actors(instance)(by) as ctx:
        version = apps.push(ctx, hello(code, manifest(**said)), "It is due", "")
    promote(instance, version, by)


def promote(instance: Instance, version: apps.Version, by: str = "maker.sales") -> None:
    """Let production run a version, past the gates."""
    with actors(instance)(by) as ctx:
        store.add_promotion(
            ctx,
            Promotion(
                version.app, version.n, version.commit, version.tree, version.manifest.digest,
                runtime.layer_digest(ctx.settings), "handoff", by, ctx.clock.now(),
            ),
        )  # fmt: skip
        ctx.audit.note("app.promoted", f"app:{version.app}", n=version.n)


def share_orders(instance: Instance, policy: str = "", cron: str = "0 6 * * *") -> None:
    """Bring an app about orders to production by every gate, shared with the sales group."""
    act = actors(instance)
    with act("maker.sales") as ctx:
        version = apps.push(ctx, hello(BY_REGION, manifest(policy, cron, of=ORDERS)), "Every morning", "")
        started = apps.run(ctx, "orders")
    assert runtime.execute(instance, started.id).state == "succeeded"
    with act("maker.sales") as ctx:
        apps.share(ctx, "orders", groups=["sales"])
    with act("maker.sales") as ctx:
        apps.ask(ctx, "orders")
    with act("reviewer.platform") as ctx:
        review.approve(ctx, "orders", version.commit)
    with act("maker.sales") as ctx:
        apps.promote(ctx, "orders")


def moments(instance: Instance, app: str = "hello") -> list[tuple[dt.datetime, str]]:
    """The moments of an app that were claimed, oldest first, and how each stands."""
    with instance.context(SYSTEM) as ctx:
        past = schedules_store.past(ctx, app, 1000)
    return sorted((one.at, one.state) for one in past)


def execute_what_waits(instance: Instance) -> int:
    """Execute every queued run here, and give how many there were."""
    done = 0
    while take_one(instance, threading.Event()):
        done += 1
    return done


def settle(instance: Instance) -> int:
    """Start what is due and see it through, until nothing more happens; gives how many runs there were."""
    total = 0
    while True:
        apps.claim_what_is_due(instance)
        apps.go_on(instance)
        done = execute_what_waits(instance)
        apps.go_on(instance)
        total += done
        if not done:
            return total
