"""The system call filter, run on an interpreter of classic BPF written for this test alone."""

import re
import struct
from pathlib import Path

import pytest

from handrail.adapters.isolation.seccomp import MACHINES, program
from handrail.kernel import NotReady

ALLOW, KILL, EPERM, ENOSYS, EAFNOSUPPORT = 0x7FFF0000, 0x80000000, 0x50001, 0x50026, 0x50061
X86_64 = 0xC000003E


def judged(number: int, *arguments: int, audit: int = X86_64, machine: str = "x86_64") -> int:
    """What the filter says to one system call."""
    data = struct.pack("=IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    code = list(struct.iter_unpack("=HBBI", program(machine)))
    at, accumulator = 0, 0
    while True:
        operation, if_true, if_false, value = code[at]
        if operation == 0x06:
            return int(value)
        if operation == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
            at += 1
            continue
        tests = {0x15: accumulator == value, 0x25: accumulator > value, 0x45: bool(accumulator & value)}
        at += 1 + (if_true if tests[operation] else if_false)


def test_ordinary_calls_are_allowed() -> None:
    for number in (0, 1, 9, 59, 202, 257, 302):  # read write mmap execve futex openat prlimit64
        assert judged(number) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_every_listed_call_is_refused_on_every_machine(machine: str) -> None:
    this = MACHINES[machine]
    for number in this.refused.values():
        assert judged(number, audit=this.audit, machine=machine) == EPERM


def test_calls_of_another_architecture_end_the_process() -> None:
    assert judged(0, audit=0x40000003) == KILL


def test_calls_that_nobody_has_looked_at_do_not_exist() -> None:
    assert judged(468) == ENOSYS
    assert judged(0x40000000) == ENOSYS  # the x32 table


def test_threads_may_be_made_but_no_namespaces() -> None:
    assert judged(56, 0x3D0F00) == ALLOW
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert judged(56, flag | 0x11) == EPERM
    assert judged(435) == ENOSYS


def test_only_unix_sockets_can_be_made() -> None:
    assert judged(41, 1) == judged(53, 1) == ALLOW
    for family in (2, 10, 16, 17, 40):
        assert judged(41, family) == EAFNOSUPPORT


def test_the_terminal_cannot_be_typed_into() -> None:
    assert judged(16, 0, 0x5412) == EPERM
    assert judged(16, 0, 0xFFFFFFFF_00005412) == EPERM  # the kernel looks at the low half as well
    assert judged(16, 0, 0x5401) == ALLOW


def test_a_machine_without_a_table_is_refused() -> None:
    with pytest.raises(NotReady, match="riscv64"):
        program("riscv64")


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_the_numbers_are_those_of_the_kernel(machine: str, header: str) -> None:
    if not Path(header).exists():
        pytest.skip("the kernel's headers are not installed")
    text = Path(header).read_text()
    known = {name: int(n) for name, n in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    this = MACHINES[machine]
    named = {**this.refused, "clone": this.clone, "ioctl": this.ioctl, "socket": this.socket}
    wrong = {name: number for name, number in named.items() if known.get(name, number) != number}
    assert not wrong
    assert len(named.keys() & known.keys()) > 40
