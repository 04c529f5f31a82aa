"""What the attacks of `handrail doctor` have in common; they run inside a sandbox, in front of CANARY.

An attack returns what it got at, or None when there was nothing to be got; an OSError is a closed door. None
of them writes to anything but canaries and its own sandbox.
"""

import ctypes
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CANARY: dict[str, Any] = json.loads(Path("/app/canary.json").read_text())
SECRET: str = CANARY["secret"]
libc = ctypes.CDLL(None, use_errno=True)
attacks: list[tuple[str, Callable[[], object]]] = []


def attack(name: str) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Put the decorated function among the attacks."""

    def register(function: Callable[[], object]) -> Callable[[], object]:
        attacks.append((name, function))
        return function

    return register


def reads(path: str) -> Callable[[], object]:
    """An attack that reads a file."""
    return lambda: Path(path).read_bytes()[:80]


def lists(path: str) -> Callable[[], object]:
    """An attack that lists a folder."""
    return lambda: [entry.name for entry in Path(path).iterdir()] or None


def opens_for_writing(path: str) -> Callable[[], object]:
    """An attack that opens what is there for writing, and writes nothing."""

    def function() -> object:
        os.close(os.open(path, os.O_WRONLY))
        return f"{path} is open for writing"

    return function


def makes(path: str) -> Callable[[], object]:
    """An attack that makes a file."""

    def function() -> object:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        return f"{path} was made"

    return function


def connects(
    family: int, address: tuple[str, int] | str, kind: int = socket.SOCK_STREAM
) -> Callable[[], object]:
    """An attack that reaches a listener."""

    def function() -> object:
        with socket.socket(family, kind) as s:
            s.settimeout(1)
            s.connect(address)
        return f"connected to {address}"

    return function


def has_socket(family: int, kind: int, protocol: int = 0) -> Callable[[], object]:
    """An attack that gets a socket of a family."""

    def function() -> object:
        socket.socket(family, kind, protocol).close()
        return f"a socket of family {family}"

    return function


def calls(number: int, *arguments: int) -> Callable[[], object]:
    """An attack that gets a system call past the filter."""

    def function() -> object:
        own = os.getpid()
        # An int would leave half of a place as it was.
        result = libc.syscall(*map(ctypes.c_long, (number, *arguments)))
        if os.getpid() != own:
            os._exit(0)  # a child that clone made; its parent tells
        if result < 0 and ctypes.get_errno() in (1, 38):  # EPERM, ENOSYS: the filter, or a missing right
            return None
        return f"system call {number} was let through: {result}, errno {ctypes.get_errno()}"

    return function


def try_all(beginning: str) -> None:
    """Try every attack, one after another; a JSON line each: name, held, what was found."""
    for name, function in attacks:
        try:
            found = function()
        except (OSError, ValueError) as error:
            held, said = True, type(error).__name__
        else:
            held, said = found is None, "nothing" if found is None else repr(found)[:200]
        sys.stdout.write(json.dumps({"name": beginning + name, "held": held, "found": said}) + "\n")
