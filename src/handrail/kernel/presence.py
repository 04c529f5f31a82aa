"""Whether whoever asks is still there: a face says when they have left, and what runs for them is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Presence:
    """One caller's, for one request. Who leaves does not come back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[int, Callable[[], None]] = {}
        self._next = 0
        self.gone = False

    def leave(self) -> None:
        """Whoever asked has left; stops what runs for them, and whatever begins from now on."""
        with self._lock:
            self.gone, calls = True, list(self._calls.values())
            self._calls.clear()
        for call in calls:
            call()

    def on_leave(self, call: Callable[[], None]) -> int:
        """Have `call` called, from any thread, when they leave, or now if they have; forgotten by number."""
        with self._lock:
            self._next += 1
            if not self.gone:
                self._calls[self._next] = call
                return self._next
        call()
        return self._next

    def forget(self, number: int) -> None:
        """What this was for has ended."""
        with self._lock:
            self._calls.pop(number, None)
