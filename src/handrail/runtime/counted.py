"""What there is to count of all runs, for whoever watches this instance from outside."""

from dataclasses import dataclass

from handrail.kernel import Context, Resource, access
from handrail.runtime import retention_store, store


@dataclass(frozen=True)
class Count:
    """Runs that ended alike: how many, and their seconds together."""

    environment: str
    state: str
    ended: str
    runs: int
    seconds: float


@dataclass(frozen=True)
class Counted:
    """Everything since the beginning, also what is deleted by now, and what waits and goes on at this moment;
    `oldest` waits for so many seconds already. `parked` sandboxes of this server wait for a run, and hold
    `parked_bytes` of memory.
    """

    over: tuple[Count, ...]
    waiting: int
    going: int
    oldest: float
    parked: int = 0
    parked_bytes: int = 0


def counted(ctx: Context) -> Counted:
    """Count the runs of every app, together; for support, leads and admins."""
    nobody: frozenset[str] = frozenset()
    access.require(ctx, "see-health", Resource("Health", "instance", {"owners": nobody}))
    now = ctx.clock.now()
    rows, gone = store.count_runs(ctx), dict(retention_store.tallied(ctx))
    open_ = {row.state: row for row in rows if row.state in ("queued", "running")}
    first = open_["queued"].first if "queued" in open_ else None
    over = {}
    for row in rows:
        if row.state not in open_:
            key = row.environment, row.state, row.ended
            runs, micros = gone.pop(key, (0, 0))
            over[key] = Count(*key, row.runs + runs, (row.seconds or 0) + micros / 1e6)
    over |= {key: Count(*key, runs, micros / 1e6) for key, (runs, micros) in gone.items()}
    return Counted(
        tuple(over[key] for key in sorted(over)),
        sum(row.runs for row in rows if row.state == "queued"),
        sum(row.runs for row in rows if row.state == "running"),
        max(0.0, (now - first).total_seconds()) if first else 0,
        *ctx.ports.isolation.waiting(),
    )
