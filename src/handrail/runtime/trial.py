"""Try a run that is over once more, on other twins: nothing of it is kept, and it counts as no run."""

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from handrail.kernel import SYSTEM, Caller, Instance, NotReady
from handrail.kernel.sandbox import Conversation, Sandbox
from handrail.runtime import layer, store
from handrail.runtime.execute import active, limits_of
from handrail.runtime.fonts import with_fonts
from handrail.runtime.handed_over import HandedOver
from handrail.runtime.lock_packages import locked
from handrail.runtime.models import Run
from handrail.runtime.reasons import explain
from handrail.runtime.sound import must_be_sound

_END = 4000  # bytes at the end that explain a failure


@dataclass(frozen=True)
class Tried:
    """How a try ended; `failure` names it, so that two can be compared: "" is none."""

    failure: str
    seconds: float
    log_end: str = field(repr=False, default="")


def trial(instance: Instance, run: Run, instead: Mapping[str, Path], stop: threading.Event) -> Tried:
    """Run the same code for the same person with these files in place of the twins of these datasets.

    `stop` ends it early. Refuses NotReady in production, where nothing is tried.
    """
    must_be_sound(instance, stop)
    if run.environment != "sandbox":
        raise NotReady("Only runs in the sandbox are tried again.", next_step="Run it in the sandbox.")
    with instance.context(SYSTEM) as ctx:
        files = store.find_files(ctx, run.id)
        caller = Caller(active(ctx, run.person), "socket", run=replace(run.ref, instead=dict(instead)))
    python = layer.build(instance.settings, run.manifest.layer, locked(files))
    python, most = with_fonts(instance, python, stop), limits_of(instance)
    printed, said = _End(), list[Conversation]()
    outputs = HandedOver(instance, run, keep=False)
    ours, theirs = socket.socketpair()
    door = threading.Thread(
        target=lambda: said.append(instance.ports.door.serve(instance, caller, ours, outputs)),
        name=f"door of a trial of {run.id}",
    )
    with ours, theirs:
        door.start()
        try:
            command = (python.python, "-P", "-m", "handrail_sdk.run", run.manifest.entrypoint)
            sandbox = Sandbox(command, files, python, most, theirs, app=run.app)
            outcome = instance.ports.isolation.run(sandbox, printed.write, stop)
        finally:
            theirs.close()
            door.join()
    end = printed.end
    verdict = explain(outcome, most, said[0] if said else Conversation(broken="nothing"), end)
    failed = verdict.state != "succeeded"
    return Tried(failure_of(verdict.ended, end) if failed else "", outcome.seconds, end)


def failure_of(ended: str, log_end: str) -> str:
    """A failure in a word or two: how it ended, and of an exception its class and its line in the app."""
    lines = log_end.strip().splitlines() or [""]
    frames = [line.strip() for line in lines if line.startswith('  File "/app/')]
    kind = lines[-1].partition(":")[0] if ended == "exited" else ""
    return " ".join(part for part in (ended, kind[:80], frames[-1] if frames else "") if part)


class _End:
    """The end of what a try prints."""

    def __init__(self) -> None:
        self._end = b""

    def write(self, piece: bytes) -> None:
        """Take the next piece."""
        self._end = (self._end + piece)[-_END:]

    @property
    def end(self) -> str:
        """The last lines."""
        return self._end.decode(errors="replace")
