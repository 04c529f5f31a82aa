"""The supervisor of a server: builds the twins that were asked for, and closes what a crash left open.

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

from handrail.kernel import SYSTEM, Caller, Instance, Refusal, identity
from handrail.twins import store
from handrail.twins.build import carry_out, plan, publish
from handrail.twins.models import Build, Progress

_PAUSE = 0.5  # seconds between two looks into an empty queue, and between two notes of progress
_logger = structlog.get_logger(__name__)
INTERRUPTED = ("The server stopped while the twin was being built.", "Build it again.")
BROKEN = ("The build broke down; the server's log has the details.", "Tell an admin, then build it again.")


class Interrupted(Exception):
    """The server stops, so the build does."""


class Supervisor:
    """One thread that builds."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._shutdown = threading.Event()
        self._thread = threading.Thread(target=self._work, name="twins")

    def start(self) -> None:
        """Take up the queue."""
        self._thread.start()

    def stop(self) -> None:
        """End the build that is going on at its next step, with its reason, and wait."""
        self._shutdown.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._shutdown.is_set():
            try:
                worked = take_one(self._instance, self._shutdown)
            except Exception:
                _logger.exception("supervisor.broken", of="twins")
                worked = False
            if not worked:
                self._shutdown.wait(_PAUSE)


def take_one(instance: Instance, shutdown: threading.Event | None = None) -> bool:
    """Build what has waited longest; False when nothing waits or another process is building."""
    with instance.context(SYSTEM) as ctx:
        if store.next_queued(ctx) is None and not store.running(ctx):
            return False
    with _alone(instance) as mine:
        if not mine:
            return False
        with instance.context(SYSTEM) as ctx:
            left, one = store.running(ctx), store.next_queued(ctx)
        for interrupted in left:
            _close(instance, interrupted, *INTERRUPTED)
        if one is None:
            return False
        with instance.context(SYSTEM) as ctx:
            claimed = store.change_build(ctx, one.id, "queued", state="running", step="reading")
        if claimed:
            _build(instance, one, shutdown or threading.Event())
        return claimed


def _build(instance: Instance, one: Build, shutdown: threading.Event) -> None:
    """Build in the name of who asked, by short transactions; every end is written down."""
    try:
        with instance.context(SYSTEM) as ctx:
            caller = Caller(identity.found(ctx, one.asked_by), one.via)
        with instance.context(caller) as ctx:
            planned = plan(ctx, one.datasets, one.seed)
        made = carry_out(planned, _noting(instance, one, shutdown))
        with instance.context(caller) as ctx:
            report = publish(ctx, planned, made)
            store.change_build(ctx, one.id, "running", state="done", step=report.id)
    except Refusal as refusal:
        _close(instance, one, refusal.message, refusal.next_step)
    except Interrupted:
        _close(instance, one, *INTERRUPTED)
    except Exception:
        _logger.exception("twin.broken", build=one.id)
        _close(instance, one, *BROKEN)


def _close(instance: Instance, one: Build, reason: str, next_step: str) -> None:
    with instance.context(SYSTEM) as ctx:
        if store.change_build(ctx, one.id, "running", state="failed", reason=reason, next_step=next_step):
            ctx.audit.note("twin.failed", f"build:{one.id}", datasets=list(one.datasets), reason=reason)


def _noting(instance: Instance, one: Build, shutdown: threading.Event) -> Progress:
    """Progress that is written down now and then."""
    last = 0.0

    def note(step: str, done: int, total: int) -> None:
        nonlocal last
        if shutdown.is_set():
            raise Interrupted
        if time.monotonic() - last >= _PAUSE:
            last = time.monotonic()
            with instance.context(SYSTEM) as ctx:
                store.change_build(ctx, one.id, "running", step=step, done=done, total=total)

    return note


@contextmanager
def _alone(instance: Instance) -> Iterator[bool]:
    """Whether this process may build; held until the end of the block."""
    folder = instance.settings.home / "twins"
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
