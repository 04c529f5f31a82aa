"""The nouns between a run and its isolation: what a sandbox is asked to do, and how it says that it ended."""

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from handrail.kernel.errors import Refusal

Ended = Literal[
    "exited", "signal", "timeout", "output", "memory", "processes", "stopped", "unstarted", "lost"
]  # fmt: skip

CODE = "/app"
WORK = "/work"


@dataclass(frozen=True)
class Limits:
    """What one run may use. Sizes in bytes, times in seconds."""

    # None: until it is stopped, and as much processor time as Handrail itself may have.
    seconds: float | None = 120
    memory: int = 1 << 30
    processes: int = 64
    # Everything that the run prints, standard output and standard error together.
    printed: int = 16 << 20
    # The largest file, and the size of each of the run's writable directories.
    file: int = 128 << 20
    open_files: int = 256


@dataclass(frozen=True)
class Layer:
    """A read-only Python: the interpreter inside, what to bind where (path inside to path outside), and which
    folders below those to show as empty.
    """

    digest: str
    python: str
    binds: Mapping[str, Path]
    hidden: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    # What a sandbox has imported that waits for an app.
    imports: tuple[str, ...] = ()
    # What keeps these folders where they are, for as long as this is there.
    held: tuple[object, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Sandbox:
    """One process to run by itself: its code under CODE, an empty writable WORK, its limits.

    `door` is its one way out, and `listener` a Unix socket on which it accepts who comes to it; inside, each
    is a descriptor whose number HANDRAIL_FD and HANDRAIL_LISTENER say. The driver closes our copies of both
    once the sandbox holds them: who wants to go on listening for the next sandbox passes `listener.dup()`.
    """

    command: tuple[str, ...]
    files: Mapping[str, bytes]
    layer: Layer
    limits: Limits
    door: socket.socket | None = None
    listener: socket.socket | None = None
    # Whose it is: where the driver can, sandboxes of different apps are different users at any time.
    app: str = ""
    # Which run it is, for whoever looks at processes or pods: an id; empty for none.
    run: str = ""

    @property
    def passed(self) -> Mapping[str, socket.socket]:
        """The sockets that go in, each by the variable that says its number inside."""
        named = {"HANDRAIL_FD": self.door, "HANDRAIL_LISTENER": self.listener}
        return {name: given for name, given in named.items() if given is not None}


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `code` is the exit code, or the signal's number when a signal ended it."""

    ended: Ended
    code: int
    seconds: float
    peak_memory: int = 0
    # What could not be set up, when it was `unstarted`; what became of it, when it was `lost`.
    detail: str = ""
    # Whether a sandbox was used that had waited for it.
    parked: bool = False


class Isolation(Protocol):
    """A driver. Whatever it cannot isolate it refuses to start."""

    @property
    def walls(self) -> Mapping[str, str]:
        """What holds here, in words, by what it holds."""

    @property
    def untried(self) -> Mapping[str, str]:
        """The attacks of `handrail doctor` that mean nothing here, by how their names begin, and why."""

    def identity(self) -> str:
        """What its sandboxes rest on beside our own code and the kernel: programs, walls, users."""

    def check(self) -> None:
        """Refuse NotReady, with what to install or set, when this machine cannot hold a sandbox."""

    def run(self, sandbox: Sandbox, printed: Callable[[bytes], None], stop: threading.Event) -> Outcome:
        """Run to the end, and leave no process behind; `printed` gets the output as it comes."""

    def park(self, sandbox: Sandbox, *, listens: bool, stop: threading.Event) -> None:
        """Start one of this layer and these limits that waits for one run, and is used for no second; it ends
        with the thread that asks. Refuses NotReady where it does not come to life before `stop`.
        """

    def keep_parked(self, most: int, memory: int, seconds: float, stop: threading.Event) -> bool:
        """One step towards `most` that wait of each kind that an app asked for in the last `seconds`, and
        that hold less than `memory` bytes together; whether there was anything to do.
        """

    def waiting(self) -> tuple[int, int]:
        """How many wait in this process, and the bytes of memory that they hold."""

    def leave_none(self) -> None:
        """End all that wait."""

    def close(self) -> None:
        """Let go of all that outlives a run: what waits, and where it listens. Nothing runs afterwards."""


class Outputs(Protocol):
    """Where a run's outputs go, and where the files come from that it was given."""

    def given(self, name: str) -> tuple[dict[str, str], bytes] | None:
        """A file under this name of the manifest: its `file` name and `type`, and its content; None without.

        Refuses Invalid a name that the manifest does not declare.
        """

    def admit(self, kind: str, name: str, title: str, size: int) -> None:
        """Refuse an announced output that cannot be taken, before any of it is read."""

    def deliver(self, kind: str, name: str, title: str, content: bytes) -> None:
        """Keep one output."""


@dataclass(frozen=True)
class Conversation:
    """What was said at the door during one run: how many questions, and the refusals in order."""

    questions: int = 0
    refusals: tuple[Refusal, ...] = ()
    # What the app sent that no client of ours sends, in words; the door then closed.
    broken: str = ""
    # What its answers were made from: columns by dataset, and the metrics that were asked for.
    reads: Mapping[str, frozenset[str]] = field(default_factory=dict)
    metrics: frozenset[str] = frozenset()
