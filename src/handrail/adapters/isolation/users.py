"""As whom sandboxes run when Handrail is root: a user id per app, held while one of its sandboxes lives.

Two apps never share an id at the same time, on one machine and among all its Handrail processes: what the
kernel grants or permits by user (signals, traces, keyrings, pipes, watches of files) leads nowhere.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from handrail.kernel import LimitReached

PLACE = Path("/run/handrail/users")


class Users:
    """The ids from `first` on, `count` of them, with a file each in `place` that says whose it is now.

    `realm` tells apart apps of the same name in several instances of a machine.
    """

    def __init__(self, first: int, count: int, realm: str = "", place: Path = PLACE) -> None:
        self._first, self._count, self._realm, self._place = first, count, realm, place

    @property
    def root(self) -> bool:
        """Whether root would be among them."""
        return self._count < 1 or 0 in range(self._first, self._first + self._count)

    @property
    def said(self) -> str:
        """Which ids sandboxes have, in words."""
        if os.geteuid() != 0:
            return f"all sandboxes are user {os.geteuid()}, who Handrail is"
        last = self._first + self._count - 1
        return f"one per app, {self._first} to {last}" if self._count > 1 else f"all are {self._first}"

    @contextmanager
    def one(self, app: str) -> Iterator[int]:
        """An id that no other app has until this ends: the same one as last time, unless that is taken.

        Refuses LimitReached when every id is another app's at the moment.
        """
        name = f"{self._realm}\0{app}".encode()
        wanted = int.from_bytes(hashlib.sha256(name).digest()[:8]) % self._count
        for step in range(self._count):
            uid = self._first + (wanted + step) % self._count
            held = self._hold(uid, name)
            if held is not None:
                try:
                    yield uid
                finally:
                    _let_go(held)
                return
        raise LimitReached(
            f"All {self._count:,} user ids for sandboxes are those of other apps at the moment.",
            next_step="Wait until some have ended, or set runtime.uids in handrail.toml to a larger number.",
        )

    def _hold(self, uid: int, name: bytes) -> int | None:
        """A shared lock on the id's file, where nobody or the same app has one; else None.

        Who takes an id looks and writes alone, so that no name is read half. Locks end with their process.
        """
        self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
        alone = os.open(self._place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        held = os.open(self._place / str(uid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(alone, fcntl.LOCK_EX)
            if self._count > 1 and _locked(held, fcntl.LOCK_EX):
                os.ftruncate(held, 0)
                os.pwrite(held, name, 0)
            if _locked(held, fcntl.LOCK_SH) and (self._count == 1 or os.pread(held, 4096, 0) == name):
                mine, held = held, -1
                return mine
            return None
        finally:
            if held >= 0:
                _let_go(held)
            _let_go(alone)


def _locked(descriptor: int, how: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        return True
    return False


def _let_go(descriptor: int) -> None:
    """End a lock and close its file. By closing alone it would go on in each process that was forked
    meanwhile and has not become a program of its own yet: it has the same open file.
    """
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
