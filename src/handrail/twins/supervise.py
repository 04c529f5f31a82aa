"""The supervisor of a server: builds twins that were asked for, refreshes, and clears up.

An advisory lock on a file in the instance says that a build is going on. The operating system lets go of it
when the process ends, however it ends; whoever gets it next closes the builds that still say `running`.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from handrail import data
from handrail.kernel import SYSTEM, Caller, Context, Instance, NotReady, Refusal, Schedule, identity
from handrail.kernel.worker import Worker
from handrail.twins import files, store
from handrail.twins.build import carry_out, plan, publish
from handrail.twins.clear import clear
from handrail.twins.events import TwinFailed
from handrail.twins.life import CHANGED, NEVER, Build
from handrail.twins.models import Progress, TwinReport
from handrail.twins.refresh import refresh_what_is_due

_PAUSE = 0.5  # seconds between two looks into an empty queue, and between two notes of progress
_ROUND = 20.0  # seconds between two looks at schedules and at what is old
_logger = structlog.get_logger(__name__)
# Why, what next, and in a word.
INTERRUPTED = "The server stopped while the twin was being built.", "Build it again.", "interrupted"
BROKEN = (
    "The build broke down; the server's log has the details.",
    "Tell an admin, then build it again.",
    "broken",
)


class Interrupted(Exception):
    """The server stops, so the build does."""


class Cancelled(Exception):
    """Somebody called the build off."""


class Supervisor(Worker):
    """One thread that builds."""

    def __init__(self, instance: Instance) -> None:
        if (rule := instance.settings.twins.refresh) not in (CHANGED, NEVER):
            Schedule.parse(rule, "UTC")  # a server with a broken setting does not start
        self._instance = instance
        self._next_round = 0.0
        super().__init__("twins", self._round, _PAUSE)

    def _round(self, shutdown: threading.Event) -> bool:
        if time.monotonic() >= self._next_round:
            self._next_round = time.monotonic() + _ROUND
            refresh_what_is_due(self._instance)
            tidy(self._instance)
        return take_one(self._instance, shutdown)


def take_one(instance: Instance, shutdown: threading.Event | None = None) -> bool:
    """Build what has waited longest; False when nothing waits or another process is building."""
    with instance.context(SYSTEM) as ctx:
        if not store.in_state(ctx, "queued", "running"):
            return False
    with _alone(instance) as mine:
        if not mine:
            return False
        _close_what_was_left(instance)
        with instance.context(SYSTEM) as ctx:
            one = store.next_queued(ctx)
        if one is None:
            return False
        _build(instance, one, _noting(instance, one, shutdown))
        clear(instance)
        return True


def tidy(instance: Instance) -> None:
    """Close builds that a crash left open and clear up after them, unless another process is building."""
    with _alone(instance) as mine:
        if mine:
            _close_what_was_left(instance)
            clear(instance)


def build_here(instance: Instance, build: str, progress: Progress) -> TwinReport:
    """Build what was queued in this process, or wait for whoever took it; refuses what stopped it."""
    while True:
        with _alone(instance) as mine:
            if mine:
                _close_what_was_left(instance)
            with instance.context(SYSTEM) as ctx:
                one = store.find_build(ctx, build)
            if mine and one and one.state == "queued":
                _build(instance, one, _noting(instance, one, None, progress), raising=True)
                clear(instance)
                continue
        if one is None or one.over:
            break
        progress(one.step, one.done, one.total)
        time.sleep(_PAUSE)
    if one is None or one.state != "done":
        raise NotReady(
            (one and one.reason) or "The build is gone.",
            next_step=(one and one.next_step) or "Build it again.",
        )
    with instance.context(SYSTEM) as ctx:
        return store.whole_report(ctx, build)


def _close_what_was_left(instance: Instance) -> None:
    with instance.context(SYSTEM) as ctx:
        left = store.in_state(ctx, "running")
    for interrupted in left:
        _close(instance, interrupted, *INTERRUPTED)


def _build(instance: Instance, one: Build, note: Progress, *, raising: bool = False) -> None:
    """Build in the name of who asked, by short transactions; every end is written down."""
    with instance.context(SYSTEM) as ctx:
        if not store.change_build(ctx, one.id, "queued", state="running", step="reading"):
            return
    by_itself = one.asked_by == SYSTEM.person.id
    try:
        with instance.context(_asker(instance, one)) as ctx:
            planned = plan(ctx, one.datasets, one.seed)
        made = carry_out(planned, note)
        with instance.context(_asker(instance, one)) as ctx:
            publish(ctx, planned, made, one.id)
            _end(ctx, one)
    except Refusal as refusal:
        subject = str(refusal.facts.get("subject", ""))
        _close(instance, one, refusal.message, refusal.next_step, refusal.code, subject)
        if raising:
            raise
    except Interrupted:
        if by_itself:  # nobody would ask for it again
            with instance.context(SYSTEM) as ctx:
                store.change_build(ctx, one.id, "running", state="queued", step="waiting", done=0, total=0)
        else:
            _close(instance, one, *INTERRUPTED)
    except Cancelled:
        files.discard(instance.settings.home, one.id)
        with instance.context(SYSTEM) as ctx:
            for name in one.datasets:
                ctx.events.publish(TwinFailed(name, one.id, "cancelled", stopped=True))
    except Exception:
        _logger.exception("twin.broken", build=one.id)
        _close(instance, one, *BROKEN)


def _asker(instance: Instance, one: Build) -> Caller:
    """Who asked for a build, with the rights that they have now: it may take long."""
    if one.asked_by == SYSTEM.person.id:
        return SYSTEM
    with instance.context(SYSTEM) as ctx:
        return Caller(identity.found(ctx, one.asked_by), one.via)


def _end(ctx: Context, one: Build) -> None:
    """Say that it is done, unless somebody cancelled it meanwhile: then nothing of it is published."""
    if not store.change_build(ctx, one.id, "running", state="done", step="done"):
        raise Cancelled
    for name in one.datasets:
        data.mend(ctx, "twin", name)


def _close(
    instance: Instance, one: Build, reason: str, next_step: str, because: str, subject: str = ""
) -> None:
    """Write down why a build failed; the twin before it goes on answering, and who keeps the data is told."""
    files.discard(instance.settings.home, one.id)
    with instance.context(SYSTEM) as ctx:
        if store.change_build(ctx, one.id, "running", state="failed", reason=reason, next_step=next_step):
            ctx.audit.note("twin.failed", f"build:{one.id}", datasets=list(one.datasets), reason=reason)
            for name in one.datasets:
                ctx.events.publish(TwinFailed(name, one.id, because))
            if one.asked_by == SYSTEM.person.id:
                blamed = [name for name in one.datasets if subject == f"dataset:{name}"]
                for name in blamed or one.datasets:
                    _tell(ctx, one, name, reason, next_step)


def _tell(ctx: Context, one: Build, dataset: str, reason: str, next_step: str) -> None:
    said = f"The twin of {dataset} was not refreshed, and the one before it goes on answering. {reason}"
    data.mend(ctx, "twin", dataset)
    data.tell_keepers(ctx, "twin", dataset, one.id, said, next_step)


def _noting(
    instance: Instance, one: Build, shutdown: threading.Event | None, progress: Progress | None = None
) -> Progress:
    """Progress that is written down now and then, and stops what nobody wants any longer."""
    last = 0.0

    def note(step: str, done: int, total: int) -> None:
        nonlocal last
        if shutdown is not None and shutdown.is_set():
            raise Interrupted
        if progress is not None:
            progress(step, done, total)
        if time.monotonic() - last >= _PAUSE:
            last = time.monotonic()
            with instance.context(SYSTEM) as ctx:
                if not store.change_build(ctx, one.id, "running", step=step, done=done, total=total):
                    raise Cancelled

    return note


@contextmanager
def _alone(instance: Instance) -> Iterator[bool]:
    """Whether this process may build; held until the end of the block."""
    folder = files.twins_of(instance.settings.home)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".building", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
