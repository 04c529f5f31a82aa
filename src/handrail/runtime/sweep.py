"""Sweep runs: delete what is kept no longer, in small transactions, by one process at a time."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from handrail import connectors, data
from handrail.kernel import SYSTEM, Conflict, Context, Instance, access
from handrail.kernel.schedule import Schedule
from handrail.runtime import retention_store, sweeps_store
from handrail.runtime.events import RunsSwept
from handrail.runtime.keeping import PARTS, Keep, Part, Terms
from handrail.runtime.kept import RETENTION, Rules, keeps, rules
from handrail.runtime.retention_store import Hold, Left, Went
from handrail.runtime.sweeps_store import AHEAD, Sweep

BATCH = 100  # runs of which a transaction deletes something at most,
AT_ONCE = 64 << 20  # and bytes, beyond the first of them
MOST_LISTED = 1000
_SHOWN = 14  # sweeps

_DELETE: Mapping[Part, Callable[[Context, Sequence[str]], Went]] = {
    "outputs": retention_store.delete_outputs,
    "inputs": retention_store.delete_inputs,
    "record": retention_store.delete_records,
}


@dataclass(frozen=True)
class Going:
    """A part of a run that would be deleted now, or stays although it is old: `because` of what."""

    run: str
    app: str
    environment: str
    part: Part
    because: str


@dataclass(frozen=True)
class Plan:
    """What a sweep would do now: of how many runs it would delete each part, and how many older ones stay
    because something needs them; of both the first, by name.
    """

    outputs: int
    inputs: int
    records: int
    staying: int
    goes: tuple[Going, ...]
    stays: tuple[Going, ...]


@dataclass(frozen=True)
class Retention:
    """How long parts of runs are kept here, in days (0: for ever), by which cron line (UTC) what is due is
    deleted, how long datasets' contracts let what runs read be kept, the last sweeps, and the runs held.
    """

    terms: Terms
    sweep_at: str
    contracts: Mapping[str, int]
    sweeps: tuple[Sweep, ...]
    holds: tuple[Hold, ...]


def retention(ctx: Context) -> Retention:
    """How long runs are kept, and what was deleted of late; for support, leads, compliance and admins."""
    access.require(ctx, "see-retention", RETENTION)
    known = rules(ctx)
    contracts = {name: age.days for name, age in sorted(known.retentions.items())}
    last, cron = sweeps_store.newest(ctx, _SHOWN), ctx.settings.retention.sweep_at
    return Retention(known.terms, cron, contracts, last, retention_store.held(ctx))


def plan(ctx: Context, most: int = MOST_LISTED) -> Plan:
    """What a sweep would delete now, and why; deletes nothing. For support, leads, compliance and admins."""
    access.require(ctx, "see-retention", RETENTION)
    known, counts, goes, stays = rules(ctx), dict.fromkeys(PARTS, 0), list[Going](), list[Going]()
    staying, now = 0, ctx.clock.now()
    for part in PARTS:
        for found in _batches(ctx, known, part):
            for one, keep in _judged(ctx, known, part, found):
                about = one.run, one.app, one.environment, part
                if keep.due(now):
                    counts[part] += 1
                    goes += [Going(*about, keep.because)] if len(goes) < most else []
                elif keep.needed and one.ended + known.usual(part) <= now:
                    staying += 1
                    stays += [Going(*about, keep.needed)] if len(stays) < most else []
    return Plan(counts["outputs"], counts["inputs"], counts["record"], staying, tuple(goes), tuple(stays))


def sweep(ctx: Context) -> Sweep:
    """Ask for a sweep now; a server or worker carries it out within seconds. For admins.

    What is due is deleted at night anyway (`retention.sweep_at`).
    """
    access.require(ctx, "sweep-runs", RETENTION)
    moment = ctx.clock.now()
    sweeps_store.note(ctx, moment, ctx.caller.person.id)
    ctx.audit.note("runs.sweep_asked", "instance:runs")
    found = sweeps_store.find(ctx, moment)
    assert found is not None
    return found


def sweep_what_is_due(instance: Instance, shutdown: threading.Event | None = None) -> bool:
    """Carry out the sweep whose moment has come, or that somebody asked for; False where there is none, or
    another process does it. `shutdown` leaves the rest of it to whoever comes next.
    """
    shutdown = shutdown or threading.Event()
    with instance.context(SYSTEM) as ctx:
        if moment := _moment(ctx):  # at first only noted: who has just upgraded has a day to say what is kept
            sweeps_store.note(ctx, moment, over=sweeps_store.last_scheduled(ctx) is None)
        taken = sweeps_store.take(ctx)
    if taken is None:
        return False
    for part in PARTS:
        after: str | None = ""
        while after is not None and not shutdown.is_set():
            with instance.context(SYSTEM) as ctx:
                after = _sweep_some(ctx, *taken, part, after)
    with instance.context(SYSTEM) as ctx:
        sweeps_store.leave(ctx, *taken, ended=not shutdown.is_set())
    return not shutdown.is_set()


def _moment(ctx: Context) -> datetime | None:
    """The last moment of the schedule, where no sweep was noted for it."""
    now, cron = ctx.clock.now(), ctx.settings.retention.sweep_at
    moment = Schedule.parse(cron, "UTC").latest(now) if cron else None
    last = sweeps_store.last_scheduled(ctx)
    return moment if moment and (last is None or last < moment) and moment < now + AHEAD else None


def _sweep_some(ctx: Context, moment: datetime, holder: str, part: Part, after: str) -> str | None:
    """Delete this part of the next few runs of which it is due; gives after which to go on, None at the end.

    Refuses Conflict, and deletes nothing, once the sweep is another process's.
    """
    known = rules(ctx)
    found = next(_batches(ctx, known, part, after), ())
    went = Went((), 0)
    last = found[-1].run if found else None
    if due := _due(ctx, known, part, found):
        if len(few := retention_store.few(ctx, part, due, AT_ONCE)) < len(due):
            due, last = few, few[-1]
        retention_store.lock(ctx, due)
        # Once more, as they are now that nobody can change them: somebody may have said that one is kept.
        still = retention_store.left(ctx, part, known.shortest(part), "", BATCH, due)
        if due := _due(ctx, known, part, still):
            went = _delete(ctx, part, due)
    if not sweeps_store.count(ctx, moment, holder, part, len(went.runs), went.freed):
        raise Conflict("Another process sweeps runs by now.", next_step="Nothing: it goes on with the rest.")
    return last


def _delete(ctx: Context, part: Part, due: Sequence[str]) -> Went:
    went = _DELETE[part](ctx, due)
    if part != "inputs":
        data.forget_carried(ctx, due)
        connectors.forget_calls(ctx, due)
    ctx.audit.note(
        "runs.swept", "instance:runs", part=part, count=len(went.runs), bytes=went.freed, runs=list(went.runs)
    )
    ctx.events.publish(RunsSwept(part, went.runs))
    return went


def _due(ctx: Context, known: Rules, part: Part, found: Sequence[Left]) -> list[str]:
    now = ctx.clock.now()
    return [one.run for one, keep in _judged(ctx, known, part, found) if keep.due(now)]


def _judged(ctx: Context, known: Rules, part: Part, found: Sequence[Left]) -> list[tuple[Left, Keep]]:
    kept = keeps(ctx, known, found)
    return [(one, kept[one.run][PARTS.index(part)]) for one in found]


def _batches(ctx: Context, known: Rules, part: Part, after: str = "") -> Iterator[tuple[Left, ...]]:
    while found := retention_store.left(ctx, part, known.shortest(part), after, BATCH):
        yield found
        after = found[-1].run
