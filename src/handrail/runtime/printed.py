"""What a run prints, on its way to the database while the run goes on."""

import threading
import time
from contextlib import suppress
from types import TracebackType

from handrail.kernel import SYSTEM, Instance, Refusal
from handrail.runtime import store
from handrail.runtime.models import Run

_END = 4000  # bytes at the end that explain a failure
# How often the last of it is tried to be kept, and seconds between; its lease goes on.
_TRIES, _AGAIN = 10, 1.0


class Printed:
    """Takes pieces from the sandbox's thread; `flush` keeps them, as does leaving the `with` block."""

    def __init__(self, instance: Instance, run: Run) -> None:
        self._instance = instance
        self._run = run
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._waiting = bytearray()
        self._end = b""
        self._pieces = 0

    def write(self, piece: bytes) -> None:
        """Take the next piece."""
        with self._lock:
            self._waiting += piece
            self._end = (self._end + piece)[-_END:]

    def flush(self) -> None:
        """Keep what has come since the last time; refuses Upstream, and then it waits for the next."""
        with self._writing:
            with self._lock:
                content, self._waiting = bytes(self._waiting), bytearray()
            if not content:
                return
            self._pieces += 1
            try:
                with self._instance.context(SYSTEM, self._run.lease) as ctx:
                    store.add_log(ctx, self._run.id, self._pieces, content)
            except Refusal:  # the database is away, perhaps for a moment
                with self._lock:
                    self._waiting[:0] = content
                raise

    @property
    def end(self) -> str:
        """The last lines."""
        return self._end.decode(errors="replace")

    def __enter__(self) -> "Printed":
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        """Keep the last of it: a run that did all that it should is not to fail for a moment without the
        database. Refuses Upstream where that takes longer.
        """
        for _ in range(_TRIES - 1):
            with suppress(Refusal):
                self.flush()
                return
            time.sleep(_AGAIN)
        self.flush()
