"""How many questions may be answered at the same time: per viewer, per app, and by the whole instance.

All processes of an instance on a machine see one file in memory, in which each has a part of its own and
writes whom it answers. Who wants a place writes first and counts then, so of two at once at least one sees
the other (Dekker, after Dijkstra 1965); who sees one too many takes it back and tries again alone, locked.
So a place costs no system call while there is room; a thread that holds a lock and waits for the interpreter
after each call would let all others wait. What a killed process left is removed when it is in the way.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import heapq
import mmap
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from handrail.kernel import Context, LimitReached, Upstream
from handrail.kernel.presence import Presence

_NAME = 8  # bytes that stand for a viewer or an app
_RECORD = 2 * _NAME
_PROCESSES, _PLACES = 64, 1024  # at most, of an instance on a machine, and of one process
_HEADER = struct.Struct("<II")  # places taken, and how many records may be in use
_PART = _HEADER.size + _PLACES * _RECORD
_LOCKS = 1 << 40  # locks of bytes behind the file: one that says that a process lives, for each part,
_ALONE = _PROCESSES  # and one for who must count while nobody else does
_FREE, _NOBODY = bytes(_RECORD), bytes(_NAME)
_VIEWER, _APP, _ALL = "viewer", "app", "instance"
_LOOK = 0.02  # seconds between two looks for a place that another process may have given back


@dataclass(frozen=True)
class Most:
    """How many at the same time; 0 means none at all."""

    viewer: int
    app: int
    in_all: int
    wait: float  # seconds that a question may wait for its place


@dataclass
class Slot:
    """A place that was taken, until it is given back; giving it back twice does no harm."""

    _slots: Slots
    _part: _Part
    _number: int
    _open: bool = True

    def release(self) -> None:
        """Give the place back."""
        self._slots._give_back(self)


class _Part:
    """This process's part of the file, and its sight of all others."""

    def __init__(self, file: Path) -> None:
        self.process = os.getpid()
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(self._file).st_size < _PROCESSES * _PART:
                os.truncate(self._file, _PROCESSES * _PART)
            self._number = next(n for n in range(_PROCESSES) if _lock(self._file, n))
            # A page that the disk has no room for would end the process when it is written to.
            os.posix_fallocate(self._file, self._number * _PART, _PART)
            self._all = mmap.mmap(self._file, _PROCESSES * _PART)
        except (OSError, StopIteration) as error:
            os.close(self._file)
            raise OSError(getattr(error, "errno", errno.EUSERS), "no part in the count") from None
        self._taken = memoryview(self._all).cast("I")[:: _PART // 4]  # by every process
        self._at = self._number * _PART
        self._all[self._at : self._at + _PART] = bytes(_PART)
        self._free = list(range(_PLACES))
        self._fence = threading.Lock()

    def close(self) -> None:
        """Forget the file: it came by fork, lock and all, and is the parent's."""
        self._taken.release()
        self._all.close()
        os.close(self._file)

    def take(self, names: bytes) -> int:
        """Write a record; returns its number."""
        if not self._free:
            raise OSError(errno.EUSERS, "too many places")
        number = heapq.heappop(self._free)
        self._write(number, names, 1)
        with self._fence:  # what was written is seen by all before anything is read
            return number

    def free(self, number: int) -> None:
        """Take a record back."""
        self._write(number, _FREE, -1)
        heapq.heappush(self._free, number)

    def whose(self, names: bytes, most: Most) -> str:
        """The limit that is exceeded, or none."""
        viewer, app, in_all, viewers, apps = names[:_NAME], names[_NAME:], 0, 0, 0
        for number, held in enumerate(self._taken.tolist()):
            if held:
                taken, high = _HEADER.unpack_from(self._all, number * _PART)
                begin = number * _PART + _HEADER.size
                records = self._all[begin : begin + high * _RECORD]
                in_all += taken
                viewers += records.count(viewer)
                apps += records.count(app) if app != _NOBODY else 0
        if viewers > most.viewer:
            return _VIEWER
        if apps > most.app:
            return _APP
        return _ALL if in_all > most.in_all else ""

    def taken(self) -> int:
        """How many places are taken by processes that live."""
        self._bury()
        return sum(self._taken.tolist())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While no other counts that has seen one too many; what the dead left is removed."""
        _lock(self._file, _ALONE, fcntl.F_OFD_SETLKW)
        try:
            self._bury()
            yield
        finally:
            _unlock(self._file, _ALONE)

    def _bury(self) -> None:
        for number in range(_PROCESSES):
            left = number != self._number and _HEADER.unpack_from(self._all, number * _PART)[0]
            if left and _lock(self._file, number):  # nobody begins there meanwhile
                _HEADER.pack_into(self._all, number * _PART, 0, 0)
                _unlock(self._file, number)

    def _write(self, number: int, names: bytes, more: int) -> None:
        begin = self._at + _HEADER.size + number * _RECORD
        self._all[begin : begin + _RECORD] = names
        taken, high = _HEADER.unpack_from(self._all, self._at)
        _HEADER.pack_into(self._all, self._at, taken + more, max(high, number + 1))


@dataclass(eq=False)
class _Waiting:
    viewer: str
    whose: str = ""  # the limit that kept it waiting when it last looked


@dataclass
class Slots:
    """The places of one instance, in `file`, as this process sees them."""

    file: Path
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _queue: list[_Waiting] = field(default_factory=list)
    _part: _Part | None = None

    def take(self, viewer: str, app: str, most: Most, presence: Presence) -> Slot:
        """Take a place, or wait for one; who waits is served in order, but for who is held up by own limits.

        Refuses LimitReached when none is free in time, or when as many questions of this viewer wait already
        as may be answered at once, and Upstream when the count cannot be kept.
        """
        of_app = _short(_APP, app) if app else _NOBODY
        names, until = _short(_VIEWER, viewer) + of_app, time.monotonic() + most.wait
        mine = _Waiting(viewer)
        with self._changed:
            if self._queue and sum(one.viewer == viewer for one in self._queue) >= most.viewer:
                raise _busy(most, _VIEWER, app, "and as many are waiting")
            self._queue.append(mine)
            try:
                while True:
                    if self._is_turn_of(mine):
                        found = self._try(names, most)
                        if isinstance(found, Slot):
                            return found
                        mine.whose = found
                    left = until - time.monotonic()
                    if left <= 0 or presence.gone:
                        waited = f"and none ended within {most.wait:g} seconds"
                        raise _busy(most, mine.whose or _ALL, app, waited)
                    self._changed.wait(min(left, _LOOK))
            finally:
                self._queue.remove(mine)
                self._wake()

    def taken(self) -> int:
        """How many places are taken now, by any process."""
        with self._changed:
            return self._own().taken()

    def _is_turn_of(self, mine: _Waiting) -> bool:
        held_up: set[str] = set()  # viewers whose own limits let none of theirs through
        for one in self._queue[: self._queue.index(mine)]:
            if one.whose in (_VIEWER, _APP):
                held_up.add(one.viewer)
            if one.viewer == mine.viewer or one.viewer not in held_up:
                return False
        return True

    def _try(self, names: bytes, most: Most) -> Slot | str:
        """A place, or whose limit is reached."""
        try:
            part = self._own()
            found = self._counted(part, names, most)
            if isinstance(found, Slot):
                return found
            with part.alone():  # what died, or took a place at the same moment, may have been in the way
                return self._counted(part, names, most)
        except OSError as error:
            raise Upstream(
                "How many questions are being answered cannot be counted, so none is answered.",
                next_step="Tell an admin: the instance's directory cannot be written to.",
                subject="query",
                reason=errno.errorcode.get(error.errno or 0, "OSError"),
            ) from None

    def _own(self) -> _Part:
        if self._part is not None and self._part.process != os.getpid():
            self._part.close()
            self._part = None
        self._part = self._part or _Part(self.file)
        return self._part

    def _counted(self, part: _Part, names: bytes, most: Most) -> Slot | str:
        number = part.take(names)
        if whose := part.whose(names, most):
            part.free(number)
            return whose
        return Slot(self, part, number)

    def _give_back(self, slot: Slot) -> None:
        with self._changed:
            if slot._open and slot._part.process == os.getpid():
                slot._part.free(slot._number)
                self._wake()
            slot._open = False

    def _wake(self) -> None:
        if self._queue:
            self._changed.notify_all()


_slots: dict[Path, Slots] = {}  # by the home of the instance


def slots_of(ctx: Context) -> Slots:
    """The places of this instance."""
    home = ctx.settings.home
    return _slots.get(home) or _slots.setdefault(home, Slots(home / "questions.places"))


def take_slot(ctx: Context, app: str) -> Slot:
    """A place for a question of this caller, within the limits in the settings; refuses as `Slots.take`."""
    set_ = ctx.settings.data
    most = Most(set_.viewer_questions, set_.app_questions, set_.questions, set_.wait_seconds)
    return slots_of(ctx).take(ctx.caller.person.id, app, most, ctx.presence)


def _short(whose: str, name: str) -> bytes:
    """What stands for a viewer or an app, of which one may be called as the other."""
    return hashlib.blake2b(name.encode(), digest_size=_NAME, person=whose.encode()).digest()


def _lock(file: int, number: int, how: int = fcntl.F_OFD_SETLK) -> bool:
    """Lock a byte behind the file; False when another has it."""
    try:
        fcntl.fcntl(file, how, _range(fcntl.F_WRLCK, number))
    except (BlockingIOError, PermissionError):
        return False
    return True


def _unlock(file: int, number: int) -> None:
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, _range(fcntl.F_UNLCK, number))


def _range(kind: int, number: int) -> bytes:
    """A struct flock for one byte behind the records: type, whence, start, length, and no process."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, _LOCKS + number, 1, 0)


def _busy(most: Most, whose: str, app: str, waited: str) -> LimitReached:
    said = {
        _VIEWER: f"{most.viewer} of your questions are being answered already",
        _APP: f"{most.app} questions of {app} are being answered already",
        _ALL: f"{most.in_all} questions are being answered already",
    }[whose]
    return LimitReached(
        f"{said}, which is the limit, {waited}.",
        next_step="Ask again in some seconds, and one question after the other.",
        subject="query",
        limit=whose,
        retry_after=max(1, round(most.wait)),
    )
