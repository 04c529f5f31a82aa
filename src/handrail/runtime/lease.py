"""Who executes a run: a process that can be told from every other, and holds the run for a while at a time.

Whoever takes a run gets a number that the next holder has a higher one than. Everything written for the run
is written in a transaction that finds this number still there (`kernel/held.py`), so that a process which was
taken for dead and is not can write nothing. When a lease ends is judged by the database's clock; its holder
gives up earlier, by a clock of its own that only runs forward and goes on while the machine is suspended.
"""

import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from handrail.kernel import Context
from handrail.kernel.held import Lost
from handrail.runtime import lease_store, store
from handrail.runtime.lease_store import Claimed
from handrail.runtime.models import Run


@dataclass(frozen=True)
class Lease:
    """A run that this process holds, for so many `seconds` at a time; `good_until` by `now` here, as known
    when it was taken.
    """

    run: str
    token: int
    seconds: float = field(compare=False)
    good_until: float = field(compare=False)

    def hold(self, db: sa.Connection) -> None:
        """Raise Lost unless nobody has taken the run since; nobody can until this transaction ends."""
        if not lease_store.is_held(db, self.run, self.token):
            raise Lost(f"{self.run} is somebody else's by now, or nobody's")


def now() -> float:
    """Seconds on a clock that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def take(ctx: Context, run_id: str, *, again: bool = False, seconds: float = 0) -> Run | None:
    """Take this run for this process; None when another was first, or it is not queued.

    `again`: should this process die, it may be done anew from its beginning. `seconds`: for how long at a
    time; as the settings say for runs where it is 0.
    """
    before, seconds = now(), seconds or ctx.settings.runtime.lease_seconds
    return _taken(ctx, lease_store.claim(ctx, run_id, mine(), seconds, again), before, seconds)


def take_next(ctx: Context) -> Run | None:
    """Take the run whose turn it is for this process; None when none waits."""
    before, seconds = now(), ctx.settings.runtime.lease_seconds
    return _taken(ctx, lease_store.claim_next(ctx, mine(), seconds), before, seconds)


def _taken(ctx: Context, claimed: Claimed | None, before: float, seconds: float) -> Run | None:
    if claimed is None:
        return None
    return store.find_run(ctx, claimed.run, Lease(*claimed, seconds, before + seconds))


@cache
def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    numbers = Path("/proc/self/ns/pid").readlink().name  # containers may share all but what numbers mean
    return f"{socket.gethostname()}/{numbers} {boot}"


def mine() -> str:
    """The name of this process: machine, boot, process number, and when that process started."""
    return f"{_machine()} {os.getpid()} {_started(os.getpid())}"


def is_gone(holder: str) -> bool:
    """Whether the process of that name has certainly ended; other machines' processes are not judged, nor
    those of another boot: machines may have one name, and the other one lives.
    """
    machine, pid, started = holder.rsplit(" ", 2)
    return machine == _machine() and _started(int(pid)) != started


def _started(pid: int) -> str:
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
