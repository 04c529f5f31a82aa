"""The hosted apps of a server: woken when somebody comes, asleep when nobody has for a while.

The server listens for an app before the app is there, and hands it the socket: who comes early waits in the
queue of the socket, and is dropped neither while the app wakes nor while one version takes over from another.
"""

import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from handrail.kernel import SYSTEM, Caller, Instance, LimitReached, NotAllowed, NotReady
from handrail.kernel.sandbox import Conversation
from handrail.kernel.worker import Worker
from handrail.runtime import store
from handrail.runtime.execute import Hosting, carry_out, close
from handrail.runtime.models import Run
from handrail.runtime.reasons import Verdict

_PAUSE = 0.5  # seconds between two looks at who has nothing to do
_GRACE = 30.0  # seconds in which an app may still ask for somebody who has left
_TAKE_OVER = 30.0  # seconds that a version answers on while the next one wakes, and that it has to end
_BACK_OFF = (1, 2, 5, 10, 30, 60)  # seconds before an app that ended by itself is woken again
_STEADY = 60.0  # seconds after which an end is not counted with those before
_BACKLOG = 1024


@dataclass(frozen=True)
class Seat:
    """For whom an app is hosted: one sandbox for each app, version, environment and class of viewers.

    `whose` is the person, or empty where everybody would be shown the same.
    """

    app: str
    environment: str
    whose: str
    commit: str

    @property
    def across_versions(self) -> tuple[str, str, str]:
        """The same seat in any version."""
        return self.app, self.environment, self.whose


@dataclass
class Hosted:
    """An app that is awake, or wakes at this moment."""

    seat: Seat
    run: Run
    path: str  # of the Unix socket that it answers on
    hosting: Hosting
    callers: dict[str, Caller]
    thread: threading.Thread | None = None
    ready: threading.Event = field(default_factory=threading.Event)  # it has answered
    ended: threading.Event = field(default_factory=threading.Event)
    knocked: bool = False  # somebody asks it whether it is ready
    begun: float = field(default_factory=time.monotonic)
    used: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)  # of the four below
    requests: int = 0  # going on now
    there: dict[str, int] = field(default_factory=dict)  # of each person, how many
    left: dict[str, float] = field(default_factory=dict)  # when the last of theirs ended
    retired: float | None = None  # since when a later version is there

    @contextmanager
    def request(self, caller: Caller) -> Iterator[str]:
        """Count a request, and give the word by which the app asks questions for whom it came from."""
        person = caller.person.id
        word = secrets.token_urlsafe(24)
        with self.lock:
            self.requests += 1
            self.there[person] = self.there.get(person, 0) + 1
            self.callers[word] = caller
        try:
            yield word
        finally:
            with self.lock:
                self.requests -= 1
                self.there[person] -= 1
                self.left[person] = self.used = time.monotonic()

    def forget(self) -> None:
        """Let the words go that were given for people who have left; those who are there may still wait for
        what an earlier request of theirs has begun.
        """
        before = time.monotonic() - _GRACE
        with self.lock:
            gone = {one for one, left in self.left.items() if left < before and not self.there[one]}
            for word in [word for word, caller in self.callers.items() if caller.person.id in gone]:
                del self.callers[word]
            for one in gone:
                del self.left[one], self.there[one]

    def answered(self) -> None:
        """Note that the app has answered a request, with no mistake of its own."""
        self.hosting.answered += 1
        self.ready.set()


@dataclass
class Sitting:
    """Somebody at a static app, whose code runs in their browser: what it asks stands on the trail as one
    run.
    """

    seat: Seat
    run: Run
    used: float = field(default_factory=time.monotonic)
    shown: int = 0  # files
    questions: int = 0


class Hosts(Worker):
    """All that this server hosts. Its verbs are for threads; they wait for the database alone."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._lock = threading.RLock()
        self._awake: dict[Seat, Hosted] = {}
        self._sittings: dict[Seat, Sitting] = {}
        self._ends: dict[Seat, list[float]] = {}
        self._end = threading.Event()
        self._folder = ""  # of their sockets
        super().__init__("hosts", self._round, _PAUSE)

    def wake(self, seat: Seat, begin: Callable[[], Run]) -> Hosted:
        """The app in this seat, awake or waking; `begin` makes its run when there is none.

        While a version wakes, the one before it answers on. Refuses NotReady while an app that ended by
        itself rests, LimitReached when all places are taken by apps that are used.
        """
        with self._lock:
            found = self._awake.get(seat)
            if found is None or found.ended.is_set():
                self._must_rest(seat)
                self._make_room()
                found = self._awake[seat] = self._begin(seat, begin())
            found.used = time.monotonic()
            return self._before(found) or found

    def sit(self, seat: Seat, begin: Callable[[], Run]) -> Sitting:
        """Whoever sits at a static app in this seat; `begin` makes the run when nobody did until now."""
        with self._lock:
            found = self._sittings.get(seat)
            if found is None:
                found = self._sittings[seat] = Sitting(seat, begin())
            found.used = time.monotonic()
            return found

    def awake(self) -> tuple[Hosted, ...]:
        """What is awake now."""
        with self._lock:
            return tuple(one for one in self._awake.values() if not one.ended.is_set())

    def stop(self) -> None:
        """Put everything to sleep, and wait for it."""
        self._end.set()
        super().stop()
        for one in self.awake():
            one.hosting.asleep.set()
        for one in tuple(self._awake.values()):
            if one.thread is not None:
                one.thread.join()
        for sitting in tuple(self._sittings.values()):
            self._rise(sitting)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self, seat: Seat, run: Run) -> Hosted:
        # For this user alone, and short enough for the address of a socket, which a path below home may not
        # be.
        self._folder = self._folder or tempfile.mkdtemp(prefix="handrail-")
        path = str(Path(self._folder) / secrets.token_hex(8))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(_BACKLOG)
        callers: dict[str, Caller] = {}
        hosted = Hosted(seat, run, path, Hosting(listener, lambda word: _caller(callers, run, word)), callers)
        hosted.thread = threading.Thread(target=self._live, args=(hosted,), name=f"host {run.id}")
        hosted.thread.start()
        return hosted

    def _live(self, hosted: Hosted) -> None:
        try:
            carry_out(self._instance, hosted.run, self._end, hosted.hosting)
        finally:
            with self._lock:
                hosted.ended.set()
                hosted.hosting.listener.close()
                Path(hosted.path).unlink(missing_ok=True)
                if self._awake.get(hosted.seat) is hosted:
                    del self._awake[hosted.seat]
                if not (hosted.hosting.asleep.is_set() or self._end.is_set()):
                    self._ended_by_itself(hosted)

    def _ended_by_itself(self, hosted: Hosted) -> None:
        now = time.monotonic()
        before = [] if now - hosted.begun > _STEADY else self._ends.get(hosted.seat, [])
        self._ends[hosted.seat] = [*before, now]

    def _must_rest(self, seat: Seat) -> None:
        if not (ends := self._ends.get(seat)):
            return
        pause = _BACK_OFF[min(len(ends), len(_BACK_OFF)) - 1]
        left = ends[-1] + pause - time.monotonic()
        if left > 0:
            raise NotReady(
                f"{seat.app} has ended by itself"
                + (f" {len(ends)} times in a row" if len(ends) > 1 else "")
                + f", and is woken again in {max(1, round(left))} seconds at the earliest.",
                next_step="Try again then; the log of its last run says why it ended.",
                subject=f"app:{seat.app}",
            )

    def _make_room(self) -> None:
        most = self._instance.settings.runtime.hosted
        awake = self.awake()
        if len(awake) < most:
            return
        free = [one for one in awake if not one.requests and not one.hosting.asleep.is_set()]
        if not free:
            raise LimitReached(
                f"Every place for apps on this server is in use; it has {most}.",
                next_step="Try again when somebody has left, or ask an admin to raise runtime.hosted.",
            )
        min(free, key=lambda one: one.used).hosting.asleep.set()

    def _before(self, found: Hosted) -> Hosted | None:
        """The version before that answers on while this one wakes; from then on it has a while to end."""
        seat = found.seat.across_versions
        others = [
            one
            for one in self.awake()
            if one is not found and one.seat.across_versions == seat and not one.hosting.asleep.is_set()
        ]
        waking = not found.ready.is_set() and time.monotonic() - found.begun < _TAKE_OVER
        usable = [one for one in others if one.ready.is_set() and one.retired is None]
        if waking and usable:
            if not found.knocked:
                found.knocked = True
                threading.Thread(
                    target=_knock, args=(found,), name=f"knock {found.run.id}", daemon=True
                ).start()
            return max(usable, key=lambda one: one.begun)
        for one in others:
            one.retired = one.retired or time.monotonic()
        return None

    def _round(self, _shutdown: threading.Event) -> bool:
        idle = self._instance.settings.runtime.idle_minutes * 60
        now = time.monotonic()
        for one in self.awake():
            one.forget()
            forgotten = not one.requests and now - one.used > idle
            replaced = one.retired is not None and (not one.requests or now - one.retired > _TAKE_OVER)
            if forgotten or replaced:
                one.hosting.asleep.set()
        for sitting in tuple(self._sittings.values()):
            if now - sitting.used > idle or self._stopped(sitting):
                self._rise(sitting)
        return False

    def _stopped(self, sitting: Sitting) -> bool:
        with self._instance.context(SYSTEM) as ctx:
            return store.stop_wanted(ctx, sitting.run.id)

    def _rise(self, sitting: Sitting) -> None:
        with self._lock:
            self._sittings.pop(sitting.seat, None)
        verdict = Verdict("succeeded", "asleep")
        close(self._instance, sitting.run, verdict, None, Conversation(sitting.questions))


def _knock(hosted: Hosted) -> None:
    """Ask an app for its first page until it says anything: nobody else comes to it before it is ready."""
    with socket.socket(socket.AF_UNIX) as knocking:
        knocking.settimeout(_TAKE_OVER)
        with suppress(OSError):
            knocking.connect(hosted.path)
            knocking.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            if knocking.recv(12).startswith(b"HTTP/1."):
                hosted.ready.set()


def _caller(callers: dict[str, Caller], run: Run, word: str) -> Caller:
    found = callers.get(word)
    if found is None:
        raise NotAllowed(
            "This question is for nobody who is here: a web app asks while it answers a request.",
            next_step="Ask inside the function that answers the request, not when the app starts or in a "
            "thread of your own.",
            subject=f"run:{run.id}",
        )
    return found
