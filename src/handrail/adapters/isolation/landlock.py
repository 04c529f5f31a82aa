"""Landlock, the wall that a sandbox puts up from inside: what came past all others ends here.

Handrail asks this module which Landlock the kernel has. In the sandbox the same file is `sitecustomize`, so
Python loads it before any code of the app. It takes away the rights that HANDRAIL_LANDLOCK does not name, and
ends the process when it cannot. Children inherit that, and nobody can undo it. Only the C half of ctypes is
loaded, since each start pays for it.
"""

import _ctypes
import os
import stat
import sys

VARIABLE = "HANDRAIL_LANDLOCK"

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every machine
_PATH_BENEATH, _ASK_VERSION = 1, 1

_EXECUTE, _WRITE, _READ, _LIST, _TRUNCATE, _COMMAND = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
_MAKE_DEVICES = 1 << 6 | 1 << 11
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _COMMAND
_BIND_OR_CONNECT_TCP = 1 << 0 | 1 << 1
_ABSTRACT_SOCKETS_AND_SIGNALS = 1 << 0 | 1 << 1


def _call(number: int, *arguments: object) -> int:
    itself = _ctypes.dlopen(None, 0)  # type: ignore[arg-type] # None: what is loaded already
    return int(_ctypes.call_function(_ctypes.dlsym(itself, "syscall"), (number, *arguments)))


def version() -> int:
    """Which Landlock this kernel has; 0 where it has none or it is switched off."""
    return max(0, _call(_CREATE, None, 0, _ASK_VERSION))


def wanted(version: int, readable: tuple[str, ...], writable: tuple[str, ...], *, loopback: bool) -> str:
    """What the variable says inside: the version, whether TCP can be used, and the trees that are there."""
    return "\n".join((str(version), "loopback" if loopback else "", ":".join(readable), ":".join(writable)))


def restrict(told: str) -> None:
    """Keep this process and all its children to what `told` names, for good. Raises OSError, ValueError."""
    first, loopback, readable, writable = told.split("\n")
    which = int(first)
    files = (1 << (13 if which < 2 else 14 if which < 3 else 15 if which < 5 else 16)) - 1
    attributes = [files]
    if which >= 4:
        attributes.append(0 if loopback else _BIND_OR_CONNECT_TCP)
    if which >= 6:
        attributes.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    packed = b"".join(one.to_bytes(8, sys.byteorder) for one in attributes)
    rules = _done(_call(_CREATE, packed, len(packed), 0))
    for path in readable.split(":"):
        _grant(rules, path, files & (_EXECUTE | _READ | _LIST))
    _grant(rules, "/dev", files & (_READ | _LIST | _WRITE | _COMMAND))
    for path in writable.split(":"):
        _grant(rules, path, files & ~_MAKE_DEVICES)
    _done(_call(_RESTRICT, rules, 0))
    os.close(rules)


def _grant(rules: int, path: str, rights: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not stat.S_ISDIR(os.fstat(beneath).st_mode):
        rights &= _OF_FILES
    packed = rights.to_bytes(8, sys.byteorder) + beneath.to_bytes(4, sys.byteorder)
    _done(_call(_ADD, rules, _PATH_BENEATH, packed, 0))
    os.close(beneath)


def _done(result: int) -> int:
    if result < 0:
        raise OSError("the kernel refused")
    return result


if VARIABLE in os.environ:  # the first process of a sandbox
    try:
        restrict(os.environ.pop(VARIABLE))
    except BaseException as broken:  # noqa: BLE001 - whatever it is, no app runs without this wall
        os.write(2, f"The sandbox could not be closed from inside by Landlock: {broken}\n".encode())
        os._exit(126)
