"""Ctrl-C ends a command, whatever a library makes of it and however long it does not look up."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

STATUS = 130  # how a shell tells an interrupted command
_PATIENCE = 5.0  # seconds that a command has to end in order


@contextmanager
def stoppable() -> Iterator[None]:
    """Leave with status 130 at Ctrl-C.

    A library may turn the KeyboardInterrupt into an error of its own, so it is the key that counts. Or it may
    compute for a minute before Python hears of it: after five seconds the process ends as if it were killed,
    which the trail withstands.
    """
    if threading.current_thread() is not threading.main_thread():  # where Python lets nobody listen
        yield
        return
    pressed = threading.Event()

    def press(number: int, frame: Any) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    before, heard = signal.signal(signal.SIGINT, press), signal.set_wakeup_fd(mouth.fileno())
    threading.Thread(target=_wait, args=(ear,), daemon=True).start()
    try:
        yield
    except BaseException:
        if not pressed.is_set():
            raise
        print("Stopped.", file=sys.stderr)
        sys.exit(STATUS)
    finally:
        signal.set_wakeup_fd(heard)
        signal.signal(signal.SIGINT, before)
        mouth.close()


def _wait(ear: socket.socket) -> None:
    with ear:
        while number := ear.recv(1):
            if number[0] == signal.SIGINT:
                threading.Event().wait(_PATIENCE)
                os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"Stopped.\n")
                os._exit(STATUS)
