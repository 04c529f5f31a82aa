"""Execute a run to its end: sandbox, door, log, limits, and one verdict whatever happens."""

import math
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from handrail.kernel import (
    SYSTEM,
    Caller,
    Context,
    Instance,
    NotAllowed,
    NotFound,
    Person,
    Refusal,
    identity,
)
from handrail.kernel.held import Lost
from handrail.kernel.ports import Viewers
from handrail.kernel.sandbox import Conversation, Limits, Outcome, Sandbox
from handrail.runtime import layer, lease, store, take_back
from handrail.runtime.close import End, close
from handrail.runtime.events import RunStarted
from handrail.runtime.fonts import with_fonts
from handrail.runtime.handed_over import HandedOver
from handrail.runtime.lock_packages import locked
from handrail.runtime.mind import Minder
from handrail.runtime.models import Run
from handrail.runtime.printed import Printed
from handrail.runtime.reasons import Verdict, explain, interrupted, of_hosted, refused
from handrail.runtime.sound import examined, must_be_sound

_HOSTED_FILES = 4096  # open at a time: a connection is one, and each of Streamlit's sessions takes several
_BEAT = 0.4  # seconds between two looks whether a run is over that another process executes
_logger = structlog.get_logger(__name__)


@dataclass
class Hosting:
    """What a run has besides that answers people who come to it: where, whom, and until when."""

    listener: socket.socket
    viewers: Viewers
    asleep: threading.Event = field(default_factory=threading.Event)  # set once nobody needs it any more
    silent: threading.Event = field(default_factory=threading.Event)  # set where it is ended for being so
    answered: int = 0  # requests, with no mistake of the app's
    program: str = "handrail_sdk.serve"
    # Until when the run is held, by `lease.now`, as known now; not before somebody minds it.
    good_until: Callable[[], float] = lambda: math.inf


def execute(instance: Instance, run_id: str) -> Run:
    """Execute a queued run here and now, and give it as it ended.

    When another process was first, waits until that one is done. Refuses NotFound.
    """
    with suppress(Refusal):  # it waits meanwhile; what hinders it is told at its end
        examined(instance, threading.Event())
    with instance.context(SYSTEM) as ctx:
        run = store.find_run(ctx, run_id)
    if run is None:
        raise NotFound(f"There is no run {run_id[:40]!r}.", next_step="Start one.", subject="run:unknown")
    if mine := claim(instance, run_id):
        carry_out(instance, mine, threading.Event())
    while True:
        with instance.context(SYSTEM) as ctx:
            run = store.find_run(ctx, run_id)
        if run is None or run.over:
            break
        time.sleep(_BEAT)
    assert run is not None
    return run


def claim(instance: Instance, run_id: str = "") -> Run | None:
    """Take a queued run for this process, this one or the one whose turn it is; None when there is none."""
    instance.subscriptions.handlers(None)  # who listens is loaded now, and not while a run is held
    with instance.context(SYSTEM) as ctx:
        run = lease.take(ctx, run_id) if run_id else lease.take_next(ctx)
        if run:
            ctx.events.publish(RunStarted(run.id, run.app, run.commit, run.environment))
    return run


def carry_out(
    instance: Instance, run: Run, shutdown: threading.Event, hosting: Hosting | None = None
) -> None:
    """Execute a run that this process has claimed. `shutdown` ends it early: it is given back to the queue,
    or ends as interrupted; a hosted app goes on until it sleeps. Of a run that is lost nothing is written.
    """
    ends = (shutdown, hosting.asleep) if hosting else (shutdown,)
    try:
        with Minder(instance, run, ends) as minder:
            if hosting is not None:
                hosting.good_until = lambda: minder.good_until
            end = _carried_out(instance, run, shutdown, hosting, minder)
        lost = minder.lost.is_set()
        if end is not None and not lost:
            close(instance, run, end)
        elif not lost:
            take_back.give_back(instance, run)
    except Lost:
        lost = True
    if lost:
        _logger.warning("run.left", run=run.id)
        if hosting is not None:
            hosting.asleep.set()


def _carried_out(
    instance: Instance, run: Run, shutdown: threading.Event, hosting: Hosting | None, minder: Minder
) -> "End | None":
    """How it ended; None when it did not, and may begin anew elsewhere."""
    outcome, said, log_end = Outcome("unstarted", 0, 0), Conversation(), ""
    handed_over = HandedOver(instance, run)
    try:
        must_be_sound(instance, shutdown)
        limits = limits_of(instance)
        if hosting is not None:
            most = instance.settings.runtime.hosted_processes
            limits = replace(limits, seconds=None, processes=most, open_files=_HOSTED_FILES)
        with Printed(instance, run) as printed:
            minder.log = printed
            outcome, said = _in_sandbox(instance, run, limits, handed_over, printed, minder.stop, hosting)
        log_end = printed.end
        verdict = explain(outcome, limits, said, log_end)
        if hosting is not None:
            verdict = of_hosted(verdict, outcome, hosting.answered, hosting.silent.is_set())
            if outcome.ended == "stopped":  # by its maker, or with the server
                hosting.asleep.set()
        elif outcome.ended == "stopped" and shutdown.is_set() and not minder.wanted:
            if take_back.may_begin_anew(instance, run):
                return None
            verdict = interrupted()
    except Refusal as refusal:
        verdict = refused(refusal)
    except Lost:
        raise
    except Exception:
        _logger.exception("run.broken", run=run.id)
        verdict = Verdict(
            "failed",
            "broken",
            "Handrail could not finish this run.",
            "Tell an admin; the server's log says why.",
        )
    return End(verdict, outcome, said, log_end, handed_over.count)


def _in_sandbox(
    instance: Instance,
    run: Run,
    limits: Limits,
    handed_over: HandedOver,
    printed: Printed,
    stop: threading.Event,
    hosting: Hosting | None,
) -> tuple[Outcome, Conversation]:
    run = _on_twins(instance, run)
    with instance.context(SYSTEM) as ctx:
        caller = Caller(active(ctx, run.person), "socket", run=run.ref)
        files = store.find_files(ctx, run.id)
    python = layer.build(instance.settings, run.manifest.layer, locked(files))
    python = with_fonts(instance, python, stop)
    ours, theirs = socket.socketpair()
    answers: list[Conversation] = []
    viewers = hosting.viewers if hosting else None
    door = threading.Thread(
        target=lambda: answers.append(
            instance.ports.door.serve(instance, caller, ours, handed_over, viewers)
        ),
        name=f"door {run.id}",
    )
    with ours, theirs:
        door.start()
        try:
            sandbox = Sandbox(
                (python.python, "-P", "-m", hosting.program if hosting else "handrail_sdk.run",
                 run.manifest.entrypoint),
                files, python, limits, theirs, hosting.listener.dup() if hosting else None,
                run.app, run.id,
            )  # fmt: skip
            outcome = instance.ports.isolation.run(sandbox, printed.write, stop)
        finally:
            theirs.close()
            door.join()
    return outcome, answers[0] if answers else Conversation(broken="what its door could not answer")


def _on_twins(instance: Instance, run: Run) -> Run:
    """The run with the twins that it reads to its end, whatever is published meanwhile."""
    if run.environment != "sandbox":
        return run
    found = instance.ports.twins.ready(instance, run.manifest, run.variant, run.twins)
    if found != run.twins:
        with instance.context(SYSTEM, run.lease) as ctx:
            store.note_twins(ctx, run.id, found)
    return replace(run, twins=found)


def active(ctx: Context, person_id: str) -> Person:
    """The person a run is for, who may have left while it waited."""
    person = identity.found(ctx, person_id)
    if not person.active:
        raise NotAllowed(
            f"The account of {person.name} is no longer active, and nothing runs as that person.",
            next_step="Somebody who may use the app starts a run of their own.",
            subject=f"person:{person_id}",
        )
    return person


def limits_of(instance: Instance) -> Limits:
    """What one run may use, as the settings say."""
    chosen = instance.settings.runtime
    return Limits(
        seconds=chosen.seconds,
        memory=chosen.memory_mb << 20,
        processes=chosen.processes,
        printed=chosen.output_mb << 20,
        file=chosen.file_mb << 20,
    )
