"""The system call filter of every sandbox, assembled here as classic BPF for the machine that we run on.

What may be called is a list (calls.py, written by scripts/syscalls); everything else is refused: EPERM where
the kernel has the call, ENOSYS where nobody here has looked at it. The number is looked up by halving: the
kernel, when it takes the filter, judges each number once and keeps the verdicts that depend on nothing else.
"""

import platform
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from handrail.adapters.isolation import calls
from handrail.kernel import NotReady

_ALLOW = 0x7FFF0000
_KILL = 0x80000000  # the whole process
_ERRNO = 0x00050000
_EPERM, _ENOTTY, _ENOSYS, _EPROTONOSUPPORT, _EAFNOSUPPORT = 1, 25, 38, 93, 97

_LOAD, _AND, _JUMP, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_SET, _RETURN = 0x20, 0x54, 0x05, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

_UNIX, _INET, _INET6 = 1, 2, 10
_STREAM, _DATAGRAM, _KIND = 1, 2, 0xF
_ANY, _TCP, _UDP = 0, 6, 17  # protocols
# Namespaces that clone(2) could make; CLONE_NEWTIME does not fit into its flags.
_NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_FORMAT, _FORMATS = 0xF000, (0, 0x8000, 0x1000, 0xC000)  # of a mode: plain files, pipes, sockets

Instruction = tuple[int, int, int, int]  # operation, jump if true, jump if false, value
Verdict = Sequence[Instruction]


@dataclass(frozen=True)
class Machine:
    """What differs between architectures: the audit number and the calls by name."""

    audit: int
    allowed: Mapping[str, int]
    checked: Mapping[str, int]
    refused: Mapping[str, int]
    absent: Mapping[str, int]


MACHINES = {
    "x86_64": Machine(
        0xC000003E,
        calls.ALLOWED_X86_64,
        calls.CHECKED_X86_64,
        calls.REFUSED_X86_64,
        calls.ABSENT_X86_64,
    ),
    "aarch64": Machine(
        0xC00000B7,
        calls.ALLOWED_AARCH64,
        calls.CHECKED_AARCH64,
        calls.REFUSED_AARCH64,
        calls.ABSENT_AARCH64,
    ),
}


@cache
def program(machine: str = "", *, loopback: bool = False) -> bytes:
    """The filter as an array of `struct sock_filter`; refuses a machine whose calls are not known here.

    With `loopback`, sockets of TCP and UDP can be made: in a network namespace with nothing but its own
    loopback they reach nobody else. An app that is listened to needs them, since web frameworks listen on a
    port; a job does not, so there the filter is a second wall beside the namespace.
    """
    name = machine or platform.machine()
    if name not in MACHINES:
        raise NotReady(
            f"There is no system call filter for {name} machines, so nothing may run here.",
            next_step=f"Run Handrail on one of: {', '.join(MACHINES)}.",
        )
    this = MACHINES[name]
    code: list[Instruction] = [
        _load(_ARCHITECTURE), (_JUMP_EQUAL, 1, 0, this.audit), _return(_KILL), _load(_NUMBER),
    ]  # fmt: skip
    code += _halved(_ranges(_verdicts(this, loopback=loopback)))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _verdicts(this: Machine, *, loopback: bool) -> dict[int, Verdict]:
    """What is said to each number that is known; to all others, that there is no such call."""
    looks: dict[str, Callable[[], Verdict]] = {
        "clone": _clone,
        "ioctl": _ioctl,
        "prctl": lambda: _one_of(0, calls.PRCTL.values(), _EPERM),
        "socket": lambda: _socket(loopback=loopback),
        "socketpair": lambda: _one_of(0, [_UNIX], _EAFNOSUPPORT),
        "mknod": lambda: _one_of(1, _FORMATS, _EPERM, _FORMAT),
        "mknodat": lambda: _one_of(2, _FORMATS, _EPERM, _FORMAT),
    }
    found: dict[int, Verdict] = {}
    for numbers, verdict in (
        (this.allowed, _ALLOW),
        (this.refused, _ERRNO | _EPERM),
        (this.absent, _ERRNO | _ENOSYS),
    ):
        found |= dict.fromkeys(numbers.values(), (_return(verdict),))
    return found | {number: looks[name]() for name, number in this.checked.items()}


def _ranges(verdicts: Mapping[int, Verdict]) -> list[tuple[int, Verdict]]:
    """The first number of each run of numbers with one verdict, from 0 to beyond the last."""
    unknown = (_return(_ERRNO | _ENOSYS),)
    found: list[tuple[int, Verdict]] = []
    for number in range(max(verdicts) + 2):
        verdict = verdicts.get(number, unknown)
        if not found or found[-1][1] != verdict:
            found.append((number, verdict))
    return found


def _halved(ranges: Sequence[tuple[int, Verdict]]) -> list[Instruction]:
    """A search for the range that holds the number; each leaf returns."""
    if len(ranges) == 1:
        return list(ranges[0][1])
    middle = len(ranges) // 2
    low, high = _halved(ranges[:middle]), _halved(ranges[middle:])
    first = ranges[middle][0]
    if len(low) < 256:
        return [(_JUMP_AT_LEAST, len(low), 0, first), *low, *high]
    return [(_JUMP_AT_LEAST, 0, 1, first), (_JUMP, 0, 0, len(low)), *low, *high]


def _clone() -> Verdict:
    return (
        _argument(0), (_JUMP_SET, 0, 1, _NEW_NAMESPACES), _return(_ERRNO | _EPERM), _return(_ALLOW),
    )  # fmt: skip


def _ioctl() -> Verdict:
    forbidden: list[Instruction] = []
    for request in (_TIOCSTI, _TIOCLINUX):
        forbidden += [(_JUMP_EQUAL, 0, 1, request), _return(_ERRNO | _EPERM)]
    return (_argument(1), *forbidden, *_one_of(1, calls.IOCTL.values(), _ENOTTY)[1:])


def _socket(*, loopback: bool) -> Verdict:
    """Families by number; of the internet's only TCP and UDP, whose code is the best looked at of all."""
    unix = [(_JUMP_EQUAL, 0, 1, _UNIX), _return(_ALLOW)]
    other = _return(_ERRNO | _EAFNOSUPPORT)
    if not loopback:
        return (_argument(0), *unix, other)
    kinds = [_argument(1), (_AND, 0, 0, _KIND), (_JUMP_EQUAL, 2, 0, _STREAM), (_JUMP_EQUAL, 1, 0, _DATAGRAM)]
    unsupported = _return(_ERRNO | _EPROTONOSUPPORT)
    internet = [(_JUMP_EQUAL, 2, 0, _INET), (_JUMP_EQUAL, 1, 0, _INET6), other]
    protocols = _one_of(2, [_ANY, _TCP, _UDP], _EPROTONOSUPPORT)
    return (_argument(0), *unix, *internet, *kinds, unsupported, *protocols)


def _one_of(argument: int, values: Iterable[int], otherwise: int, mask: int = 0) -> list[Instruction]:
    """Allow a call whose argument (of which only `mask` counts) is one of these; else this error."""
    listed = list(values)
    tests = [(_JUMP_EQUAL, len(listed) - place, 0, value) for place, value in enumerate(listed)]
    masked = [(_AND, 0, 0, mask)] if mask else []
    return [_argument(argument), *masked, *tests, _return(_ERRNO | otherwise), _return(_ALLOW)]


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _argument(place: int) -> Instruction:
    """The low half of an argument, which is all that the kernel looks at of these."""
    return _load(_ARGUMENTS + 8 * place)


def _return(value: int) -> Instruction:
    return (_RETURN, 0, 0, value)
