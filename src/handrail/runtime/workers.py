"""The hosts that do runs and have web apps: who is there, what each does, and whether it can."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from handrail.kernel import Context, Resource, access
from handrail.runtime import lease_store

_CLOCK = 2_000  # milliseconds by which a clock may differ before it is said
WORKERS = Resource("Workers", "all", {})

HostState = Literal["taking", "unfit", "draining", "stopped", "gone"]


@dataclass(frozen=True)
class Doing:
    """A run that a host does at this moment."""

    run: str
    app: str


@dataclass(frozen=True)
class Host:
    """A server or worker. `seen` and `since` by the database's clock; `ahead_ms` is how far its own is ahead.

    `runs` go on there, of at most `capacity`; `apps` are open there: web apps that are awake, which have
    `taken` of its `places`, and static ones that somebody sits at. `room`: whether one more web app may wake.
    `address`: where other hosts ask it for its web apps, empty where they do not.

    `unfit`: its sandboxes do not hold, or nobody knows, and it takes no run; `finding` says which.
    """

    id: str
    name: str
    kind: str
    version: str
    state: HostState
    capacity: int
    runs: tuple[Doing, ...]
    since: datetime
    seen: datetime
    ahead_ms: int
    clock: str
    finding: str
    apps: tuple[Doing, ...]
    taken: int
    places: int
    room: bool
    address: str


@dataclass(frozen=True)
class Workers:
    """All hosts by name, and how many runs wait for one."""

    hosts: tuple[Host, ...]
    queued: int


def workers(ctx: Context) -> Workers:
    """Every host that takes runs, or did until lately; for support, leads, compliance and admins."""
    access.require(ctx, "see-workers", WORKERS)
    going_on = lease_store.going_on(ctx)
    found = []
    for row in lease_store.all_hosts(ctx):
        going = going_on.get(row.holder, ())
        runs = tuple(Doing(one.run, one.app) for one in going if one.kind == "job")
        apps = tuple(Doing(one.run, one.app) for one in going if one.kind != "job")
        found.append(
            Host(
                row.holder, row.name, row.kind, row.version, _state(row.state, row.alive, row.sound),
                row.capacity, runs, row.since, row.seen, row.ahead_ms, _clock(row.ahead_ms), row.finding,
                apps, sum(one.kind == "web" for one in going), row.places, row.room, row.address,
            )
        )  # fmt: skip
    return Workers(tuple(found), lease_store.count_queued(ctx))


def _state(said: HostState, alive: bool, sound: bool) -> HostState:
    if said == "stopped":
        return said
    if not alive:
        return "gone"
    return said if sound or said == "draining" else "unfit"


def _clock(ahead_ms: int) -> str:
    """How a clock goes, in words; small differences are those of asking."""
    if abs(ahead_ms) <= _CLOCK:
        return "right"
    return f"{abs(ahead_ms) / 1000:,.0f} s {'ahead' if ahead_ms > 0 else 'behind'}"
