"""Sandboxes that wait for a run: started, closed from inside, the usual modules imported, no app in them yet.

Each is for one run, whoever comes first, and ends with it. Until then it holds nothing of anybody's: an empty
folder of ours, in which the app's files appear once it is known, and one end of a socket over which it is
told what to become.
"""

import json
import os
import re
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import TracebackType

import structlog

from handrail.adapters.isolation.started import Started, hurry, may_hurry
from handrail.adapters.isolation.users import Users
from handrail.adapters.isolation.watching import tree_memory
from handrail.kernel import NotReady, Refusal
from handrail.kernel.sandbox import Limits, Sandbox

PLACE = Path("/run/handrail/parked")  # of root; others have theirs below their temporary folder
_VARIABLE = "HANDRAIL_PARKED"
_PATIENCE = 120.0  # seconds in which one must have imported everything
_TICK = 0.2
_AGAIN = 60.0  # seconds before a kind is tried again that did not come to life
_logger = structlog.get_logger(__name__)

Kind = tuple[str, str, Limits, bool]  # what must agree: layer, Python, limits, whether it listens
Start = Callable[[ExitStack, Sandbox, int | None], Started]
_ENOUGH = threading.Event()
_ENOUGH.set()


def kind_of(sandbox: Sandbox, listens: bool) -> Kind:
    """What a sandbox has in common with those that could be used in its place."""
    return sandbox.layer.digest, sandbox.layer.python, sandbox.limits, listens


class Parked:
    """One that waits, or has been taken; closed when its run is over."""

    def __init__(self, sandbox: Sandbox, users: Users, listens: bool) -> None:
        self.kind = kind_of(sandbox, listens)
        self.memory = 0  # bytes that it held when it began to wait
        self._opened = ExitStack()
        # An id that no app has, so that it is as if one had it that never ran before and never will again.
        name = f"\0parked {secrets.token_hex(8)}"
        self._user = self._opened.enter_context(users.one(name)) if os.geteuid() == 0 else None
        self.folder = _folder(self._opened, self._user)
        ours, theirs = socket.socketpair()
        self._control = self._opened.enter_context(ours)
        self.passed = {_VARIABLE: self._opened.enter_context(theirs)}
        command = (sandbox.layer.python, "-P", "-m", "handrail_sdk.parked", *sandbox.layer.imports)
        self._sandbox = replace(sandbox, command=command, files={}, door=None, listener=None, app="")
        self._used = False
        self.started: Started

    @property
    def loopback(self) -> bool:
        """Whether it is for what people come to."""
        return self.kind[-1]

    def wait_for(self, start: Start, stop: threading.Event) -> None:
        """Start it, and wait until it says that it is ready. Refuses NotReady where it never does, or `stop`
        says that nobody wants it any more.
        """
        self.started = start(self._opened, self._sandbox, self._user)
        word, until = b"", time.monotonic() + _PATIENCE
        self._control.settimeout(_TICK)
        while not word and not stop.is_set() and time.monotonic() < until:
            with suppress(TimeoutError, ConnectionResetError):
                if not (word := self._control.recv(16)):
                    break
        self._control.settimeout(None)
        said = self._printed()  # by what was imported: no part of any app's log
        if word != b"ready\n":
            raise NotReady(
                f"A sandbox that should wait did not come to life: {said[-300:].decode(errors='replace')}",
                next_step="Runs start without it; the layer's modules may need more memory or processes.",
            )
        self.memory = tree_memory(self.started.process.pid)

    def become(self, sandbox: Sandbox) -> bool:
        """Make it this app's, for good; False where it is not alive any more, and nothing was given to it."""
        if not self.started.alive:
            return False
        said = {"command": sandbox.command[2:], "passed": list(sandbox.passed)}
        line = json.dumps(said).encode() + b"\n"
        try:
            _write(self.folder, sandbox)
            hurry(self._user)
            sent = socket.send_fds(self._control, [line], [one.fileno() for one in sandbox.passed.values()])
        except OSError as error:
            _logger.warning("parked.lost", why=type(error).__name__)
            return False
        self._used = True  # from here on it may have begun, and nothing is begun twice
        with suppress(OSError):
            if sent < len(line):
                self._control.sendall(line[sent:])
        self._control.close()
        for one in sandbox.passed.values():
            one.close()
        return True

    def close(self) -> None:
        """End it, where it still waits, and take away its folder."""
        with self._opened:
            if not self._used and hasattr(self, "started") and self.started.process.returncode is None:
                self.started.watched(self._sandbox.limits, lambda _: None, _ENOUGH)

    def _printed(self) -> bytes:
        assert self.started.process.stdout is not None
        output, said = self.started.process.stdout.fileno(), b""
        os.set_blocking(output, False)
        with suppress(BlockingIOError):
            while piece := os.read(output, 1 << 16):
                said += piece
        os.set_blocking(output, True)
        return said

    def __enter__(self) -> "Parked":
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        self.close()


class Lot:
    """All that wait in this process, and what was asked for of late."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Parked] = []
        self._asked: dict[Kind, tuple[float, Sandbox]] = {}  # when last, and such a one
        self._failed: dict[Kind, float] = {}  # when one did not come to life
        self._going = 0

    @contextmanager
    def going(self, sandbox: Sandbox) -> Iterator[None]:
        """Count a job that goes on."""
        weight = 0 if sandbox.listener is not None else 1
        with self._lock:
            self._going += weight
        try:
            yield
        finally:
            with self._lock:
                self._going -= weight

    def take(self, sandbox: Sandbox) -> Parked | None:
        """One of that kind, which nobody else gets; None where none waits. What an app asks for is noted."""
        kind = kind_of(sandbox, sandbox.listener is not None)
        if sandbox.command[:2] != (sandbox.layer.python, "-P"):
            return None
        with self._lock:
            if sandbox.command[2] == "-m":
                like = replace(sandbox, files={}, door=None, listener=None, app="")
                self._asked[kind] = time.monotonic(), like
            found = next((one for one in self._waiting if one.kind == kind), None)
            if found is not None:
                self._waiting.remove(found)
            return found

    def put(self, one: Parked) -> None:
        """Let one wait."""
        with self._lock:
            self._waiting.append(one)

    def keep(self, most: int, memory: int, seconds: float, park: Callable[[Sandbox, bool], None]) -> bool:
        """One step towards what should wait; whether there was any. See `Bubblewrap.keep_parked`."""
        now = time.monotonic()
        with self._lock:
            wanted = {kind: like for kind, (at, like) in self._asked.items() if now - at < seconds}
            self._asked = {kind: said for kind, said in self._asked.items() if kind in wanted}
            ended = [one for one in self._waiting if one.kind not in wanted or not most]
            ended += [one for one in self._waiting if not one.started.alive]
            self._waiting = [one for one in self._waiting if one not in ended]
            counts = {kind: sum(one.kind == kind for one in self._waiting) for kind in wanted}
            held = sum(one.memory for one in self._waiting)
            tried = {kind for kind, at in self._failed.items() if now - at < _AGAIN}
        for one in ended:
            one.close()
        short = [kind for kind, count in counts.items() if count < most and kind not in tried]
        busy = self._going and not may_hurry()
        if not short or held >= memory or busy:
            return bool(ended)
        try:
            park(wanted[short[0]], short[0][-1])
        except Refusal as refusal:
            self._failed[short[0]] = now
            _logger.warning("parked.none", why=refusal.message)
        return True

    def waiting(self) -> tuple[int, int]:
        """How many, and the bytes that they held when they began to wait."""
        with self._lock:
            return len(self._waiting), sum(one.memory for one in self._waiting)

    def end_one(self) -> bool:
        """End one that waits, for whoever needs what it has; False where none does."""
        with self._lock:
            one = self._waiting.pop() if self._waiting else None
        if one is not None:
            one.close()
        return one is not None

    def empty(self) -> None:
        """End all."""
        while self.end_one():
            pass


def sweep() -> None:
    """Remove the folders that a server left behind when it was killed; a living server's are left alone."""
    for old in _place().glob("handrail-parked-*"):
        owner = re.match(r"handrail-parked-(\d+)-", old.name)
        if owner and not Path(f"/proc/{owner[1]}").exists():
            shutil.rmtree(old, ignore_errors=True)


def _place() -> Path:
    return PLACE if os.geteuid() == 0 else Path(tempfile.gettempdir())


def _folder(opened: ExitStack, user: int | None) -> Path:
    """An empty folder of ours that one user may read and nobody else may write."""
    place = _place()
    if user is not None:
        place.mkdir(mode=0o711, parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f"handrail-parked-{os.getpid()}-", dir=place))
    opened.callback(shutil.rmtree, made, ignore_errors=True)
    if user is not None:
        os.chown(made, -1, user)
        made.chmod(0o750)
    return made


def _write(folder: Path, sandbox: Sandbox) -> None:
    """Lay down the app's files, which are new there each, below folders that are as well."""
    made: set[PurePosixPath] = {PurePosixPath()}
    for name, content in sandbox.files.items():
        for parent in reversed(PurePosixPath(name).parents):
            if parent not in made:
                (folder / parent).mkdir(mode=0o755)
                made.add(parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(folder / name, flags, 0o644), "wb") as file:
            file.write(content)
