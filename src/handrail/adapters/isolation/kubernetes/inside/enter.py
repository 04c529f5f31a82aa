"""The first program of an app's container: puts up the walls that a pod does not have, and becomes the app.

`python -I enter.py FOLDER`, where FOLDER holds `enter.json` and `filter`. What it becomes has the limits of
each process, the system call filter, the environment and the descriptors that it would have under bubblewrap.
The filter lets no sockets be made but Unix ones: the network that the pod shares with its relay is not the
app's. Needs the standard library alone.
"""

import ctypes
import json
import os
import resource
import socket
import sys
import time
from pathlib import Path
from typing import Any

_PAUSE = 0.05  # seconds between two looks for the relay
_INSTRUCTION = 8  # bytes
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2  # of prctl


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def main(folder: str) -> None:
    """Become the app; raises OSError where a wall cannot be put up, and then nothing of the app runs."""
    told: dict[str, Any] = json.loads(Path(folder, "enter.json").read_text(encoding="utf-8"))
    program = Path(folder, "filter").read_bytes()
    environment = dict(told["environment"])
    _wait_for(told["way"], told["patience"])
    for name, most in told["limits"].items():
        resource.setrlimit(getattr(resource, name), (most, most))
    _close(program)
    door = -1
    for stream in told["streams"]:
        way = socket.socket(socket.AF_UNIX)
        way.connect(told["way"])
        if stream == "door":
            door = way.detach()
            os.set_inheritable(door, True)
            environment["HANDRAIL_FD"] = str(door)
        else:
            for number in (1, 2):
                os.dup2(way.fileno(), number)
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.chdir(told["work"])
    os.umask(0o022)
    os.closerange(3, max(3, door))
    os.closerange(max(door + 1, 3), told["limits"]["RLIMIT_NOFILE"])
    os.execve(told["command"][0], told["command"], environment)  # noqa: S606 - no shell is wanted


def _wait_for(way: str, patience: float) -> None:
    """Wait until the relay listens, which it does once the code is there."""
    until = time.monotonic() + patience
    while not Path(way).exists():
        if time.monotonic() > until:
            raise TimeoutError("no relay came")
        time.sleep(_PAUSE)


def _close(program: bytes) -> None:
    """Put this filter of system calls before all that this process becomes; no right can be won any more."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    told = _Program(len(program) // _INSTRUCTION, program)
    for arguments in (
        (_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (_SET_SECCOMP, _FILTER, ctypes.byref(told), 0, 0),
    ):
        if prctl(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main(sys.argv[1])
