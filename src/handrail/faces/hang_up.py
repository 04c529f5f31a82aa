"""Notices that the other end of a socket was closed, while nobody reads from it."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class HangUps:
    """One thread for all sockets that are being watched; it begins with the first."""

    def __init__(self) -> None:
        self._calls: dict[int, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._poll = select.poll()
        self._thread: threading.Thread | None = None
        self._awake, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._awake, select.POLLIN)

    @contextmanager
    def noticed(self, connection: socket.socket, call: Callable[[], None]) -> Iterator[None]:
        """Have `call` called once, from another thread, if the other end is closed during the block."""
        number = connection.fileno()
        with self._lock:
            self._calls[number] = call
            self._poll.register(number, _GONE)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep, name="hang-ups", daemon=True)
                self._thread.start()
        os.write(self._wake, b"\0")  # poll takes up what is registered when it begins anew
        try:
            yield
        finally:
            with self._lock:
                if self._calls.pop(number, None):
                    self._poll.unregister(number)

    def _keep(self) -> None:
        while True:
            for number, what in self._poll.poll():
                if number == self._awake:
                    os.read(self._awake, 4096)
                    continue
                with self._lock:
                    call = self._calls.pop(number, None)
                    if call:
                        self._poll.unregister(number)
                if call and what & _GONE:
                    call()
