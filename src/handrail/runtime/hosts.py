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
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from handrail.kernel import SYSTEM, Caller, Instance, LimitReached, NotReady, Refusal
from handrail.kernel.held import Lost
from handrail.kernel.sandbox import Conversation
from handrail.kernel.worker import Worker
from handrail.runtime import lease, lease_store, room, seats_store
from handrail.runtime.close import End, close
from handrail.runtime.execute import Hosting, carry_out
from handrail.runtime.mind import Holding
from handrail.runtime.models import Run
from handrail.runtime.pulse import Pulse
from handrail.runtime.reasons import Verdict
from handrail.runtime.rest import Rests
from handrail.runtime.seats import Elsewhere, Hosted, Seat, Sitting, caller_by

_PAUSE = 0.5  # seconds between two looks at who has nothing to do
_TAKE_OVER = 30.0  # seconds that a version answers on while the next one wakes, and that it has to end
_BACKLOG = 1024
_logger = structlog.get_logger(__name__)


class Hosts(Worker):
    """All that this server hosts. Its verbs are for threads; they wait for the database alone."""

    def __init__(self, instance: Instance, prepare: Callable[[], object] = lambda: None) -> None:
        self._instance, self._prepare = instance, prepare  # before each run; refuses where it cannot be
        self.address = self.known_as = ""  # where other hosts reach these apps, and by which name
        self._lock, self._waking = threading.RLock(), threading.Lock()
        self._awake: dict[Seat, Hosted] = {}
        self._living: set[threading.Thread] = set()  # also of those that end while the next one is there
        self._sittings: dict[Seat, Sitting] = {}
        self._rests = Rests()
        self._end = threading.Event()
        self._folder = ""  # of their sockets
        self._pulse = Pulse(self.awake, instance.settings.runtime.silent_seconds)
        super().__init__("hosts", self._round, _PAUSE)

    def start(self) -> None:
        """Begin to look after what is awake."""
        super().start()
        self._pulse.start()

    @property
    def placed(self) -> bool:
        """Whether apps are on one of several hosts, so that this one may have to ask another."""
        return bool(self._instance.settings.hosts.apps)

    def reached_at(self, address: str, known_as: str) -> None:
        """Note where other hosts reach these apps, and by which name; nowhere when it is empty."""
        self.address, self.known_as = address, known_as

    @property
    def room(self) -> bool:
        """Whether one more web app may wake here."""
        return room.is_left(self._going_on(), self._instance.settings.runtime)

    def ready(self, seat: Seat) -> Hosted | None:
        """The app in this seat where it has answered before and goes on; waits for nothing."""
        found = self._awake.get(seat)
        if found is None or found.going or not found.ready.is_set():
            return None
        found.used = time.monotonic()
        return found

    def wake(self, seat: Seat, begin: Callable[[], Run]) -> Hosted:
        """The app in this seat, awake or waking; `begin` makes its run when there is none.

        While a version wakes, or finds no room to, the one before it answers on. Refuses NotReady while an
        app that ended by itself rests, LimitReached when all places are taken by apps that are used; raises
        Elsewhere where another host has room, and where this one stops.
        """
        with self._lock:
            if there := self._there(seat):
                return there
        with self._waking:  # one at a time: they alone wait for the server that lends
            with self._lock:
                if there := self._there(seat) or self._instead(seat):
                    return there
            self._prepare()
            with self._lock:
                self._must_go_on(seat)
                found = self._awake[seat] = self._begin(seat, begin)
                return self._answering(found)

    def sit(self, seat: Seat, begin: Callable[[], Run]) -> Sitting:
        """Whoever sits at a static app in this seat; `begin` makes the run when nobody did until now."""
        with self._lock:
            found = self._sittings.get(seat)
            if found is None:
                self._must_go_on(seat)
                run = begin()
                found = self._sittings[seat] = Sitting(seat, run, Holding(self._instance, run))
            found.used = time.monotonic()
            return found

    def let_go(self, hosted: Hosted) -> None:
        """Lead nobody more to an app, which another host may have from now on; who is there has a while to
        end. Refuses Upstream.
        """
        with self._lock:  # nobody begins it anew here between the two
            hosted.moved = True
            hosted.retired = hosted.retired or time.monotonic()
            with self._instance.context(SYSTEM) as ctx:
                seats_store.rise(ctx, hosted.run.id)

    def awake(self) -> tuple[Hosted, ...]:
        """What is awake now."""
        with self._lock:
            return tuple(one for one in self._awake.values() if not one.ended.is_set())

    def stop(self) -> None:
        """Put everything to sleep, and wait for it."""
        with self._lock:  # whoever is about to begin one has begun it by now, or never will
            self._end.set()
        self._pulse.stop()
        super().stop()
        for one in self.awake():
            one.hosting.asleep.set()
        for thread in tuple(self._living):
            thread.join()
        for sitting in tuple(self._sittings.values()):
            with suppress(Refusal):  # the database is away: it ends with its lease, and all else here as well
                self._rise(sitting)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _there(self, seat: Seat) -> Hosted | None:
        """Who answers where an app is awake, or wakes."""
        found = self._awake.get(seat)
        return None if found is None or found.going else self._answering(found)

    def _answering(self, found: Hosted) -> Hosted:
        answering = self._before(found) or found
        found.used = answering.used = time.monotonic()
        return answering

    def _instead(self, seat: Seat) -> Hosted | None:
        """The version before, where this one finds no room beside it; None where it may begin."""
        self._must_go_on(seat)
        self._rests.must_be_over(seat)
        try:
            self._make_room(seat)
        except LimitReached:
            if (before := self._usable(seat)) is None:
                raise
            before.used = time.monotonic()
            return before
        return None

    def _begin(self, seat: Seat, begin: Callable[[], Run]) -> Hosted:
        # For this user alone, and short enough for a socket's address, which a path below home may not be.
        self._folder = self._folder or tempfile.mkdtemp(prefix="handrail-")
        path = str(Path(self._folder) / secrets.token_hex(8))
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(path)
            listener.listen(_BACKLOG)
            run = begin()  # last, so that no run is begun that nobody ends
        except BaseException:
            listener.close()
            Path(path).unlink(missing_ok=True)
            raise
        callers: dict[str, Caller] = {}
        hosted = Hosted(
            seat, run, path, Hosting(listener, lambda word: caller_by(callers, run, word)), callers
        )
        hosted.thread = threading.Thread(target=self._live, args=(hosted,), name=f"host {run.id}")
        self._living.add(hosted.thread)
        hosted.thread.start()
        return hosted

    def _live(self, hosted: Hosted) -> None:
        try:
            carry_out(self._instance, hosted.run, self._end, hosted.hosting)
        except Refusal as refusal:  # the database is away: the run ends with its lease
            _logger.warning("host.unended", run=hosted.run.id, reason=refusal.message)
        finally:
            with self._lock:
                hosted.ended.set()
                self._living.discard(threading.current_thread())
                hosted.hosting.listener.close()
                Path(hosted.path).unlink(missing_ok=True)
                if self._awake.get(hosted.seat) is hosted:
                    del self._awake[hosted.seat]
                wanted = not (hosted.hosting.asleep.is_set() or self._end.is_set())
                if wanted or hosted.hosting.silent.is_set():
                    self._rests.ended(hosted.seat, hosted.begun)

    def _must_go_on(self, seat: Seat) -> None:
        if not self._end.is_set():
            return
        if self.placed:
            raise Elsewhere(seat.app)
        raise NotReady(
            f"This server is about to stop, and begins {seat.app} no more.",
            next_step="Try again in a moment.",
            subject=f"app:{seat.app}",
        )

    def _make_room(self, seat: Seat) -> None:
        """See that one more may wake here. Raises Elsewhere where only another host has room for it."""
        try:
            room.make_room(self._going_on(), seat, self._instance.settings.runtime)
        except room.Full:
            if self._another_has_room(seat):
                raise Elsewhere(seat.app) from None
            raise

    def _another_has_room(self, seat: Seat) -> bool:
        """Whether somebody else can have an app that is not awake here, and knows by now that it is to."""
        key = seat.across_versions
        if not self.placed or any(one.seat.across_versions == key for one in self.awake()):
            return False
        with self._instance.context(SYSTEM) as ctx:
            lease_store.is_full(ctx, lease.mine())
            return any(one.room for one in lease_store.neighbours(ctx))

    def _going_on(self) -> list[Hosted]:
        return [one for one in self.awake() if not one.going]

    def _before(self, found: Hosted) -> Hosted | None:
        """The version before that answers on while this one wakes; from then on it has a while to end."""
        waking = not found.ready.is_set() and time.monotonic() - found.begun < _TAKE_OVER
        before = self._usable(found.seat)
        if not waking or before is None:
            self._retire_others(found)
            return None
        if not found.knocked:
            found.knocked = True
            name = f"knock {found.run.id}"
            threading.Thread(target=self._knock, args=(found,), name=name, daemon=True).start()
        return before

    def _usable(self, seat: Seat) -> Hosted | None:
        """The latest of the other versions in this seat that answer."""
        usable = [one for one in self._others(seat) if one.ready.is_set() and one.retired is None]
        return max(usable, key=lambda one: one.begun, default=None)

    def _others(self, seat: Seat) -> list[Hosted]:
        """Other versions of the same app in the same seat that are awake."""
        key = seat.across_versions
        every = [one for one in self.awake() if one.seat != seat and one.seat.across_versions == key]
        return [one for one in every if not one.going]

    def _retire_others(self, found: Hosted) -> None:
        for one in self._others(found.seat):
            one.retired = one.retired or time.monotonic()

    def _knock(self, hosted: Hosted) -> None:
        """Ask an app for its first page until it says anything; nobody else comes to it before that."""
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(_TAKE_OVER)
            with suppress(OSError):
                knocking.connect(hosted.path)
                knocking.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if knocking.recv(12).startswith(b"HTTP/1."):
                    hosted.ready.set()
                    with self._lock:
                        self._retire_others(hosted)

    def _round(self, _shutdown: threading.Event) -> bool:
        idle = self._instance.settings.runtime.idle_minutes * 60
        with self._lock:  # who is led to an app at this moment finds it there, or the next one
            now = time.monotonic()
            for one in self.awake():
                one.forget()
                unused = not one.requests and now - one.used > _PAUSE
                forgotten = unused and now - one.used > idle
                replaced = one.retired is not None and (unused or now - one.retired > _TAKE_OVER)
                if forgotten or replaced:
                    one.hosting.asleep.set()
        for sitting in tuple(self._sittings.values()):
            if now - sitting.used > idle or sitting.holding.wanted() is not False:
                self._rise(sitting)
        return False

    def _rise(self, sitting: Sitting) -> None:
        with self._lock:
            self._sittings.pop(sitting.seat, None)
        verdict = Verdict("succeeded", "asleep")
        with suppress(Lost):
            close(self._instance, sitting.run, End(verdict, said=Conversation(sitting.questions)))
