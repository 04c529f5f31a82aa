"""How many questions may be answered at the same time: per viewer, per app, and by the whole instance.

A place is a locked byte of one file of the instance, so all its processes on a machine share the count, and
the kernel gives the place back when a process ends in whatever way. Taking one is a handful of system calls.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from handrail.kernel import Context, LimitReached, Upstream
from handrail.kernel.presence import Presence

_NAME = 8  # bytes that stand for a viewer or an app
_RECORD = 2 * _NAME
_MUTEX = 0  # the byte that is locked while places are counted; place n is byte n + 1
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
    _file: int
    _number: int
    _open: bool = True

    def release(self) -> None:
        """Give the place back."""
        self._slots._give_back(self)


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
    _spare: list[int] = field(default_factory=list)  # open files, each of which can hold one place
    _process: int = 0

    def take(self, viewer: str, app: str, most: Most, presence: Presence) -> Slot:
        """Take a place, or wait for one; who waits is served in order, but for who is held up by own limits.

        Refuses LimitReached when none is free in time, or when as many questions of this viewer wait already
        as may be answered at once, and Upstream when the count cannot be kept.
        """
        names, until = (_short(viewer), _short(app) if app else _NOBODY), time.monotonic() + most.wait
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
                self._changed.notify_all()

    def taken(self, in_all: int) -> int:
        """How many of the first so many places are taken now, by any process."""
        with self._changed:
            file = self._file()
            self._spare.append(file)
            return len(_taken(file, in_all))

    def _is_turn_of(self, mine: _Waiting) -> bool:
        held_up: set[str] = set()  # viewers whose own limits let none of theirs through
        for one in self._queue[: self._queue.index(mine)]:
            if one.whose in (_VIEWER, _APP):
                held_up.add(one.viewer)
            if one.viewer == mine.viewer or one.viewer not in held_up:
                return False
        return True

    def _try(self, names: tuple[bytes, bytes], most: Most) -> Slot | str:
        """A place, or whose limit is reached."""
        try:
            file = self._file()
            try:
                found = self._counted(file, names, most)
            except OSError:
                os.close(file)
                raise
        except OSError as error:
            raise Upstream(
                "How many questions are being answered cannot be counted, so none is answered.",
                next_step="Tell an admin: the instance's directory cannot be written to.",
                subject="query",
                reason=errno.errorcode.get(error.errno or 0, "OSError"),
            ) from None
        if not isinstance(found, Slot):
            self._spare.append(file)
        return found

    def _file(self) -> int:
        if self._process != os.getpid():  # an open file that came by fork is its parent's too, lock and all
            self._process, self._spare = os.getpid(), []
        if self._spare:
            return self._spare.pop()
        return os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _counted(self, file: int, names: tuple[bytes, bytes], most: Most) -> Slot | str:
        _lock(file, _MUTEX, fcntl.F_WRLCK, fcntl.F_OFD_SETLKW)
        try:
            taken = _taken(file, most.in_all)
            if sum(record[:_NAME] == names[0] for record in taken) >= most.viewer:
                return _VIEWER
            if names[1] != _NOBODY and sum(record[_NAME:] == names[1] for record in taken) >= most.app:
                return _APP
            if len(taken) >= most.in_all:
                return _ALL
            for number in range(most.in_all):
                try:
                    _lock(file, number + 1, fcntl.F_WRLCK, fcntl.F_OFD_SETLK)
                except (BlockingIOError, PermissionError):
                    continue
                os.pwrite(file, b"".join(names), number * _RECORD)
                return Slot(self, file, number)
            return _ALL
        finally:
            _lock(file, _MUTEX, fcntl.F_UNLCK, fcntl.F_OFD_SETLK)

    def _give_back(self, slot: Slot) -> None:
        with self._changed:
            if not slot._open:
                return
            slot._open = False
            try:
                os.pwrite(slot._file, _FREE, slot._number * _RECORD)
                _lock(slot._file, slot._number + 1, fcntl.F_UNLCK, fcntl.F_OFD_SETLK)
                self._spare.append(slot._file)
            except OSError:  # closing lets go of it too
                os.close(slot._file)
            self._changed.notify_all()


_slots: dict[Path, Slots] = {}


def slots_of(ctx: Context) -> Slots:
    """The places of this instance."""
    file = ctx.settings.home / "questions.slots"
    return _slots.setdefault(file, Slots(file))


def take_slot(ctx: Context, app: str) -> Slot:
    """A place for a question of this caller, within the limits in the settings; refuses as `Slots.take`."""
    set_ = ctx.settings.data
    most = Most(set_.viewer_questions, set_.app_questions, set_.questions, set_.wait_seconds)
    return slots_of(ctx).take(ctx.caller.person.id, app, most, ctx.presence)


def _taken(file: int, in_all: int) -> list[bytes]:
    """The records of the places that are taken."""
    content = os.pread(file, in_all * _RECORD, 0).ljust(in_all * _RECORD, b"\0")
    records = [content[at : at + _RECORD] for at in range(0, len(content), _RECORD)]
    # A record whose byte is not locked was left behind by a process that is no more.
    return [r for number, r in enumerate(records) if r != _FREE and _is_locked(file, number + 1)]


def _short(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_NAME).digest()


def _lock(file: int, byte: int, kind: int, how: int) -> None:
    fcntl.fcntl(file, how, _range(kind, byte))


def _is_locked(file: int, byte: int) -> bool:
    found = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _range(fcntl.F_WRLCK, byte))
    return bool(struct.unpack_from("hh", found)[0] != fcntl.F_UNLCK)


def _range(kind: int, byte: int) -> bytes:
    """A struct flock for one byte behind the records: type, whence, start, length, and no process."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, (1 << 40) + byte, 1, 0)


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
