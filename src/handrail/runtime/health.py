"""How an app has been running: how often, for how many, how long, how much, and what it failed on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from handrail.kernel import Context, Environment, Invalid, Resource, access
from handrail.runtime import store
from handrail.runtime.store import Measure

MOST_DAYS = 366


@dataclass(frozen=True)
class Day:
    """The runs that were queued on one day (UTC). Times in seconds, medians; memory in bytes, the most."""

    day: date
    runs: int = 0
    failed: int = 0
    viewers: int = 0
    seconds: float = 0
    waited: float = 0
    memory: int = 0


@dataclass(frozen=True)
class Health:
    """So many days up to today, each and all together; `failures` counts what ended runs that failed."""

    app: str
    environment: Environment
    days: tuple[Day, ...]
    whole: Day
    failures: tuple[tuple[str, int], ...]


def health(ctx: Context, app: str, environment: Environment = "production", days: int = 28) -> Health:
    """How the runs of an app went: for its owners, support, leads and admins, who learn of nobody's rows.

    Refuses NotAllowed to others, Invalid for no day or more than a year.
    """
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(f"{days} days cannot be shown.", next_step=f"Ask for 1 to {MOST_DAYS}.")
    owners = ctx.ports.apps.owners(ctx, app)
    access.require(ctx, "see-health", Resource("Health", app, {"owners": owners}))
    today = ctx.clock.now().date()
    first = today - timedelta(days=days - 1)
    found = store.find_measures(ctx, app, environment, first)
    by_day: dict[date, list[Measure]] = {first + timedelta(days=n): [] for n in range(days)}
    for one in found:
        by_day[one.queued.date()].append(one)
    failures = Counter(one.ended for one in found if one.state == "failed")
    each = tuple(_day(day, runs) for day, runs in by_day.items())
    return Health(app, environment, each, _day(today, found), tuple(failures.most_common()))


def _day(day: date, runs: Sequence[Measure]) -> Day:
    begun = [one for one in runs if one.started is not None]
    took = [(one.finished - one.started).total_seconds() for one in begun if one.started and one.finished]
    waited = [(one.started - one.queued).total_seconds() for one in begun if one.started]
    return Day(
        day,
        len(runs),
        sum(one.state == "failed" for one in runs),
        len({one.person for one in runs}),
        round(median(took), 2) if took else 0,
        round(median(waited), 2) if waited else 0,
        max((one.peak_memory for one in runs), default=0),
    )
